"""`hcvx-edge user`: accounts from the terminal; passwords come from the environment or are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from edge.cli import main
from edge.store import audit, users
from edge.store.passwords import Passwords
from edge.store.users import User
from tests.edge.clinic import PASSPHRASE, make_clinic, open_database

PASSWORD: Final = "mật khẩu từ môi trường"
ADD: Final = ("user", "add", "Sáu", "--name", "Y tá Nguyễn Thị Sáu")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_clinic(tmp_path).database.close()
    return tmp_path


def run(directory: Path, *words: str, exit_code: int = 0, password: str | None = PASSWORD, typed: str = "") -> Any:
    """Run a verb with `--json`; gives its data."""
    environment = {"HCVX_EDGE_PASSPHRASE": PASSPHRASE, "HCVX_EDGE_USER_PASSWORD": password}
    done = CliRunner().invoke(main, ["--directory", str(directory), *words, "--json"], env=environment, input=typed)
    assert done.exit_code == exit_code, done.output
    assert PASSWORD not in done.output
    return json.loads(done.stdout[done.stdout.index("{") :])


def stored(directory: Path) -> list[User]:
    database = open_database(directory)
    with database.read() as tables:
        found = users.all_users(tables)
        assert PASSWORD not in repr(audit.entries(tables))
    database.close()
    return found


def test_a_user_is_added_listed_reset_and_closed(directory: Path) -> None:
    assert run(directory, *ADD, "--role", "injection") == {"ok": True, "user": 1, "login": "SAU"}
    run(directory, "user", "add", "quản lý", "--name", "Phạm Thị Quản", "--keep-password")
    listed = run(directory, "user", "list")["users"]
    assert [(one["login"], one["roles"], one["must_change"]) for one in listed] == [
        ("QUAN LY", ["injection", "manager", "observation", "reception", "signer"], False),
        ("SAU", ["injection"], True),
    ]
    run(directory, "user", "reset", "sau", password="một mật khẩu khác")
    found = {user.login: user for user in stored(directory)}
    assert Passwords().is_right(found["SAU"].password, "một mật khẩu khác")
    assert Passwords().is_right(found["QUAN LY"].password, PASSWORD)
    run(directory, "user", "close", "SÁU")
    assert not {user.login: user for user in stored(directory)}["SAU"].is_active


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (ADD, "login-taken"),
        (("user", "add", "khac", "--name", "y ta nguyen thi sau"), "name-taken"),
        (("user", "add", "?", "--name", "Ai Đó"), "login-invalid"),
        (("user", "close", "sau"), "last-manager"),
        (("user", "reset", "ai do"), "user-unknown"),
        (("user", "close", "ai do"), "user-unknown"),
    ],
)
def test_what_must_not_be_is_refused_with_its_code(directory: Path, words: tuple[str, ...], code: str) -> None:
    run(directory, *ADD)
    assert run(directory, *words, exit_code=1) == {"ok": False, "code": code}
    assert [user.login for user in stored(directory)] == ["SAU"]


def test_a_password_is_asked_for_twice_and_not_shown(directory: Path) -> None:
    run(directory, *ADD, password=None, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert Passwords().is_right(stored(directory)[0].password, PASSWORD)


def test_a_password_is_no_option(directory: Path) -> None:
    done = CliRunner().invoke(main, ["--directory", str(directory), *ADD, "--password", "x"])
    assert done.exit_code == 2

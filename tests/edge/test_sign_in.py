"""Signing in: the lock-out, no enumeration, fresh tokens, locking and unlocking, the first account, own passwords."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

import pytest
from argon2 import PasswordHasher
from flask import Flask

from edge.app import create_app
from edge.bootstrap import Node
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.domain.sign_in import check_login, check_name, check_password, lock_seconds
from edge.store import audit, settings, users
from edge.store.audit import Action
from edge.store.passwords import Passwords
from edge.store.settings import Setting
from edge.store.users import User
from edge.web.frame.security import LAN_HOSTS
from tests.browser.visitor import ADDRESS, USER, USER_PASSWORD, Visitor, add_user, make_node
from tests.edge.clinic import NOW, PASSPHRASE, Clinic, make_clinic
from tests.edge.station import TickingClock

OWN: Final = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
OTHER: Final = "một mật khẩu khác hẳn"
NEW: Final = {"password": OTHER, "repeated": OTHER}
FIRST: Final = {"passphrase": PASSPHRASE, "name": "Trần Thị Bưởi", "login": "Bưởi", **NEW}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Node:
    return make_node(tmp_path, clinic.database, clock)


@pytest.fixture
def app(node: Node) -> Flask:
    return create_app(node, passwords=Passwords(CHEAP))


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


def sign_in(visitor: Visitor, login: str, password: str = USER_PASSWORD, *, status: int | None = None) -> str:
    """Open the page and send it filled in."""
    visitor.get("/sign-in")
    return visitor.post("/sign-in", {"login": login, "password": password}, status=status)


def user_of(node: Node, login: str) -> User:
    with node.database.read() as tables:
        found = users.with_login(tables, login)
    assert found is not None
    return found


def actions(node: Node) -> list[str]:
    with node.database.read() as tables:
        return [entry.action for entry in audit.entries(tables)]


def test_wrong_passwords_lock_for_five_minutes_doubling_to_an_hour() -> None:
    assert [lock_seconds(failures) for failures in range(4, 11)] == [0, 300, 600, 1_200, 2_400, 3_600, 3_600]
    assert lock_seconds(1_000_000) == 3_600


@pytest.mark.parametrize("login", ["", "s", "a" * 33, "sau@tram", "<b>", "sáu\u202e", "x" * 2_000])
def test_a_login_that_cannot_be_typed_the_same_twice_is_refused(login: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_login(login)
    assert refused.value.findings[0].code is EdgeCode.LOGIN_INVALID


def test_a_login_is_one_whatever_its_marks_and_capitals() -> None:
    assert {check_login(text) for text in ("Sáu", "sáu", "SAU", " sau ", "sa\u0301u")} == {"SAU"}


@pytest.mark.parametrize("password", ["", "1234567", "aaaaaaaaaaaa", "y ta sau 1", "Y-tá-Sáu 1", "x" * 201])
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_password(password, login="Y TA SAU 1")
    assert refused.value.findings[0].code is EdgeCode.PASSWORD_WEAK


@pytest.mark.parametrize("name", ["", "  ", "Sáu\u0000", "x" * 101])
def test_a_name_that_cannot_stand_in_records_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        check_name(name)


def test_the_same_letters_of_two_keyboards_are_the_same_password() -> None:
    passwords = Passwords(CHEAP)
    protected = passwords.protect("mậtkhẩu", salt=bytes(16))
    assert protected.startswith("$argon2id$")
    assert passwords.is_right(protected, "ma\u0323\u0302tkha\u0302\u0309u")
    assert not passwords.is_right(protected, "matkhau")
    assert not passwords.is_right("", "")
    assert not passwords.is_right("no hash", "x")


def test_a_real_password_costs_what_rfc_9106_asks() -> None:
    assert "$m=65536,t=3,p=4$" in Passwords().protect("x", salt=bytes(16))


def test_the_right_password_opens_the_day_and_is_in_the_trail(visitor: Visitor, node: Node) -> None:
    add_user(node, login="sáu")
    assert USER in sign_in(visitor, "Sáu")
    assert actions(node)[-1] == Action.SIGNED_IN


@pytest.mark.parametrize(
    ("roles", "page"),
    [
        ([Role.RECEPTION], "/reception"),
        ([Role.INJECTION], "/doses/new"),
        ([Role.OBSERVATION], "/observation"),
        ([Role.SIGNER], "/sign"),
        ([Role.MANAGER], "/"),
        ([Role.RECEPTION, Role.INJECTION], "/"),
    ],
)
def test_a_person_with_one_desk_begins_there(visitor: Visitor, node: Node, roles: list[Role], page: str) -> None:
    add_user(node, login="sau", roles=roles)
    visitor.get("/sign-in")
    form = {**visitor.hidden(), "login": "sau", "password": USER_PASSWORD}
    answer = visitor.client.post("/sign-in", base_url=ADDRESS, data=form, headers=OWN)
    assert answer.headers["Location"] == page


def test_who_does_not_exist_is_wrong_is_closed_or_is_locked_hear_the_same(
    visitor: Visitor, node: Node, clock: TickingClock
) -> None:
    for login in ("sau", "dong", "khoa"):
        add_user(node, login=login)
    with node.database.write_transaction() as tables:
        users.set_active(tables, user_of(node, "DONG").user_id, False, at=NOW)
        users.note_tries(tables, user_of(node, "KHOA").user_id, failures=5, locked_until=clock.at + 1)
    answers = set()
    for login, password in (("nobody", "x"), ("sau", "x"), ("dong", USER_PASSWORD), ("khoa", USER_PASSWORD)):
        text = sign_in(visitor, login, password, status=422)
        assert "sign-in-failed" in text
        assert "nhờ người quản lý đặt lại" in text
        assert USER not in text
        answers.add(text.replace(f'value="{login}"', "").split("<main", 1)[1].split('name="csrf_token"')[0])
    assert len(answers) == 1


def test_an_unknown_login_costs_a_try_like_any_other(app: Flask, node: Node) -> None:
    class Counting(PasswordHasher):
        tries = 0

        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            Counting.tries += 1
            return super().hash(password, salt=salt)

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            Counting.tries += 1
            return CHEAP.verify(hash, password)

    hasher = Counting(time_cost=1, memory_cost=64, parallelism=1)
    add_user(node, login="sau")
    visitor = Visitor(create_app(node, passwords=Passwords(hasher)).test_client())
    for login in ("sau", "nobody"):
        Counting.tries = 0
        sign_in(visitor, login, "x", status=422)
        assert Counting.tries == 1


def test_five_wrong_passwords_lock_the_account_and_a_restart_is_no_way_around(
    visitor: Visitor, node: Node, clock: TickingClock
) -> None:
    add_user(node, login="sau")
    for _ in range(5):
        sign_in(visitor, "sau", "sai rồi", status=422)
    assert user_of(node, "SAU").locked_until == clock.at + 300
    assert actions(node)[-1] == Action.ACCOUNT_LOCKED
    restarted = Visitor(create_app(node, passwords=Passwords(CHEAP)).test_client())
    clock.at += 299
    sign_in(restarted, "sau", status=422)
    clock.at += 1
    sign_in(restarted, "sau", "lại sai", status=422)
    assert user_of(node, "SAU").locked_until == clock.at + 600
    clock.at += 600
    sign_in(restarted, "sau")
    assert user_of(node, "SAU").failures == 0


def test_a_token_from_before_the_sign_in_is_worth_nothing_after_it(visitor: Visitor, node: Node, app: Flask) -> None:
    add_user(node, login="sau")
    name = app.config["SESSION_COOKIE_NAME"]
    visitor.get("/sign-in")
    before = visitor.client.get_cookie(name, domain="127.0.0.1")
    sign_in(visitor, "sau")
    after = visitor.client.get_cookie(name, domain="127.0.0.1")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    planted = app.test_client()
    planted.set_cookie(name, before.value, domain="127.0.0.1")
    assert planted.get("/", base_url=ADDRESS).status_code == 303


def test_the_cookie_holds_a_token_and_nothing_about_the_person(visitor: Visitor, node: Node) -> None:
    add_user(node, login="sau")
    sign_in(visitor, "sau")
    with visitor.client.session_transaction(base_url=ADDRESS) as cookie:
        assert set(cookie) <= {"who", "csrf_token"}
        assert len(cookie["who"]) == 64


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_over_https_the_cookie_is_for_https_alone(app: Flask, scheme: str, secure: bool) -> None:
    answer = app.test_client().get("/sign-in", base_url=f"{scheme}://127.0.0.1:8750", follow_redirects=True)
    cookie = answer.headers["Set-Cookie"]
    assert ("Secure" in cookie) is secure
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_signing_out_ends_the_session_for_good(visitor: Visitor, node: Node, app: Flask) -> None:
    add_user(node, login="sau")
    sign_in(visitor, "sau")
    held = visitor.client.get_cookie(app.config["SESSION_COOKIE_NAME"], domain="127.0.0.1")
    visitor.post("/sign-out")
    assert actions(node)[-1] == Action.SIGNED_OUT
    assert held is not None
    thief = app.test_client()
    thief.set_cookie(held.key, held.value, domain="127.0.0.1")
    assert thief.get("/", base_url=ADDRESS).headers["Location"].startswith("/sign-in")


def test_a_locked_screen_goes_on_where_it_was_with_the_password_of_the_same_person(
    visitor: Visitor, node: Node
) -> None:
    add_user(node, login="sau")
    sign_in(visitor, "sau")
    visitor.get("/sync")
    text = visitor.post("/lock", {"back": "/sync?day=all"})
    assert "Màn hình đã khóa" in text
    assert USER in text
    assert visitor.client.get("/", base_url=ADDRESS).headers["Location"] == "/unlock"
    assert "password-wrong" in visitor.post("/unlock", {"password": "sai"}, status=422)
    visitor.get("/unlock")
    # A page that was asked for while the screen was locked is where it goes on; else where it was locked.
    answer = visitor.client.post(
        "/unlock", base_url=ADDRESS, data={**visitor.hidden(), "password": USER_PASSWORD}, headers=OWN
    )
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "/nowhere", "", "sync"])
def test_no_form_sends_the_browser_away_from_this_site(visitor: Visitor, node: Node, back: str) -> None:
    add_user(node, login="sau")
    visitor.get("/sign-in")
    answer = visitor.client.post(
        "/sign-in",
        base_url=ADDRESS,
        data={**visitor.hidden(), "login": "sau", "password": USER_PASSWORD, "next": back},
        headers=OWN,
    )
    assert answer.headers["Location"] == "/"
    visitor.get("/")
    visitor.post("/language", {"language": "vi", "back": back})
    visitor.post("/lock", {"back": back})
    visitor.post("/unlock", {"password": USER_PASSWORD})
    assert not [address for address in visitor.addresses if "evil" in address]


def test_a_screen_that_nobody_touches_locks_itself_after_the_minutes_of_the_site(
    visitor: Visitor, node: Node, clock: TickingClock
) -> None:
    add_user(node, login="sau")
    sign_in(visitor, "sau")
    with node.database.write_transaction() as tables:
        settings.put(tables, Setting.IDLE_MINUTES, 3, at=NOW, by="test")
    clock.at += 179
    visitor.get("/sync")
    clock.at += 180
    visitor.get("/sync", status=303)
    visitor.get("/unlock")
    assert "Đồng bộ" in visitor.post("/unlock", {"password": USER_PASSWORD})


def test_a_page_that_asks_by_itself_keeps_no_session_open(visitor: Visitor, node: Node, clock: TickingClock) -> None:
    add_user(node, login="sau")
    sign_in(visitor, "sau")
    with node.database.write_transaction() as tables:
        settings.put(tables, Setting.IDLE_MINUTES, 3, at=NOW, by="test")
    asks = re.search(r'data-sync="([^"]+)"', visitor.get("/sync"))
    assert asks is not None
    for _ in range(17):
        clock.at += 10
        assert visitor.client.get(asks[1], base_url=ADDRESS).status_code == 200
    visitor.get("/sync?watched=1")
    clock.at += 10
    assert visitor.client.get(asks[1], base_url=ADDRESS).status_code == 303
    visitor.get("/sync?watched=1", status=303)


def test_guessing_at_a_locked_screen_locks_the_account_and_says_for_how_long(visitor: Visitor, node: Node) -> None:
    add_user(node, login="sau")
    sign_in(visitor, "sau")
    visitor.post("/lock", {"back": "/"})
    for _ in range(4):
        visitor.post("/unlock", {"password": "sai"}, status=422)
    assert "thử lại sau 5 phút" in visitor.post("/unlock", {"password": "sai"}, status=422)
    assert "thử lại sau 5 phút" in visitor.post("/unlock", {"password": USER_PASSWORD}, status=422)


def test_the_first_account_asks_for_the_machines_passphrase_and_may_do_everything(visitor: Visitor, node: Node) -> None:
    visitor.get("/", status=303)
    visitor.get("/first-account")
    text = visitor.post("/first-account", {**FIRST, "passphrase": "không phải đâu"}, status=422)
    assert "passphrase-wrong" in text
    assert OTHER not in text
    assert "Trần Thị Bưởi" in text
    assert "password-differs" in visitor.post("/first-account", {**FIRST, "repeated": "x"}, status=422)
    assert "Trần Thị Bưởi" in visitor.post("/first-account", FIRST)
    assert user_of(node, "BUOI").roles == frozenset(Role)
    fresh = Visitor(visitor.client.application.test_client())
    fresh.get("/first-account", status=303)
    fresh.get("/sign-in")
    assert "first-account-done" in fresh.post("/first-account", {**FIRST, "login": "hai"}, status=422)


def test_the_first_account_is_made_at_the_machine_and_not_over_the_network(app: Flask) -> None:
    address = "https://192.168.1.20:8443"
    lan = {LAN_HOSTS: ("192.168.1.20",), "REMOTE_ADDR": "192.168.1.30"}
    assert app.test_client().get("/first-account", base_url=address, environ_overrides=lan).status_code != 200
    remote = {"REMOTE_ADDR": "192.168.1.30"}
    assert app.test_client().get("/first-account", base_url=ADDRESS, environ_overrides=remote).status_code == 403


def test_a_password_of_the_manager_is_replaced_before_anything_else(visitor: Visitor, node: Node) -> None:
    user_id = add_user(node, login="sau")
    with node.database.write_transaction() as tables:
        users.set_password(tables, user_id, CHEAP.hash(USER_PASSWORD), must_change=True, at=NOW - 1)
    visitor.get("/sign-in")
    visitor.client.post(
        "/sign-in",
        base_url=ADDRESS,
        data={**visitor.hidden(), "login": "sau", "password": USER_PASSWORD},
        headers=OWN,
    )
    assert visitor.client.get("/sync", base_url=ADDRESS).headers["Location"] == "/password"
    assert "do người quản lý đặt" in visitor.get("/password")
    form = {"old_password": USER_PASSWORD, "password": USER_PASSWORD, "repeated": USER_PASSWORD}
    assert "password-weak" in visitor.post("/password", form, status=422)
    form = {"old_password": USER_PASSWORD, **NEW}
    assert "password-differs" in visitor.post("/password", {**form, "repeated": "x"}, status=422)
    assert "password-wrong" in visitor.post("/password", {**form, "old_password": "x"}, status=422)
    visitor.post("/password", form)
    visitor.get("/sync")
    assert Action.PASSWORD_CHANGED in actions(node)


def test_a_changed_password_ends_the_other_browsers_of_its_owner(app: Flask, node: Node) -> None:
    add_user(node, login="sau")
    here, there = Visitor(app.test_client()), Visitor(app.test_client())
    for one in (here, there):
        sign_in(one, "sau")
    here.get("/password")
    here.post("/password", {"old_password": USER_PASSWORD, **NEW})
    here.get("/sync")
    there.get("/sync", status=303)


def test_the_language_is_the_browsers_until_somebody_signs_in_and_then_the_users(visitor: Visitor, node: Node) -> None:
    add_user(node, login="sau")
    visitor.get("/sign-in")
    assert '<html lang="en">' in visitor.post("/language", {"language": "en", "back": "/sign-in"})
    assert '<html lang="vi">' in sign_in(visitor, "sau")
    assert '<html lang="en">' in visitor.post("/language", {"language": "en", "back": "/sync"})
    assert user_of(node, "SAU").language == "en"
    assert '<html lang="vi">' in visitor.post("/language", {"language": "tlh", "back": "/sync"})


def test_no_password_is_in_the_trail_the_log_or_an_answer(
    visitor: Visitor, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    marker = "mật-khẩu-đánh-dấu-1"
    add_user(node, login="sau")
    with caplog.at_level(logging.DEBUG):
        said = [sign_in(visitor, "sau", marker, status=422), sign_in(visitor, "nobody", marker, status=422)]
        sign_in(visitor, "sau")
        visitor.get("/password")
        said.append(
            visitor.post("/password", {"old_password": marker, "password": marker, "repeated": marker}, status=422)
        )
        said.append(visitor.post("/password", {"old_password": USER_PASSWORD, "password": marker, "repeated": marker}))
    with node.database.read() as tables:
        trail = repr(audit.entries(tables))
    assert marker not in caplog.text + trail + "".join(said)


def test_a_sign_in_page_that_outlived_the_program_comes_back_with_the_login(visitor: Visitor, node: Node) -> None:
    add_user(node, login="sau")
    form = {"login": "sau", "password": USER_PASSWORD, "csrf_token": "of-yesterday"}
    answer = visitor.client.post("/sign-in", base_url=ADDRESS, data=form, headers=OWN)
    assert answer.status_code == 400
    assert 'value="sau"' in answer.text
    assert USER_PASSWORD not in answer.text

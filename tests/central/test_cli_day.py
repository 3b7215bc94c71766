"""The verbs of the day's end from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from central.cli import main
from tests.central.pages import end_of_day
from tests.central.scenario import PASSWORD, PIN, World

SECRETS = {"HCVX_CENTRAL_PASSWORD": PASSWORD, "HCVX_CENTRAL_SIGNER_PIN": PIN}


def run_in(directory: Path, *words: str) -> Result:
    return CliRunner(env=SECRETS).invoke(main, ["--directory", str(directory), *words], catch_exceptions=False)


@pytest.fixture
def issued(world: World) -> Path:
    """A centre that has certified three people."""
    site = world.site()
    doses = site.doses([1, 2, 3])
    world.know(doses)
    site.send(doses)
    assert end_of_day(world).issued == 3
    return world.centre.config.directory


def test_a_fresh_centre_ends_its_day_with_nothing_to_do(tmp_path: Path) -> None:
    assert run_in(tmp_path / "centre", "init").exit_code == 0
    ended = run_in(tmp_path / "centre", "end-of-day", "--json")
    assert ended.exit_code == 0
    told = json.loads(ended.stdout)
    assert (told["ok"], told["run"], told["issued"], told["waiting"], told["operations"]) == (True, 1, 0, {}, 0)
    assert "Lượt ký số 1: đã cấp 0 chứng nhận cho 0 người." in ended.stderr


def test_a_signer_whose_life_is_over_is_refused_with_its_code(world: World) -> None:
    # The machine's clock is years after the day on which the training certificate was made.
    refused = run_in(world.centre.config.directory, "end-of-day", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)) == (1, {"ok": False, "code": "signer-life"})


def test_texts_go_to_one_file_and_to_a_file_for_each_passport(issued: Path, tmp_path: Path) -> None:
    told = run_in(issued, "passports", "--to", str(tmp_path / "all.txt"), "--into", str(tmp_path / "each"), "--json")
    assert json.loads(told.stdout) == {"ok": True, "passports": 3, "texts": 3}
    lines = (tmp_path / "all.txt").read_text(encoding="ascii").splitlines()
    assert [line[:4] for line in lines] == ["HC1:"] * 3
    files = sorted((tmp_path / "each").iterdir())
    assert sorted(path.read_text(encoding="ascii").strip() for path in files) == sorted(lines)
    assert all(re.fullmatch(r"19001-[A-Z2-7]{16}\.txt", path.name) for path in files)


def test_one_passport_is_shown_by_its_opaque_name(issued: Path, tmp_path: Path) -> None:
    run_in(issued, "passports", "--into", str(tmp_path))
    path = next(tmp_path.iterdir())
    shown = run_in(issued, "passports", "--passport", path.stem)
    assert shown.stdout == path.read_text(encoding="ascii")
    unknown = run_in(issued, "passports", "--passport", "19001-AAAA", "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["code"]) == (1, "uvci-invalid")


def test_texts_of_one_run_alone(issued: Path) -> None:
    assert len(run_in(issued, "passports", "--run", "1").stdout.splitlines()) == 3
    assert json.loads(run_in(issued, "passports", "--run", "2", "--json").stdout)["texts"] == 0

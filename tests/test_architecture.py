"""The house keeps its floors: contracts hold, and a planted sin turns each kind of contract red."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.module_sizes import WALL_LINES, findings

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("sync_protocol", "edge", "central")


def _lint(directory: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache"], cwd=directory, capture_output=True, text=True, check=False, env={"PYTHONPATH": "."}
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages in which sins may be planted."""
    directory = tmp_path_factory.mktemp("house")
    for package in _PACKAGES:
        shutil.copytree(_ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_ROOT / "pyproject.toml", directory)
    return directory


def test_the_contracts_hold(house: Path) -> None:
    done = _lint(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("place", "sin", "contract"),
    [
        ("sync_protocol/limits.py", "import edge.domain", "sync_protocol knows neither side"),
        ("edge/domain/dosing.py", "import central.domain", "the sides never meet"),
        ("edge/domain/dosing.py", "import edge.workflow.record_dose", "the floors of edge"),
        ("central/store/ledger.py", "import central.workflow.run_day", "the floors of central"),
        ("sync_protocol/merkle.py", "import sync_protocol.batch", "sync_protocol is read from the bottom up"),
        ("central/workflow/run_day.py", "import flask", "rules, stores and workflows know no web"),
        ("edge/jobs.py", "import pkcs11", "one door to the token's driver"),
        ("edge/jobs.py", "import pyhanko_certvalidator", "the second judge of paths sits at the centre"),
        ("edge/planted_room.py", '"""A room that nobody gave a floor."""', "the floors of edge"),
    ],
)
def test_a_planted_sin_turns_its_contract_red(house: Path, place: str, sin: str, contract: str) -> None:
    path = house / place
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{sin}\n", "utf-8")
    try:
        done = _lint(house)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, "utf-8")
    assert done.returncode == 1
    assert f"{contract} BROKEN" in " ".join(done.stdout.split())


def test_every_room_is_on_the_map_of_its_floor() -> None:
    forgotten = [
        path.relative_to(_ROOT).as_posix()
        for package in _PACKAGES
        for path in sorted((_ROOT / package).rglob("*.py"))
        if path.stem != "__init__"
        and "migrations" not in path.parts
        and f"`{path.stem}`" not in (path.parent / "__init__.py").read_text("utf-8").replace("signers.", "")
    ]
    assert forgotten == []


def test_no_module_is_past_the_wall() -> None:
    assert findings(_ROOT) == []


def test_a_long_module_and_a_nameless_room_are_found(tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge" / "long.py").write_text("x = 1\n" * (WALL_LINES + 1))
    (tmp_path / "edge" / "utils.py").write_text("")
    assert [found.split(":")[0] for found in findings(tmp_path)] == ["edge/long.py", "edge/utils.py"]

"""The demo as a newcomer runs it: the sums agree, every artefact is there, one signature for each pass."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.demo.people import Population

_ROOT = Path(__file__).parent.parent.parent
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The whole demo, once: its directory and what it told."""
    directory = tmp_path_factory.mktemp("demo") / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo", "--directory", str(directory)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "160"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # Lines wrap where the terminal ends; what was told is the same.
    return directory, " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def figures(day: tuple[Path, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((day[0] / "summary.json").read_text("utf-8"))
    return loaded


def test_every_recorded_dose_is_certified_or_waits_for_a_named_reason(figures: dict[str, Any]) -> None:
    for part in (figures, *figures["sites"].values()):
        assert part["recorded"] == part["certified"] + sum(part["waiting"].values())
        assert part["recorded"] >= part["matched"] >= part["signed"] >= part["received"] >= part["admitted"]
        assert part["admitted"] >= part["certified"] > 0
        assert all(count > 0 for count in part["waiting"].values())


def test_the_sites_add_up_to_the_whole(figures: dict[str, Any]) -> None:
    sites = figures["sites"].values()
    for name in ("recorded", "matched", "signed", "received", "admitted", "certified", "token_operations", "passes"):
        assert figures[name] == sum(site[name] for site in sites)
    for reason, count in figures["waiting"].items():
        assert count == sum(site["waiting"].get(reason, 0) for site in sites)


def test_a_pass_takes_one_operation_of_the_token(figures: dict[str, Any]) -> None:
    assert figures["token_operations"] == figures["passes"] == 5


def test_the_faults_are_as_many_as_in_real_life(figures: dict[str, Any]) -> None:
    faulty = sum(count for reason, count in figures["waiting"].items() if reason.startswith("identity-"))
    assert 0.25 < faulty / figures["recorded"] < 0.37
    assert {"identity-mismatch", "identity-missing", "identity-malformed", "identity-waiting"} <= set(
        figures["waiting"]
    )
    # The few who stand on both sites' lists of the same day.
    assert figures["waiting"]["dose-duplicate"] > 0


def test_a_lost_answer_makes_no_second_entry(day: tuple[Path, str]) -> None:
    assert "mất trên đường" in day[1]
    assert "trả lại biên nhận đầu tiên" in day[1]


def test_people_from_another_province_are_asked_about_and_signed_for_on_the_same_day(day: tuple[Path, str]) -> None:
    assert "không có trong gói dân cư: 3 người tỉnh khác khớp" in day[1]


def test_somebody_with_two_sites_has_one_passport_with_both_doses(day: tuple[Path, str]) -> None:
    told = re.search(r"Ký tập trung: ([\d.]+) chứng nhận trong ([\d.]+) hộ chiếu", day[1])
    assert told is not None
    certificates, passports = (int(text.replace(".", "")) for text in told.groups())
    assert certificates == len((day[0] / "passports.txt").read_text("ascii").splitlines())
    assert passports < certificates


def test_the_flipped_byte_is_refused_on_the_screen(day: tuple[Path, str]) -> None:
    assert day[1].count("✕ từ chối") == 2
    assert "✓ Các con số khớp nhau" in day[1]


def test_the_names_use_every_letter_of_the_alphabet() -> None:
    import unicodedata

    population = Population(7)
    used = set("".join(population.villager(["Xóm 1"]).registered.name for _ in range(2_000)).lower())
    vowels = {unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in _TONES}
    assert vowels | set("bcdđghklmnpqrstvx") <= used


def test_the_same_seed_gives_the_same_people() -> None:
    one, other = Population(3), Population(3)
    assert [one.villager(["A"]) for _ in range(50)] == [other.villager(["A"]) for _ in range(50)]

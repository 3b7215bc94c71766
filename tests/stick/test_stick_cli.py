"""The verbs about sticks, as a person runs them: data, words, exit codes, and each of them twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_protocol.enrolment_file import parse_enrolment_file
from sync_protocol.stick_errors import StickCode
from tests.edge.test_cli import Desk, desk
from tests.stick.files import sealed_bundle

__all__ = ["desk"]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    root = tmp_path / "USB"
    root.mkdir()
    return root


@pytest.fixture
def neighbour(desk: Desk, tmp_path: Path) -> Desk:
    """Another site of the same centre, with a network."""
    (tmp_path / "neighbour").mkdir()
    other = replace(desk, directory=tmp_path / "neighbour")
    other.run("init")
    file = desk.centre.enrolment_file("19002A", facility="19002", facility_name="Trạm khác", centre_url=desk.url)
    (other.directory / "enrolment").write_bytes(file)
    spoken = parse_enrolment_file(file).fingerprint
    other.run("enrol", str(other.directory / "enrolment"), "--fingerprint", spoken)
    return other


def sign(desk: Desk, count: int = 5) -> None:
    """A day's doses, signed and not sent."""
    desk.run("import", str(desk.day_list(count)), "--apply")
    desk.run("import-pack", str(desk.pack(count)))
    desk.run("check-identity")
    desk.sign()


def test_a_site_without_a_network_by_commands(desk: Desk, neighbour: Desk, stick: Path) -> None:
    desk.begin()
    sign(desk)
    exported = desk.run("export-stick", str(stick))
    assert exported["written"] == {"bundles": 1, "requests": 1}
    assert desk.run("export-stick", str(stick))["written"] == {}
    assert desk.run("status")["unsent"] == 1
    carried = neighbour.run("carry", str(stick))
    assert (carried["ok"], carried["answered"], carried["waiting"]) == (True, 0, 0)
    assert carried["imported"]["carried"] == 2
    assert carried["exported"]["written"] == {"answers": 2}
    assert neighbour.run("carry", str(stick))["exported"]["written"] == {}
    assert desk.run("status")["unsent"] == 1
    imported = desk.run("import-stick", str(stick))
    assert (imported["admitted"], imported["faulty"]) == (1, {})
    again = desk.run("import-stick", str(stick))
    assert (again["admitted"], again["items"]) == (0, 0)
    status = desk.run("status")
    assert (status["unsent"], status["admitted"]) == (0, 5)
    assert desk.run("check")["findings"] == []
    assert len(desk.centre.admitted_doses) == 5


def test_without_a_network_the_carrier_says_that_it_is_not_finished(desk: Desk, neighbour: Desk, stick: Path) -> None:
    desk.begin()
    sign(desk)
    desk.run("export-stick", str(stick))
    away = replace(neighbour, centre=desk.centre)
    (away.directory / "node" / "node.toml").write_text('centre_url = "http://127.0.0.1:9"\n')
    told = away.run("carry", str(stick), exit_code=3)
    assert (told["code"], told["waiting"], told["ok"]) == ("network", 2, True)
    assert away.run("carried")["waiting"] == 2
    assert away.run("carried", "--drop")["dropped"] == 2
    assert away.run("carried")["waiting"] == 0


def test_poison_on_the_stick_is_told_and_ends_with_three(desk: Desk, stick: Path) -> None:
    desk.begin()
    (stick / "HCVX").mkdir()
    (stick / "HCVX" / "poison").write_bytes(sealed_bundle(1))
    told = desk.run("carry", str(stick), exit_code=3)
    assert (told["ok"], told["waiting"], told["unsent"]) == (True, 1, 0)
    assert desk.run("carried")["turned_away"] == 1


def test_a_stick_that_is_none_is_refused_with_its_code(desk: Desk, stick: Path) -> None:
    desk.begin()
    assert desk.run("import-stick", str(stick), exit_code=1) == {"ok": False, "code": StickCode.EMPTY.value}
    (stick / "HCVX").write_bytes(b"")
    assert desk.run("export-stick", str(stick), exit_code=1)["code"] == StickCode.NO_FOLDER.value


def test_a_forged_answer_ends_with_one_and_everything_else_is_taken(desk: Desk, stick: Path) -> None:
    desk.begin()
    sign(desk)
    desk.run("export-stick", str(stick))
    bundle = next((stick / "HCVX").glob("b-*")).read_bytes()
    answer = desk.centre.offer(bundle)
    middle = answer.rindex(bytes(4)) if bytes(4) in answer else len(answer) - 40
    (stick / "HCVX" / "forged").write_bytes(answer[:middle] + bytes([answer[middle] ^ 1]) + answer[middle + 1 :])
    forged = desk.run("import-stick", str(stick), exit_code=1)
    assert (forged["ok"], forged["admitted"], sum(forged["faulty"].values())) == (False, 0, 1)
    (stick / "HCVX" / "true").write_bytes(answer)
    assert desk.run("import-stick", str(stick), exit_code=1)["admitted"] == 1

"""The paper to take home: provisional, complete, with a QR that names the record, and the proof of the dose."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import zxingcpp
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from PIL import Image

from edge.domain.pass_journal import PassState
from edge.domain.roles import Role
from edge.store import doses, identity_checks, passes, people
from edge.store.identity_checks import CheckResult
from edge.web.desks.slip import Picture, draw, draw_proof
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.exchange import exchange
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.prove_slip import SlipState, make_slip, prove_slip
from edge.workflow.record_dose import Submission
from edge.workflow.sign_pass import resume_pass, sign_pass, sign_plan
from sync_protocol.__main__ import main
from sync_protocol.errors import Code
from sync_protocol.identity import EvidenceSource, IdentityState
from sync_protocol.slip_text import parse_slip_text
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.browser.visitor import Visitor, make_node, visit
from tests.builders import SeededEntropy
from tests.edge.clinic import NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.signed_clinic import OFFICER, record_people, sign_all
from tests.edge.station import make_station
from tests.protocol.slips import WHEN, certificate_of, registered, slip_signer, trust_list
from tests.protocol.synthetic import Repeatable
from tests.simulator import POLICY

CODE = "19001A-000001"


def read(drawn: Picture) -> list[str]:
    """What a reader finds in a picture that was drawn from the path."""
    scale = 4
    picture = Image.new("L", (drawn.size * scale, drawn.size * scale), 255)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawn.path):
        left, top = int(x) * scale, int(y) * scale
        picture.paste(0, (left, top, left + int(width) * scale, top + scale))
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def slip_text(clinic: Clinic, sequence: int) -> str:
    with clinic.database.read() as tables:
        slip = make_slip(tables, sequence)
    assert slip.state is SlipState.PROVEN
    return slip.text


def state(clinic: Clinic, sequence: int) -> SlipState:
    with clinic.database.read() as tables:
        return make_slip(tables, sequence).state


def verified(text: str, directory: Path) -> dict[str, object]:
    """What `hcvx-verify` says of a slip, with nothing but the centre's trust list."""
    file = directory / "trust.cose"
    file.write_bytes(trust_list(certificate_of(slip_signer())))
    result = CliRunner().invoke(main, ["--json", "--at", WHEN, "--trust", str(file), "--text", text])
    found: dict[str, object] = json.loads(result.stdout)
    return found


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = make_clinic(tmp_path)
    made.record(Submission("dose-0001", villager(1), facts(given_at=NOW - 600)))
    return made


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(tmp_path, clinic.database), clinic.centre, roles=[Role.OBSERVATION])


def test_everything_that_the_person_needs_is_on_the_paper(visitor: Visitor) -> None:
    text = visitor.get("/doses/1/slip")
    for said in (
        *("TẠM THỜI", "PROVISIONAL", "Giấy xác nhận đã tiêm", "Trạm Y tế xã Hòa Hiệp", villager(1).name, "01/03/1985"),
        *("AstraZeneca", "ABX1234", "1/2", "16:20", "15/04/2022", "Lê Văn Kim", CODE, "12 tháng"),
    ):
        assert said in text, said
    # A paper, and not a page of the program: no header, no places.
    assert "<nav" not in text
    assert "Chưa gửi" not in text
    # The identity number and the phone stay in the program.
    assert villager(1).number not in text
    assert villager(1).phone not in text


def test_the_picture_holds_the_tracking_code_and_nothing_else(visitor: Visitor) -> None:
    text = visitor.get("/doses/1/slip")
    assert draw(CODE).path in text
    assert read(draw(CODE)) == [CODE]


def test_the_quiet_zone_is_part_of_the_picture() -> None:
    drawn = draw(CODE)
    columns = [int(x) for x in re.findall(r"M(\d+) ", drawn.path)]
    rows = [int(y) for y in re.findall(r"M\d+ (\d+)h", drawn.path)]
    assert min(columns) == min(rows) == 4
    assert max(rows) == drawn.size - 5


def test_the_paper_is_always_of_the_newest_version(visitor: Visitor, clinic: Clinic) -> None:
    correction = Correction("correct-1", 1, facts(given_at=NOW - 600, lot="RIGHT01"), "ghi nhầm lô")
    correct_dose(clinic.database, correction, catalogue=clinic.catalogue, at=NOW, by=NURSE)
    answer = visitor.client.get("/doses/1/slip?back=observation", base_url="http://127.0.0.1:8750")
    assert answer.headers["Location"] == "/doses/2/slip?back=observation"
    text = visitor.get("/doses/2/slip?back=observation")
    assert "RIGHT01" in text
    assert 'href="/observation"' in text


def test_everybody_who_works_at_the_site_may_print(tmp_path: Path, visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/99/slip", status=404)
    node = make_node(tmp_path, clinic.database)
    for role in Role:
        visit(node, clinic.centre, roles=[role]).get("/doses/1/slip")


@pytest.fixture
def signed(tmp_path: Path) -> Clinic:
    """Five people, whose doses are in a sealed bundle."""
    made = make_clinic(tmp_path)
    record_people(made, [villager(number) for number in range(1, 6)])
    sign_all(made, slip_signer())
    return made


def visiting(directory: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(directory, clinic.database), clinic.centre, roles=[Role.OBSERVATION])


def test_before_the_signature_one_sentence_says_that_it_is_missing(visitor: Visitor) -> None:
    text = visitor.get("/doses/1/slip")
    assert "chưa được ký số; ký xong, in lại giấy này" in text
    assert "HCVX1" not in text
    assert text.count("<svg") == 1


def test_after_the_pass_the_page_proves_the_dose_and_says_who_signed_and_when(tmp_path: Path, signed: Clinic) -> None:
    text = visiting(tmp_path, signed).get("/doses/3/slip")
    for said in ("TẠM THỜI", "PROVISIONAL", "19001A-000003", "Người ký số", "Trần Thị Ánh", "16:30, 15/04/2022"):
        assert said in text, said
    assert "Xác minh bằng hcvx-verify, không cần mạng; hộ chiếu vắc xin thay thế giấy này" in text
    proof, tracking = draw_proof(slip_text(signed, 3)), draw("19001A-000003")
    assert proof.path in text
    assert tracking.path in text
    [printed] = read(proof)
    assert verified(printed, tmp_path)["facts"]["dose_id"] == "19001A-000003"  # type: ignore[index]
    assert read(tracking) == ["19001A-000003"]


@pytest.mark.parametrize(("length", "version"), [(1_058, 22), (1_703, 28), (3_391, 40)])
def test_a_module_of_the_proof_is_never_below_four_tenths_of_a_millimetre(length: int, version: int) -> None:
    drawn = draw_proof("HCVX1:".ljust(length, "7"))
    assert drawn.size == 17 + 4 * version + 8
    assert drawn.millimetres / drawn.size >= 0.4
    # An A5 page has 128 mm between its margins, and the facts stand beside the picture.
    assert 70 <= drawn.millimetres <= 74


def test_the_proof_shows_nothing_of_the_neighbours(signed: Clinic) -> None:
    proof = parse_slip_text(slip_text(signed, 3))
    shown = b"".join((proof.dose, proof.salt, *proof.path, proof.statement_cose))
    assert villager(3).number.encode() in shown
    for number in (1, 2, 4, 5):
        for personal in (villager(number).number, villager(number).name, villager(number).phone):
            assert personal.encode() not in shown


def test_every_dose_of_several_passes_is_proven_also_after_many_others(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    for number in range(1, 8):
        clinic.give_pack([villager(number)], version=number)
        clinic.record(Submission(f"dose-{number:04d}", villager(number), facts(given_at=NOW - 600)))
        sign_all(clinic, slip_signer())
    for sequence in (*range(1, 8), *range(7, 0, -1)):
        facts_shown = verified(slip_text(clinic, sequence), tmp_path)["facts"]
        assert facts_shown["dose_id"] == f"19001A-{sequence:06d}"  # type: ignore[index]
        assert facts_shown["batch_number"] == sequence  # type: ignore[index]


def test_what_is_printed_and_proven_is_what_was_signed_whatever_changed_since(tmp_path: Path, signed: Clinic) -> None:
    slip_text(signed, 2)
    with signed.database.write_transaction() as tables:
        person = people.with_number(tables, villager(2).number)[0]
        renamed = villager(2, name="Nguyễn Thị Đã Sửa")
        people.change(tables, person, renamed, state=person.identity_state, at=NOW, by=NURSE)
    text = visiting(tmp_path, signed).get("/doses/2/slip")
    assert villager(2).name in text
    assert "Đã Sửa" not in text
    assert verified(slip_text(signed, 2), tmp_path)["facts"]["name"] == villager(2).name  # type: ignore[index]


def test_a_correction_is_not_signed_yet(tmp_path: Path, signed: Clinic) -> None:
    correction = Correction("correct-1", 1, facts(given_at=NOW - 600, lot="RIGHT01"), "ghi nhầm lô")
    correct_dose(signed.database, correction, catalogue=signed.catalogue, at=NOW, by=NURSE)
    text = visiting(tmp_path, signed).get("/doses/6/slip")
    assert "chưa được ký số" in text
    assert "RIGHT01" in text


@dataclass
class Failing:
    """Gives the batch secret and then nothing more."""

    calls: int = 0

    def token(self, size: int) -> bytes:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("the power is cut")
        return bytes(size)


def test_a_signature_that_may_still_be_given_up_is_shown_to_nobody(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    record_people(clinic, [villager(1)])
    plan = plan_passes(clinic.database, POLICY, now=NOW)
    with pytest.raises(RuntimeError):
        list(sign_plan(clinic.database, plan, slip_signer(), officer=OFFICER, now=NOW, entropy=Failing()))
    with clinic.database.read() as tables:
        open_pass = passes.open_pass(tables)
    assert open_pass is not None
    assert open_pass.state is PassState.SIGNED
    assert state(clinic, 1) is SlipState.UNSIGNED
    resume_pass(clinic.database, None, now=NOW, entropy=SeededEntropy(6))
    assert verified(slip_text(clinic, 1), tmp_path)["ok"] is True


def test_what_the_centre_refuses_is_proven_to_nobody(tmp_path: Path, signed: Clinic) -> None:
    signed.centre.judge = lambda dose: (
        Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED) if dose.sequence == 2 else ADMITTED
    )
    send(signed)
    assert [state(signed, sequence) for sequence in (1, 2)] == [SlipState.PROVEN, SlipState.REFUSED]
    text = visiting(tmp_path, signed).get("/doses/2/slip")
    assert "Trung tâm không tiếp nhận mũi tiêm này" in text
    assert text.count("<svg") == 1


def test_a_pass_that_the_centre_gave_back_proves_nothing(signed: Clinic) -> None:
    signed.centre.refuse = [Code.CERTIFICATE_UNREGISTERED]
    send(signed)
    assert state(signed, 1) is SlipState.UNSIGNED


def send(clinic: Clinic) -> None:
    exchange(clinic.database, clinic.centre, now=lambda: NOW, entropy=SeededEntropy(8))


def noise(chars: int, seed: int) -> str:
    choose = Repeatable(seed)
    return "".join(chr(choose.randrange(0x4E00, 0x9FFF)) for _ in range(chars))


def test_texts_that_no_code_holds_leave_the_tracking_code_and_the_reason(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    # A path of twelve hashes.
    station.record(700, per_person=3)
    strange = villager(9_000, guardian=noise(100, 1))
    with station.database.write_transaction() as tables:
        person_id = people.add(tables, strange, state=IdentityState.MATCHED, at=NOW - 900, by=NURSE)
        person = people.get(tables, person_id)
        assert person is not None
        check = CheckResult(person, IdentityState.MATCHED, EvidenceSource.PACK, "pack-1")
        identity_checks.add_many(tables, [check], at=NOW - 900, by=NURSE)
        texts = {"reaction": noise(300, 2), "vaccinator": noise(100, 3), "station": noise(40, 4)}
        given = facts(given_at=NOW - 600, **texts)
        sequence = doses.add(tables, person_id, given, at=NOW - 500, by=NURSE, submission="strange")
    officer = Officer(noise(100, 5), approver=noise(100, 6))
    signer = registered(rsa.generate_private_key(public_exponent=65537, key_size=3072), "Trạm")
    sign_pass(station.database, station.plan()[0], signer, officer=officer, now=NOW, entropy=SeededEntropy(9))
    with station.database.read() as tables:
        assert make_slip(tables, 1).state is SlipState.PROVEN
        assert make_slip(tables, sequence).state is SlipState.TOO_LONG
    node = make_node(tmp_path, station.database)
    text = visit(node, station.centre, roles=[Role.OBSERVATION]).get(f"/doses/{sequence}/slip")
    assert "đã được ký số, nhưng ghi chú quá dài" in text
    assert officer.name in text
    assert draw(f"19001A-{sequence:06d}").path in text


@pytest.mark.parametrize("column", ["columns", "statement"])
def test_a_pass_that_the_disk_has_changed_proves_nothing_and_the_page_says_so(column: str, tmp_path: Path) -> None:
    signed = make_clinic(tmp_path)
    record_people(signed, [villager(1)])
    # A batch that no other test has proven a dose of.
    sign_all(signed, slip_signer(), officer=Officer(f"Người ký {column}"))
    with signed.database.write_transaction() as tables:
        tables.execute(f"DROP TRIGGER {'passes_fixed' if column == 'columns' else 'passes_signed_once'}")
        stored = bytearray(tables.execute(f"SELECT {column} FROM passes").fetchone()[0])
        stored[len(stored) // 2] ^= 1
        tables.execute(f"UPDATE passes SET {column} = ?", (bytes(stored),))
    text = visiting(tmp_path, signed).get("/doses/1/slip")
    assert "Không lập lại được chứng minh từ lượt ký đã lưu" in text
    assert villager(1).name in text


def test_a_dose_that_nobody_signed_has_no_proof(clinic: Clinic) -> None:
    with clinic.database.read() as tables:
        assert prove_slip(tables, 1) is None
        with pytest.raises(KeyError):
            make_slip(tables, 99)

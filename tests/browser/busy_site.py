"""A site in the middle of its day: something of everything stands on its pages, so that every page can be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.bootstrap import Node
from edge.domain.observation import Outcome, Reaction, ReactionKind, Severity
from edge.domain.roles import Role
from edge.domain.vial import VialContents
from edge.store import audit, people, roster, settings, users, visits
from edge.store.people import PersonId
from edge.store.settings import Setting
from edge.store.users import UserId
from edge.workflow.admit_device import admit_device, ask_admission, asking_devices
from edge.workflow.approve_selection import ask_approval
from edge.workflow.close_day import close_day
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.exchange import exchange
from edge.workflow.observe import ReactionReport, let_go, record_reaction
from edge.workflow.open_vial import open_vial
from edge.workflow.plan_passes import outline_selection, plan_selection
from edge.workflow.prepare_pass import Officer
from edge.workflow.receive_person import receive_known
from edge.workflow.record_dose import Submission
from edge.workflow.sign_pass import sign_plan
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState, PaperKind, Recipient
from sync_protocol.verdict import Verdict, VerdictState
from tests.browser.visitor import add_user, make_node
from tests.builders import SeededEntropy
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.station import organisation_signer

TODAY: Final = local_day(NOW)
YESTERDAY: Final = local_day(NOW - DAY_SECONDS)
EVERYBODY: Final = "ca-tram"
CLOSING_REMARK: Final = "Hai người hẹn mang giấy tờ hôm sau"
HEAD: Final = "Trần Thị Bưởi"
# Twelve villagers, then a foreigner, somebody without a number, and one whose number is malformed.
FOREIGNER: Final = villager(
    13, name="John Smith", paper=PaperKind.PASSPORT, number="X1234567", nationality="GB", address_unit=""
)
NAMELESS: Final = villager(14, name="Hồ Thị Lan", paper=PaperKind.NONE, number="")
WRONG: Final = villager(15, name="Võ Thị Mơ", number="05418500001O")


@dataclass(slots=True)
class BusySite:
    """The clinic, its node, and the numbers under which pages about one thing are found."""

    clinic: Clinic
    node: Node
    visit_id: int
    approval_id: int
    user_id: UserId


def make_busy_site(directory: Path) -> BusySite:
    """An enrolled node at half past four in the afternoon of a busy day."""
    clinic = make_clinic(directory)
    node = make_node(directory, clinic.database)
    user_id = add_user(node, login=EVERYBODY)
    for role in Role:
        add_user(node, login=role.value, name=f"{NURSE} {role.value}", roles=[role])
    clinic.give_pack([*map(villager, range(1, 10)), *(_born_another_day(number) for number in (10, 11))])
    _open_vials(clinic)
    _day_before(clinic)
    recorded = _today(clinic)
    _return_two(clinic)
    _sign(clinic, node, recorded[:5])
    exchange(clinic.database, clinic.centre, now=lambda: NOW, entropy=SeededEntropy(9))
    _sign(clinic, node, recorded[5:6])
    close_day(
        clinic.database, clinic.catalogue.policy, YESTERDAY, now=NOW, by=HEAD, entropy=SeededEntropy(5),
        remark=CLOSING_REMARK,
    )  # fmt: skip
    visit_id = _line_and_observation(clinic)
    approval_id = _approval(clinic, user_id, recorded[6:8])
    _devices(clinic)
    return BusySite(clinic, node, visit_id, approval_id, user_id)


def _born_another_day(number: int) -> Recipient:
    return villager(number, birth_date="1985-03-02")


def _open_vials(clinic: Clinic) -> None:
    for number, (lot, doses) in enumerate((("ABX1234", 10), ("ABX1235", 10))):
        contents = VialContents("AZ", lot, "2022-12-31", doses=doses, station="Bàn 1")
        open_vial(clinic.database, contents, key=f"lo-vac-xin-{number}", at=NOW - 8 * 3_600, by=NURSE)


def _day_before(clinic: Clinic) -> None:
    for number in (21, 22):
        given = facts(given_at=NOW - DAY_SECONDS, late_reason="" if number == 21 else "Mất điện chiều hôm qua")
        clinic.record(Submission(f"hom-qua-{number}", villager(number), given), at=NOW - DAY_SECONDS * (number == 21))


def _today(clinic: Clinic) -> list[int]:
    found = []
    for number in range(1, 13):
        given = facts(given_at=NOW - 1_500 * (number + 1))
        found.append(clinic.record(Submission(f"hom-nay-{number:02d}", villager(number), given)).sequence)
    for number, one in enumerate((FOREIGNER, NAMELESS, WRONG), start=13):
        confirmed = frozenset({Code.IDENTITY_MALFORMED})
        submission = Submission(f"hom-nay-{number:02d}", one, facts(given_at=NOW - 600), confirmed=confirmed)
        clinic.record(submission)
    last = clinic.record(Submission("hom-nay-16", villager(16), facts(given_at=NOW - 1_200)))
    correction = Correction(
        "dinh-chinh-01", last.sequence, facts(given_at=NOW - 1_200, lot="ABX1235"), reason="ghi nhầm số lô"
    )
    correct_dose(clinic.database, correction, catalogue=clinic.catalogue, at=NOW, by=NURSE)
    return found


def _return_two(clinic: Clinic) -> None:
    held = Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE)
    refused = Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED)
    admitted = Verdict(VerdictState.ADMITTED, None)
    clinic.centre.judge = lambda dose: {4: held, 5: refused}.get(dose.sequence, admitted)


def _sign(clinic: Clinic, node: Node, sequences: list[int]) -> None:
    policy = clinic.catalogue.policy
    plan = plan_selection(clinic.database, policy, sequences, shown=_digest(clinic, sequences), now=NOW)
    signed = sign_plan(
        clinic.database, plan, organisation_signer(), officer=Officer(HEAD), now=NOW, entropy=node.entropy
    )
    assert [one.doses for one in signed]


def _digest(clinic: Clinic, sequences: list[int]) -> bytes:
    with clinic.database.read() as tables:
        return outline_selection(tables, clinic.catalogue.policy, sequences, now=NOW).digest


def _line_and_observation(clinic: Clinic) -> int:
    with clinic.database.read() as tables:
        observed = visits.observed(tables, TODAY)
    first, second, third = observed[:3]
    reaction = Reaction((ReactionKind.LOCAL, ReactionKind.FEVER), Severity.MILD, Outcome.WATCHED, began="16:20")
    assert first.sequence is not None
    record_reaction(
        clinic.database, ReactionReport("phan-ung-01", first.sequence, reaction), catalogue=clinic.catalogue, at=NOW,
        by=NURSE,
    )  # fmt: skip
    let_go(clinic.database, third.visit_id, remark="Có người nhà đón", at=NOW, by=NURSE)
    with clinic.database.write_transaction() as tables:
        for number in (31, 32, 33):
            person_id = people.add(tables, villager(number), state=IdentityState.WAITING, at=NOW - 900, by=NURSE)
            person = people.get(tables, person_id)
            assert person is not None
            roster.add(tables, TODAY, person, product="AZ", at=NOW - 900, by=NURSE)
            audit.append(tables, audit.Action.PERSON_ADDED, f"person:{person_id}", actor=NURSE, at=NOW)
        last = PersonId(person_id)
    for place in (2, 1):
        receive_known(clinic.database, PersonId(last - place), key=f"don-tiep-{place}", at=NOW - 300 * place, by=NURSE)
    return second.visit_id


def _approval(clinic: Clinic, user_id: UserId, sequences: list[int]) -> int:
    with clinic.database.write_transaction() as tables:
        settings.put(tables, Setting.APPROVAL_REQUIRED, 1, at=NOW, by=HEAD)
        user = users.get(tables, user_id)
    assert user is not None
    return ask_approval(
        clinic.database, clinic.catalogue.policy, sequences, shown=_digest(clinic, sequences), late_reason="",
        user=user, now=NOW,
    )  # fmt: skip


def _devices(clinic: Clinic) -> None:
    for number, name in enumerate(("Máy tính bảng bàn tiêm 2", "Điện thoại tiếp đón")):
        ask_admission(clinic.database, name, entropy=SeededEntropy(60 + number), at=NOW)
    first = asking_devices(clinic.database, at=NOW)[0]
    admit_device(clinic.database, first.device_id, at=NOW, by=HEAD)

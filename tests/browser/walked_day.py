"""Who comes to the site and who works there in the walk from the door to the dose, and what it must leave behind."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from edge.domain.roles import Role
from edge.store import audit, bundles, closings, doses, passes, roster, visits
from edge.store.database import Tables
from edge.store.people import PersonId
from edge.store.visits import VisitState
from sync_protocol.closing import parse_closing
from sync_protocol.manifest import parse_statement
from tests.edge.clinic import villager
from tests.edge.station import DAY

PEOPLE: Final = {
    Role.RECEPTION: "Lê Thị Đón",
    Role.INJECTION: "Y tá Nguyễn Thị Sáu",
    Role.OBSERVATION: "Phạm Văn Dõi",
    Role.SIGNER: "Trần Thị Bưởi",
    Role.MANAGER: "Hoàng Văn Quản",
}
# The number says 1985: a doubt, which the paper in the hand settles.
NEWCOMER: Final = villager(123, name="Đặng Thị Ánh", birth_date="1984-03-01")
EXPECTED: Final = villager(2)
NEWCOMER_CARD: Final = "054185000123||Đặng Thị Ánh|01031984|Nữ|Thôn 2, Hòa Hiệp|25122021"
EXPECTED_CARD: Final = f"{EXPECTED.number}||{EXPECTED.name}|01031985|Nữ|Thôn 2, Hòa Hiệp|25122021"


def assert_recorded(tables: Tables) -> None:
    """Two people, two visits that are over, two doses, of which one has a newer version with the reaction."""
    newest = {name: person_id for person_id, name in tables.execute("SELECT person_id, name FROM people")}
    assert set(newest) == {NEWCOMER.name, EXPECTED.name}
    first = doses.of_person(tables, PersonId(newest[NEWCOMER.name]))
    second = doses.of_person(tables, PersonId(newest[EXPECTED.name]))
    assert [one.sequence for one in (*first, *second)] == [3, 2]
    assert doses.replaced_by(tables, 1) == 3
    assert "nhẹ" in first[0].facts.reaction
    found = [visits.newest_of_person(tables, PersonId(one), DAY) for one in newest.values()]
    assert {one.state for one in found if one} == {VisitState.LEFT}
    assert {one.remark for one in found if one} == {"", "Chuyển lên trạm theo dõi tiếp"}
    assert roster.counts(tables, DAY).arrived == 1


def assert_signed(tables: Tables) -> None:
    """What the signer's key signed names the one who signed and the one who approved."""
    # What carries a reaction replaces an earlier version, and such versions are signed apart.
    assert [passes.leaves(tables, number) for number in passes.numbers(tables)] == [[2], [3]]
    for number in passes.numbers(tables):
        stored = passes.find(tables, number)
        assert stored is not None
        assert stored.statement
        manifest = parse_statement(stored.statement_payload).manifest
        assert (manifest.signer_name, manifest.approver) == (PEOPLE[Role.SIGNER], PEOPLE[Role.MANAGER])
        assert (manifest.people, manifest.doses) == (1, 1)


def assert_closed(tables: Tables) -> None:
    """The day's sheet is sealed in a bundle behind the batches, and all wait for the network."""
    stored = closings.newest(tables, DAY)
    assert stored is not None
    sheet = parse_closing(stored.body)
    assert (sheet.closed_by, sheet.remark) == (PEOPLE[Role.MANAGER], "Mất mạng cả ngày")
    assert (sheet.recorded, sheet.signed, sheet.received) == (2, 2, 0)
    assert bundles.chain(tables) == [(stored.epoch, number) for number in (1, 2, 3)]
    assert stored.sequence == bundles.unsent(tables) == 3


def assert_acts(tables: Tables) -> None:
    """Each act stands in the chain under the name of whoever did it."""
    audit.verify(tables)
    by: dict[str, list[str]] = defaultdict(list)
    for entry in audit.entries(tables):
        by[entry.actor].append(entry.action)
    wanted = {
        Role.RECEPTION: ["person-added", "visit-opened", "visit-opened"],
        Role.INJECTION: ["vial-opened", "dose-recorded", "dose-recorded"],
        Role.OBSERVATION: ["dose-corrected", "visit-left", "visit-left"],
        Role.SIGNER: ["approval-asked", "approval-used", "pass-prepared", "pass-signed", "pass-sealed"],
        Role.MANAGER: ["setting-changed", "approval-given", "day-closed", "exported"],
    }
    for role, acts in wanted.items():
        for act in acts:
            assert by[PEOPLE[role]].count(act) >= acts.count(act), (role, act, by[PEOPLE[role]])

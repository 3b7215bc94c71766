"""Day close: sums that agree whatever the day was, revisions, the bundle at the centre, and a changed sheet found."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edge.cli import main
from edge.domain.code_words import words
from edge.domain.refusals import EdgeCode, RefusedError
from edge.store import audit, bundles, closings
from edge.store.audit import Action
from edge.workflow.check_store import check_store
from edge.workflow.close_day import ClosedDay, close_day, day_to_close
from edge.workflow.day_status import day_status
from edge.workflow.exchange import exchange
from edge.workflow.prepare_pass import prepare_pass
from sync_protocol.bundle import BundleKind
from sync_protocol.closing import DayClosing, parse_closing
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit
from tests.edge.clinic import NOW, PASSPHRASE, make_clinic
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, MORNING, OFFICER, Station, make_station
from tests.simulator import POLICY

MANAGER = "Trưởng trạm Lê Thị Bưởi"
PREVIOUS = "2022-04-14"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def visitor(tmp_path: Path, station: Station) -> Visitor:
    return visit(make_node(tmp_path, station.database, station.clock), station.centre)


def close(station: Station, day: str = DAY, *, remark: str = "", revision: int | None = None) -> ClosedDay:
    return close_day(
        station.database,
        POLICY,
        day,
        now=station.clock.now(),
        by=MANAGER,
        entropy=station.entropy,
        remark=remark,
        revision=revision,
    )


def send(station: Station) -> None:
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def at_the_centre(station: Station) -> list[DayClosing]:
    """The sheets in the simulated centre's ledger, in its order."""
    kept = [station.centre.kept[entry.digest].bundle.bundle for entry in station.centre.entries[1:]]
    return [parse_closing(bundle.body) for bundle in kept if bundle.kind is BundleKind.CLOSING]


def test_a_day_is_closed_sent_and_admitted(station: Station) -> None:
    station.record(3)
    station.sign()
    send(station)
    station.record(2, state=IdentityState.MISMATCH)
    with station.database.read() as tables:
        trail = audit.head(tables)
    closed = close(station, remark="mất điện buổi chiều")
    sheet = closed.sheet
    assert (sheet.day, sheet.revision, sheet.closed_by, sheet.facility) == (DAY, 1, MANAGER, "19001")
    assert (sheet.recorded, sheet.signed, sheet.received, sheet.admitted) == (5, 3, 3, 3)
    assert sheet.waiting == (("identity-mismatch", 2),)
    assert (sheet.audit_entries, sheet.audit_head) == trail
    assert (sheet.last_dose, sheet.remark, closed.bundle) == (5, "mất điện buổi chiều", 2)
    send(station)
    assert at_the_centre(station) == [sheet]
    again = day_to_close(station.database, POLICY, DAY, now=AFTERNOON)
    assert again.closed is not None
    assert again.closed.sent.admitted_at == AFTERNOON
    assert not again.has_changed
    assert check_store(station.database).findings == ()
    with station.database.read() as tables:
        entry = audit.entries(tables, after=trail[0])[0]
    assert (entry.action, entry.subject, entry.actor) == (Action.DAY_CLOSED, f"day:{DAY}", MANAGER)


def test_closing_again_makes_the_next_revision_with_the_new_figures(station: Station) -> None:
    station.record(2)
    close(station)
    station.record(1)
    found = day_to_close(station.database, POLICY, DAY, now=AFTERNOON)
    assert (found.next_revision, found.has_changed) == (2, True)
    close(station, revision=2)
    send(station)
    assert [(sheet.revision, sheet.recorded) for sheet in at_the_centre(station)] == [(1, 2), (2, 3)]
    assert check_store(station.database).findings == ()


def test_a_page_that_saw_an_older_revision_closes_nothing(station: Station) -> None:
    close(station, revision=1)
    with pytest.raises(RefusedError) as refused:
        close(station, revision=1)
    assert refused.value.findings[0].code is EdgeCode.DAY_CLOSED
    with station.database.read() as tables:
        assert len(bundles.chain(tables)) == len(closings.all_closings(tables)) == 1


def test_a_day_to_come_cannot_be_closed(station: Station) -> None:
    with pytest.raises(RefusedError) as refused:
        close(station, "2022-04-16")
    assert refused.value.findings[0].code is EdgeCode.DAY_FUTURE
    with pytest.raises(ProtocolError):
        close(station, "2022-04-31")
    with pytest.raises(ProtocolError):
        close(station, remark="x" * 301)
    with station.database.read() as tables:
        assert bundles.chain(tables) == []


def test_a_day_on_which_nothing_was_given_is_closed_as_well(station: Station) -> None:
    station.record(1)
    sheet = close(station, PREVIOUS).sheet
    assert (sheet.recorded, sheet.waiting, sheet.last_dose) == (0, (), 1)


def test_days_that_nobody_closed_are_named(station: Station) -> None:
    for back in (1, 2, 3, 100):
        station.record(back, given_at=MORNING - back * DAY_SECONDS, late_reason="mất điện")
    close(station, PREVIOUS)
    found = day_to_close(station.database, POLICY, DAY, now=AFTERNOON)
    assert [(day.day, day.doses) for day in found.earlier] == [("2022-04-12", 3), ("2022-04-13", 2)]


VERDICTS = st.sampled_from(
    [ADMITTED, Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE), Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED)]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(1, 3), st.sampled_from(IdentityState), st.integers(0, 2)),
        st.tuples(st.sampled_from(["sign", "send", "refuse", "prepare", "close"])),
    ),
    max_size=12,
)


@given(STEPS, st.lists(VERDICTS, min_size=1, max_size=5))
def test_the_sums_agree_after_any_day(steps: list[tuple[object, ...]], verdicts: list[Verdict]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        station = make_station(Path(directory))
        station.centre.judge = lambda dose: verdicts[dose.sequence % len(verdicts)]
        for step in steps:
            _do(station, step)
        sheet = close(station).sheet
        figures = day_status(station.database, POLICY, now=AFTERNOON, day=DAY).figures
        assert sheet.recorded == figures.recorded == sheet.admitted + sum(count for _, count in sheet.waiting)
        assert sheet.admitted + sheet.quarantined + sheet.refused <= sheet.received <= sheet.signed <= sheet.recorded
        assert all(count > 0 for _, count in sheet.waiting)
        found = day_to_close(station.database, POLICY, DAY, now=AFTERNOON)
        assert not found.has_changed
        assert check_store(station.database).findings == ()
        station.database.close()


def _do(station: Station, step: tuple[object, ...]) -> None:
    plan = station.plan(late_reason="mất điện")
    match step:
        case ["record", int(count), IdentityState() as state, int(back)]:
            station.record(count, state=state, given_at=MORNING - back * DAY_SECONDS)
        case ["sign"] if plan and not _is_open(station):
            station.sign(plan[0])
        case ["prepare"] if plan and not _is_open(station):
            prepare_pass(station.database, plan[0], officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
        case ["send"]:
            send(station)
        case ["refuse"]:
            station.centre.refuse = [Code.CERTIFICATE_UNREGISTERED]
            send(station)
            station.centre.refuse = []
        case ["close"]:
            close(station)


def _is_open(station: Station) -> bool:
    return day_status(station.database, POLICY, now=AFTERNOON).open_pass is not None


DAMAGES = {
    "a body with other bytes": (
        "UPDATE closings SET body = unhex(substr(hex(body), 1, 2 * length(body) - 2) || '00') WHERE revision = 2",
        {f"closing:{DAY}/2"},
    ),
    "the body of another revision": (
        "UPDATE closings SET body = (SELECT body FROM closings WHERE revision = 1) WHERE revision = 2",
        {f"closing:{DAY}/2"},
    ),
    "another author": ("UPDATE closings SET closed_by = 'x' WHERE revision = 1", {f"closing:{DAY}/1"}),
    "a sheet that is gone": ("DELETE FROM closings WHERE revision = 1", {"bundle:1/1"}),
    "a bundle of something else": (
        "UPDATE closings SET sequence = 3 WHERE revision = 2",
        {f"closing:{DAY}/2", "bundle:1/2"},
    ),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_changed_closing_is_found_where_it_is(station: Station, damage: str) -> None:
    station.record(2)
    close(station)
    close(station, remark="lần hai")
    station.sign()
    statement, subjects = DAMAGES[damage]
    with station.database.write_transaction() as tables:
        # A person with the passphrase can take triggers away; what the bytes prove is left.
        for name in ("closings_no_update", "closings_no_delete"):
            tables.execute(f"DROP TRIGGER {name}")
        assert tables.execute(statement).rowcount == 1
    assert {finding.subject for finding in check_store(station.database).findings} == subjects


def test_a_trail_that_was_written_anew_is_found_by_the_sheet(station: Station) -> None:
    with station.database.write_transaction() as tables:
        audit.append(tables, Action.DOSE_RECORDED, "dose:1", actor="Y tá", at=AFTERNOON)
    close(station)
    with station.database.write_transaction() as tables:
        kept = audit.entries(tables)
        for name in ("audit_no_update", "audit_no_delete"):
            tables.execute(f"DROP TRIGGER {name}")
        tables.execute("DELETE FROM audit")
        for entry in kept:
            # The whole chain again, without a break, with another author of the first entry.
            actor = "ai đó" if entry.entry == 1 else entry.actor
            audit.append(tables, Action(entry.action), entry.subject, actor=actor, at=entry.at, details=entry.details)
    findings = check_store(station.database).findings
    assert [(one.subject, one.what) for one in findings] == [
        (f"closing:{DAY}/1", "the audit trail is not the one that it names")
    ]


def test_the_page_adds_up_links_every_reason_and_closes(station: Station, visitor: Visitor) -> None:
    verdict = Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE)
    station.centre.judge = lambda dose: verdict if dose.sequence == 1 else ADMITTED
    station.record(4)
    station.sign()
    send(station)
    station.record(3)
    whole = station.plan()[0]
    station.sign(replace(whole, doses=whole.doses[:1], people=1))
    station.record(2, state=IdentityState.NO_NUMBER)
    text = visitor.get("/day-close")
    rows = re.findall(r'<td class="adds">(.*?)</td>', text)
    sums = [[int(number) for number in re.findall(r"<b>(\d+)</b>", row)] for row in rows]
    assert sums == [[9], [5, 4], [4, 1], [3, 1]]
    # Each line adds up to the first number of the line above.
    assert all(sum(below) == above[0] for above, below in pairwise(sums))
    listed = re.findall(r'<td class="number big">(\d+)</td><th scope="row"><a href="([^"]+)"', text)
    assert {address.partition("?")[0]: int(count) for count, address in listed} == {
        "/sign": 2,
        "/sync": 1,
        "/waiting/identity-missing": 2,
        f"/waiting/{Code.DOSE_DUPLICATE}": 1,
    }
    assert "Gói 2: 1 mũi" in text
    for _, address in listed:
        # A reason with a work list of its own leads there.
        assert visitor.client.get(address, base_url=ADDRESS, follow_redirects=True).status_code == 200
    visitor.get("/day-close")
    form = visitor.hidden()
    assert "Còn mũi chưa vào sổ cái" in visitor.post("/day-close", {**form, "remark": "mưa to"}, status=422)
    assert 'value="mưa to"' in visitor.text
    text = visitor.post("/day-close", {**form, "remark": "mưa to", "sure": "yes"})
    assert "Đã chốt lúc 16:30, lần 1." in text
    assert "Gói 3: chờ gửi" in text
    again = visitor.post("/day-close", {**form, "sure": "yes", "remark": "Gửi lại"}, status=422)
    assert words(EdgeCode.DAY_CLOSED).vi in again
    assert 'value="Gửi lại"' in again
    send(station)
    text = visitor.get("/day-close")
    assert "Gói 3: trung tâm nhận 16:30." in text
    # What the centre received meanwhile needs no new sheet; a dose that was recorded does.
    assert "Số liệu đã khác lúc chốt" not in text
    station.record(1)
    assert "Số liệu đã khác lúc chốt: khi đó 9 đã ghi, 5 đã ký." in visitor.get("/day-close")
    sheet = visitor.get(f"/day-close/sheet?day={DAY}&revision=1")
    for said in ("Phiếu chốt ngày 15/04/2022", "mưa to", "Người chốt", "Thủ trưởng đơn vị", "19001A-000009"):
        assert said in sheet
    visitor.get(f"/day-close/sheet?day={DAY}&revision=2", status=404)
    visitor.get("/day-close/sheet?day=x", status=400)
    visitor.get("/day-close?day=2022-04-16", status=422)


def test_a_quiet_day_is_closed_with_one_key_and_a_long_remark_is_told(station: Station, visitor: Visitor) -> None:
    text = visitor.get("/day-close?day=2022-04-14")
    assert "Không có mũi tiêm nào trong ngày này" in text
    assert 'name="sure"' not in text
    form = visitor.hidden()
    assert "Ghi chú dài quá 300 chữ" in visitor.post("/day-close", {**form, "remark": "x" * 301}, status=422)
    assert "Đã chốt lúc 16:30, lần 1." in visitor.post("/day-close", form)
    assert "Các ngày trước đã chốt." in visitor.text


def test_people_and_vials_that_are_left_are_said(station: Station, visitor: Visitor) -> None:
    station.record(2)
    with station.database.write_transaction() as tables:
        visit_row = "INSERT INTO visits (day, number, person_id, state, arrived_at, arrived_by, sequence) VALUES"
        tables.execute(f"{visit_row} (?, 1, 1, 'observed', 1, 'x', 1), (?, 2, 2, 'waiting', 1, 'x', NULL)", (DAY, DAY))
        tables.execute(
            "INSERT INTO vials (day, station, product, lot, lot_expiry, doses, opened_at, opened_by, submission)"
            " VALUES (?, 'Bàn 1', 'AZ', 'ABX1234', '2022-12-31', 10, 1, 'x', 'one')",
            (DAY,),
        )
    text = visitor.get("/day-close")
    for said in ("1 người còn được theo dõi", "1 người còn trong hàng đợi", "1 lọ vắc xin chưa đóng sổ"):
        assert said in text


def test_the_command_closes_a_day_and_again(tmp_path: Path) -> None:
    make_clinic(tmp_path).database.close()

    class Clock:
        def now(self) -> int:
            return NOW

    for revision in (1, 2):
        done = CliRunner().invoke(
            main,
            ["--directory", str(tmp_path), "close-day", "--remark", "không tiêm", "--by", MANAGER, "--json"],
            env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
            obj=Clock(),
        )
        assert done.exit_code == 0, done.output
        data = json.loads(done.stdout)
        assert (data["day"], data["revision"], data["bundle"], data["recorded"]) == (DAY, revision, revision, 0)

"""The figures of a day: each dose stands in one place, and the sums agree."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.day_figures import Standing, count, place
from edge.domain.outbox import DELIVERED, BundleState
from edge.domain.signing_pass import Facts, Rules
from edge.domain.waiting import Waiting
from edge.store import reports
from edge.web.frame.charts import hours, shares
from edge.workflow.day_status import as_json, day_status
from edge.workflow.exchange import exchange
from edge.workflow.prepare_pass import prepare_pass
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, FACILITY, MORNING, OFFICER, make_station
from tests.simulator import POLICY

RULES = Rules(FACILITY, AFTERNOON, signing_start="2022-04-08")


def test_every_dose_of_a_mixed_day_is_counted_once(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(5)
    station.sign()
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    station.record(4)
    station.sign()
    station.record(3)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    station.record(2)
    station.record(1, given_at=MORNING - DAY_SECONDS)
    for state, number in ((IdentityState.MISMATCH, 4), (IdentityState.NO_NUMBER, 3), (IdentityState.WAITING, 2)):
        station.record(number, state=state)
    status = day_status(station.database, POLICY, now=AFTERNOON)
    figures = status.figures
    assert figures.waiting == {
        Waiting.UNSENT: 4,
        Waiting.PASS_OPEN: 3,
        Waiting.UNSIGNED: 2,
        Waiting.LATE_REASON: 1,
        Waiting.IDENTITY_MISMATCH: 4,
        Waiting.IDENTITY_MISSING: 3,
        Waiting.IDENTITY_WAITING: 2,
    }
    assert (figures.recorded, figures.matched) == (24, 15)
    assert (figures.signed, figures.received, figures.admitted) == (9, 5, 5)
    assert figures.recorded == figures.admitted + sum(figures.waiting.values())
    assert (status.unsent, status.signed_passes) == (1, 2)
    assert day_status(station.database, POLICY, now=AFTERNOON, day="today").figures.recorded == 23
    assert day_status(station.database, POLICY, now=AFTERNOON, day=DAY).day == DAY


def test_the_json_is_numbers_ids_and_codes(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(2)
    station.sign()
    data = json.loads(json.dumps(as_json(day_status(station.database, POLICY, now=AFTERNOON))))
    assert data["recorded"] == data["admitted"] + sum(data["waiting"].values()) == 2
    assert data["bundles"][0]["state"] == "sealed"
    assert "Nguyễn" not in json.dumps(data, ensure_ascii=False)


facts = st.builds(
    Facts,
    st.integers(1, 9),
    st.sampled_from([FACILITY, "19002"]),
    given_at=st.sampled_from([MORNING, MORNING - DAY_SECONDS, MORNING - 60 * DAY_SECONDS, AFTERNOON + 1]),
    identity=st.sampled_from(IdentityState),
    has_late_reason=st.booleans(),
    is_correction=st.booleans(),
    superseded=st.booleans(),
)
verdicts = st.sampled_from(
    [
        ADMITTED,
        Verdict(VerdictState.QUARANTINED, Code.IDENTITY_MISMATCH),
        Verdict(VerdictState.REFUSED, Code.DOSE_ORDER),
    ]
)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    bundle = draw(st.none() | st.sampled_from(BundleState))
    in_open_pass = bundle is None and draw(st.booleans())
    verdict = draw(verdicts) if bundle is BundleState.RECEIPTED else None
    return Standing(draw(facts), in_open_pass, bundle=bundle, verdict=verdict)


@given(st.lists(standings(), max_size=60))
def test_the_sums_agree_whatever_happened(found: list[Standing]) -> None:
    figures = count(found, RULES)
    current = [one for one in found if not one.facts.superseded]
    assert figures.recorded == len(current) == figures.admitted + sum(figures.waiting.values())
    assert figures.received == sum(one.bundle in DELIVERED for one in current)
    assert sum(figures.returned.values()) == figures.quarantined + figures.refused
    assert all(place(one, RULES) for one in current)
    drawn = shares(figures)
    assert sum(share.count for share in drawn) == figures.recorded
    assert all(share.count >= 0 and share.width >= 0 for share in drawn)
    assert sum(share.width for share in drawn) == (1_000 if current else 0)


def test_hours_are_local_and_cover_what_was_given_at_night(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(2, given_at=AFTERNOON - DAY_SECONDS)
    # 23:30 in Vietnam is 16:30 UTC.
    station.record(1, given_at=AFTERNOON - DAY_SECONDS + 7 * 3_600)
    station.record(3)
    with station.database.read() as tables:
        counts = reports.hours(tables, local_day(AFTERNOON - DAY_SECONDS))
    columns = hours(counts, now_hour=16)
    assert [(column.hour, column.count) for column in columns if column.count] == [(16, 2), (23, 1)]
    assert [column.hour for column in columns if column.is_now] == [16]
    assert max(column.height for column in columns) == 150

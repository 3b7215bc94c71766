"""The list of the signing desk in the store: states as the rules give them, filters, order, and the index behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.signing_pass import Candidate, Rules, obstacle, outline, person_key
from edge.store import doses, signing_queue
from edge.store.database import Tables
from edge.store.signing_queue import READY, Wanted
from edge.workflow.plan_passes import outline_selection, signing_rules
from edge.workflow.prepare_pass import prepare_pass
from sync_protocol.dose import IdentityState
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, FACILITY, MORNING, OFFICER, Station, make_station
from tests.simulator import POLICY

YESTERDAY = MORNING - DAY_SECONDS
# Before the start of signing: backlog, which needs no reason.
BACKLOG = MORNING - 30 * DAY_SECONDS
ALL = Wanted()


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Some of everything: each identity state on each kind of day, with and without a reason; one pass is open."""
    station = make_station(tmp_path)
    station.record(2)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    for given_at in (MORNING, YESTERDAY, BACKLOG, AFTERNOON + 3_600):
        for state in IdentityState:
            station.record(1, state=state, given_at=given_at)
            station.record(1, state=state, given_at=given_at, late_reason="mất điện")
    return station


def rules(tables: Tables, *, late_reason: str = "") -> Rules:
    return signing_rules(tables, POLICY, now=AFTERNOON, late_reason=late_reason)


def states(tables: Tables, wanted: Wanted = ALL, *, late_reason: str = "") -> dict[int, str]:
    """The state of each dose that is wanted, as the list says it."""
    found = signing_queue.page(tables, wanted, rules(tables, late_reason=late_reason), offset=0, limit=1_000)
    return {row.sequence: row.state for row in found}


@pytest.mark.parametrize("late_reason", ["", "mất mạng"])
def test_the_list_says_of_every_dose_what_the_rules_say(station: Station, late_reason: str) -> None:
    with station.database.read() as tables:
        listed = states(tables, late_reason=late_reason)
        assembled = doses.assemble(tables, range(3, doses.last_sequence(tables) + 1))
        measured = rules(tables, late_reason=late_reason)
    assert listed == {dose.sequence: obstacle(Candidate(dose).facts, measured) or READY for dose in assembled}
    assert len(set(listed.values())) == (6 if late_reason else 7)


@pytest.mark.parametrize("wanted", [ALL, Wanted(DAY, DAY), Wanted(last_day="2022-04-14"), Wanted(product="PF")])
def test_counts_from_the_tallies_are_those_of_the_rows(station: Station, wanted: Wanted) -> None:
    with station.database.read() as tables:
        counted = signing_queue.count_states(tables, wanted, rules(tables))
        rows = list(states(tables, wanted).values())
        # The same days with all their hours named one by one have to be counted by rows.
        by_rows = signing_queue.count_states(tables, replace(wanted, text="nguyen"), rules(tables))
    assert counted == {state: rows.count(state) for state in counted}
    assert sum(counted.values()) == len(rows)
    assert by_rows == counted


def test_what_can_be_signed_stands_first_and_a_page_goes_on_where_the_one_before_ended(station: Station) -> None:
    with station.database.read() as tables:
        whole = signing_queue.page(tables, ALL, rules(tables), offset=0, limit=1_000)
        parts = [signing_queue.page(tables, ALL, rules(tables), offset=start, limit=7) for start in range(0, 60, 7)]
        ready = signing_queue.ready(tables, ALL, rules(tables), limit=1_000)
    assert [row for part in parts for row in part] == whole
    assert [row.sequence for row in whole if row.state == READY] == ready
    assert [row.state == READY for row in whole] == sorted((row.state == READY for row in whole), reverse=True)


def test_the_list_is_narrowed_by_state_hour_name_and_phone(station: Station) -> None:
    with station.database.read() as tables:
        everything = states(tables)
        for state in set(everything.values()):
            only = states(tables, Wanted(state=state))
            assert only == {number: one for number, one in everything.items() if one == state}
        # The first of two doses is given one minute after 09:30, the late ones of the evening at 17:31.
        assert set(states(tables, Wanted(DAY, DAY, from_hour=17)).values()) >= {"dose-day"}
        assert "dose-day" not in states(tables, Wanted(DAY, DAY, to_hour=17)).values()
        assert len(states(tables, Wanted(text="ba thu"))) == len(states(tables, Wanted(text="Thử Ba"))) > 0
        assert list(states(tables, Wanted(text="0900 000 003"))) == [3]
        assert states(tables, Wanted(text="n")) == states(tables, Wanted(text="090")) == {}
        assert states(tables, Wanted(text='" OR *')) == {}


def test_the_list_is_read_over_the_index_of_what_is_unsigned(station: Station) -> None:
    asked: list[str] = []
    with station.database.read() as tables:
        tables.conn.set_trace_callback(asked.append)
        signing_queue.page(tables, Wanted(DAY, DAY, text="nguyen"), rules(tables), offset=0, limit=100)
        signing_queue.ready(tables, Wanted(DAY, DAY), rules(tables), limit=100)
        signing_queue.count_states(tables, Wanted(DAY, DAY, from_hour=7), rules(tables))
        tables.conn.set_trace_callback(None)
        lists = [statement for statement in asked if "standings AS s" in statement]
        plans = [" ".join(row[3] for row in tables.execute(f"EXPLAIN QUERY PLAN {one}")) for one in lists]
    assert len(plans) == 3
    assert all("USING COVERING INDEX standings_unsigned (given_day>? AND given_day<?)" in plan for plan in plans)


def test_the_products_of_some_days_are_counted(station: Station) -> None:
    with station.database.read() as tables:
        assert signing_queue.products(tables, Wanted(DAY, DAY)) == [("AZ", 24)]
        assert signing_queue.products(tables, Wanted("2022-04-16")) == []


def test_ticked_doses_are_outlined_as_they_would_be_planned_whole(station: Station) -> None:
    station.record(3, per_person=3)
    with station.database.read() as tables:
        numbers = range(1, doses.last_sequence(tables) + 1)
        measured = rules(tables)
        lines = {one.line.facts.sequence: one.line for one in signing_queue.lines(tables, numbers, facility=FACILITY)}
        assembled = doses.assemble(tables, numbers)
        selection = outline_selection(tables, POLICY, [*numbers, 99_999], now=AFTERNOON)
    for dose in assembled:
        live = replace(Candidate(dose).facts, in_live_batch=dose.sequence in {1, 2})
        assert lines[dose.sequence].facts == live
        assert lines[dose.sequence].person == person_key(dose)
    assert selection.outline == outline(lines.values(), measured)


def test_a_digest_is_of_the_doses_the_people_and_the_reason(station: Station) -> None:
    with station.database.read() as tables:
        first = outline_selection(tables, POLICY, [3, 4], now=AFTERNOON, late_reason="")
        assert outline_selection(tables, POLICY, [4, 3], now=AFTERNOON).digest == first.digest
        others = [
            outline_selection(tables, POLICY, [3], now=AFTERNOON),
            outline_selection(tables, POLICY, [3, 4], now=AFTERNOON, late_reason="mất điện"),
            outline_selection(tables, POLICY, [3, 4], now=AFTERNOON + DAY_SECONDS, late_reason="mất điện"),
        ]
    with station.database.write_transaction() as tables:
        tables.execute("UPDATE people SET phone = '0911', revision = revision + 1 WHERE person_id = 3")
        others.append(outline_selection(tables, POLICY, [3, 4], now=AFTERNOON))
    assert len({first.digest, *(one.digest for one in others)}) == 5


def test_a_replaced_version_is_left_out_with_its_reason(station: Station) -> None:
    with station.database.write_transaction() as tables:
        stored = doses.get(tables, 3)
        assert stored is not None
        doses.add(
            tables,
            stored.person_id,
            stored.facts,
            at=AFTERNOON,
            by="Y tá",
            submission="fix",
            replaces=3,
            replace_reason="ghi nhầm",
        )
        selection = outline_selection(tables, POLICY, [3], now=AFTERNOON)
    assert [(one.sequence, one.reason) for one in selection.outline.refused] == [(3, "superseded")]

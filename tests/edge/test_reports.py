"""Reports: what the store counts by itself is what a recount gives, and the page says it in pictures and tables."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from edge.domain.roles import Role
from edge.store import doses, people, reports, standings
from edge.store.migrations.m0005_reports import DERIVED
from edge.store.people import PersonId
from edge.web.frame.pictures import Amount, bars, columns, percent, pieces
from edge.workflow.exchange import exchange
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code
from sync_protocol.identity import Sex
from tests.browser.visitor import Visitor, make_node, visit
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, MORNING, Station, make_station

PREVIOUS = "2022-04-14"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def visitor(tmp_path: Path, station: Station) -> Visitor:
    return visit(make_node(tmp_path, station.database, station.clock), station.centre)


def report(station: Station, first_day: str = DAY, last_day: str = DAY) -> reports.Report:
    with station.database.read() as tables:
        assert list(reports.differences(tables)) == []
        assert standings.differences(tables) == []
        return reports.report(tables, first_day, last_day)


def open_vials(station: Station, *sizes: int, lot: str = "ABX1234", day: str = DAY, state: str = "open") -> None:
    with station.database.write_transaction() as tables:
        for size in sizes:
            tables.execute(
                "INSERT INTO vials (day, station, product, lot, lot_expiry, doses, opened_at, opened_by, state,"
                " submission) VALUES (?, 'Bàn 1', 'AZ', ?, '2022-12-31', ?, ?, 'Y tá', ?, hex(randomblob(8)))",
                (day, lot, size, MORNING, state),
            )


def test_a_mixed_day_is_counted_by_hour_dose_age_sex_and_identity(station: Station) -> None:
    station.record(3, per_person=2)
    station.record(2, state=IdentityState.MISMATCH)
    station.record(1, given_at=MORNING - DAY_SECONDS)
    found = report(station)
    assert found.recorded == 8
    assert found.hours == {9: 8}
    assert found.doses == {("AZ", 1): 5, ("AZ", 2): 3}
    assert found.ages == {37: 8}
    assert found.sexes == {"F": 8}
    assert found.identities == {IdentityState.MATCHED: 6, IdentityState.MISMATCH: 2}
    both = report(station, PREVIOUS, DAY)
    assert both.days == {PREVIOUS: 1, DAY: 8}
    assert both.hours == {9: 9}


def test_a_person_put_right_moves_to_another_age_and_sex(station: Station) -> None:
    station.record(1, per_person=2)
    with station.database.write_transaction() as tables:
        person = people.get(tables, PersonId(1))
        assert person is not None
        mended = replace(person.recipient, sex=Sex.M, birth_date="2010")
        people.change(tables, person, mended, state=IdentityState.WAITING, at=AFTERNOON, by="Y tá")
    found = report(station)
    assert (found.ages, found.sexes) == ({12: 2}, {"M": 2})


def test_the_birthday_itself_counts_as_a_full_year(station: Station) -> None:
    station.record(2)
    for person_id, born in ((1, "1990-04-15"), (2, "1990-04-16")):
        with station.database.write_transaction() as tables:
            person = people.get(tables, PersonId(person_id))
            assert person is not None
            mended = replace(person.recipient, birth_date=born)
            people.change(tables, person, mended, state=IdentityState.WAITING, at=AFTERNOON, by="Y tá")
    assert report(station).ages == {32: 1, 31: 1}


def test_doses_signed_on_their_day_are_told_from_later_ones_and_given_back_when_refused(station: Station) -> None:
    station.record(4)
    station.sign()
    station.record(3, given_at=MORNING - DAY_SECONDS, late_reason="mất điện")
    station.record(2)
    assert (report(station).same_day, report(station).later) == (4, 0)
    station.sign(station.plan(late_reason="mất điện")[0])
    while station.plan(late_reason="mất điện"):
        station.sign(station.plan(late_reason="mất điện")[0])
    both = report(station, PREVIOUS, DAY)
    assert (both.same_day, both.later) == (6, 3)
    station.centre.refuse = [Code.CERTIFICATE_UNREGISTERED]
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    both = report(station, PREVIOUS, DAY)
    assert both.same_day + both.later == 5
    assert both.recorded == 9


def test_a_correction_takes_the_place_of_what_it_replaces(station: Station) -> None:
    station.record(2)
    station.sign()
    with station.database.write_transaction() as tables:
        stored = doses.get(tables, 1)
        assert stored is not None
        doses.add(
            tables,
            stored.person_id,
            replace(stored.facts, lot="RIGHT01", given_at=stored.facts.given_at + 3_600),
            at=AFTERNOON,
            by="Y tá",
            submission="correction",
            replaces=1,
            replace_reason="ghi nhầm số lô",
        )
    found = report(station)
    assert found.recorded == 2
    assert found.hours == {9: 1, 10: 1}
    assert found.same_day == 1
    assert {use.lot: use.doses for use in found.lots} == {"ABX1234": 1, "RIGHT01": 1}


def test_a_migrated_store_has_the_same_counts(station: Station) -> None:
    station.record(3, per_person=2)
    station.sign()
    with station.database.write_transaction() as tables:
        kept = tables.execute("SELECT * FROM report_counts WHERE doses <> 0").fetchall()
        filled = tables.execute(DERIVED).fetchall()
    assert sorted(kept) == sorted(filled)
    assert kept


@pytest.mark.parametrize(
    ("vials", "given", "word"),
    [
        ((10, 10), 20, "Khớp"),
        ((10, 10), 11, "Khớp"),
        ((10, 10), 10, "Dư liều"),
        ((10,), 11, "Thiếu lọ"),
        ((), 1, "Thiếu lọ"),
    ],
)
def test_lots_are_compared_with_opened_vials(
    station: Station, visitor: Visitor, vials: tuple[int, ...], given: int, word: str
) -> None:
    open_vials(station, *vials)
    open_vials(station, 10, state="withdrawn")
    station.record(given)
    use = report(station).lots[0]
    assert (use.doses, use.vials, use.capacity) == (given, len(vials), sum(vials))
    text = visitor.get("/reports")
    assert re.findall(r"</svg>(Khớp|Dư liều|Thiếu lọ)</span>", text) == [word]


def test_a_day_too_many_and_a_day_too_few_do_not_even_out(station: Station) -> None:
    open_vials(station, 10, 10, 10)
    open_vials(station, 10, day=PREVIOUS)
    station.record(10)
    station.record(30, given_at=MORNING - DAY_SECONDS)
    use = report(station, PREVIOUS, DAY).lots[0]
    assert (use.doses, use.capacity) == (40, 40)
    assert (use.short_days, use.spare_days) == (1, 1)


def test_what_was_sent_is_counted_by_the_day_of_its_bundle(station: Station) -> None:
    for _ in range(2):
        station.record(2)
        station.sign()
    station.centre.faults = []
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    station.record(1)
    station.sign()
    traffic = report(station).traffic
    assert (traffic.bundles, traffic.delivered) == (3, 2)
    assert traffic.size_bytes > 500
    assert traffic.link.reached_at == AFTERNOON
    assert report(station, PREVIOUS, PREVIOUS).traffic.bundles == 0


def test_the_queries_of_a_report_go_over_indexes(station: Station) -> None:
    plans: list[str] = []
    with station.database.read() as tables:
        seen: list[tuple[str, object]] = []
        with tables.tracer(lambda sql, parameters: seen.append((sql, parameters))):
            reports.report(tables, PREVIOUS, DAY)
        for sql, parameters in seen:
            plans += [str(row[3]) for row in tables.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]  # type: ignore[arg-type]
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN link"]


def test_the_page_says_the_numbers_in_words_and_adds_up(station: Station, visitor: Visitor) -> None:
    station.record(5)
    station.sign()
    station.record(3, state=IdentityState.NO_NUMBER)
    text = visitor.get("/reports")
    assert "Báo cáo ngày 15/04/2022" in text
    assert "8 mũi tiêm theo giờ" in text
    legend = dict(re.findall(r"</svg>([^<]+)</th><td class=\"number\">(\d+)</td>", text))
    assert legend == {"Đã khớp": "5", "Không có số": "3", "Ký trong ngày tiêm": "5", "Chưa ký": "3"}
    for picture in re.findall(r"<svg class=\"chart[^>]*>", text):
        assert 'role="img" aria-label="' in picture
    assert text.count('<svg class="chart') == 3


def test_days_stand_in_the_address_and_a_wrong_span_is_said_beside_the_field(
    station: Station, visitor: Visitor
) -> None:
    station.record(1, given_at=MORNING - DAY_SECONDS)
    assert "Không có mũi tiêm nào" in visitor.get("/reports")
    assert "1 mũi tiêm theo giờ" in visitor.get(f"/reports?from={PREVIOUS}&to={PREVIOUS}")
    assert "1 mũi tiêm theo ngày" in visitor.get(f"/reports?from={PREVIOUS}&to={DAY}")
    assert "từ 14/01/2022 đến 15/04/2022" in visitor.get("/reports?from=2022-01-14&to=2022-04-15")
    assert "từ 14/01/2022 đến 15/04/2022" in visitor.get("/reports?from=14/1/2022&to=15/04/2022")
    for asked, said in (
        ("from=2022-01-13&to=2022-04-15", "Nhiều nhất 92 ngày"),
        ("from=2022-04-15&to=2022-04-14", "Ngày đầu ở sau ngày cuối"),
        ("from=2022-02-31", "Ngày không có thật"),
        ("from=20220415", "Ngày không có thật"),
    ):
        text = visitor.get(f"/reports?{asked}")
        assert said in text
        assert 'aria-invalid="true"' in text
    assert 'value="31/02/2022"' in visitor.get("/reports?from=31/02/2022")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("page", ["/reports", "/exports", "/day-close"])
def test_reports_are_for_signers_and_managers(tmp_path: Path, station: Station, role: Role, page: str) -> None:
    visitor = visit(make_node(tmp_path, station.database, station.clock), station.centre, roles=[role])
    visitor.get(page, status=200 if role in (Role.SIGNER, Role.MANAGER) else 403)


amounts = st.lists(st.integers(0, 5_000).map(lambda number: Amount(str(number), number)), min_size=1, max_size=92)


@for_any(amounts)
def test_columns_stand_beside_each_other_and_something_is_never_drawn_as_nothing(given_amounts: list[Amount]) -> None:
    drawn = columns(given_amounts)
    assert len(drawn) == len(given_amounts)
    assert all(one.left >= 0 and one.width >= 1 and one.left + one.width <= 900 for one in drawn)
    assert all(left.left + left.width <= right.left for left, right in pairwise(drawn))
    assert all((one.height > 0) == (one.amount.count > 0) for one in drawn)
    assert all(one.top + one.height == 160 for one in drawn)
    assert drawn[-1].has_label


@for_any(amounts)
def test_the_pieces_of_a_bar_fill_it(given_amounts: list[Amount]) -> None:
    total = sum(amount.count for amount in given_amounts)
    drawn = pieces([("", amount) for amount in given_amounts], total=total)
    assert sum(piece.width for piece in drawn) == (1_000 if total else 0)
    assert all(bar.width <= 1_000 for bar in bars(given_amounts))


def test_a_percentage_is_never_0_for_something_nor_100_for_not_everything() -> None:
    assert [percent(count, 1_000) for count in (0, 1, 410, 999, 1_000)] == ["0 %", "< 1 %", "41 %", "99 %", "100 %"]
    assert percent(0, 0) == "0 %"

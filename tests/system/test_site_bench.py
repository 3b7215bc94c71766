"""The bench of the site's application runs to its end on a small store: every page answers, and every line is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.site import Effort, measure
from bench.site_store import DAYS, day_of, doses_of_day, given_at, make_store, open_store
from edge.store import standings
from sync_protocol.days import local_day
from tests.edge.station import DAY

PEOPLE = 200
LITTLE = Effort(searches=8, doses=2, each_page=1, each_browser=6)


def test_the_store_is_that_of_a_site_and_what_it_derives_is_right(tmp_path: Path) -> None:
    make_store(tmp_path, PEOPLE)
    database = open_store(tmp_path)
    with database.read() as tables:
        assert standings.differences(tables) == []
        days = tables.execute("SELECT given_day, count(*) FROM standings GROUP BY given_day").fetchall()
        stages = {str(row[0]) for row in tables.execute("SELECT DISTINCT stage FROM standings")}
    assert [row[1] for row in days] == [doses_of_day(PEOPLE)] * DAYS
    assert days[-1][0] == DAY
    assert stages == {"", "sealed", "receipted"}
    database.close()


def test_doses_are_spread_over_the_days_in_order() -> None:
    newest = PEOPLE * 3
    assert (day_of(1, PEOPLE), day_of(newest, PEOPLE)) == (DAYS - 1, 0)
    assert local_day(given_at(newest, PEOPLE)) == DAY
    times = [given_at(sequence, PEOPLE) for sequence in range(1, newest + 1)]
    assert times == sorted(times)


def test_the_bench_measures_every_page_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = {str(line["metric"]): line for line in measure(PEOPLE, LITTLE)}
    assert {name.partition(".")[0] for name in lines} == set(bench.METRICS["bench.site"])
    assert lines["site_browsers"]["value"] == 0, lines["site_browsers"]
    assert lines["page_p99"]["pages"] == sum(name.startswith("page_p99.") for name in lines)
    assert {"page_p99.today.show", "page_p99.people.show", "page_p99.signing.choose"} <= set(lines)
    assert all(line["met"] in (True, False) for line in lines.values())

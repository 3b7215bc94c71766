"""Local days in Vietnam, and months that end early."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import days, limits
from sync_protocol.errors import Code
from tests.protocol.refusals import refused

# 1975-06-13 is when Vietnam's time became UTC+7 everywhere; nobody is vaccinated before.
INSTANTS = st.integers(171_849_600, 4_102_444_800)


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@given(INSTANTS)
def test_a_local_day_is_the_one_of_the_time_zone_database(instant: int) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    assert days.local_day(instant) == datetime.fromtimestamp(instant, zone).date().isoformat()


@given(INSTANTS)
def test_a_day_holds_its_instants_and_no_others(instant: int) -> None:
    day = days.local_day(instant)
    assert days.day_start(day) <= instant < days.day_end(day)
    assert days.local_day(days.day_end(day) - 1) == day
    assert days.local_day(days.day_end(day)) != day


def test_the_day_turns_at_midnight_in_vietnam() -> None:
    assert days.local_day(_instant("2022-04-08T16:59:59+00:00")) == "2022-04-08"
    assert days.local_day(_instant("2022-04-08T17:00:00+00:00")) == "2022-04-09"


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2022-04-08T10:00:00+07:00", 12, "2023-04-08T10:00:00+07:00"),
        ("2024-02-29T10:00:00+07:00", 12, "2025-02-28T10:00:00+07:00"),
        ("2022-01-31T23:30:00+07:00", 1, "2022-02-28T23:30:00+07:00"),
        ("2022-11-30T00:30:00+07:00", 3, "2023-02-28T00:30:00+07:00"),
        ("2022-12-15T10:00:00+07:00", 0, "2022-12-15T10:00:00+07:00"),
        ("2022-01-31T10:00:00+07:00", -2, "2021-11-30T10:00:00+07:00"),
    ],
)
def test_months_are_counted_on_the_local_calendar(start: str, months: int, end: str) -> None:
    assert days.add_months(_instant(start), months) == _instant(end)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2022-4-8",
        "20220408",
        "2022-W14-5",
        "2022-02-29",
        "2022-13-01",
        "2022-04-08T00",
        "２０２２-04-08",
        "0000-01-01",
    ],
)
def test_only_one_form_of_a_day_is_read(text: str) -> None:
    with refused(Code.FIELD_INVALID):
        days.parse_day(text, what="day")


def test_the_last_instant_is_a_date_in_every_zone() -> None:
    assert days.to_datetime(limits.INSTANT).tzinfo is UTC
    assert days.local_day(limits.INSTANT) == "9999-12-30"

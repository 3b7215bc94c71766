"""The days that a page is about, as they stand in its address: `?from=2022-04-01&to=2022-04-15`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from edge.web.frame.day_field import read_day
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _
from sync_protocol.days import local_day

# The spans that one key chooses, in days until today.
PRESETS: Final = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Span:
    """Local days "YYYY-MM-DD", both included.

    Attributes:
        typed: both days as their fields show them; what was typed beside a fault.
        fault: why that is no span, or ""; then the days are those of today.
    """

    first_day: str
    last_day: str
    typed: tuple[str, str]
    fault: str = ""

    @property
    def days(self) -> int:
        """How many days there are."""
        return (date.fromisoformat(self.last_day) - date.fromisoformat(self.first_day)).days + 1


def read_span(asked: Mapping[str, str], *, now: int, most_days: int) -> Span:
    """The days asked for as "from" and "to"; today where nothing is asked, and beside a fault.

    Args:
        asked: arguments of an address or fields of a form.
        now: epoch seconds UTC.
        most_days: how many days a span may have.
    """
    today = local_day(now)
    fields = read_day(asked.get("from", "")), read_day(asked.get("to", ""))
    typed = (fields[0].text, fields[1].text)
    fault = fields[0].fault or fields[1].fault
    if fault:
        return Span(today, today, typed, fault)
    first_day = fields[0].day or fields[1].day or today
    last_day = fields[1].day or fields[0].day or today
    if first_day > last_day:
        return Span(today, today, typed, _("Ngày đầu ở sau ngày cuối. Đổi lại hai ngày."))
    span = Span(first_day, last_day, (iso_day(first_day), iso_day(last_day)))
    if span.days > most_days:
        return Span(today, today, typed, _("Nhiều nhất %(days)s ngày một lần. Chọn khoảng ngắn hơn.", days=most_days))
    return span


def preset(days: int, *, now: int) -> tuple[str, str]:
    """The first and the last of so many days until today."""
    last = date.fromisoformat(local_day(now))
    return (last - timedelta(days=days - 1)).isoformat(), last.isoformat()

"""The days that a page is about, as they stand in its address: `?from=2022-04-01&to=2022-04-15`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from edge.web.frame.language import _
from sync_protocol.days import local_day, parse_day
from sync_protocol.errors import ProtocolError

# The spans that one key chooses, in days until today.
PRESETS: Final = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Span:
    """Local days "YYYY-MM-DD", both included.

    Attributes:
        typed: what was asked for, to be shown again beside its fault.
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
    typed = (asked.get("from", "").strip(), asked.get("to", "").strip())
    first_text, last_text = typed[0] or typed[1] or today, typed[1] or typed[0] or today
    try:
        first, last = parse_day(first_text, what="from"), parse_day(last_text, what="to")
    except ProtocolError:
        return Span(today, today, typed, _("Ngày không có thật hoặc sai dạng. Chọn trong lịch, ví dụ 15/04/2022."))
    if first > last:
        return Span(today, today, typed, _("Ngày đầu ở sau ngày cuối. Đổi lại hai ngày."))
    if (last - first).days >= most_days:
        return Span(today, today, typed, _("Nhiều nhất %(days)s ngày một lần. Chọn khoảng ngắn hơn.", days=most_days))
    return Span(first_text, last_text, (first_text, last_text))


def preset(days: int, *, now: int) -> tuple[str, str]:
    """The first and the last of so many days until today."""
    last = date.fromisoformat(local_day(now))
    return (last - timedelta(days=days - 1)).isoformat(), last.isoformat()

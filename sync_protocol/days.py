"""Local days: the same-day rule, the claims of a batch and the catalogue mean days in Vietnam.

Asia/Ho_Chi_Minh has been UTC+7 without summer time since 1975, so the offset is a constant here and no time-zone
database can be missing or wrong on a laptop. Instants are whole seconds since 1970 in UTC.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from sync_protocol.errors import Code, ProtocolError

VIETNAM: Final = timezone(timedelta(hours=7), "ICT")
DAY_SECONDS: Final = 86_400
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def local_day(instant: int) -> str:
    """The day in Vietnam, as YYYY-MM-DD, on which the instant (epoch seconds) falls."""
    return datetime.fromtimestamp(instant, VIETNAM).date().isoformat()


def day_start(day: str) -> int:
    """The first second of a local day, in epoch seconds.

    Raises:
        ProtocolError: FIELD_INVALID when it is not a day in the form YYYY-MM-DD.
    """
    found = parse_day(day, what="day")
    return int(datetime(found.year, found.month, found.day, tzinfo=VIETNAM).timestamp())


def day_end(day: str) -> int:
    """The first second after a local day, in epoch seconds.

    Raises:
        ProtocolError: FIELD_INVALID when it is not a day in the form YYYY-MM-DD.
    """
    return day_start(day) + DAY_SECONDS


def add_months(instant: int, months: int) -> int:
    """The same local day and time of day so many months later; the last of the month where that day is missing."""
    at = datetime.fromtimestamp(instant, VIETNAM)
    count = at.year * 12 + at.month - 1 + months
    year, month = count // 12, count % 12 + 1
    day = min(at.day, calendar.monthrange(year, month)[1])
    return int(at.replace(year=year, month=month, day=day).timestamp())


def parse_day(text: str, *, what: str) -> date:
    """Reads a day in the form YYYY-MM-DD, in ASCII digits only.

    Raises:
        ProtocolError: FIELD_INVALID naming `what`.
    """
    # `fromisoformat` alone would also read 20220408 and 2022-W14-5.
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ProtocolError(Code.FIELD_INVALID, f"{what}: must be a day in the form YYYY-MM-DD")


def to_datetime(instant: int) -> datetime:
    """The instant (epoch seconds) as an aware datetime in UTC, for the functions about certificates."""
    return datetime.fromtimestamp(instant, UTC)

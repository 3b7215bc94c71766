"""How the pages write numbers, instants and sizes: 1.234, 17:02, 21/11/2026, Thứ Sáu. Local time is Vietnam's."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal
from flask import Flask

from edge.web.frame.language import VIETNAMESE, _, language, plural
from sync_protocol.days import VIETNAM, local_day
from sync_protocol.names import fold

_KILO: Final = 1_000
_HOUR_SECONDS: Final = 3_600


def clock(instant: int) -> str:
    """The time of day, 17:02."""
    return _local(instant).strftime("%H:%M")


def day(instant: int) -> str:
    """The day with its name: Thứ Sáu, 15/04/2022."""
    return str(format_date(_local(instant), "EEEE, dd/MM/yyyy", locale=language()))


def iso_day(text: str) -> str:
    """A stored day "2022-04-15" as 15/04/2022; a bare year stays what it is."""
    if len(text) != len("2022-04-15"):
        return text
    return date.fromisoformat(text).strftime("%d/%m/%Y")


def moment(instant: int, now: int) -> str:
    """The time of day, with the day in front of it unless it is today."""
    at = _local(instant)
    return at.strftime("%H:%M" if local_day(instant) == local_day(now) else "%d/%m %H:%M")


def count(number: int) -> str:
    """A number with its thousands parted: 1.234, in English 1,234."""
    # Babel would read the locale's pattern for each: a page has some hundred numbers.
    parted = f"{number:,}"
    return parted.replace(",", ".") if language() == VIETNAMESE else parted


def size(number: int) -> str:
    """A size in bytes for people: 812 B, 41,3 KB, 12,0 GB."""
    value, unit = float(number), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):  # noqa: B007
        if value < _KILO:
            break
        value /= _KILO
    return f"{number} B" if unit == "B" else f"{format_decimal(value, '0.0', locale=language())} {unit}"


def duration(seconds: int) -> str:
    """A span for people: 4 giờ 12 phút."""
    hours, minutes = seconds // _HOUR_SECONDS, seconds % _HOUR_SECONDS // 60
    if not hours:
        return plural("%(num)s phút", "%(num)s phút", minutes)
    return _("%(hours)s giờ %(minutes)s phút", hours=hours, minutes=minutes)


def about(seconds: int) -> str:
    """A span for people with little room: 4 giờ, and from two hours down 1 giờ 12 phút. Never more than it is."""
    hours = seconds // _HOUR_SECONDS
    return duration(seconds) if hours < 2 else plural("%(num)s giờ", "%(num)s giờ", hours)


def given_name_first(name: str) -> tuple[str, ...]:
    """The key by which lists of people are sorted: the given name, then all of the name; letters before their marks."""
    given = name.rpartition(" ")[2]
    return (fold(given), given, fold(name), name)


def install(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.filters.update(
        {
            "clock": clock,
            "day": day,
            "iso_day": iso_day,
            "moment": moment,
            "count": count,
            "bytes": size,
            "duration": duration,
            "about": about,
        }
    )


def _local(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, VIETNAM)

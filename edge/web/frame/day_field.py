"""A day as it is typed into a page: 21/11/2026 in every language of the browser, and "2026-11-21" in an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.domain.day_list_cells import CellError, day_of
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _

# More than the longest day, so that what is wrong with a longer text can still be seen.
_MOST_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class TypedDay:
    """What stands in a field for a day.

    Attributes:
        text: as the field shows it; what was typed where that is no day.
        day: local day "YYYY-MM-DD", or "" where there is none.
        fault: why the text is no day, or "".
    """

    text: str = ""
    day: str = ""
    fault: str = ""


def read_day(text: str) -> TypedDay:
    """Read `dd/mm/yyyy`, or "YYYY-MM-DD" as addresses have it; an empty text is no day and no fault."""
    typed = " ".join(text.split())[:_MOST_CHARS]
    if not typed:
        return TypedDay()
    try:
        day = day_of(typed)
    except CellError:
        fault = _("Ngày không có thật hoặc sai dạng. Ghi ngày/tháng/năm, ví dụ 15/04/2022.")
        return TypedDay(typed, fault=fault)
    return TypedDay(iso_day(day), day)

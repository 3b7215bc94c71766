"""What one cell of a day list says: text, whole number, date, time of day; each reader raises CellError otherwise.

Spreadsheets turn text into numbers and dates as they like, so each reader takes every kind of cell that can mean the
same. Only ASCII digits count.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time
from typing import Final

from edge.domain.day_list import Cell
from edge.domain.refusals import AnyCode, EdgeCode
from sync_protocol.identity import is_birth_date, is_day

_DAY_MONTH_YEAR: Final = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})")
_TIME: Final = re.compile(r"([0-9]{1,2})(?:[:hH]|\s*giờ\s*)([0-9]{2})?(?::([0-9]{2}))?'?")
_ERROR_VALUES: Final = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")
_DAY_SECONDS: Final = 86_400


class CellError(Exception):
    """The cell does not hold what its column needs; carries the code, never the content."""

    def __init__(self, code: AnyCode) -> None:
        super().__init__(code)
        self.code = code


def text_of(cell: Cell, *, max_chars: int) -> str:
    """Text in NFC with single spaces; "" for an empty cell. A whole number is its digits."""
    match cell:
        case None:
            return ""
        case bool() | datetime() | date() | time():
            raise CellError(EdgeCode.CELL_INVALID)
        case int() | float():
            text = str(whole_of(cell))
        case str():
            text = " ".join(unicodedata.normalize("NFC", cell).split())
    if text.startswith("=") or text in _ERROR_VALUES:
        raise CellError(EdgeCode.CELL_FORMULA)
    # Category C: control and format characters, also those that turn the writing direction; unassigned ones.
    if len(text) > max_chars or any(unicodedata.category(character).startswith("C") for character in text):
        raise CellError(EdgeCode.CELL_INVALID)
    return text


def whole_of(cell: Cell) -> int:
    """A whole number that is not negative, from a number or from ASCII digits."""
    if isinstance(cell, bool):
        raise CellError(EdgeCode.CELL_INVALID)
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int) and 0 <= cell < 10**15:
        return cell
    if isinstance(cell, str) and re.fullmatch(r"[0-9]{1,15}", cell.strip()):
        return int(cell.strip())
    raise CellError(EdgeCode.CELL_INVALID)


def day_of(cell: Cell) -> str:
    """A day as "YYYY-MM-DD", from a date or from text `dd/mm/yyyy` (also `-` or `.`) or `yyyy-mm-dd`."""
    if isinstance(cell, datetime):
        text = cell.date().isoformat()
    elif isinstance(cell, date):
        text = cell.isoformat()
    elif isinstance(cell, str):
        text = cell.strip()
        found = _DAY_MONTH_YEAR.fullmatch(text)
        if found is not None:
            text = f"{found[3]}-{int(found[2]):02d}-{int(found[1]):02d}"
    else:
        raise CellError(EdgeCode.DATE_INVALID)
    if not is_day(text):
        raise CellError(EdgeCode.DATE_INVALID)
    return text


def birth_date_of(cell: Cell) -> str:
    """A date of birth: a day, or a year alone as "YYYY"."""
    text = str(whole_of(cell)) if isinstance(cell, int | float) else cell
    if isinstance(text, str) and is_birth_date(text.strip()):
        return text.strip()
    return day_of(cell)


def seconds_of(cell: Cell) -> int:
    """A time of day in seconds, from a time, a fraction of a day, or text (`7:30`, `07:30:00`, `7h30`, `7 giờ`)."""
    match cell:
        case datetime() | time():
            return cell.hour * 3600 + cell.minute * 60 + cell.second
        case float() if 0 <= cell < 1:
            return round(cell * _DAY_SECONDS) % _DAY_SECONDS
        case str():
            found = _TIME.fullmatch(unicodedata.normalize("NFC", cell.strip()))
            if found is not None:
                hour, minute, second = (int(part or 0) for part in found.groups())
                if hour < 24 and minute < 60 and second < 60:
                    return hour * 3600 + minute * 60 + second
    raise CellError(EdgeCode.CELL_INVALID)

"""What the manager of the site has settled: a few values with bounds, each with a default that suits a commune station.

Read with `get` (numbers and switches) and `stations` (names). Nothing is written that the bounds do not allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import refuse
from edge.store.database import Tables
from sync_protocol.errors import Code

STATION_CHARS: Final = 40
MOST_STATIONS: Final = 30
_DEFAULT_STATIONS: Final = ("Bàn 1",)


class Setting(StrEnum):
    """One setting; stored, so a word is never given another meaning."""

    IDLE_MINUTES = "idle-minutes"
    APPROVAL_REQUIRED = "approval-required"
    OBSERVATION_MINUTES = "observation-minutes"
    STATIONS = "stations"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the greatest value, and the one that holds until somebody says otherwise."""

    least: int
    greatest: int
    default: int


# A switch is 0 or 1. Observation takes 30 minutes by rule; a site may ask for more, and for children's campaigns less.
BOUNDS: Final[Mapping[Setting, Bounds]] = MappingProxyType(
    {
        Setting.IDLE_MINUTES: Bounds(1, 120, 15),
        Setting.APPROVAL_REQUIRED: Bounds(0, 1, 0),
        Setting.OBSERVATION_MINUTES: Bounds(15, 120, 30),
    }
)


def get(tables: Tables, setting: Setting) -> int:
    """The value of a setting that is a number or a switch (0, 1). KeyError for `STATIONS`, which has names."""
    bounds = BOUNDS[setting]
    text = _text(tables, setting)
    return bounds.default if text is None else int(text)


def stations(tables: Tables) -> tuple[str, ...]:
    """The names of the injection tables, in the manager's order; at least one."""
    text = _text(tables, Setting.STATIONS)
    return _DEFAULT_STATIONS if text is None else tuple(text.split("\n"))


def put(tables: Tables, setting: Setting, value: int, *, at: int, by: str) -> bool:
    """Write a number or a switch; gives whether that changed anything. RefusedError FIELD_INVALID out of bounds."""
    bounds = BOUNDS[setting]
    if not bounds.least <= value <= bounds.greatest:
        raise refuse(Code.FIELD_INVALID, setting.value, detail=f"{bounds.least}–{bounds.greatest}")
    return get(tables, setting) != value and _write(tables, setting, str(value), at=at, by=by)


def put_stations(tables: Tables, names: Sequence[str], *, at: int, by: str) -> bool:
    """Write the names of the injection tables; gives whether that changed anything.

    Raises:
        RefusedError: FIELD_INVALID for none, too many, too long ones, or the same one twice.
    """
    tidy = tuple(" ".join(name.split()) for name in names)
    is_good = 1 <= len(tidy) <= MOST_STATIONS and len(set(tidy)) == len(tidy)
    if not is_good or not all(1 <= len(name) <= STATION_CHARS for name in tidy):
        raise refuse(Code.FIELD_INVALID, Setting.STATIONS.value)
    return stations(tables) != tidy and _write(tables, Setting.STATIONS, "\n".join(tidy), at=at, by=by)


def _text(tables: Tables, setting: Setting) -> str | None:
    row = tables.execute("SELECT value FROM settings WHERE name = ?", (setting.value,)).fetchone()
    return None if row is None else str(row[0])


def _write(tables: Tables, setting: Setting, text: str, *, at: int, by: str) -> bool:
    tables.execute(
        "INSERT INTO settings (name, value, changed_at, changed_by) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at,"
        " changed_by = excluded.changed_by",
        (setting.value, text, at, by),
    )
    return True

"""What happened on a day: for each site received, admitted, certified, and where the rest waits and why.

The sums agree by construction: received = admitted + quarantined + refused, and admitted = certified + waiting,
reason by reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from central.domain.node import NodeState
from central.store import day_counts, day_runs, questions
from central.store.database import read_transaction
from central.store.day_counts import CERTIFIED, WAITING, NodeSign, RefusedBundle
from central.store.day_runs import DayRun
from central.store.questions import Asked
from sync_protocol.days import day_end, day_start, parse_day
from sync_protocol.verdict import VerdictState

# How many days the strip over the page shows.
STRIP_DAYS: Final = 14
_TROUBLED: Final = (NodeState.FORKED.value, NodeState.DENIED.value)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of dose versions that no newer version replaces.

    Attributes:
        quarantined, refused: by code; they wait for a person.
        waiting: admitted, without a certificate, by code; `day_counts.NOT_RUN` before a run has looked.
    """

    certified: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def admitted(self) -> int:
        return self.certified + sum(self.waiting.values())

    @property
    def received(self) -> int:
        return self.admitted + sum(self.quarantined.values()) + sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class SiteDay:
    """One site's day.

    Attributes:
        is_silent: none of its nodes sent anything on that day; never for all days together.
        last_heard_at: newest sign of life of any of its nodes, epoch seconds UTC, or None.
        troubled: codes of nodes that are forked or locked out.
        asked: about how many people its nodes asked the population database on that day; none for all days together.
    """

    code: str
    name: str
    figures: Figures
    is_silent: bool
    last_heard_at: int | None
    troubled: tuple[str, ...]
    asked: Asked


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Everything that the operator's page says of a day.

    Attributes:
        day: "YYYY-MM-DD", or None for all days.
        sites: by code.
        total: the sum of the sites.
        replaced: dose versions that corrections took the place of.
        runs: the end-of-day runs that began on this day; the newest one of all for all days.
        hours: doses that arrived in each hour of this day; empty for all days.
        refused_bundles: bundles of this day that were refused as a whole.
        strip: the last days up to this one with (certified, waiting, quarantined or refused).
    """

    day: str | None
    sites: tuple[SiteDay, ...]
    total: Figures
    replaced: int
    runs: tuple[DayRun, ...]
    hours: tuple[int, ...]
    refused_bundles: tuple[RefusedBundle, ...]
    strip: tuple[tuple[str, tuple[int, int, int]], ...]


def day_figures(engine: Engine, day: str | None, *, strip_end: str | None = None) -> DayFigures:
    """Counts one day, in one consistent view.

    Args:
        engine: the store.
        day: the local day on which doses were given, "YYYY-MM-DD"; None for all days.
        strip_end: the last day of the strip, where it is not `day`.

    Raises:
        ProtocolError: FIELD_INVALID, the day is none.
        StoreError: the store is away.
    """
    last = strip_end or day
    with read_transaction(engine) as connection:
        standings = day_counts.count_standings(connection, day=day)
        names = day_counts.facility_names(connection)
        signs = day_counts.signs_of_life(connection)
        runs = day_runs.runs_of_day(connection, day) if day else [day_runs.newest_run(connection)]
        heard: frozenset[str] = frozenset()
        hours: list[int] = []
        refused: list[RefusedBundle] = []
        asked: dict[str, Asked] = {}
        if day is not None:
            start, end = day_start(day), day_end(day)
            heard = day_counts.nodes_heard(connection, start=start, end=end)
            hours = day_counts.arrivals_by_hour(connection, start=start, end=end)
            refused = day_counts.refused_bundles(connection, start=start, end=end)
            asked = questions.asked_by_facility(connection, start=start, end=end)
        replaced = day_counts.count_replaced(connection, day=day)
        strip = _strip(day_counts.count_days(connection, first=days_before(last), last=last), last) if last else ()
    by_site = {code: _figures(standings, code) for code in names}
    return DayFigures(
        day=day,
        sites=tuple(
            _site(
                code,
                name,
                by_site[code],
                [sign for sign in signs if sign.facility == code],
                heard,
                asked=asked.get(code, Asked()),
                day=day,
            )
            for code, name in names.items()
        ),
        total=_figures(standings, None),
        replaced=replaced,
        runs=tuple(run for run in runs if run is not None),
        hours=tuple(hours),
        refused_bundles=tuple(refused),
        strip=strip,
    )


def days_before(day: str, count: int = STRIP_DAYS - 1) -> str:
    """The local day so many days before another one."""
    return (parse_day(day, what="day") - timedelta(days=count)).isoformat()


def _figures(standings: list[day_counts.Standing], facility: str | None) -> Figures:
    certified = 0
    by_code: dict[str, dict[str, int]] = {
        WAITING: {},
        VerdictState.QUARANTINED.value: {},
        VerdictState.REFUSED.value: {},
    }
    for standing in standings:
        if facility is not None and standing.facility != facility:
            continue
        if standing.state == CERTIFIED:
            certified += standing.count
        else:
            counts = by_code[standing.state]
            counts[standing.code] = counts.get(standing.code, 0) + standing.count
    waiting, quarantined, refused = (
        dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))) for counts in by_code.values()
    )
    return Figures(certified, waiting, quarantined, refused)


def _site(
    code: str,
    name: str,
    figures: Figures,
    signs: list[NodeSign],
    heard: frozenset[str],
    *,
    asked: Asked,
    day: str | None,
) -> SiteDay:
    times = [sign.last_heard_at for sign in signs if sign.last_heard_at is not None]
    return SiteDay(
        code=code,
        name=name,
        figures=figures,
        is_silent=day is not None and not any(sign.node in heard for sign in signs),
        last_heard_at=max(times, default=None),
        troubled=tuple(sign.node for sign in signs if sign.state in _TROUBLED),
        asked=asked,
    )


def _strip(counted: dict[str, dict[str, int]], last: str) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    strip = []
    for back in range(STRIP_DAYS - 1, -1, -1):
        day = days_before(last, back)
        states = counted.get(day, {})
        certified, waiting = states.get(CERTIFIED, 0), states.get(WAITING, 0)
        strip.append((day, (certified, waiting, sum(states.values()) - certified - waiting)))
    return tuple(strip)

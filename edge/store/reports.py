"""What reports count over a range of days, read from derived tables and indexes: never a row for each dose.

Days are local days "YYYY-MM-DD", both included; counts are of the newest version of each dose. `report_counts` is
written by the store's triggers alone, and `differences` recomputes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.outbox import DELIVERED
from edge.store import link
from edge.store.database import Tables
from edge.store.link import LinkState
from edge.store.migrations.m0008_handovers import REPORTS_DERIVED
from sync_protocol.days import day_end, day_start
from sync_protocol.identity import IdentityState

_DELIVERED: Final = ", ".join(f"'{state}'" for state in sorted(DELIVERED))


@dataclass(frozen=True, slots=True)
class LotUse:
    """A lot on the days of the report: what was recorded, and what the opened vials hold by their labels.

    Attributes:
        doses: recorded with this lot.
        vials: opened.
        capacity: doses in these vials.
        short_days: days on which more doses were recorded than the vials hold.
        spare_days: days on which a whole vial or more is left over.
    """

    product: str
    lot: str
    doses: int
    vials: int
    capacity: int
    short_days: int
    spare_days: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bundles made on these days, and the link as it stands; sizes in bytes."""

    bundles: int
    delivered: int
    size_bytes: int
    link: LinkState


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of a range of days.

    Attributes:
        days, hours, ages, sexes: doses by local day, local hour, full years, M or F; what has none is left out.
        doses: by product and number in the series.
        identities: doses by the identity state of their people.
        same_day, later: doses that a sealed bundle carries, by whether they were signed on the day they were given.
    """

    recorded: int
    days: Mapping[str, int]
    hours: Mapping[int, int]
    doses: Mapping[tuple[str, int], int]
    ages: Mapping[int, int]
    sexes: Mapping[str, int]
    identities: Mapping[IdentityState, int]
    same_day: int
    later: int
    lots: Sequence[LotUse]
    traffic: Traffic


def report(tables: Tables, first_day: str, last_day: str) -> Report:
    """Count everything that a report shows; some thousand rows of small tables for three months."""
    span = (first_day, last_day)
    days = tables.execute(
        "SELECT given_day, sum(doses) FROM tallies WHERE given_day BETWEEN ? AND ? GROUP BY given_day", span
    )
    by_day = {str(row[0]): int(row[1]) for row in days if row[1]}
    identities = tables.execute(
        "SELECT identity_state, sum(doses) FROM tallies WHERE given_day BETWEEN ? AND ? GROUP BY identity_state", span
    )
    kinds: dict[str, dict[tuple[str, int], int]] = {"dose": {}, "hour": {}, "age": {}, "sex": {}, "signed": {}}
    counted = tables.execute(
        "SELECT kind, name, number, sum(doses) FROM report_counts WHERE given_day BETWEEN ? AND ?"
        " GROUP BY kind, name, number HAVING sum(doses) > 0",
        span,
    )
    for kind, name, number, doses in counted:
        kinds[kind][name, number] = doses
    return Report(
        recorded=sum(by_day.values()),
        days=by_day,
        hours={number: doses for (_, number), doses in kinds["hour"].items()},
        doses=kinds["dose"],
        ages={number: doses for (_, number), doses in kinds["age"].items()},
        sexes={name: doses for (name, _), doses in kinds["sex"].items()},
        identities={IdentityState(row[0]): int(row[1]) for row in identities if row[1]},
        same_day=kinds["signed"].get(("same-day", 0), 0),
        later=kinds["signed"].get(("later", 0), 0),
        lots=lots(tables, first_day, last_day),
        traffic=traffic(tables, first_day, last_day),
    )


def hours(tables: Tables, day: str) -> Mapping[int, int]:
    """Doses of one day by local hour; hours without any are left out."""
    rows = tables.execute(
        "SELECT number, sum(doses) FROM report_counts WHERE given_day = ? AND kind = 'hour' GROUP BY number"
        " HAVING sum(doses) > 0",
        (day,),
    )
    return {int(row[0]): int(row[1]) for row in rows}


def lots(tables: Tables, first_day: str, last_day: str) -> list[LotUse]:
    """Each lot that was recorded or opened, by product and lot. Days are compared one by one: they do not even out."""
    span = (first_day, last_day)
    recorded = tables.execute(
        "SELECT given_day, product, lot, sum(doses) FROM tallies WHERE given_day BETWEEN ? AND ?"
        " GROUP BY given_day, product, lot HAVING sum(doses) > 0",
        span,
    )
    doses = {(row[0], row[1], row[2]): int(row[3]) for row in recorded}
    opened = tables.execute(
        "SELECT day, product, lot, count(*), sum(doses), max(doses) FROM vials WHERE day BETWEEN ? AND ?"
        " AND state <> 'withdrawn' GROUP BY day, product, lot",
        span,
    )
    vials = {(row[0], row[1], row[2]): (int(row[3]), int(row[4]), int(row[5])) for row in opened}
    found: dict[tuple[str, str], list[int]] = {}
    for key in doses.keys() | vials.keys():
        given, (number, capacity, largest) = doses.get(key, 0), vials.get(key, (0, 0, 0))
        is_spare = number > 0 and capacity - given >= largest
        added = (given, number, capacity, int(given > capacity), int(is_spare))
        sums = found.setdefault(key[1:], [0] * len(added))
        found[key[1:]] = [before + more for before, more in zip(sums, added, strict=True)]
    return [LotUse(product, lot, *sums) for (product, lot), sums in sorted(found.items())]


def traffic(tables: Tables, first_day: str, last_day: str) -> Traffic:
    """The bundles made on these days, from the index of their instants."""
    row = tables.execute(
        f"SELECT count(*), coalesce(sum(state IN ({_DELIVERED})), 0), coalesce(sum(length(sealed)), 0)"
        " FROM bundles WHERE created_at >= ? AND created_at < ?",
        (day_start(first_day), day_end(last_day)),
    ).fetchone()
    return Traffic(int(row[0]), int(row[1]), int(row[2]), link.state(tables))


def recorded_between(tables: Tables, first_day: str, last_day: str) -> int:
    """How many doses were given on these days."""
    row = tables.execute(
        "SELECT coalesce(sum(doses), 0) FROM tallies WHERE given_day BETWEEN ? AND ?", (first_day, last_day)
    ).fetchone()
    return int(row[0])


def differences(tables: Tables) -> Iterable[str]:
    """What `report_counts` says otherwise than what it is derived from; nothing in a store nobody touched."""
    kept = "SELECT given_day, kind, name, number, doses FROM report_counts WHERE doses <> 0"
    for left, right in ((kept, REPORTS_DERIVED), (REPORTS_DERIVED, kept)):
        row = tables.execute(f"SELECT count(*) FROM (SELECT * FROM ({left}) EXCEPT SELECT * FROM ({right}))").fetchone()
        if row[0]:
            yield f"report_counts: {row[0]} rows are not what they are derived from"

"""The figures of a day, counted in the database: how many doses of each site stand where, and which they are.

A day is the local day on which doses were given. Only the newest version of a dose counts. Every dose is in one
standing: certified; *waiting* (admitted, without a certificate, for a reason); or what its verdict says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from central.store.health_certificates import FIRST_ISSUE, is_live
from central.store.tables import (
    batches,
    day_run_waiting,
    day_runs,
    doses,
    facilities,
    health_certificates,
    ledger_entries,
    nodes,
    verdicts,
)
from sync_protocol.ledger_entry import ADMITTED
from sync_protocol.verdict import VerdictState

CERTIFIED: Final = "certified"
WAITING: Final = "waiting"
# Admitted after the newest run looked: no decision yet.
NOT_RUN: Final = "not-run"
_HOUR_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Standing:
    """So many doses of a facility stand here; `code` says why, "" for those certified."""

    facility: str
    state: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class ListedDose:
    """One dose in a list of the operator: no name, no number, nothing of the person.

    Attributes:
        id: of the dose version.
        dose_id: node code and sequence, as the site knows it.
        given_day: "YYYY-MM-DD".
        arrived_at: epoch seconds, UTC.
        uvci: of its certificate, or "".
        signed_by: code of the facility that signed for the site, or "".
        late_reason: why it was signed late, by the statement, or "".
        offline_reason: why it was signed although the node was alone for long, by the statement, or "".
    """

    id: int
    dose_id: str
    facility: str
    product: str
    dose_number: int
    given_day: str
    arrived_at: int
    state: str
    code: str
    uvci: str
    signed_by: str
    late_reason: str
    offline_reason: str


@dataclass(frozen=True, slots=True)
class RefusedBundle:
    """A bundle that holds its place in its node's chain, refused as a whole."""

    ledger_index: int
    node: str
    sequence: int
    code: str
    arrived_at: int


@dataclass(frozen=True, slots=True)
class NodeSign:
    """The last sign of life of one node of a facility; `last_heard_at` is None before the first bundle."""

    facility: str
    node: str
    state: str
    last_heard_at: int | None


_newest_run = select(func.max(day_runs.c.number)).scalar_subquery()
_IS_OUT: Final = verdicts.c.state != VerdictState.ADMITTED.value
_IS_CERTIFIED: Final = health_certificates.c.dose.is_not(None)
_state = case((_IS_OUT, verdicts.c.state), (_IS_CERTIFIED, CERTIFIED), else_=WAITING)
_code = case((_IS_OUT, verdicts.c.code), (_IS_CERTIFIED, ""), else_=func.coalesce(day_run_waiting.c.reason, NOT_RUN))
_STANDINGS: Final = (
    doses.join(verdicts, verdicts.c.dose == doses.c.id)
    .outerjoin(
        health_certificates,
        and_(health_certificates.c.dose == doses.c.id, health_certificates.c.issue == FIRST_ISSUE),
    )
    .outerjoin(day_run_waiting, and_(day_run_waiting.c.dose == doses.c.id, day_run_waiting.c.run == _newest_run))
)


def count_standings(connection: Connection, *, day: str | None) -> list[Standing]:
    """How many doses of each facility stand where.

    Args:
        day: "YYYY-MM-DD", or None for all days.
    """
    what = (doses.c.facility, _state, _code)
    statement = select(*what, func.count()).select_from(_STANDINGS).where(*_of_day(day), is_live()).group_by(*what)
    return [Standing(*row) for row in connection.execute(statement)]


def count_replaced(connection: Connection, *, day: str | None) -> int:
    """How many dose versions of a day have been replaced by newer ones; they count nowhere else."""
    return connection.execute(select(func.count()).select_from(doses).where(*_of_day(day), ~is_live())).scalar_one()


def count_days(connection: Connection, *, first: str, last: str) -> dict[str, dict[str, int]]:
    """For each local day of a range that has doses: how many stand in which state."""
    statement = (
        select(doses.c.given_day, _state, func.count())
        .select_from(_STANDINGS)
        .where(doses.c.facility.in_(select(facilities.c.code)), doses.c.given_day.between(first, last), is_live())
        .group_by(doses.c.given_day, _state)
    )
    found: dict[str, dict[str, int]] = {}
    for given_day, state, count in connection.execute(statement):
        found.setdefault(given_day, {})[state] = count
    return found


def count_by_node(connection: Connection, *, day: str) -> dict[str, tuple[int, int]]:
    """For each node with doses of a local day: how many the centre holds, and how many of them are admitted."""
    is_admitted = case((_IS_OUT, 0), else_=1)
    statement = (
        select(doses.c.node, func.count(), func.sum(is_admitted))
        .select_from(doses.join(verdicts, verdicts.c.dose == doses.c.id))
        .where(*_of_day(day), is_live())
        .group_by(doses.c.node)
    )
    return {row[0]: (row[1], int(row[2])) for row in connection.execute(statement)}


def newest_given_day(connection: Connection) -> str | None:
    """The newest local day of which there are doses, or None."""
    return connection.execute(
        select(func.max(doses.c.given_day)).where(doses.c.facility.in_(select(facilities.c.code)))
    ).scalar()


def list_standing(
    connection: Connection,
    *,
    day: str | None,
    facility: str,
    state: str,
    code: str | None,
    after: int,
    limit: int,
) -> list[ListedDose]:
    """The doses behind a figure, in the order of the ledger.

    Args:
        day: "YYYY-MM-DD", or None for all days.
        facility: its code, or "" for all.
        state: as in `Standing`, or "" for all.
        code: as in `Standing`, or None for all.
        after: only doses with a greater id.
        limit: how many at most.
    """
    statement = (
        select(
            doses.c.id,
            doses.c.node,
            doses.c.sequence,
            doses.c.facility,
            doses.c.product,
            doses.c.dose_number,
            doses.c.given_day,
            ledger_entries.c.admitted_at,
            _state,
            _code,
            func.coalesce(health_certificates.c.uvci, ""),
            case((func.coalesce(batches.c.for_facility, "") != "", batches.c.facility), else_=""),
            func.coalesce(batches.c.late_reason, ""),
            func.coalesce(batches.c.offline_reason, ""),
        )
        .select_from(
            _STANDINGS.join(ledger_entries, ledger_entries.c.idx == doses.c.ledger_index).outerjoin(
                batches, batches.c.ledger_index == doses.c.ledger_index
            )
        )
        .where(*_of_day(day), is_live(), doses.c.id > after)
        .order_by(doses.c.id)
        .limit(limit)
    )
    if facility:
        statement = statement.where(doses.c.facility == facility)
    if state:
        statement = statement.where(_state == state)
    if code is not None:
        statement = statement.where(_code == code)
    return [
        ListedDose(
            id=row[0],
            dose_id=f"{row[1]}-{row[2]:06d}",
            facility=row[3],
            product=row[4],
            dose_number=row[5],
            given_day=row[6],
            arrived_at=row[7],
            state=row[8],
            code=row[9],
            uvci=row[10],
            signed_by=row[11],
            late_reason=row[12],
            offline_reason=row[13],
        )
        for row in connection.execute(statement)
    ]


def arrivals_by_hour(connection: Connection, *, start: int, end: int) -> list[int]:
    """How many doses arrived in each hour from `start` to `end` (epoch seconds, UTC)."""
    hour = (ledger_entries.c.admitted_at - start) // _HOUR_SECONDS
    statement = (
        select(hour, func.sum(ledger_entries.c.doses))
        .where(ledger_entries.c.admitted_at >= start, ledger_entries.c.admitted_at < end)
        .group_by(hour)
    )
    found = {row[0]: int(row[1]) for row in connection.execute(statement)}
    return [found.get(place, 0) for place in range((end - start) // _HOUR_SECONDS)]


def refused_bundles(connection: Connection, *, start: int, end: int) -> list[RefusedBundle]:
    """The bundles that arrived from `start` to `end` and were refused as a whole."""
    table = ledger_entries
    statement = (
        select(table.c.idx, table.c.node, table.c.sequence, table.c.outcome, table.c.admitted_at)
        .where(table.c.admitted_at >= start, table.c.admitted_at < end, table.c.outcome != ADMITTED)
        .order_by(table.c.idx)
    )
    return [RefusedBundle(*row) for row in connection.execute(statement)]


def signs_of_life(connection: Connection) -> list[NodeSign]:
    """Every node with its last sign of life, by code."""
    columns = (nodes.c.facility, nodes.c.code, nodes.c.state, nodes.c.last_heard_at)
    return [NodeSign(*row) for row in connection.execute(select(*columns).order_by(nodes.c.code))]


def nodes_heard(connection: Connection, *, start: int, end: int) -> frozenset[str]:
    """The nodes of which a bundle arrived from `start` to `end`."""
    table = ledger_entries
    statement = select(table.c.node).where(table.c.admitted_at >= start, table.c.admitted_at < end).distinct()
    return frozenset(connection.execute(statement).scalars())


def facility_names(connection: Connection) -> dict[str, str]:
    """Every facility's name, by code."""
    rows = connection.execute(select(facilities.c.code, facilities.c.name).order_by(facilities.c.code))
    return {row[0]: row[1] for row in rows}


def _of_day(day: str | None) -> tuple[ColumnElement[bool], ...]:
    if day is None:
        return ()
    # The index begins with the facility, so the day is looked up facility by facility.
    return (doses.c.facility.in_(select(facilities.c.code)), doses.c.given_day == day)

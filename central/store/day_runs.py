"""End-of-day runs and the doses that wait in each of them.

At most one run is open. What it may certify is frozen by the ledger's size at its start, so that a run that was
killed and started again looks at the same doses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from central.store.tables import day_run_waiting, day_runs, health_certificates
from sync_protocol.errors import Code


class RunState(StrEnum):
    """Whether a run has come to its end."""

    OPEN = "open"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class DayRun:
    """One run.

    Attributes:
        number: from 1.
        day: the local day on which it began, "YYYY-MM-DD".
        ledger_size: entries of the ledger that it looks at.
        signer_kid: of the document signer, 8 bytes; of the last one where it was changed while the run was open.
        started_at: epoch seconds, UTC.
        finished_at: epoch seconds, UTC, or None while it is open.
        issued: certificates; known at the end.
        waiting: admitted doses without a certificate; known at the end.
    """

    number: int
    day: str
    state: RunState
    ledger_size: int
    signer_kid: bytes | None
    started_at: int
    finished_at: int | None
    issued: int
    waiting: int


def open_run(connection: Connection) -> DayRun | None:
    """The run that has not come to its end, or None."""
    row = connection.execute(select(day_runs).where(day_runs.c.state == RunState.OPEN.value)).one_or_none()
    return None if row is None else _run(row)


def newest_run(connection: Connection) -> DayRun | None:
    """The run that began last, open or finished, or None."""
    row = connection.execute(select(day_runs).order_by(day_runs.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _run(row)


def runs_of_day(connection: Connection, day: str) -> list[DayRun]:
    """The runs that began on a local day, in order."""
    rows = connection.execute(select(day_runs).where(day_runs.c.day == day).order_by(day_runs.c.number))
    return [_run(row) for row in rows]


def start_run(connection: Connection, *, day: str, ledger_size: int, signer_kid: bytes, at: int) -> DayRun:
    """Opens a run. The caller has seen in this transaction that none is open."""
    number = (connection.execute(select(func.max(day_runs.c.number))).scalar() or 0) + 1
    run = DayRun(number, day, RunState.OPEN, ledger_size, signer_kid, at, None, 0, 0)
    connection.execute(
        day_runs.insert(),
        {
            "number": run.number,
            "day": run.day,
            "state": run.state.value,
            "ledger_size": run.ledger_size,
            "signer_kid": run.signer_kid,
            "started_at": run.started_at,
            "finished_at": None,
            "issued": 0,
            "waiting": 0,
        },
    )
    return run


def take_up_run(connection: Connection, number: int, *, signer_kid: bytes) -> None:
    """Prepares a run that was left open to go on: what waits is found anew, the signer may be another."""
    connection.execute(delete(day_run_waiting).where(day_run_waiting.c.run == number))
    connection.execute(update(day_runs).where(day_runs.c.number == number).values(signer_kid=signer_kid))


def put_waiting(connection: Connection, run: int, waiting: Iterable[tuple[int, Code]]) -> None:
    """Notes which doses wait in this run and why."""
    rows = [{"run": run, "dose": dose, "reason": code.value} for dose, code in waiting]
    if rows:
        connection.execute(day_run_waiting.insert(), rows)


def waiting_of(connection: Connection, run: int) -> dict[str, int]:
    """How many doses wait in a run, by code."""
    table = day_run_waiting
    statement = select(table.c.reason, func.count()).where(table.c.run == run).group_by(table.c.reason)
    return {row[0]: row[1] for row in connection.execute(statement.order_by(table.c.reason))}


def close_run(connection: Connection, number: int, *, at: int) -> bool:
    """Closes a run that is open; False where somebody else has closed it. Until the commit nobody else can."""
    closed = connection.execute(
        update(day_runs)
        .where(day_runs.c.number == number, day_runs.c.state == RunState.OPEN.value)
        .values(state=RunState.FINISHED.value, finished_at=at)
    )
    return closed.rowcount == 1


def put_figures(connection: Connection, number: int) -> int:
    """Notes what a run did, counted from what is stored; gives the certificates that it issued."""
    held, waiting = health_certificates, day_run_waiting
    issued = select(func.count()).select_from(held).where(held.c.run == number)
    left = select(func.count()).select_from(waiting).where(waiting.c.run == number)
    count = connection.execute(issued).scalar_one()
    connection.execute(
        update(day_runs)
        .where(day_runs.c.number == number)
        .values(issued=count, waiting=connection.execute(left).scalar_one())
    )
    return count


def _run(row: Row[Any]) -> DayRun:
    return DayRun(
        number=row.number,
        day=row.day,
        state=RunState(row.state),
        ledger_size=row.ledger_size,
        signer_kid=row.signer_kid,
        started_at=row.started_at,
        finished_at=row.finished_at,
        issued=row.issued,
        waiting=row.waiting,
    )

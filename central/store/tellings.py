"""How far nodes have been told of what is numbered: changed verdicts, runs, withdrawn certificates."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, delete, exists, select, update

from central.store.day_runs import RunState
from central.store.tables import day_runs, doses, health_certificates, run_tellings, tellings
from sync_protocol.passports import CertificateState, IssuedCertificate


class Telling(StrEnum):
    """What is told; stored."""

    VERDICTS = "verdicts"
    PASSPORTS = "passports"
    WITHDRAWALS = "withdrawals"


def told_until(connection: Connection, subject: Telling) -> int:
    """The number up to which everybody concerned has been told; 0 before the first."""
    found = connection.execute(select(tellings.c.number).where(tellings.c.subject == subject.value)).scalar()
    return 0 if found is None else int(found)


def note_told(connection: Connection, subject: Telling, number: int) -> None:
    """Notes how far it has been told, in the transaction of the last item; to be called under the ledger lock."""
    here = tellings.c.subject == subject.value
    if connection.execute(update(tellings).where(here).values(number=number)).rowcount == 0:
        connection.execute(tellings.insert(), {"subject": subject.value, "number": number})


def runs_to_tell(connection: Connection) -> list[int]:
    """The finished runs of which not everybody has been told, in order."""
    after = told_until(connection, Telling.PASSPORTS)
    finished = (day_runs.c.number > after, day_runs.c.state == RunState.FINISHED.value)
    return list(connection.execute(select(day_runs.c.number).where(*finished).order_by(day_runs.c.number)).scalars())


def nodes_to_tell(connection: Connection, run: int) -> list[str]:
    """The nodes that recorded doses of a run's certificates and have not got them yet, by code."""
    held = health_certificates
    has_them = exists().where(run_tellings.c.run == run, run_tellings.c.node == doses.c.node).correlate(doses)
    statement = (
        select(doses.c.node)
        .distinct()
        .select_from(held.join(doses, doses.c.id == held.c.dose))
        .where(held.c.run == run, ~has_them)
        .order_by(doses.c.node)
    )
    return list(connection.execute(statement).scalars())


def certificates_of_run(connection: Connection, run: int, node: str) -> list[IssuedCertificate]:
    """The certificates of a run over doses that a node recorded, by sequence and issue."""
    held = health_certificates
    statement = (
        select(doses.c.sequence, held.c.issue, held.c.issued_at, held.c.expires_at, held.c.hc1)
        .select_from(held.join(doses, doses.c.id == held.c.dose))
        .where(held.c.run == run, doses.c.node == node)
        .order_by(doses.c.sequence, held.c.issue)
    )
    return [
        IssuedCertificate(row[0], row[1], _state(row[1]), at=row[2], expires_at=row[3], hc1=row[4])
        for row in connection.execute(statement)
    ]


def has_been_told(connection: Connection, run: int, node: str) -> bool:
    """Whether a node has its certificates of a run that others wait for."""
    here = (run_tellings.c.run == run, run_tellings.c.node == node)
    return connection.execute(select(run_tellings.c.run).where(*here)).scalar() is not None


def note_node_told(connection: Connection, run: int, node: str) -> None:
    """Notes that a node has its certificates of a run, in the transaction of the last item."""
    connection.execute(run_tellings.insert(), {"run": run, "node": node})


def close_telling(connection: Connection, run: int) -> None:
    """Notes that every node has its certificates of a run."""
    note_told(connection, Telling.PASSPORTS, run)
    connection.execute(delete(run_tellings).where(run_tellings.c.run <= run))


def _state(issue: int) -> CertificateState:
    return CertificateState.ISSUED if issue == 1 else CertificateState.RENEWED

"""Health certificates that were taken back before their end; they stay stored, and are shown to nobody any more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from central.store.tables import doses, health_certificates, withdrawn_certificates
from sync_protocol.passports import CertificateState, IssuedCertificate


@dataclass(frozen=True, slots=True)
class HeldCertificate:
    """A certificate by its number: of which dose, which issue, and whether it was withdrawn."""

    dose: int
    issue: int
    is_withdrawn: bool


def is_withdrawn() -> ColumnElement[bool]:
    """The condition that a row of `health_certificates` was withdrawn."""
    held, gone = health_certificates, withdrawn_certificates
    return exists().where(and_(gone.c.dose == held.c.dose, gone.c.issue == held.c.issue)).correlate(held)


def find_certificate(connection: Connection, uvci: str) -> HeldCertificate | None:
    """The certificate with this number, or None."""
    held = health_certificates
    statement = select(held.c.dose, held.c.issue, is_withdrawn()).where(held.c.uvci == uvci)
    row = connection.execute(statement).one_or_none()
    return None if row is None else HeldCertificate(row[0], row[1], bool(row[2]))


def withdraw(connection: Connection, certificate: HeldCertificate, *, reason: str, by: str, at: int) -> None:
    """Takes a certificate back; to be called under the ledger lock, since the numbers follow one another."""
    table = withdrawn_certificates
    number = (connection.execute(select(func.max(table.c.number))).scalar() or 0) + 1
    connection.execute(
        table.insert(),
        {
            "number": number,
            "dose": certificate.dose,
            "issue": certificate.issue,
            "reason": reason,
            "decided_by": by,
            "decided_at": at,
        },
    )


def withdrawals_after(
    connection: Connection, number: int, *, limit: int
) -> tuple[int, dict[str, list[IssuedCertificate]]]:
    """The next withdrawals, `limit` at most, by the node that recorded the dose; and the number of the last of them."""
    gone, held = withdrawn_certificates, health_certificates
    same = and_(held.c.dose == gone.c.dose, held.c.issue == gone.c.issue)
    joined = gone.join(held, same).join(doses, doses.c.id == gone.c.dose)
    columns = (
        gone.c.number, doses.c.node, doses.c.sequence, gone.c.issue, gone.c.decided_at, held.c.expires_at,
    )  # fmt: skip
    statement = select(*columns).select_from(joined).where(gone.c.number > number)
    found: dict[str, list[IssuedCertificate]] = defaultdict(list)
    last = number
    rows = connection.execute(statement.order_by(gone.c.number).limit(limit)).all()
    for row in sorted(rows, key=lambda row: (row.sequence, row.issue)):
        last = max(last, row.number)
        found[row.node].append(
            IssuedCertificate(row.sequence, row.issue, CertificateState.REVOKED, row.decided_at, row.expires_at, "")
        )
    return last, found

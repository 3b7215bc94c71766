"""Batches as signatures: who signed them, within which window, and how their doses stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, exists, func, select

from central.domain.signing_window import SigningWindow
from central.store.tables import batches, doses, health_certificates, verdicts
from central.store.verdict_changes import change_verdicts
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict, VerdictState


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """One batch.

    Attributes:
        ledger_index: its place in the ledger.
        facility, node, batch_number: of the signer.
        serial: of the signer's certificate, upper hex.
        thumbprint: of the same, 32 bytes.
        claimed_at: epoch seconds, UTC, by the statement.
        window: within which it was signed.
    """

    ledger_index: int
    facility: str
    node: str
    batch_number: int
    serial: str
    thumbprint: bytes
    claimed_at: int
    window: SigningWindow


@dataclass(frozen=True, slots=True)
class BatchStanding:
    """How many doses of a batch wait because of its certificate, may get a health certificate, and have one."""

    waiting: int
    releasable: int
    certified: int


# What a doubt about a whole signature is called in the verdicts of its doses.
DOUBTS: Final = (
    Code.CERTIFICATE_NOT_YET_VALID,
    Code.CERTIFICATE_EXPIRED,
    Code.CERTIFICATE_REVOKED,
    Code.CERTIFICATE_UNREGISTERED,
)
_DOUBTS: Final = [code.value for code in DOUBTS]
_COLUMNS: Final = (
    batches.c.ledger_index, batches.c.facility, batches.c.node, batches.c.batch_number, batches.c.serial,
    batches.c.thumbprint, batches.c.claimed_at, batches.c.not_before, batches.c.not_after,
)  # fmt: skip


def signers(connection: Connection) -> list[tuple[bytes, int]]:
    """Every certificate that signed a batch: its thumbprint, and its newest batch's place in the ledger."""
    newest = func.max(batches.c.ledger_index)
    statement = select(batches.c.thumbprint, newest).group_by(batches.c.thumbprint).order_by(newest)
    return [(row[0], row[1]) for row in connection.execute(statement)]


def signed_after(connection: Connection, thumbprint: bytes, instant: int) -> list[SignedBatch]:
    """The batches of a certificate that are not proven to be signed before an instant (epoch seconds, UTC)."""
    statement = select(*_COLUMNS).where(batches.c.thumbprint == thumbprint, batches.c.not_after > instant)
    return _batches(connection.execute(statement.order_by(batches.c.ledger_index)))


def doubted(connection: Connection) -> list[SignedBatch]:
    """The batches of which a dose waits because of the certificate."""
    indexes = (
        select(doses.c.ledger_index)
        .select_from(verdicts.join(doses, doses.c.id == verdicts.c.dose))
        .where(verdicts.c.state == VerdictState.QUARANTINED.value, verdicts.c.code.in_(_DOUBTS))
    )
    statement = select(*_COLUMNS).where(batches.c.ledger_index.in_(indexes))
    return _batches(connection.execute(statement.order_by(batches.c.ledger_index)))


def batch_at(connection: Connection, ledger_index: int) -> tuple[SignedBatch, bytes]:
    """The batch at a place in the ledger, with its signed statement."""
    statement = select(*_COLUMNS, batches.c.statement).where(batches.c.ledger_index == ledger_index)
    row = connection.execute(statement).one()
    return _batches([row[:-1]])[0], row[-1]


def hold_back(connection: Connection, ledger_index: int, *, by: str, at: int) -> int:
    """Quarantines the admitted doses of a batch that have no health certificate yet; gives how many.

    To be called under the ledger lock, as every change of a verdict.

    Args:
        by: who decided.
        at: epoch seconds, UTC.
    """
    own = select(doses.c.id).where(doses.c.ledger_index == ledger_index)
    certified = exists().where(health_certificates.c.dose == verdicts.c.dose)
    held = select(verdicts.c.dose).where(
        verdicts.c.dose.in_(own), verdicts.c.state == VerdictState.ADMITTED.value, ~certified
    )
    found = list(connection.execute(held.order_by(verdicts.c.dose)).scalars())
    doubt = Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED)
    return change_verdicts(connection, found, doubt, by=by, at=at)


def batch_standing(connection: Connection, ledger_index: int) -> BatchStanding:
    """How the doses of a batch stand."""
    joined = doses.join(verdicts, verdicts.c.dose == doses.c.id)
    certified = exists().where(health_certificates.c.dose == doses.c.id)

    def counted(*conditions: object) -> int:
        statement = select(func.count()).select_from(joined).where(doses.c.ledger_index == ledger_index)
        return connection.execute(statement.where(*conditions)).scalar_one()  # type: ignore[arg-type]

    return BatchStanding(
        waiting=counted(verdicts.c.state == VerdictState.QUARANTINED.value, verdicts.c.code.in_(_DOUBTS)),
        releasable=counted(verdicts.c.state == VerdictState.ADMITTED.value, ~certified),
        certified=counted(certified),
    )


def _batches(rows: Iterable[Sequence[Any]]) -> list[SignedBatch]:
    return [
        SignedBatch(
            ledger_index=row[0],
            facility=row[1],
            node=row[2],
            batch_number=row[3],
            serial=row[4],
            thumbprint=row[5],
            claimed_at=row[6],
            window=SigningWindow(row[7] or 0, row[8]),
        )
        for row in rows
    ]

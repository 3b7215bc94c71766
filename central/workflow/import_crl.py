"""Takes in one revocation list, fetched or brought on a stick: verified, never older than the one held, kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from central.store import crls, trust
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.trust import AUTHORITY_ROLES
from central.workflow.recheck_revocations import QuestionedBatch, recheck_revocations
from sync_protocol.crl import check_newer, line_of, listed_by, parse_crl, verify_crl


@dataclass(frozen=True, slots=True)
class TakenCrl:
    """A list that was taken, or held already.

    Attributes:
        issuer: distinguished name in the form of RFC 4514.
        number: or None.
        this_update, next_update: epoch seconds, UTC.
        entries: certificates that it lists.
        is_new: whether it was not held before.
        questioned: batches that are in question by what is known now.
    """

    issuer: str
    number: int | None
    this_update: int
    next_update: int | None
    entries: int
    is_new: bool
    questioned: tuple[QuestionedBatch, ...]


def import_crl(data: bytes, *, source: str, engine: Engine, now: int) -> TakenCrl:
    """Takes in a list.

    Args:
        data: DER or PEM, unverified.
        source: where it came from: an address, or the name of a file.
        engine: the store.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: TOO_LARGE, CRL_INVALID, CRL_UNSUPPORTED, CRL_UNTRUSTED or CRL_OLDER; the list that is held stays.
        StoreError: the store is away.
    """
    crl = parse_crl(data)
    with read_transaction(engine) as connection:
        rows = trust.trusted_rows(connection, AUTHORITY_ROLES)
    issuer = verify_crl(crl, [row.certificate for row in rows if row.removed_at is None], at=now)
    listed = listed_by(crl)
    with write_transaction(engine) as connection:
        # One at a time: whoever comes second with the same list finds it held.
        lock_ledger(connection)
        held = crls.held_crl(connection, line_of(crl, issuer))
        is_new = held is None or held.digest != crl.digest
        if is_new:
            if held is not None:
                check_newer(crl, number=held.number, this_update=held.this_update)
            crls.put_crl(connection, crl, issuer, listed=listed, source=source, at=now)
    # The list is kept from here on. What it means for batches that came before is found again by the next list or the
    # next end of day, should this program be stopped right here.
    questioned = recheck_revocations(engine, now=now)
    return TakenCrl(
        issuer=crl.issuer,
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
        entries=len(listed),
        is_new=is_new,
        questioned=questioned,
    )

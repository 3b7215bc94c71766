"""Judges the signatures of admitted batches again, when more is known of revoked certificates than at their arrival.

A list arrives when it arrives, and may revoke in the past. A batch whose signature is no longer proven to come before
the revocation waits for a person: its doses without a health certificate are held back, those with one are told, since
taking back a certificate is a person's decision too. Nothing is refused any more: the receipt promised otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine

from central.domain.signature_standing import (
    Objection,
    Revocations,
    deciding,
    objections_by_revocation,
    objections_to_path,
    objections_to_registration,
    path_in_window,
)
from central.store import crls, facilities, signed_batches, trust
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.signed_batches import SignedBatch
from central.store.trust import AUTHORITY_ROLES, CertificateRole, TrustedRow
from sync_protocol.batch import parse_batch
from sync_protocol.certificate import Certificate
from sync_protocol.errors import ProtocolError

# Stands in the verdict where otherwise a person's name stands.
RECHECK: Final = "recheck-revocations"


@dataclass(frozen=True, slots=True)
class QuestionedBatch:
    """A batch whose signature is in question.

    Attributes:
        batch: who signed it, within which bounds.
        objection: what stands against it, and the instant that lies between the bounds or before them.
        held_back: doses that this very call quarantined.
        waiting: doses that wait because of the certificate, those counted.
        certified: doses that already have a health certificate; a person decides about them.
    """

    batch: SignedBatch
    objection: Objection
    held_back: int
    waiting: int
    certified: int


def recheck_revocations(engine: Engine, *, now: int) -> tuple[QuestionedBatch, ...]:
    """Holds back what is in question since more revocations are known; the same again changes nothing.

    Args:
        engine: the store.
        now: epoch seconds, UTC.

    Returns:
        The batches of which doses were held back now, or have health certificates already.

    Raises:
        StoreError: nothing was held back.
    """
    # Every signer is looked at without a lock; the few that are revoked are looked at again under it.
    with read_transaction(engine) as connection:
        suspects = list(revoked_signers(connection))
    if not suspects:
        return ()
    with write_transaction(engine) as connection:
        # What is being appended has been judged by the lists of a moment ago: it comes before this or after it.
        lock_ledger(connection)
        found = []
        for batch, objection in in_question(connection, suspects):
            held_back = signed_batches.hold_back(connection, batch.ledger_index, by=RECHECK, at=now)
            told = _told(connection, batch, objection, held_back=held_back)
            if told.held_back or told.certified:
                found.append(told)
    return tuple(found)


def questioned_batches(connection: Connection) -> list[QuestionedBatch]:
    """Every batch whose signature is in question as it stands, newest first: for a person who decides."""
    found = {
        batch.ledger_index: (batch, item) for batch, item in in_question(connection, list(revoked_signers(connection)))
    }
    for batch in signed_batches.doubted(connection):
        if batch.ledger_index not in found and (objection := _doubt(connection, batch)) is not None:
            found[batch.ledger_index] = (batch, objection)
    return [_told(connection, *found[index], held_back=0) for index in sorted(found, reverse=True)]


@dataclass(frozen=True, slots=True)
class RevokedSigner:
    """A signer with a revoked certificate on its path; `since` is the earliest such instant."""

    path: tuple[Certificate, ...]
    since: int


def revoked_signers(connection: Connection) -> Iterator[RevokedSigner]:
    """Every signer of a batch with a certificate on its path that is known to be revoked, at whatever instant."""
    revocations = revocations_known(connection)
    if not revocations.noted and not crls.has_listed(connection):
        return
    authorities = trust.trusted_rows(connection, AUTHORITY_ROLES)
    for _, newest in signed_batches.signers(connection):
        path = _path_of(connection, *signed_batches.batch_at(connection, newest), authorities=authorities)
        noted = [revocations.noted.get(item.thumbprint) for item in path]
        listed = [found.revoked_at for item in path if (found := revocations.listed(item)) is not None]
        instants = [instant for instant in (*noted, *listed) if instant is not None]
        if instants:
            yield RevokedSigner(path, min(instants))


def in_question(connection: Connection, suspects: list[RevokedSigner]) -> Iterator[tuple[SignedBatch, Objection]]:
    """The batches of these signers that are not proven to be signed before the revocation."""
    revocations = revocations_known(connection)
    for suspect in suspects:
        for batch in signed_batches.signed_after(connection, suspect.path[0].thumbprint, suspect.since):
            objection = deciding(objections_by_revocation(suspect.path, revocations, window=batch.window))
            if objection is not None:
                yield batch, objection


def _doubt(connection: Connection, batch: SignedBatch) -> Objection | None:
    authorities = trust.trusted_rows(connection, AUTHORITY_ROLES)
    path = _path_of(connection, *signed_batches.batch_at(connection, batch.ledger_index), authorities=authorities)
    window, claimed_at = batch.window, batch.claimed_at
    objections = list(objections_to_path(path, revocations_known(connection), window=window, claimed_at=claimed_at))
    held = facilities.registrations_of(connection, batch.facility).get(batch.serial)
    if held is not None:
        objections += objections_to_registration(
            held.valid_from, held.valid_until, window=window, claimed_at=claimed_at
        )
    return deciding(objections)


def _path_of(
    connection: Connection, batch: SignedBatch, statement: bytes, *, authorities: Sequence[TrustedRow]
) -> tuple[Certificate, ...]:
    # What was trusted when the batch came counts, also where it was retired since.
    anchors = [row.certificate for row in authorities if row.role is CertificateRole.ORGANISATION_ANCHOR]
    known = [row.certificate for row in authorities if row.role is CertificateRole.ORGANISATION_INTERMEDIATE]
    signer = trust.seen_certificate(connection, batch.thumbprint)
    if signer is None:
        return ()
    carried = parse_batch(statement).certificates[1:]
    try:
        return path_in_window(signer, (*carried, *known), anchors=anchors, window=batch.window)
    except ProtocolError:
        # Its path was there when it came; `check` tells of one that is gone. The signer itself may be revoked still.
        return (signer,)


def revocations_known(connection: Connection) -> Revocations:
    """What the store knows of revoked certificates, read within one transaction."""
    return Revocations(trust.revocations(connection), lambda certificate: crls.listed_in(connection, certificate))


def _told(connection: Connection, batch: SignedBatch, objection: Objection, *, held_back: int) -> QuestionedBatch:
    standing = signed_batches.batch_standing(connection, batch.ledger_index)
    return QuestionedBatch(
        batch=batch,
        objection=objection,
        held_back=held_back,
        waiting=standing.waiting,
        certified=standing.certified,
    )

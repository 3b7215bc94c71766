"""Registers an organisation certificate for a facility and its signing officer, and takes one back."""

from __future__ import annotations

from sqlalchemy import Engine

from central.domain.admission import Registration
from central.store import facilities, trust
from central.store.database import write_transaction
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError


def register_certificate(
    facility: str,
    serial: str,
    *,
    registration: Registration,
    certificate: Certificate | None,
    engine: Engine,
    now: int,
) -> None:
    """Registers a serial number; the same again changes officer and dates.

    Args:
        facility: code of the facility.
        serial: upper hex, as `certificate.serial_text` writes it.
        registration: officer and dates.
        certificate: the certificate itself where it is at hand, so that batches need not carry it.
        engine: the store.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: FACILITY_MISMATCH where there is no such facility.
    """
    with write_transaction(engine) as connection:
        if facilities.find_facility(connection, facility) is None:
            raise ProtocolError(Code.FACILITY_MISMATCH, "facility: is not known to this centre")
        facilities.put_registration(connection, facility, serial, registration=registration, at=now)
        if certificate is not None:
            trust.put_seen(connection, [certificate], at=now)


def revoke_certificate(certificate: Certificate, *, revoked_at: int, reason: str, engine: Engine, now: int) -> None:
    """Notes that a certificate is revoked from an instant on; batches that arrive from now on are judged by it.

    Args:
        certificate: the certificate.
        revoked_at: epoch seconds, UTC: the invalidity date where the key was compromised.
        reason: in words.
        engine: the store.
        now: epoch seconds, UTC.
    """
    with write_transaction(engine) as connection:
        trust.put_seen(connection, [certificate], at=now)
        trust.put_revocation(connection, certificate, revoked_at=revoked_at, reason=reason, at=now)

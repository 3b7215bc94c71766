"""Registers an organisation certificate for a facility and its signing officer, and takes one back."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from central.domain.admission import Registration
from central.domain.path_judge import PathJudge
from central.domain.signature_standing import first_second, last_second
from central.store import crls, facilities, trust
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.store.trust import CertificateRole
from central.workflow.recheck_revocations import revocations_known
from central.workflow.tell_registrations import tell_registrations
from sync_protocol.certificate import Certificate, pick_intermediates, verify_chain
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.registration import check_officer


def register_certificate(
    facility: str,
    serial: str,
    *,
    registration: Registration,
    certificate: Certificate | None,
    engine: Engine,
    keys: KeyRing,
    now: int,
) -> None:
    """Registers a serial number and tells the facility's nodes; the same again changes officer and dates.

    Args:
        facility: code of the facility.
        serial: upper hex, as `certificate.serial_text` writes it.
        registration: officer and dates.
        certificate: the certificate itself where it is at hand, so that batches need not carry it.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: FIELD_INVALID for a name of an officer that no message carries; FACILITY_MISMATCH where there is
            no such facility; CERTIFICATE_UNTRUSTED, CERTIFICATE_REVOKED,
            KEY_USAGE or CERTIFICATE_INVALID where the certificate at hand may not sign. Nothing is registered.
        TokenError: the publisher key cannot sign now; nothing is registered.
    """
    if registration.officer:
        check_officer(registration.officer)
    with write_transaction(engine) as connection:
        # Before the first row: an admission that holds the lock and needs the row would wait for this one, and this one
        # for it.
        lock_ledger(connection)
        if facilities.find_facility(connection, facility) is None:
            raise ProtocolError(Code.FACILITY_MISMATCH, "facility: is not known to this centre")
        facilities.put_registration(connection, facility, serial, registration=registration, at=now)
        if certificate is not None:
            _check_path(connection, certificate, now=now)
            trust.put_seen(connection, [certificate], at=now)
        tell_registrations(connection, facility, keys=keys, now=now)


def _check_path(connection: Connection, certificate: Certificate, *, now: int) -> None:
    # One that begins later, or has ended and signed batches that are still to come, is registered too.
    at = max(first_second(certificate), min(now, last_second(certificate)))
    anchors = trust.trusted(connection, CertificateRole.ORGANISATION_ANCHOR)
    known = trust.trusted(connection, CertificateRole.ORGANISATION_INTERMEDIATE)
    path = verify_chain(
        certificate, intermediates=pick_intermediates(certificate, known), anchors=anchors, at=to_datetime(at)
    )
    revocations = revocations_known(connection)
    if any(item.thumbprint in revocations.noted or revocations.listed(item) is not None for item in path):
        raise ProtocolError(Code.CERTIFICATE_REVOKED, "registration: a certificate of the path is revoked")
    judge = PathJudge(intermediates=known, anchors=anchors, lists=crls.held_ders(connection), at=at)
    if (code := judge.judge([certificate])[0]) is not None:
        raise ProtocolError(code, "registration: the second judge of paths refuses the certificate")


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

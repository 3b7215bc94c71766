"""An operator decides a request for registration: the number is registered for the facility, or refused with a code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.domain.registration import accepted_registration
from central.store import facilities, registrations
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.store.registrations import Rival, StoredRequest
from central.workflow.tell_registrations import tell_registrations
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request as an operator judges it.

    Attributes:
        request: as it was admitted.
        facility_name: of the asking facility.
        certificate: where the site has proven to hold its key; None for a number alone.
        held_officer: for whom the same number is registered now, or None where it is not.
        rivals: other facilities with the same number.
    """

    request: StoredRequest
    facility_name: str
    certificate: Certificate | None
    held_officer: str | None
    rivals: Sequence[Rival]


def waiting_requests(engine: Engine) -> list[WaitingRequest]:
    """Everything that waits for an operator, the oldest first.

    Raises:
        StoreError: the store is away.
    """
    with read_transaction(engine) as connection:
        return [_waiting(connection, request) for request in registrations.waiting(connection)]


def decide_registration(
    facility: str, serial: str, *, refusal: Code | None, reason: str, engine: Engine, keys: KeyRing, now: int
) -> int:
    """Decides every request of a facility for a number that waits.

    What is accepted is registered from the certificate's own start on, for the officer who asked last; what was
    registered under this number before keeps its earlier start, so that what was signed then stays good.

    Args:
        facility: its code.
        serial: upper hex.
        refusal: the code that the site is answered; None to accept.
        reason: in the operator's words, kept here.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Returns:
        How many requests were decided.

    Raises:
        ProtocolError: CERTIFICATE_UNREGISTERED where nothing of this facility and number waits.
        StoreError, TokenError: nothing is decided.
    """
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        found = registrations.waiting(connection, facility, serial)
        if not found:
            raise ProtocolError(Code.CERTIFICATE_UNREGISTERED, "registration: nothing of this number waits here")
        code = "" if refusal is None else refusal.value
        for request in found:
            registrations.put_decision(connection, request.ledger_index, code=code, reason=reason, at=now)
        if refusal is None:
            _register(connection, found[-1], now=now)
        tell_registrations(connection, facility, keys=keys, now=now)
    return len(found)


def _register(connection: Connection, request: StoredRequest, *, now: int) -> None:
    held = facilities.registrations_of(connection, request.facility).get(request.serial)
    certificate = _certificate(connection, request)
    registration = accepted_registration(
        request.officer,
        not_before=None if certificate is None else int(certificate.not_before.timestamp()),
        held=held,
    )
    facilities.put_registration(connection, request.facility, request.serial, registration=registration, at=now)


def _waiting(connection: Connection, request: StoredRequest) -> WaitingRequest:
    facility = facilities.find_facility(connection, request.facility)
    assert facility is not None
    held = facilities.registrations_of(connection, request.facility).get(request.serial)
    return WaitingRequest(
        request,
        facility.name,
        certificate=_certificate(connection, request),
        held_officer=None if held is None else held.officer,
        rivals=registrations.rivals(connection, request.facility, request.serial),
    )


def _certificate(connection: Connection, request: StoredRequest) -> Certificate | None:
    if request.thumbprint is None:
        return None
    return registrations.certificate_of(connection, request.serial, request.thumbprint)

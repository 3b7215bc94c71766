"""Requests for registration in the order of the ledger, and what was decided; nothing is changed or taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, select

from central.store.tables import (
    facilities,
    organisation_certificates,
    registered_certificates,
    registration_decisions,
    registration_requests,
)
from sync_protocol.certificate import Certificate, parse_certificate


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """One request.

    Attributes:
        ledger_index: its bundle's place in the ledger.
        node, facility: who asks.
        serial: upper hex.
        thumbprint: of the certificate whose key was proven; None for a number alone.
        officer: name of the signing officer.
        doubt: a code that an operator should know of, or "".
        asked_at: epoch seconds, UTC, by the ledger.
        code: why it was refused; "" where it was accepted; None while it waits.
    """

    ledger_index: int
    node: str
    facility: str
    serial: str
    thumbprint: bytes | None
    officer: str
    doubt: str
    asked_at: int
    code: str | None


@dataclass(frozen=True, slots=True)
class Rival:
    """Another facility that has, or asks for, the same serial number."""

    facility: str
    name: str
    is_registered: bool


def put_request(connection: Connection, request: StoredRequest) -> None:
    """Keeps a request; whether it is decided is said by `put_decision`."""
    connection.execute(registration_requests.insert(), request_row(request))


def request_row(request: StoredRequest) -> dict[str, object]:
    """The row that a request makes, by column."""
    columns = registration_requests.c.keys()
    return {name: getattr(request, name) for name in columns}


def put_decision(connection: Connection, ledger_index: int, *, code: str, reason: str, at: int) -> None:
    """Keeps a decision: accepted where `code` is ""."""
    connection.execute(
        registration_decisions.insert(),
        {"ledger_index": ledger_index, "code": code, "reason": reason, "decided_at": at},
    )


def waiting(connection: Connection, facility: str | None = None, serial: str | None = None) -> Sequence[StoredRequest]:
    """Requests that nobody has decided yet, the oldest first; of a facility and a number, where these are named."""
    statement = _requests().where(registration_decisions.c.ledger_index.is_(None))
    if facility is not None:
        statement = statement.where(registration_requests.c.facility == facility)
    if serial is not None:
        statement = statement.where(registration_requests.c.serial == serial)
    return [_stored(row) for row in connection.execute(statement.order_by(registration_requests.c.ledger_index))]


def newest_of_facility(connection: Connection, facility: str) -> dict[str, StoredRequest]:
    """The newest request for each serial number that the facility has asked for."""
    statement = _requests().where(registration_requests.c.facility == facility)
    rows = connection.execute(statement.order_by(registration_requests.c.ledger_index))
    return {stored.serial: stored for stored in map(_stored, rows)}


def all_requests(connection: Connection) -> dict[int, StoredRequest]:
    """Every request by its index in the ledger, for comparing it with what was signed."""
    return {stored.ledger_index: stored for stored in map(_stored, connection.execute(_requests()))}


def rivals(connection: Connection, facility: str, serial: str) -> Sequence[Rival]:
    """Other facilities for which the number is registered, then those that wait for an answer, by code."""
    registered, asked = registered_certificates, registration_requests
    holders = connection.execute(
        select(registered.c.facility, facilities.c.name)
        .join(facilities, facilities.c.code == registered.c.facility)
        .where(registered.c.serial == serial, registered.c.facility != facility)
        .order_by(registered.c.facility)
    ).all()
    askers = connection.execute(
        select(asked.c.facility, facilities.c.name)
        .join(facilities, facilities.c.code == asked.c.facility)
        .outerjoin(registration_decisions, registration_decisions.c.ledger_index == asked.c.ledger_index)
        .where(asked.c.serial == serial, asked.c.facility != facility, registration_decisions.c.code.is_(None))
        .distinct()
        .order_by(asked.c.facility)
    ).all()
    known = {row[0] for row in holders}
    return [
        *(Rival(code, name, is_registered=True) for code, name in holders),
        *(Rival(code, name, is_registered=False) for code, name in askers if code not in known),
    ]


def certificate_of(connection: Connection, serial: str, thumbprint: bytes | None) -> Certificate | None:
    """The certificate itself, by its thumbprint; by the number alone only where one certificate has it."""
    table = organisation_certificates
    wanted = table.c.serial == serial if thumbprint is None else table.c.thumbprint == thumbprint
    found = connection.execute(select(table.c.der).where(wanted)).scalars().all()
    return parse_certificate(found[0]) if len(found) == 1 else None


def _requests() -> Select[tuple[object, ...]]:
    asked = registration_requests.c
    return select(
        asked.ledger_index,
        asked.node,
        asked.facility,
        asked.serial,
        asked.thumbprint,
        asked.officer,
        asked.doubt,
        asked.asked_at,
        registration_decisions.c.code,
    ).outerjoin(registration_decisions, registration_decisions.c.ledger_index == asked.ledger_index)


def _stored(row: Row[tuple[object, ...]]) -> StoredRequest:
    return StoredRequest(*row)  # type: ignore[arg-type, call-arg]

"""Keeps a request for registration that was admitted; what is on record already is registered at once."""

from __future__ import annotations

from sqlalchemy import Connection

from central.domain.registration import CheckedRegistration, is_on_record
from central.store import facilities, registrations, trust
from central.store.key_store import KeyRing
from central.store.registrations import StoredRequest
from central.workflow.tell_registrations import tell_registrations
from sync_protocol.errors import Code


def take_registration(
    connection: Connection, checked: CheckedRegistration, *, ledger_index: int, keys: KeyRing, at: int
) -> None:
    """Keeps the request, decides what needs no operator, and tells the facility's nodes; under the ledger lock.

    A number that an operator put on record for this facility and this officer is registered at once. Everything else
    waits for an operator, with what speaks against it: a number that another facility has is never taken silently.

    Args:
        ledger_index: of the request's bundle.
        at: epoch seconds, UTC, of its entry.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    request, facility = checked.request, checked.facility
    held = facilities.registrations_of(connection, facility).get(request.serial)
    is_known = is_on_record(checked, held, now=at)
    rivals = [] if is_known else registrations.rivals(connection, facility, request.serial)
    doubt = Code.REGISTRATION_CONFLICT if rivals else checked.doubt
    registrations.put_request(
        connection,
        StoredRequest(
            ledger_index=ledger_index,
            node=checked.node,
            facility=facility,
            serial=request.serial,
            thumbprint=request.chain[0].thumbprint if checked.is_proven else None,
            officer=request.officer,
            doubt="" if doubt is None else doubt.value,
            asked_at=at,
            code=None,
        ),
    )
    if checked.is_proven:
        # From now on batches need not carry it. Being kept is no trust.
        trust.put_seen(connection, request.chain[:1], at=at)
    if is_known and doubt is None:
        registrations.put_decision(connection, ledger_index, code="", reason="", at=at)
    tell_registrations(connection, facility, keys=keys, now=at)

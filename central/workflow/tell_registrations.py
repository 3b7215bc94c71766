"""Tells the nodes of a facility how its certificates stand: a new item of their feeds where something has changed."""

from __future__ import annotations

from sqlalchemy import Connection

from central.domain.admission import Registration
from central.domain.node import NodeState
from central.store import crls, facilities, feed, nodes, registrations, trust
from central.store.database import lock_ledger
from central.store.key_store import KeyRing
from central.store.registrations import StoredRequest
from sync_protocol import limits
from sync_protocol.certificate import Certificate, organisation_of
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.fields import readable
from sync_protocol.registration_list import (
    RegisteredCertificate,
    Registrations,
    RegistrationState,
    encode_registrations,
)


def tell_registrations(connection: Connection, facility: str, *, keys: KeyRing, now: int) -> int:
    """Puts the facility's list into the feed of each of its nodes, in the caller's transaction.

    To be called after everything that changes the list: a request, a decision, a registration, a revocation, a new
    list of an authority, a node that was enrolled. A node that has just this list gets nothing; neither does one that
    never got any while there is nothing to tell.

    Returns:
        How many nodes got an item.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    # The numbers of a feed follow one another: whoever adds to it does so alone.
    lock_ledger(connection)
    body, told = _untold(connection, facility, now=now)
    for node in told:
        feed.put_item(connection, node, FeedKind.REGISTRATIONS, body, keys=keys, at=now)
    return len(told)


def is_told(connection: Connection, facility: str, *, now: int) -> bool:
    """Whether `tell_registrations` would tell nobody anything; for a look without the lock."""
    return not _untold(connection, facility, now=now)[1]


def _untold(connection: Connection, facility: str, *, now: int) -> tuple[bytes, list[str]]:
    """The facility's list, encoded, and the nodes that have another one."""
    listed = registrations_of(connection, facility, now=now)
    body = encode_registrations(listed)
    untold = []
    for node in nodes.nodes_of(connection, facility):
        if node.state is NodeState.DENIED:
            continue
        last = feed.newest_body(connection, node.code, FeedKind.REGISTRATIONS)
        is_known = not listed.certificates if last is None else last == body
        if not is_known:
            untold.append(node.code)
    return body, untold


def registrations_of(connection: Connection, facility: str, *, now: int) -> Registrations:
    """How the certificates of a facility stand (`now` in epoch seconds, UTC): the registered ones before all others.

    Where there are more than a list holds, those that were asked for last are told.
    """
    held = facilities.registrations_of(connection, facility)
    asked = registrations.newest_of_facility(connection, facility)
    revoked = trust.revocations(connection)
    newest = sorted(asked.values(), key=lambda request: -request.ledger_index)
    # What is in force is told before everything else, since a node refuses what it is not told.
    over = {serial for serial, row in held.items() if row.valid_until is not None and row.valid_until <= now}
    serials = dict.fromkeys([*sorted(held.keys() - over), *(request.serial for request in newest), *sorted(over)])
    found = []
    for serial in [*serials][: limits.REGISTRATIONS]:
        request, row = asked.get(serial), held.get(serial)
        certificate = registrations.certificate_of(connection, serial, request.thumbprint if request else None)
        state, remark = _state(request, is_held=row is not None, is_over=serial in over)
        listed_at, crl_at, crl_until = (
            (None, None, None) if certificate is None else crls.standing_of(connection, certificate)
        )
        noted_at = None if certificate is None else revoked.get(certificate.thumbprint)
        instants = [instant for instant in (noted_at, listed_at) if instant is not None]
        found.append(
            RegisteredCertificate(
                serial=serial,
                thumbprint=None if certificate is None else certificate.thumbprint,
                officer=_officer(row, request),
                state=state,
                valid_from=_bounded(row.valid_from) if row is not None else 0,
                valid_until=_bounded(row.valid_until) if row is not None and row.valid_until is not None else None,
                revoked_at=_bounded(min(instants)) if instants else None,
                crl_at=None if crl_at is None else _bounded(crl_at),
                crl_until=None if crl_until is None else _bounded(crl_until),
                organisation="" if certificate is None else organisation_of(certificate),
                not_after=None if certificate is None else _last_second(certificate),
                remark=remark,
            )
        )
    return Registrations(facility, tuple(sorted(found, key=lambda one: one.serial)))


def _state(request: StoredRequest | None, *, is_held: bool, is_over: bool) -> tuple[RegistrationState, str]:
    if is_held and not is_over:
        return RegistrationState.REGISTERED, ""
    # Who asks anew for what is over waits for an answer like everybody else.
    if request is not None and request.code is None:
        return RegistrationState.ASKED, request.doubt
    if is_over:
        return RegistrationState.ENDED, ""
    return RegistrationState.REFUSED, (request.code if request is not None else "") or Code.REGISTRATION_REFUSED.value


def _officer(row: Registration | None, request: StoredRequest | None) -> str:
    if row is None:
        return "" if request is None else request.officer
    # Before lists were told, an operator could write any name.
    return readable(row.officer, max_chars=limits.NAME_CHARS)


def _last_second(certificate: Certificate) -> int:
    return _bounded(int(certificate.not_after.timestamp()))


def _bounded(instant: int) -> int:
    # An authority may write any year; messages carry those of our own bounds.
    return max(0, min(instant, limits.INSTANT))

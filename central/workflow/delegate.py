"""Makes and ends delegations at the operator's word; every node concerned is told in the same transaction."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from central.domain.delegation import HeldDelegation
from central.domain.node import NodeState
from central.store import delegations, facilities, nodes
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.workflow.tell_delegations import tell_delegations
from sync_protocol.delegation import DelegationKind
from sync_protocol.errors import Code, ProtocolError


def delegate(
    site: str,
    hub: str,
    *,
    kind: DelegationKind,
    valid_from: int,
    valid_until: int | None,
    hub_node: str | None,
    engine: Engine,
    keys: KeyRing,
    now: int,
) -> HeldDelegation:
    """Lets a hub sign for a site.

    Args:
        site, hub: codes of facilities.
        kind: standing, or on call.
        valid_from, valid_until: epoch seconds, UTC; `valid_until` None without an end.
        hub_node: the node of the hub that gets the doses; None for its newest enrolled one.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: FACILITY_MISMATCH where a facility or the node is not known there, or where both are the same;
            NODE_UNKNOWN where the hub has no enrolled node; FIELD_INVALID for an end before the start.
        TokenError: the publisher key cannot sign now; nothing is made.
    """
    if site == hub:
        raise ProtocolError(Code.FACILITY_MISMATCH, "delegation: a site is not its own hub")
    if valid_until is not None and valid_until <= valid_from:
        raise ProtocolError(Code.FIELD_INVALID, "delegation: the end lies before the start")
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        for code in (site, hub):
            if facilities.find_facility(connection, code) is None:
                raise ProtocolError(Code.FACILITY_MISMATCH, "delegation: a facility is not known here")
        held = delegations.put_delegation(
            connection,
            site=site,
            hub=hub,
            hub_node=_receiving_node(connection, hub, asked=hub_node),
            kind=kind,
            valid_from=valid_from,
            valid_until=valid_until,
            at=now,
        )
        tell_delegations(connection, (site, hub), keys=keys, at=now)
    return held


def end_delegation(number: int, *, engine: Engine, keys: KeyRing, now: int) -> HeldDelegation:
    """Ends a delegation now; what is signed from now on is refused. One that is over stays as it is.

    Raises:
        ProtocolError: DELEGATION where there is none of this number.
        TokenError: the publisher key cannot sign now; nothing is changed.
    """
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        held = delegations.find_delegation(connection, number)
        if held is None:
            raise ProtocolError(Code.DELEGATION, "delegation: there is none of this number")
        if held.valid_until is None or held.valid_until > now:
            # One that has not begun ends with its beginning: it was never open.
            delegations.end_delegation(connection, number, at=max(now, held.valid_from))
            tell_delegations(connection, (held.site, held.hub), keys=keys, at=now)
        ended = delegations.find_delegation(connection, number)
    assert ended is not None
    return ended


def _receiving_node(connection: Connection, hub: str, *, asked: str | None) -> str:
    rows = {row.code: row for row in nodes.list_nodes(connection) if row.facility == hub}
    if asked is not None:
        if asked not in rows:
            raise ProtocolError(Code.FACILITY_MISMATCH, "delegation: the node is none of the hub")
        if rows[asked].state is not NodeState.ENROLLED:
            raise ProtocolError(Code.NODE_UNKNOWN, "delegation: the node is not enrolled")
        return asked
    enrolled = [code for code in nodes.by_enrolment(connection) if code in rows]
    found = next((code for code in reversed(enrolled) if rows[code].state is NodeState.ENROLLED), None)
    if found is None:
        raise ProtocolError(Code.NODE_UNKNOWN, "delegation: the hub has no enrolled node")
    return found

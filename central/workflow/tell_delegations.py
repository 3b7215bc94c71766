"""Tells the nodes concerned who may sign whose doses: a new item of their feeds with the whole list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection

from central.domain.delegation import HeldDelegation
from central.domain.node import NodeState
from central.store import delegations, facilities, feed, nodes
from central.store.database import lock_ledger
from central.store.key_store import KeyRing
from sync_protocol import limits
from sync_protocol.days import DAY_SECONDS
from sync_protocol.delegation import SITE_NODES, Delegation, encode_delegations
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.trust_list import NodeKey

# What ended longer ago is of no use to anybody; until then it explains why something cannot be signed any more.
_ENDED_SECONDS: Final = 30 * DAY_SECONDS
_OUT: Final = (NodeState.WAITING, NodeState.DENIED)


def tell_delegations(connection: Connection, concerned: Iterable[str], *, keys: KeyRing, at: int) -> None:
    """Puts the list that concerns it into the feed of each node of these facilities, in the caller's transaction.

    To be called after everything that changes a list: a delegation that is made or ended, a node that is enrolled (its
    keys are in the lists of the others). Nodes that are not enrolled get theirs when they are.

    Args:
        concerned: codes of facilities.
        keys: the centre's; the publisher key signs.
        at: epoch seconds, UTC.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    # The numbers of a feed follow one another: whoever adds to it does so alone.
    lock_ledger(connection)
    rows = nodes.list_nodes(connection)
    for facility in sorted(set(concerned)):
        told = [row.code for row in rows if row.facility == facility and row.state not in _OUT]
        if not told:
            continue
        held = delegations.concerning(connection, facility)
        body = _body([item for item in held if _is_told(item, at=at)], connection)
        for node in told:
            feed.put_item(connection, node, FeedKind.DELEGATIONS, body, keys=keys, at=at)


def retell_delegations(connection: Connection, facility: str, *, keys: KeyRing, at: int) -> None:
    """Tells everybody concerned after a node of a facility was enrolled; nobody where it has no delegation."""
    held = delegations.concerning(connection, facility)
    tell_delegations(connection, {code for item in held for code in (item.site, item.hub)}, keys=keys, at=at)


def _is_told(held: HeldDelegation, *, at: int) -> bool:
    return held.valid_until is None or held.valid_until > at - _ENDED_SECONDS


def _body(held: Sequence[HeldDelegation], connection: Connection) -> bytes:
    # The newest ones are told where there are more than a list holds.
    listed = [made for item in held[-limits.DELEGATIONS :] if (made := _delegation(connection, item)) is not None]
    while True:
        try:
            return encode_delegations(listed)
        except ProtocolError as error:
            if error.code is not Code.TOO_LARGE:
                raise
            listed = listed[len(listed) // 8 + 1 :]


def _delegation(connection: Connection, held: HeldDelegation) -> Delegation | None:
    site, hub = facilities.find_facility(connection, held.site), facilities.find_facility(connection, held.hub)
    hub_key = nodes.sealing_key_of(connection, held.hub_node)
    assert site is not None
    assert hub is not None
    assert isinstance(hub_key, ec.EllipticCurvePublicKey)
    return Delegation(
        number=held.number,
        site=site.code,
        site_name=site.name,
        hub=hub.code,
        hub_name=hub.name,
        hub_node=held.hub_node,
        hub_key=hub_key,
        site_nodes=_site_keys(connection, site.code),
        valid_from=held.valid_from,
        valid_until=held.valid_until,
        kind=held.kind,
    )


def _site_keys(connection: Connection, site: str) -> tuple[NodeKey, ...]:
    codes = [row.code for row in nodes.list_nodes(connection) if row.facility == site and row.state not in _OUT]
    newest = {held.node: held for held in nodes.node_keys(connection) if held.node in codes}
    return tuple(newest[code] for code in sorted(newest)[:SITE_NODES])

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
from central.store.nodes import NewestKeys, NodeRow
from sync_protocol import limits
from sync_protocol.days import DAY_SECONDS
from sync_protocol.delegation import SITE_NODES, Delegation, encode_delegations
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.fields import readable

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
    book = _AddressBook(connection)
    for facility in sorted(set(concerned)):
        told = book.nodes_of(facility)
        if not told:
            continue
        held = delegations.concerning(connection, facility)
        body = _body([item for item in held if _is_told(item, at=at)], book, at=at)
        for node in told:
            feed.put_item(connection, node, FeedKind.DELEGATIONS, body, keys=keys, at=at)


def retell_delegations(connection: Connection, facility: str, *, keys: KeyRing, at: int) -> None:
    """Tells everybody concerned after a node of a facility was enrolled; nobody where it has no delegation."""
    held = delegations.concerning(connection, facility)
    tell_delegations(connection, {code for item in held for code in (item.site, item.hub)}, keys=keys, at=at)


class _AddressBook:
    """Names and keys, each looked up once: a hub's thousand sites are told within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[NodeRow]] = {}
        for row in nodes.list_nodes(connection):
            self._rows.setdefault(row.facility, []).append(row)
        self._names: dict[str, str] = {}
        self._keys: dict[str, NewestKeys] = {}

    def nodes_of(self, facility: str) -> list[str]:
        """The codes of a facility's nodes that are in."""
        return [row.code for row in self._rows.get(facility, ()) if row.state not in _OUT]

    def name_of(self, facility: str) -> str:
        if facility not in self._names:
            found = facilities.find_facility(self._connection, facility)
            assert found is not None
            # An operator could write any name once; the code says as much as one of which nothing is left.
            self._names[facility] = readable(found.name, max_chars=limits.NAME_CHARS) or facility
        return self._names[facility]

    def keys_of(self, node: str) -> NewestKeys:
        if node not in self._keys:
            self._keys[node] = nodes.newest_keys(self._connection, node)
        return self._keys[node]


def _is_told(held: HeldDelegation, *, at: int) -> bool:
    return held.valid_until is None or held.valid_until > at - _ENDED_SECONDS


def _body(held: Sequence[HeldDelegation], book: _AddressBook, *, at: int) -> bytes:
    # Where there are more than a list holds, those that are over make room first, then the older ones: a site on call
    # leaves one behind for every day.
    ranked = sorted(held, key=lambda item: (item.valid_until is None or item.valid_until > at, item.number))
    # Nobody hands doses to a node that is locked out.
    listed = [_delegation(item, book) for item in ranked if item.hub_node in book.nodes_of(item.hub)]
    listed = listed[-limits.DELEGATIONS :]
    while True:
        try:
            return encode_delegations(listed)
        except ProtocolError as error:
            if error.code is not Code.TOO_LARGE:
                raise
            listed = listed[len(listed) // 8 + 1 :]


def _delegation(held: HeldDelegation, book: _AddressBook) -> Delegation:
    hub_key = book.keys_of(held.hub_node).sealing_key
    assert isinstance(hub_key, ec.EllipticCurvePublicKey)
    return Delegation(
        number=held.number,
        site=held.site,
        site_name=book.name_of(held.site),
        hub=held.hub,
        hub_name=book.name_of(held.hub),
        hub_node=held.hub_node,
        hub_key=hub_key,
        site_nodes=tuple(book.keys_of(code).node_key for code in book.nodes_of(held.site)[:SITE_NODES]),
        valid_from=held.valid_from,
        valid_until=held.valid_until,
        kind=held.kind,
    )

"""Take what the centre has for this node: verify each item, keep it, and do what it says, in one transaction.

A page that does not verify as a whole changes nothing. Items that the node has already are passed over, so a page may
come twice, by the network and by a stick; an item that leaves a gap is not taken, and the node asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from edge.store import audit, feed, link, node_identity
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.workflow.apply_registrations import apply_registrations
from edge.workflow.exchange import ACTOR, UNREACHED, jitter
from edge.workflow.take_handover import apply_delegations, apply_unsigned_doses
from edge.workflow.take_signed import apply_handed_back, apply_signed_doses
from sync_protocol.api import CentralApi, NetworkError
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import (
    NONCE_BYTES,
    FeedItem,
    FeedKind,
    FeedRequest,
    open_page,
    opening_keys_of,
    sign_request,
)
from sync_protocol.sealing import Entropy
from sync_protocol.signers.key_signer import KeySigner


class Applier(Protocol):
    """Does what an item says, in the transaction that keeps it.

    It reads the whole body before its first write: where it raises ProtocolError, nothing may have been written.
    """

    def __call__(self, tables: Tables, item: FeedItem, *, at: int) -> None: ...


APPLIERS: Final[Mapping[FeedKind, Applier]] = MappingProxyType(
    {
        FeedKind.REGISTRATIONS: apply_registrations,
        FeedKind.DELEGATIONS: apply_delegations,
        FeedKind.UNSIGNED_DOSES: apply_unsigned_doses,
        FeedKind.SIGNED_DOSES: apply_signed_doses,
        FeedKind.HANDED_BACK: apply_handed_back,
    }
)


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What one run brought: items taken, and how many the centre still has."""

    taken: int = 0
    left: int = 0


def fetch_feed(
    database: Database,
    central: CentralApi,
    *,
    now: Callable[[], int],
    entropy: Entropy,
    appliers: Mapping[FeedKind, Applier] = APPLIERS,
) -> FeedResult:
    """Ask the centre page by page until the node has everything.

    Raises:
        NetworkError: the centre was not reached; what was taken stays taken.
        ProtocolError: the centre refuses, or what came does not verify; what was taken before stays taken.
        StoreError: the store.
    """
    result = FeedResult()
    while True:
        with database.read() as tables:
            identity = node_identity.get(tables)
            after = feed.newest_number(tables)
        request = FeedRequest(identity.node, identity.epoch, after, at=now(), nonce=entropy.token(NONCE_BYTES))
        asked = sign_request(request, KeySigner(identity.node_key))
        try:
            sealed = central.feed(asked)
        except NetworkError as error:
            _note_network(database, error, at=now(), entropy=entropy)
            raise
        found = take_page(database, sealed, at=now(), appliers=appliers)
        with database.write_transaction() as tables:
            # Only the centre's own signature makes it the centre that was reached.
            link.note_reached(tables, at=now())
            link.count_bytes(tables, sent=len(asked), received=len(sealed))
        result = FeedResult(result.taken + found.taken, found.left)
        if not found.taken or not found.left:
            return result


def take_page(
    database: Database, sealed: bytes, *, at: int, appliers: Mapping[FeedKind, Applier] = APPLIERS
) -> FeedResult:
    """Take a page, however it came.

    Args:
        sealed: as received, unverified.
        at: epoch seconds UTC.
        appliers: what each kind of item does here.

    Raises:
        ProtocolError: what `open_page` raises, and NOT_NEXT for a page that leaves a gap; nothing was taken.
        StoreError: nothing was taken.
    """
    with database.read() as tables:
        identity = node_identity.get(tables)
    page = open_page(sealed, opening_keys_of(identity.opening_key), identity.publisher_key, node=identity.node)
    taken = 0
    for item, signed in page.items:
        with database.write_transaction() as tables:
            newest = feed.newest_number(tables)
            if item.number <= newest:
                continue
            if item.number != newest + 1:
                raise ProtocolError(Code.NOT_NEXT, "feed page: leaves out what comes before it")
            feed.add(tables, item, signed, at=at)
            _apply(tables, item, appliers[item.kind], at=at)
        # From here on the item is the node's: it is never asked for again.
        taken += 1
    with database.read() as tables:
        return FeedResult(taken, max(0, page.newest - feed.newest_number(tables)))


def _note_network(database: Database, error: NetworkError, *, at: int, entropy: Entropy) -> None:
    not_before = at + (error.retry_after_seconds or 0)
    with database.write_transaction() as tables:
        link.note_failed(tables, at=at, code=UNREACHED, jitter=jitter(entropy), not_before=not_before)


def _apply(tables: Tables, item: FeedItem, applier: Applier, *, at: int) -> None:
    subject = f"feed:{item.number}"
    try:
        applier(tables, item, at=at)
    except ProtocolError as error:
        # One item that cannot be read must not keep all that follow it from the node; it is kept for `check`.
        audit.append(tables, Action.FEED_UNREADABLE, subject, actor=ACTOR, at=at, details=error.code.value)
    else:
        audit.append(tables, Action.FEED_TAKEN, subject, actor=ACTOR, at=at, details=item.kind.value)

"""Gives a node what follows in its feed: asked with the node's key, answered with pages that it alone can open.

1. The request is judged without a lock: whoever is not the node costs the store one reading.
2. Its nonce is used up, what is due to the node's feed is put there, and everything that the answer needs is read, in
   one short transaction: the statement promises no version whose item is not there.
3. The statement is signed and the pages are sealed with no connection held; how fast the node reads them is nobody's
   concern then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine

from central.domain.ledger import LedgerTree
from central.domain.node import require_in
from central.store import feed, feed_requests, ledger, ledger_epochs, nodes
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.store.published_sets import newest_versions
from central.workflow.build_population_pack import tell_missed_pack
from central.workflow.lost_history import provable_head
from sync_protocol import limits
from sync_protocol.chain_head import ChainHead
from sync_protocol.contact import Statement, sign_statement
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedRequest, parse_request, verify_request
from sync_protocol.feed_page import StatedHead, framed, seal_page
from sync_protocol.manifest import Checkpoint
from sync_protocol.sealing import Entropy

# A file has room for this, its pages' envelopes counted apart.
_FILE_ITEMS_BYTES: Final = limits.FEED_FILE_BYTES * 3 // 4
_FILE_ITEMS: Final = 100_000


@dataclass(frozen=True, slots=True, repr=False)
class _Answer:
    """What is read under the lock."""

    items: Sequence[bytes]
    newest_item: int
    at: int
    head: Checkpoint
    versions: Mapping[str, int]
    recipient: ec.EllipticCurvePublicKey
    path_from: int
    path: tuple[bytes, ...]
    chain: ChainHead


def give_feed(
    request: bytes, *, engine: Engine, keys: KeyRing, tree: LedgerTree, entropy: Entropy, now: int
) -> list[bytes]:
    """Answers a node's request.

    Args:
        request: as received, unverified.
        engine, keys, tree: of the centre; the publisher key signs the statement.
        entropy: seals the pages.
        now: epoch seconds, UTC.

    Returns:
        Sealed pages in their order, at least one; without items where the node has everything. Together they hold at
        most `limits.FEED_ANSWER_ITEMS_BYTES` of items, or one item: the node asks again for what is left.

    Raises:
        ProtocolError: codes of form, NODE_UNKNOWN, NODE_DENIED, EPOCH, LEDGER_EPOCH, SIGNATURE_INVALID, REPLAYED.
        StoreError: the store is away or busy; the node asks again.
        TokenError: the publisher key cannot sign now.
    """
    # (1)
    asked = judged_request(request, engine)
    # (2)
    with write_transaction(engine) as connection:
        # The tree in memory is touched under this lock only, and locks come before rows.
        lock_ledger(connection)
        answer = _read(connection, asked, keys=keys, tree=tree, now=now, most_bytes=limits.FEED_ANSWER_ITEMS_BYTES)
        feed_requests.use_nonce(connection, asked.node, asked.nonce, at=answer.at)
    # (3)
    return list(_pages(answer, asked, keys=keys, entropy=entropy))


def judged_request(request: bytes, engine: Engine) -> FeedRequest:
    """Reads a request, however it came, and says whether its sender may ask. Its nonce is not looked at.

    Raises:
        ProtocolError: codes of form, NODE_UNKNOWN, NODE_DENIED, SIGNATURE_INVALID, LEDGER_EPOCH, EPOCH.
        StoreError: the store is away or busy.
    """
    message, asked = parse_request(request)
    with read_transaction(engine) as connection:
        node = require_in(nodes.known_node(connection, asked.node, epoch=asked.epoch), what="feed request")
    node.verified(asked.epoch, lambda key: verify_request(message, key))
    # Only the machine of the current epoch is answered: an older copy of it could not open the page anyway.
    if asked.epoch != node.head.epoch:
        raise ProtocolError(Code.EPOCH, "feed request: the node's epoch is another")
    return asked


def feed_file(
    node: str,
    *,
    after: int,
    engine: Engine,
    keys: KeyRing,
    tree: LedgerTree,
    entropy: Entropy,
    now: int,
    known: Checkpoint | None = None,
) -> bytes:
    """The same pages one after the other for a stick, at the operator's word.

    Args:
        after: number of the last item that the node has; 0 for everything.
        known: the newest head that the node is known to hold, for the path; None where nobody knows.

    Raises:
        ProtocolError: NODE_UNKNOWN, NODE_DENIED.
    """
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        epoch = require_in(nodes.known_node(connection, node, epoch=0), what="feed file").head.epoch
        asked = FeedRequest(node, epoch, after, at=now, nonce=b"", known=known)
        answer = _read(
            connection, asked, keys=keys, tree=tree, now=now, most_bytes=_FILE_ITEMS_BYTES, most_items=_FILE_ITEMS
        )
    return b"".join(framed(page) for page in _pages(answer, asked, keys=keys, entropy=entropy))


def _read(
    connection: Connection,
    asked: FeedRequest,
    *,
    keys: KeyRing,
    tree: LedgerTree,
    now: int,
    most_bytes: int,
    most_items: int = limits.FEED_PAGE_ITEMS,
) -> _Answer:
    node = asked.node
    recipient = nodes.sealing_key_of(connection, node)
    newest = ledger.newest_head(connection)
    assert isinstance(recipient, ec.EllipticCurvePublicKey)
    assert newest is not None
    head, known = newest.head, _provable(connection, asked, now=now)
    row = nodes.known_node(connection, node, epoch=asked.epoch)
    assert row is not None
    # What is said to a node never goes back, even if the machine's clock did.
    at = max(now, head.at, feed_requests.said_until(connection, node))
    feed.settle(connection, node, keys=keys, at=at)
    if asked.held_pack is not None:
        tell_missed_pack(connection, node, held=asked.held_pack, keys=keys, now=at)
    path: tuple[bytes, ...] = ()
    if known is not None and known.size < head.size:
        grown = tree.catch_up(head.size, lambda first: ledger.leaves_from(connection, first), root=head.root)
        path = grown.consistency(known.size)
    return _Answer(
        items=feed.items_after(connection, node, asked.after, most_items=most_items, most_bytes=most_bytes),
        newest_item=feed.newest_number(connection, node),
        at=at,
        head=head.checkpoint,
        versions=newest_versions(connection, node),
        recipient=recipient,
        path_from=known.size if known is not None and path else 0,
        path=path,
        chain=row.head,
    )


def _provable(connection: Connection, asked: FeedRequest, *, now: int) -> Checkpoint | None:
    """The head that a path can start from for this node; one that this ledger never had or has lost is kept."""
    if asked.known is None:
        return None
    found = provable_head(connection, asked.known)
    if found is None and asked.nonce:
        ledger_epochs.put_lost_head(connection, asked.known, node=asked.node, receipt=None, at=now)
    return found


def _pages(answer: _Answer, asked: FeedRequest, *, keys: KeyRing, entropy: Entropy) -> Iterator[bytes]:
    statement = Statement(
        asked.node,
        answer.newest_item,
        at=answer.at,
        nonce=asked.nonce,
        head=answer.head,
        versions=answer.versions,
        chain=answer.chain,
    )
    stated: StatedHead | None = StatedHead(sign_statement(statement, keys.publisher), answer.path_from, answer.path)
    for items in _rows(answer.items):
        yield seal_page(items, newest=answer.newest_item, recipient=answer.recipient, entropy=entropy, stated=stated)
        stated = None


def _rows(items: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Items by pages; one page without any where there is none."""
    row: list[bytes] = []
    for item in items:
        if row and sum(map(len, row)) + len(item) > limits.FEED_PAGE_ITEMS_BYTES:
            yield row
            row = []
        row.append(item)
    yield row

"""What the centre says of itself at a contact is judged: is it said to this question, and does everything go forward?

1. A statement names the nonce of the request that it answers; in a file it names none, or that of a request which
   somebody carried.
2. Its head grows out of the one that the request named. A head that does not is kept as evidence, as in a receipt.
3. Nothing falls back: neither time, number of items, nor version of a set. An older file is passed over.

A statement of a later ledger epoch is set aside: what it means, the feed says first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edge.store import contacts, feed, ledger_epochs, population, receipts, sets
from edge.store.contacts import ITEMS, StoredContact
from edge.store.database import Tables
from edge.store.sets import StoredSetKind
from edge.workflow.notice_copy import note_head
from sync_protocol import cbor
from sync_protocol.contact import Statement
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed_page import FeedPage, StatedHead
from sync_protocol.ledger_epoch import superseding
from sync_protocol.manifest import Checkpoint
from sync_protocol.tree_head import check_follows

_POPULATION = "population"


@dataclass(frozen=True, slots=True)
class Asked:
    """What this node asked: the nonce of its request (16 bytes), and the head that it named."""

    nonce: bytes
    known: Checkpoint | None


def take_statement(
    tables: Tables, page: FeedPage, *, asked: Asked | None, at: int, carried: Collection[bytes] = ()
) -> None:
    """Judge the statement of a first page and keep it, in the caller's transaction.

    Args:
        page: verified.
        asked: None for a page out of a file.
        at: epoch seconds UTC, by the node's clock.
        carried: nonces of this node's requests that may have been asked by somebody else, for a page out of a file.

    Raises:
        ProtocolError: FIELD_MISSING where the page has no statement; REPLAYED, SET_OLDER; HEAD_INCONSISTENT, for which
            the caller keeps `evidence_of` the page. Nothing of the page is to be taken.
    """
    statement, stated = page.statement, page.stated
    if statement is None or stated is None:
        raise ProtocolError(Code.FIELD_MISSING, "feed page.3: the first page holds a statement")
    # (1)
    if statement.nonce not in ((b"", *carried) if asked is None else (asked.nonce,)):
        raise ProtocolError(Code.REPLAYED, "contact.4: is said to another request")
    known, before = receipts.known_head(tables), contacts.newest(tables)
    if known is not None and statement.head.epoch > ledger_epochs.current(tables):
        return
    if asked is None and superseding(statement.head, ledger_epochs.steps(tables)) is not None:
        # A file from before the centre was restored.
        return
    if asked is None and before is not None and statement.at < before.centre_at:
        return
    # (2)
    if asked is None:
        head = _head_of_file(statement.head, known, stated)
    else:
        head = _head_of_answer(statement.head, known, stated, asked=asked)
    signed_before = receipts.root_at(tables, epoch=statement.head.epoch, size=statement.head.size)
    if signed_before not in (None, statement.head.root):
        raise ProtocolError(Code.HEAD_INCONSISTENT, "contact.5: the ledger has signed another root for this size")
    # (3)
    _check_forward(tables, statement, before)
    contacts.keep(tables, statement, stated.signed, head=head, at=at, is_answer=asked is not None)
    if statement.chain is not None:
        # The centre holds links that this store never made: it is an older copy, or one of two.
        note_head(tables, statement.chain, at=at)


def note_missing(tables: Tables, *, at: int) -> None:
    """Note what the newest statement says there is and has not come; to be called after items were taken."""
    newest = contacts.newest(tables)
    if newest is not None:
        contacts.note_missing(tables, said={ITEMS: newest.newest_item, **newest.versions}, held=_held(tables), at=at)


def missed_pack(tables: Tables) -> int | None:
    """The version of the population pack held, 0 for none, where a newer one was stated and no item of the feed is to
    come any more: it was refused, or did not fit to the one held. None where nothing is missed."""
    missing = {one.what for one in contacts.missing(tables)}
    return _held(tables)[_POPULATION] if _POPULATION in missing and ITEMS not in missing else None


def evidence_of(tables: Tables, page: FeedPage) -> bytes:
    """A statement that contradicts what was signed before, beside the one that was held: CBOR, for a person."""
    before, stated = contacts.newest(tables), page.stated
    assert stated is not None
    return cbor.encode(
        {1: stated.signed, 2: stated.path_from, 3: list(stated.path), 4: b"" if before is None else before.signed}
    )


def _held(tables: Tables) -> dict[str, int]:
    pack = population.state(tables)
    return {
        ITEMS: feed.newest_number(tables),
        **{kind.value: sets.newest_version(tables, kind) for kind in StoredSetKind},
        _POPULATION: 0 if pack is None else pack.version,
    }


def _check_forward(tables: Tables, statement: Statement, before: StoredContact | None) -> None:
    said: Mapping[str, int] = {ITEMS: statement.newest_item, **statement.versions}
    if said[ITEMS] < feed.newest_number(tables):
        raise ProtocolError(Code.SET_OLDER, "contact.2: there are fewer items than this node holds")
    if before is None:
        return
    if statement.at < before.centre_at:
        raise ProtocolError(Code.SET_OLDER, "contact.3: the centre's time has gone back")
    for what, version in {ITEMS: before.newest_item, **before.versions}.items():
        if said.get(what, 0) < version:
            raise ProtocolError(Code.SET_OLDER, f"contact: {what} is older than was said before")


def _head_of_answer(head: Checkpoint, known: Checkpoint | None, stated: StatedHead, *, asked: Asked) -> Checkpoint:
    """The newest verified head, where the statement's must follow the one that was asked from."""
    base = asked.known
    if base is not None:
        check_follows(head, base, path=stated.path if stated.path_from == base.size else ())
    if known is None or known == base or known.size <= (0 if base is None else base.size):
        return head
    # A receipt that came meanwhile was faster. Whether the two heads agree, the next contact shows.
    return known


def _head_of_file(head: Checkpoint, known: Checkpoint | None, stated: StatedHead) -> Checkpoint:
    """The newest verified head, where a file may be older than what is known and lead from anywhere."""
    if known is None:
        return head
    if head.epoch == known.epoch and head.size < known.size:
        if head.at > known.at:
            raise ProtocolError(Code.HEAD_INCONSISTENT, "contact.5: a later head of a shorter ledger")
        return known
    if head.size > known.size and stated.path_from != known.size:
        return known
    check_follows(head, known, path=stated.path)
    return head

"""Take what the centre has for this node: verify each page, keep its items, do what they say, in one transaction.

A page that does not verify as a whole changes nothing. Items that the node has already are passed over, so a page may
come twice, by the network and by a stick; an item that leaves a gap is not taken, and the node asks again.

Each page is taken as it comes, so a link that breaks costs one page. A body that comes in pieces is done with its last
piece; a series that breaks off, or whose pieces are not of one body, is kept, has no effect and holds nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Protocol

from edge.store import audit, contacts, feed, link, node_identity, receipts
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.workflow.apply_news import apply_answers, apply_passports, apply_population, apply_verdicts
from edge.workflow.apply_registrations import apply_registrations
from edge.workflow.apply_sets import apply_catalogue, apply_trust_list
from edge.workflow.exchange import ACTOR, note_unreached
from edge.workflow.obey_ledger_epoch import apply_ledger_epoch
from edge.workflow.take_handover import apply_delegations, apply_unsigned_doses
from edge.workflow.take_signed import apply_handed_back, apply_signed_doses
from edge.workflow.take_statement import Asked, evidence_of, missed_pack, note_missing, take_statement
from sync_protocol.api import CentralApi, NetworkError, RemoteProblem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import NONCE_BYTES, FeedItem, FeedKind, FeedRequest, opening_keys_of, sign_request
from sync_protocol.feed_page import LENGTH_BYTES, FeedPage, open_page, split_file
from sync_protocol.ledger_epoch import begins_epoch
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
        FeedKind.CATALOGUE: apply_catalogue,
        FeedKind.TRUST_LIST: apply_trust_list,
        FeedKind.POPULATION: apply_population,
        FeedKind.VERDICTS: apply_verdicts,
        FeedKind.PASSPORTS: apply_passports,
        FeedKind.LEDGER_EPOCH: apply_ledger_epoch,
        FeedKind.ANSWERS: apply_answers,
    }
)


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What one run brought: bodies taken whole, and how many items the centre still has."""

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
    """Ask the centre, answer by answer, until the node has everything.

    Raises:
        NetworkError: the centre was not reached, or the answer broke off; pages that were taken stay taken.
        ProtocolError: the centre refuses, or what came does not verify; what was taken before stays taken.
        StoreError: the store.
    """
    result, tells_pack = FeedResult(), True
    while True:
        try:
            found, is_moving = _fetch_answer(
                database, central, now=now, entropy=entropy, appliers=appliers, tells_pack=tells_pack
            )
        except RemoteProblem as problem:
            if problem.code is not Code.FIELD_UNKNOWN or not tells_pack:
                raise
            # A centre of before a request told of the pack: it is asked as it knows it.
            tells_pack = False
            continue
        result = FeedResult(result.taken + found.taken, found.left)
        if not is_moving or not found.left:
            return result


def take_page(
    database: Database,
    sealed: bytes,
    *,
    at: int,
    appliers: Mapping[FeedKind, Applier] = APPLIERS,
    asked: Asked | None = None,
    is_first: bool = True,
    carried: Collection[bytes] = (),
) -> FeedResult:
    """Take a page, however it came, in one transaction.

    Args:
        sealed: as received, unverified.
        at: epoch seconds UTC.
        appliers: what each kind of item does here.
        asked: the request that the page answers; None for a page out of a file.
        is_first: whether it is the first page of its answer or file, which holds the statement.
        carried: nonces of this node's requests that somebody else may have carried, for a page out of a file.

    Raises:
        ProtocolError: what `open_page` and `take_statement` raise, and NOT_NEXT for a page that leaves a gap; nothing
            was taken.
        StoreError: nothing was taken.
    """
    with database.read() as tables:
        identity = node_identity.get(tables)
        # A stick may bring what was sealed before the present epoch began.
        opening = opening_keys_of(identity.opening_key, *node_identity.past_opening_keys(tables))
    page = open_page(sealed, opening, identity.publisher_key, node=identity.node)
    if page.stated is not None and not is_first:
        raise ProtocolError(Code.FIELD_INVALID, "feed page.3: only the first page holds a statement")
    try:
        with database.write_transaction() as tables:
            if is_first:
                take_statement(tables, page, asked=asked, at=at, carried=carried)
            taken = _take_items(tables, page, appliers=appliers, at=at)
            note_missing(tables, at=at)
            left = max(0, page.newest - feed.newest_number(tables))
    except ProtocolError as error:
        if error.code is Code.HEAD_INCONSISTENT and page.stated is not None:
            with database.write_transaction() as tables:
                evidence = evidence_of(tables, page)
                contacts.keep_evidence(tables, evidence, epoch=identity.epoch, code=error.code.value, at=at)
        raise
    # From here on the page is the node's: its items are never asked for again.
    return FeedResult(taken, left)


def take_file(
    database: Database,
    data: bytes,
    *,
    at: int,
    appliers: Mapping[FeedKind, Applier] = APPLIERS,
    carried: Collection[bytes] = (),
) -> FeedResult:
    """Take a whole file of pages, as `give_feed.feed_file` makes it, or as somebody got who carried a request.

    Raises:
        ProtocolError: as `take_page` and `split_file`; pages before the one that does not hold stay taken.
        StoreError: the store.
    """
    result = FeedResult()
    for place, sealed in enumerate(split_file(data)):
        found = take_page(database, sealed, at=at, appliers=appliers, is_first=place == 0, carried=carried)
        result = FeedResult(result.taken + found.taken, found.left)
    return result


def _fetch_answer(
    database: Database,
    central: CentralApi,
    *,
    now: Callable[[], int],
    entropy: Entropy,
    appliers: Mapping[FeedKind, Applier],
    tells_pack: bool,
) -> tuple[FeedResult, bool]:
    """One request and its pages, each taken as it comes; whether anything new came, besides."""
    with database.read() as tables:
        identity = node_identity.get(tables)
        after = feed.newest_number(tables)
        # The nonce is new for each try: a request whose answer was lost is not answered again.
        asked = Asked(entropy.token(NONCE_BYTES), receipts.known_head(tables))
        pack = missed_pack(tables) if tells_pack else None
    request = FeedRequest(
        identity.node, identity.epoch, after, at=now(), nonce=asked.nonce, known=asked.known, held_pack=pack
    )
    signed = sign_request(request, KeySigner(identity.node_key))
    result, received, pages = FeedResult(), 0, 0
    try:
        for sealed in central.feed(signed):
            received += LENGTH_BYTES + len(sealed)
            found = take_page(database, sealed, at=now(), appliers=appliers, asked=asked, is_first=pages == 0)
            pages += 1
            result = FeedResult(result.taken + found.taken, found.left)
    except NetworkError as error:
        _note_bytes(database, sent=len(signed), received=received, pages=pages, at=now())
        _note_network(database, error, at=now(), entropy=entropy)
        raise
    except ProtocolError:
        _note_bytes(database, sent=len(signed), received=received, pages=pages, at=now())
        raise
    _note_bytes(database, sent=len(signed), received=received, pages=pages, at=now())
    with database.read() as tables:
        return result, feed.newest_number(tables) > after


def _take_items(tables: Tables, page: FeedPage, *, appliers: Mapping[FeedKind, Applier], at: int) -> int:
    taken = 0
    for item, signed in page.items:
        newest = feed.newest_number(tables)
        if item.number <= newest:
            continue
        if item.number != newest + 1 and not begins_epoch(item):
            raise ProtocolError(Code.NOT_NEXT, "feed page: leaves out what comes before it")
        if item.before == 0 and feed.is_within(tables):
            # A body that was begun never ends; it is kept for `check`, and what follows is read.
            _note_unreadable(tables, newest, code=Code.COUNT_MISMATCH, at=at)
        feed.add(tables, item, signed, at=at)
        if item.more == 0:
            taken += 1
            _apply(tables, item, appliers[item.kind], at=at)
    return taken


def _apply(tables: Tables, item: FeedItem, applier: Applier, *, at: int) -> None:
    try:
        whole = replace(item, body=feed.whole_body(tables, item), before=0)
        applier(tables, whole, at=at)
    except ProtocolError as error:
        # One item that cannot be read must not keep all that follow it from the node; it is kept for `check`.
        _note_unreadable(tables, item.number, code=error.code, at=at)
    else:
        audit.append(tables, Action.FEED_TAKEN, f"feed:{item.number}", actor=ACTOR, at=at, details=item.kind.value)


def _note_unreadable(tables: Tables, number: int, *, code: Code, at: int) -> None:
    audit.append(tables, Action.FEED_UNREADABLE, f"feed:{number}", actor=ACTOR, at=at, details=code.value)


def _note_bytes(database: Database, *, sent: int, received: int, pages: int, at: int) -> None:
    with database.write_transaction() as tables:
        if pages:
            # Only the centre's own signature makes it the centre that was reached.
            link.note_reached(tables, at=at)
        link.count_bytes(tables, sent=sent, received=received)


def _note_network(database: Database, error: NetworkError, *, at: int, entropy: Entropy) -> None:
    with database.write_transaction() as tables:
        note_unreached(tables, error, at=at, entropy=entropy)

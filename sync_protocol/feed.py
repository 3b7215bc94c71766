"""What the centre has for one node: a numbered list of signed items, and how the node asks for what follows.

Each item is signed by the publisher key and names its node and its number; numbers go 1, 2, 3 … without a gap for as
long as the node's code lives, over all its epochs. A body that is larger than a piece is parted among several items in
a row, so that a link that breaks loses no more than one of them. A node takes the item that follows the last one it has
and nothing else, so nothing is lost, taken twice or taken out of turn.

The request is signed by the node's key. Its answer (`feed_page`) is of no use to anybody else, being sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.manifest import Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.signers.signer import Signer

_WHAT: Final = "feed item"
_REQUEST: Final = "feed request"
NONCE_BYTES: Final = 16
FEED_REQUEST_BYTES: Final = 1_024
# An item's envelope around its body.
ITEM_OVERHEAD: Final = 1_024


class FeedKind(StrEnum):
    """What an item carries; its body is encoded by the module named."""

    REGISTRATIONS = "registrations"  # `registration`
    DELEGATIONS = "delegations"  # `delegation`
    UNSIGNED_DOSES = "unsigned-doses"  # `handover`
    SIGNED_DOSES = "signed-doses"  # `handover`
    HANDED_BACK = "handed-back"  # `handover`
    CATALOGUE = "catalogue"  # `catalogue`, signed
    TRUST_LIST = "trust-list"  # `trust_list`, signed
    POPULATION = "population"  # `population`, signed: a whole pack or a change of one
    VERDICTS = "verdicts"  # `verdict_changes`
    PASSPORTS = "passports"  # `passports`
    LEDGER_EPOCH = "ledger-epoch"  # `ledger_epoch`, signed
    ANSWERS = "answers"  # `questions`


# Kinds travel as their place in this tuple, so the order never changes; new ones go at the end.
_KINDS: Final = (
    FeedKind.REGISTRATIONS,
    FeedKind.DELEGATIONS,
    FeedKind.UNSIGNED_DOSES,
    FeedKind.SIGNED_DOSES,
    FeedKind.HANDED_BACK,
    FeedKind.CATALOGUE,
    FeedKind.TRUST_LIST,
    FeedKind.POPULATION,
    FeedKind.VERDICTS,
    FeedKind.PASSPORTS,
    FeedKind.LEDGER_EPOCH,
    FeedKind.ANSWERS,
)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item.

    Attributes:
        node: the node's code.
        number: its place, from 1.
        kind: what it carries.
        at: epoch seconds, UTC, when the centre made it.
        body: encoded by the kind's own module; a piece of it where it is parted.
        more: how many pieces of the same body follow, in the next items.
        before: how many pieces of it came before, in the last items.
    """

    node: str
    number: int
    kind: FeedKind
    at: int
    body: bytes
    more: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """A node asks for what follows.

    Attributes:
        node, epoch: who asks.
        after: the number of the last item that it has; 0 for none.
        at: epoch seconds, UTC, by the node's clock: a claim.
        nonce: 16 fresh bytes; no two requests are alike.
        known: the newest head of the ledger that the node has verified, or None before the first.
        held_pack: the version of the population pack that the node holds, 0 for none, where it has every item of its
            feed and still lacks the version that the centre stated; None where it misses nothing.
    """

    node: str
    epoch: int
    after: int
    at: int
    nonce: bytes
    known: Checkpoint | None = None
    held_pack: int | None = None


def sign_item(item: FeedItem, publisher: Signer) -> bytes:
    """Signs an item; returns a tagged COSE_Sign1.

    Raises:
        ProtocolError: TOO_LARGE or FIELD_INVALID for an item that no node would take.
        TokenError: the signer cannot sign now.
    """
    fields: dict[int, object] = {1: item.node, 2: item.number, 3: _KINDS.index(item.kind), 4: item.at, 5: item.body}
    # Items of one piece look as they did before there were pieces.
    fields |= {key: count for key, count in ((6, item.more), (7, item.before)) if count}
    payload = cbor.encode(fields)
    _read_item(payload)
    context = contexts.FEED
    return cose.sign1(payload, signer=publisher, content_type=context.content_type, context=context.aad)


def verify_item(data: bytes, publisher_key: PublicKey, *, node: str) -> FeedItem:
    """Verifies signature and addressee of an item; its place in the list is judged by who takes it.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, CONTENT_TYPE, SET_FOREIGN, KIND_UNKNOWN or a code of form.
    """
    message = cose.parse_sign1(data, max_bytes=limits.FEED_ITEM_BYTES + ITEM_OVERHEAD)
    context = contexts.FEED
    payload = cose.verify_sign1(message, publisher_key, context=context.aad, content_type=context.content_type)
    item = _read_item(payload)
    if item.node != node:
        raise ProtocolError(Code.SET_FOREIGN, f"{_WHAT}: made for another node")
    return item


def read_item(signed: bytes) -> FeedItem:
    """Reads an item whose signature was verified when it was kept.

    Raises:
        ProtocolError: NOT_COSE, KIND_UNKNOWN or a code of form.
    """
    message = cose.parse_sign1(signed, max_bytes=limits.FEED_ITEM_BYTES + ITEM_OVERHEAD)
    if message.payload is None:
        raise ProtocolError(Code.NOT_COSE, f"{_WHAT}: the payload is missing")
    return _read_item(message.payload)


def parted(body: bytes) -> list[bytes]:
    """Parts a body into pieces of at most `limits.FEED_PIECE_BYTES`; an empty body is one empty piece.

    Raises:
        ProtocolError: TOO_LARGE for a body that no node would join.
    """
    if len(body) > limits.FEED_BODY_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: the body is larger than FEED_BODY_BYTES")
    size = limits.FEED_PIECE_BYTES
    return [body[start : start + size] for start in range(0, len(body), size)] or [b""]


def follows(item: FeedItem, last: FeedItem | None) -> bool:
    """Whether an item may stand behind the last one: it begins a body, or is the next piece of that body."""
    if item.before == 0:
        return True
    return last is not None and (last.kind, last.more, last.before) == (item.kind, item.more + 1, item.before - 1)


def whole_items(items: Iterable[FeedItem]) -> Iterator[FeedItem]:
    """Joins pieces: gives each body once, as one item with the number of its last piece.

    What was begun and not ended, or has no beginning, is left out.

    Args:
        items: in the order of their numbers.
    """
    held: list[FeedItem] = []
    for item in items:
        if not follows(item, held[-1] if held else None):
            held = []
            continue
        if item.before == 0:
            held = []
        held.append(item)
        if item.more == 0:
            yield replace(item, body=b"".join(one.body for one in held), before=0)
            held = []


def sign_request(request: FeedRequest, node_signer: Signer) -> bytes:
    """Signs a request with the node's key; returns a tagged COSE_Sign1."""
    fields: dict[int, object] = {
        1: request.node,
        2: request.epoch,
        3: request.after,
        4: request.at,
        5: request.nonce,
    }
    if request.known is not None:
        fields[6] = checkpoint_map(request.known)
    if request.held_pack is not None:
        fields[7] = request.held_pack
    payload = cbor.encode(fields)
    context = contexts.FEED_REQUEST
    return cose.sign1(payload, signer=node_signer, content_type=context.content_type, context=context.aad)


def parse_request(data: bytes) -> tuple[cose.Sign1, FeedRequest]:
    """Reads a request strictly; what it says is good for finding the node's key, and for nothing else.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, NOT_COSE or a code of form.
    """
    message = cose.parse_sign1(data, max_bytes=FEED_REQUEST_BYTES)
    if message.payload is None or message.unprotected:
        raise ProtocolError(Code.NOT_COSE, f"{_REQUEST}: the content travels inside, and nothing beside it")
    fields = Fields(cbor.decode(message.payload, max_bytes=FEED_REQUEST_BYTES), what=_REQUEST)
    request = FeedRequest(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        epoch=fields.uint(2, max=limits.COUNTER),
        after=fields.uint(3, max=limits.COUNTER),
        at=fields.uint(4, max=limits.INSTANT),
        nonce=fields.bytes_(5, length=NONCE_BYTES),
        known=None if (known := fields.opt_map_(6)) is None else read_checkpoint(known),
        held_pack=fields.opt_uint(7, max=limits.COUNTER),
    )
    fields.finish()
    return message, request


def verify_request(message: cose.Sign1, node_key: PublicKey) -> None:
    """Verifies that the node's key signed the request.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, KEY_INVALID or CONTENT_TYPE.
    """
    context = contexts.FEED_REQUEST
    cose.verify_sign1(message, node_key, context=context.aad, content_type=context.content_type)


def opening_keys_of(*opening: ec.EllipticCurvePrivateKey) -> Mapping[bytes, ec.EllipticCurvePrivateKey]:
    """A node's opening keys, that of its epoch and those of former ones, in the form that `open_page` takes."""
    return {keys.key_id(key.public_key()): key for key in opening}


def _read_item(payload: bytes) -> FeedItem:
    fields = Fields(cbor.decode(payload, max_bytes=limits.FEED_ITEM_BYTES + ITEM_OVERHEAD), what=_WHAT)
    kind = fields.uint(3)
    if kind >= len(_KINDS):
        raise ProtocolError(Code.KIND_UNKNOWN, f"{_WHAT}: the kind is unknown to this version")
    item = FeedItem(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        number=fields.uint(2, min=1, max=limits.COUNTER),
        kind=_KINDS[kind],
        at=fields.uint(4, max=limits.INSTANT),
        body=fields.bytes_(5, max_bytes=limits.FEED_ITEM_BYTES),
        more=fields.opt_uint(6, min=1, max=limits.FEED_PIECES - 1) or 0,
        before=fields.opt_uint(7, min=1, max=limits.FEED_PIECES - 1) or 0,
    )
    fields.finish()
    if not is_code(item.node):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: must be a node's code")
    if item.more + item.before >= limits.FEED_PIECES:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.6: a body has at most FEED_PIECES pieces")
    return item

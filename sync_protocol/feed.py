"""What the centre has for one node: a numbered list of signed items, sealed to that node alone.

Each item is signed by the publisher key and names its node and its number; numbers go 1, 2, 3 … without a gap for as
long as the node's code lives, over all its epochs. A page is some of them in a row, sealed to the node's opening key:
whoever carries it, over the network or on a stick, can neither read nor alter it. A node takes the item that follows
the last one it has and nothing else, so nothing is lost, taken twice or taken out of turn.

The request for a page is signed by the node's key. Its answer is of no use to anybody else, being sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.sealing import Entropy, open_sealed, seal
from sync_protocol.signers.signer import Signer

_WHAT: Final = "feed item"
_REQUEST: Final = "feed request"
NONCE_BYTES: Final = 16
FEED_REQUEST_BYTES: Final = 1_024
# An item's envelope around its body.
_ITEM_OVERHEAD: Final = 1_024


class FeedKind(StrEnum):
    """What an item carries; its body is encoded by the module named."""

    REGISTRATIONS = "registrations"  # `registration`
    DELEGATIONS = "delegations"  # `delegation`
    UNSIGNED_DOSES = "unsigned-doses"  # `handover`
    SIGNED_DOSES = "signed-doses"  # `handover`
    HANDED_BACK = "handed-back"  # `handover`


# Kinds travel as their place in this tuple, so the order never changes; new ones go at the end.
_KINDS: Final = (
    FeedKind.REGISTRATIONS,
    FeedKind.DELEGATIONS,
    FeedKind.UNSIGNED_DOSES,
    FeedKind.SIGNED_DOSES,
    FeedKind.HANDED_BACK,
)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item.

    Attributes:
        node: the node's code.
        number: its place, from 1.
        kind: what it carries.
        at: epoch seconds, UTC, when the centre made it.
        body: encoded by the kind's own module.
    """

    node: str
    number: int
    kind: FeedKind
    at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """A node asks for what follows.

    Attributes:
        node, epoch: who asks.
        after: the number of the last item that it has; 0 for none.
        at: epoch seconds, UTC, by the node's clock: a claim.
        nonce: 16 fresh bytes; no two requests are alike.
    """

    node: str
    epoch: int
    after: int
    at: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some items in a row, verified.

    Attributes:
        items: each with the bytes that the centre signed.
        newest: the number of the last item that there is.
    """

    items: tuple[tuple[FeedItem, bytes], ...]
    newest: int


def sign_item(item: FeedItem, publisher: Signer) -> bytes:
    """Signs an item; returns a tagged COSE_Sign1.

    Raises:
        ProtocolError: TOO_LARGE or FIELD_INVALID for an item that no node would take.
        TokenError: the signer cannot sign now.
    """
    payload = cbor.encode({1: item.node, 2: item.number, 3: _KINDS.index(item.kind), 4: item.at, 5: item.body})
    _read_item(payload)
    context = contexts.FEED
    return cose.sign1(payload, signer=publisher, content_type=context.content_type, context=context.aad)


def verify_item(data: bytes, publisher_key: PublicKey, *, node: str) -> FeedItem:
    """Verifies signature and addressee of an item; its place in the list is judged by who takes it.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, CONTENT_TYPE, SET_FOREIGN, KIND_UNKNOWN or a code of form.
    """
    message = cose.parse_sign1(data, max_bytes=limits.FEED_ITEM_BYTES + _ITEM_OVERHEAD)
    context = contexts.FEED
    payload = cose.verify_sign1(message, publisher_key, context=context.aad, content_type=context.content_type)
    item = _read_item(payload)
    if item.node != node:
        raise ProtocolError(Code.SET_FOREIGN, f"{_WHAT}: made for another node")
    return item


def seal_page(items: Sequence[bytes], *, newest: int, recipient: ec.EllipticCurvePublicKey, entropy: Entropy) -> bytes:
    """Seals signed items in a row to the node that they are for.

    Args:
        items: from `sign_item`, in the order of their numbers; may be empty.
        newest: the number of the last item that there is.
        recipient: the node's sealing key.
        entropy: where the fresh bytes come from.
    """
    inner = cbor.encode({1: newest, 2: list(items)})
    return seal(inner, recipient=recipient, entropy=entropy, context=contexts.FEED_PAGE.aad)


def open_page(
    sealed: bytes,
    opening_keys: Mapping[bytes, ec.EllipticCurvePrivateKey],
    publisher_key: PublicKey,
    *,
    node: str,
) -> FeedPage:
    """Opens a page and verifies each of its items.

    Args:
        sealed: the page as received.
        opening_keys: the node's keys by their `keys.key_id`.
        publisher_key: the centre's, as pinned at enrolment.
        node: this node's code.

    Raises:
        ProtocolError: what `open_sealed` and `verify_item` raise, and NOT_NEXT where the items do not follow one
            another. Nothing of the page is to be taken then.
    """
    inner = open_sealed(sealed, opening_keys, context=contexts.FEED_PAGE.aad, max_bytes=limits.FEED_PAGE_BYTES)
    fields = Fields(cbor.decode(inner, max_bytes=limits.FEED_PAGE_BYTES), what="feed page")
    newest = fields.uint(1, max=limits.COUNTER)
    signed = fields.list_(2, max_items=limits.FEED_PAGE_ITEMS)
    fields.finish()
    items = []
    for data in signed:
        if not isinstance(data, bytes):
            raise ProtocolError(Code.FIELD_INVALID, "feed page.2: must be a list of byte strings")
        items.append((verify_item(data, publisher_key, node=node), data))
    numbers = [item.number for item, _ in items]
    if numbers and (numbers != list(range(numbers[0], numbers[0] + len(numbers))) or numbers[-1] > newest):
        raise ProtocolError(Code.NOT_NEXT, "feed page: its items do not follow one another")
    return FeedPage(tuple(items), newest)


def sign_request(request: FeedRequest, node_signer: Signer) -> bytes:
    """Signs a request with the node's key; returns a tagged COSE_Sign1."""
    payload = cbor.encode({1: request.node, 2: request.epoch, 3: request.after, 4: request.at, 5: request.nonce})
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


def opening_keys_of(key: ec.EllipticCurvePrivateKey) -> Mapping[bytes, ec.EllipticCurvePrivateKey]:
    """A node's one opening key, in the form that `open_page` takes."""
    return {keys.key_id(key.public_key()): key}


def _read_item(payload: bytes) -> FeedItem:
    fields = Fields(cbor.decode(payload, max_bytes=limits.FEED_ITEM_BYTES + _ITEM_OVERHEAD), what=_WHAT)
    kind = fields.uint(3)
    if kind >= len(_KINDS):
        raise ProtocolError(Code.KIND_UNKNOWN, f"{_WHAT}: the kind is unknown to this version")
    item = FeedItem(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        number=fields.uint(2, min=1, max=limits.COUNTER),
        kind=_KINDS[kind],
        at=fields.uint(4, max=limits.INSTANT),
        body=fields.bytes_(5, max_bytes=limits.FEED_ITEM_BYTES),
    )
    fields.finish()
    if not is_code(item.node):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: must be a node's code")
    return item

"""Pages of a node's feed: some items in a row, sealed to that node alone, and how pages follow one another as bytes.

Whoever carries a page, over the network or on a stick, can neither read nor alter it. The first page of an answer also
holds the centre's signed word on how things stand (`contact`), and beside it the path by which the node sees that the
ledger has only grown.

An answer, and a file, is pages one after the other, each behind its length in 4 bytes, the highest first. What came
before a cut is whole pages, which a node takes as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, limits, merkle
from sync_protocol.contact import STATEMENT_BYTES, Statement, verify_statement
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, verify_item
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.sealing import Entropy, open_sealed, seal

LENGTH_BYTES: Final = 4
_WHAT: Final = "feed page"


@dataclass(frozen=True, slots=True)
class StatedHead:
    """What the first page holds beside its items.

    Attributes:
        signed: the statement, from `sign_statement`.
        path_from: size of the head from which the path leads; 0 without a path.
        path: consistency path of RFC 9162, 2.1.4, from there to the statement's head.
    """

    signed: bytes
    path_from: int = 0
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some items in a row, verified.

    Attributes:
        items: each with the bytes that the centre signed.
        newest: the number of the last item that there is.
        statement: in a first page, verified as the centre's word to this node; its freshness and its head are not.
        stated: the same as it came, with its path.
    """

    items: tuple[tuple[FeedItem, bytes], ...]
    newest: int
    statement: Statement | None = None
    stated: StatedHead | None = None


def seal_page(
    items: Sequence[bytes],
    *,
    newest: int,
    recipient: ec.EllipticCurvePublicKey,
    entropy: Entropy,
    stated: StatedHead | None = None,
) -> bytes:
    """Seals signed items in a row to the node that they are for.

    Args:
        items: from `sign_item`, in the order of their numbers; may be empty.
        newest: the number of the last item that there is.
        recipient: the node's sealing key.
        entropy: where the fresh bytes come from.
        stated: what the centre says of itself, in the first page of an answer.
    """
    fields: dict[int, object] = {1: newest, 2: list(items)}
    if stated is not None:
        fields[3] = stated.signed
        if stated.path_from:
            fields |= {4: stated.path_from, 5: list(stated.path)}
    return seal(cbor.encode(fields), recipient=recipient, entropy=entropy, context=contexts.FEED_PAGE.aad)


def open_page(
    sealed: bytes,
    opening_keys: Mapping[bytes, ec.EllipticCurvePrivateKey],
    publisher_key: PublicKey,
    *,
    node: str,
) -> FeedPage:
    """Opens a page and verifies each of its items, and its statement.

    Args:
        sealed: the page as received.
        opening_keys: the node's keys by their `keys.key_id`.
        publisher_key: the centre's, as pinned at enrolment.
        node: this node's code.

    Raises:
        ProtocolError: what `open_sealed`, `verify_item` and `verify_statement` raise, and NOT_NEXT where the items do
            not follow one another. Nothing of the page is to be taken then.
    """
    inner = open_sealed(sealed, opening_keys, context=contexts.FEED_PAGE.aad, max_bytes=limits.FEED_PAGE_BYTES)
    fields = Fields(cbor.decode(inner, max_bytes=limits.FEED_PAGE_BYTES), what=_WHAT)
    newest = fields.uint(1, max=limits.COUNTER)
    signed = fields.list_(2, max_items=limits.FEED_PAGE_ITEMS)
    stated = _stated(fields)
    fields.finish()
    items = []
    for data in signed:
        if not isinstance(data, bytes):
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.2: must be a list of byte strings")
        items.append((verify_item(data, publisher_key, node=node), data))
    numbers = [item.number for item, _ in items]
    if numbers and (numbers != list(range(numbers[0], numbers[0] + len(numbers))) or numbers[-1] > newest):
        raise ProtocolError(Code.NOT_NEXT, f"{_WHAT}: its items do not follow one another")
    if stated is None:
        return FeedPage(tuple(items), newest)
    statement = verify_statement(stated.signed, publisher_key, node=node)
    if statement.newest_item != newest:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: is not what the statement says")
    return FeedPage(tuple(items), newest, statement, stated)


def framed(sealed: bytes) -> bytes:
    """A page behind its length."""
    return len(sealed).to_bytes(LENGTH_BYTES) + sealed


class PageReader:
    """Parts bytes that come in any pieces into pages.

    Args:
        max_bytes: of all pages together with their lengths.
        max_pages: how many there may be.
    """

    def __init__(self, *, max_bytes: int = limits.FEED_ANSWER_BYTES, max_pages: int = limits.FEED_ANSWER_PAGES) -> None:
        self._held = bytearray()
        self._left_bytes = max_bytes
        self._left_pages = max_pages

    def add(self, data: bytes) -> Iterator[bytes]:
        """Gives the pages that are whole with these bytes, unverified.

        Raises:
            ProtocolError: TOO_LARGE; FIELD_INVALID for a page of no bytes. What came before it is good.
        """
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}s: more bytes than an answer has")
        self._held += data
        while len(self._held) >= LENGTH_BYTES:
            size = int.from_bytes(self._held[:LENGTH_BYTES])
            if size > limits.FEED_PAGE_BYTES or self._left_pages == 0:
                raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}s: a page larger than any, or one too many")
            if size == 0:
                raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}s: a page of no bytes")
            if len(self._held) < LENGTH_BYTES + size:
                return
            page = bytes(self._held[LENGTH_BYTES : LENGTH_BYTES + size])
            del self._held[: LENGTH_BYTES + size]
            self._left_pages -= 1
            yield page

    @property
    def is_within(self) -> bool:
        """Whether a page has begun and is not whole."""
        return bool(self._held)


def split_file(data: bytes) -> Iterator[bytes]:
    """The pages of a file, as they follow one another; each is given before the next one is looked at.

    Raises:
        ProtocolError: TOO_LARGE, or FIELD_INVALID for a file that ends within a page or holds none.
    """
    # Each page of a file brings something, so their number needs no bound but that of their bytes.
    reader = PageReader(max_bytes=limits.FEED_FILE_BYTES, max_pages=limits.FEED_FILE_BYTES)
    yield from reader.add(data)
    if reader.is_within or not data:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}s: the file ends within a page")


def _stated(fields: Fields) -> StatedHead | None:
    signed = fields.opt_bytes_(3, max_bytes=STATEMENT_BYTES)
    path_from = fields.opt_uint(4, min=1, max=limits.LEDGER_ENTRIES)
    path = fields.opt_list_(5, max_items=limits.PATH_HASHES)
    if (path_from is None) != (path is None) or (signed is None and path is not None):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.4: a path, where it begins and a statement go together")
    if signed is None:
        return None
    hashes = tuple(value for value in path or () if isinstance(value, bytes) and len(value) == merkle.HASH_BYTES)
    if len(hashes) != len(path or ()):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.5: a path is hashes of {merkle.HASH_BYTES} bytes")
    return StatedHead(signed, path_from or 0, hashes)

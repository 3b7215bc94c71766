"""Pages of a feed as bytes in a row, what a first page says, and bodies in pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, limits
from sync_protocol.contact import Statement, sign_statement, verify_statement
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import (
    FeedItem,
    FeedKind,
    opening_keys_of,
    parted,
    read_item,
    sign_item,
    verify_item,
    whole_items,
)
from sync_protocol.feed_page import FeedPage, PageReader, StatedHead, framed, open_page, seal_page, split_file
from sync_protocol.manifest import Checkpoint
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key

PUBLISHER: Final = KeySigner(ec_key("publisher"))
NODE_KEY: Final = ec_key("opening")
NODE: Final = "19001A"
HEAD: Final = Checkpoint(epoch=1, size=9, root=bytes(32), at=1_650_000_000)
STATEMENT: Final = Statement(
    NODE, 4, at=1_650_000_001, nonce=bytes(16), head=HEAD, versions={"catalogue": 3, "population": 1}
)
PATH: Final = (bytes(32), b"\1" * 32)


def page(fields: dict[int, object]) -> bytes:
    return seal(
        cbor.encode(fields),
        recipient=NODE_KEY.public_key(),
        entropy=SeededEntropy(),
        context=contexts.FEED_PAGE.aad,
    )


def opened(sealed: bytes) -> FeedPage:
    return open_page(sealed, opening_keys_of(NODE_KEY), PUBLISHER.public_key, node=NODE)


def test_a_first_page_gives_the_statement_and_its_path() -> None:
    stated = StatedHead(sign_statement(STATEMENT, PUBLISHER), 5, PATH)
    sealed = seal_page([], newest=4, recipient=NODE_KEY.public_key(), entropy=SeededEntropy(), stated=stated)
    found = opened(sealed)
    assert (found.statement, found.stated) == (STATEMENT, stated)


@given(st.dictionaries(st.sampled_from(["catalogue", "trust-list", "population"]), st.integers(1, limits.COUNTER)))
def test_versions_come_back_by_their_kinds(versions: dict[str, int]) -> None:
    said = replace(STATEMENT, versions=versions)
    assert verify_statement(sign_statement(said, PUBLISHER), PUBLISHER.public_key, node=NODE).versions == versions


def test_any_flipped_bit_of_a_statement_is_refused() -> None:
    data = sign_statement(STATEMENT, PUBLISHER)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            verify_statement(bytes(flipped), PUBLISHER.public_key, node=NODE)


@pytest.mark.parametrize(
    "changes",
    [
        {4: 5},
        {5: [bytes(32)]},
        {4: 0, 5: []},
        {4: 5, 5: [bytes(31)]},
        {4: 5, 5: [7]},
        {4: 5, 5: [bytes(32)] * (limits.PATH_HASHES + 1)},
        {1: 5},
        {6: 1},
    ],
)
def test_a_first_page_that_is_not_as_written_is_refused(changes: dict[int, object]) -> None:
    honest: dict[int, object] = {1: 4, 2: [], 3: sign_statement(STATEMENT, PUBLISHER)}
    assert opened(page(honest)).newest == 4
    with pytest.raises(ProtocolError):
        opened(page({**honest, **changes}))


def test_a_path_without_a_statement_is_refused() -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        opened(page({1: 4, 2: [], 4: 5, 5: []}))


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6), st.integers(1, 9))
def test_pages_come_out_as_they_went_in_however_the_bytes_arrive(pages: list[bytes], step: int) -> None:
    data = b"".join(map(framed, pages))
    assert list(split_file(data)) == pages
    reader, found = PageReader(), []
    for start in range(0, len(data), step):
        found += list(reader.add(data[start : start + step]))
    assert found == pages
    assert not reader.is_within
    for end in range(1, len(data)):
        cut, whole = PageReader(), list[bytes]()
        whole += cut.add(data[:end])
        assert whole == pages[: len(whole)]
        assert cut.is_within or b"".join(map(framed, whole)) == data[:end]


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\0",
        (limits.FEED_PAGE_BYTES + 1).to_bytes(4),
        b"\xff\xff\xff\xff",
        framed(b"x") * (limits.FEED_ANSWER_PAGES + 1),
        framed(bytes(limits.FEED_PAGE_BYTES)) + framed(b"x"),
    ],
    ids=["empty page", "large page", "largest length", "too many", "too much"],
)
def test_what_no_answer_is_like_is_refused_before_it_is_held(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        list(PageReader().add(data))
    assert caught.value.code in (Code.TOO_LARGE, Code.FIELD_INVALID)


@given(st.integers(0, 5 * limits.FEED_PIECE_BYTES))
def test_a_body_is_parted_into_pieces_that_join_to_it(size: int) -> None:
    body = bytes(size)
    pieces = parted(body)
    assert b"".join(pieces) == body
    assert all(len(piece) <= limits.FEED_PIECE_BYTES for piece in pieces)
    assert len(pieces) == max(1, -(-size // limits.FEED_PIECE_BYTES))


def test_an_item_of_one_piece_looks_as_it_did_before_there_were_pieces() -> None:
    item = FeedItem(NODE, 7, FeedKind.DELEGATIONS, 1_650_000_000, b"\xa0")
    whole, piece = sign_item(item, PUBLISHER), sign_item(replace(item, more=2, before=1), PUBLISHER)
    assert cbor.encode({1: NODE, 2: 7, 3: 1, 4: 1_650_000_000, 5: b"\xa0"}) in whole
    assert verify_item(piece, PUBLISHER.public_key, node=NODE) == replace(item, more=2, before=1) == read_item(piece)
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        sign_item(replace(item, more=limits.FEED_PIECES - 1, before=1), PUBLISHER)


def test_only_whole_series_are_joined() -> None:
    def item(number: int, more: int, before: int, kind: FeedKind = FeedKind.DELEGATIONS) -> FeedItem:
        return FeedItem(NODE, number, kind, 0, bytes([number]), more=more, before=before)

    row = [
        item(1, 0, 1),
        *(item(2, 1, 0), item(3, 0, 1)),
        *(item(4, 2, 0), item(5, 1, 1), item(6, 0, 0)),
        *(item(7, 1, 0), item(8, 0, 1, FeedKind.REGISTRATIONS)),
        item(9, 0, 0),
    ]
    assert [(one.number, one.body) for one in whole_items(row)] == [(3, b"\2\3"), (6, b"\6"), (9, b"\x09")]

"""A node's feed: signed items in a row, sealed to the one node that they are for, and the request for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import (
    FeedItem,
    FeedKind,
    FeedRequest,
    opening_keys_of,
    parse_request,
    sign_item,
    sign_request,
    verify_item,
    verify_request,
)
from sync_protocol.feed_page import FeedPage, open_page, seal_page
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key

PUBLISHER = KeySigner(ec_key("publisher"))
NODE_KEY = ec_key("opening")
ITEM = FeedItem("19001A", 7, FeedKind.DELEGATIONS, 1_650_000_000, b"\xa0")
REQUEST = FeedRequest("19001A", 2, after=7, at=1_650_000_000, nonce=bytes(16))


def signed(first: int, last: int, **changes: object) -> list[bytes]:
    """Items of these numbers."""
    return [sign_item(replace(ITEM, number=number, **changes), PUBLISHER) for number in range(first, last + 1)]  # type: ignore[arg-type]


def page(items: list[bytes], *, newest: int) -> bytes:
    return seal_page(items, newest=newest, recipient=NODE_KEY.public_key(), entropy=SeededEntropy())


def opened(sealed: bytes, *, node: str = "19001A") -> FeedPage:
    return open_page(sealed, opening_keys_of(NODE_KEY), PUBLISHER.public_key, node=node)


@given(st.sampled_from(list(FeedKind)), st.integers(1, limits.COUNTER), st.binary(max_size=200))
def test_items_come_back_as_they_were(kind: FeedKind, number: int, body: bytes) -> None:
    item = replace(ITEM, kind=kind, number=number, body=body)
    assert verify_item(sign_item(item, PUBLISHER), PUBLISHER.public_key, node="19001A") == item


def test_any_flipped_bit_of_an_item_is_refused() -> None:
    data = sign_item(ITEM, PUBLISHER)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            verify_item(bytes(flipped), PUBLISHER.public_key, node="19001A")


def test_an_item_of_a_stranger_or_for_another_node_is_refused() -> None:
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_item(sign_item(ITEM, KeySigner(ec_key("stranger"))), PUBLISHER.public_key, node="19001A")
    with pytest.raises(ProtocolError, match=Code.SET_FOREIGN):
        verify_item(sign_item(ITEM, PUBLISHER), PUBLISHER.public_key, node="79001A")


def test_a_body_at_its_bound_travels_and_one_byte_more_does_not() -> None:
    most = replace(ITEM, body=bytes(limits.FEED_ITEM_BYTES))
    sealed = page([sign_item(most, PUBLISHER)], newest=7)
    assert opened(sealed).items[0][0] == most
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        sign_item(replace(ITEM, body=bytes(limits.FEED_ITEM_BYTES + 1)), PUBLISHER)


def test_a_page_gives_its_items_with_the_bytes_that_were_signed() -> None:
    items = signed(3, 5)
    found = opened(page(items, newest=9))
    assert [item.number for item, _ in found.items] == [3, 4, 5]
    assert [data for _, data in found.items] == items
    assert found.newest == 9
    assert opened(page([], newest=9)) == FeedPage((), 9)


@pytest.mark.parametrize(
    ("items", "newest", "code"),
    [
        ([*signed(1, 1), *signed(3, 3)], 3, Code.NOT_NEXT),
        ([*signed(2, 2), *signed(1, 1)], 2, Code.NOT_NEXT),
        ([*signed(1, 1), *signed(1, 1)], 2, Code.NOT_NEXT),
        (signed(1, 2), 1, Code.NOT_NEXT),
        (signed(1, 2, node="79001A"), 2, Code.SET_FOREIGN),
        ([b"\xa0"], 1, Code.NOT_COSE),
        (signed(1, 1) * (limits.FEED_PAGE_ITEMS + 1), 1, Code.FIELD_INVALID),
    ],
)
def test_a_page_whose_items_are_not_a_row_for_this_node_is_refused_whole(
    items: list[bytes], newest: int, code: Code
) -> None:
    with pytest.raises(ProtocolError, match=code):
        opened(page(items, newest=newest))


def test_only_the_node_opens_its_page_and_a_bundle_is_no_page() -> None:
    sealed = page(signed(1, 1), newest=1)
    with pytest.raises(ProtocolError, match=Code.RECIPIENT_UNKNOWN):
        open_page(sealed, opening_keys_of(ec_key("neighbour")), PUBLISHER.public_key, node="19001A")
    other = seal(cbor.encode({1: 1, 2: []}), recipient=NODE_KEY.public_key(), entropy=SeededEntropy())
    with pytest.raises(ProtocolError, match=Code.ENVELOPE_UNREADABLE):
        opened(other)


def test_a_request_is_known_by_the_nodes_key() -> None:
    data = sign_request(REQUEST, KeySigner(ec_key("node")))
    message, asked = parse_request(data)
    assert asked == REQUEST
    verify_request(message, ec_key("node").public_key())
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_request(message, ec_key("another node").public_key())


@pytest.mark.parametrize("version", [0, 7, limits.COUNTER])
def test_a_request_tells_which_pack_is_held_where_one_is_missed(version: int) -> None:
    asked = replace(REQUEST, held_pack=version)
    assert parse_request(sign_request(asked, KeySigner(ec_key("node"))))[1] == asked
    # Where nothing is missed it is the request that it always was.
    assert len(sign_request(REQUEST, KeySigner(ec_key("node")))) < len(sign_request(asked, KeySigner(ec_key("node"))))
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        parse_request(sign_request(replace(REQUEST, held_pack=limits.COUNTER + 1), KeySigner(ec_key("node"))))


def test_a_signature_for_something_else_is_no_request() -> None:
    payload = cbor.encode({1: "19001A", 2: 2, 3: 7, 4: 1_650_000_000, 5: bytes(16)})
    context = contexts.BUNDLE
    data = cose.sign1(payload, signer=KeySigner(ec_key("node")), content_type=context.content_type, context=context.aad)
    message, _ = parse_request(data)
    with pytest.raises(ProtocolError, match=Code.CONTENT_TYPE):
        verify_request(message, ec_key("node").public_key())

"""Deterministic bytes out, strict values in."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.errors import Code, ProtocolError
from tests.protocol.refusals import refusal_of, refused

INTEGERS = st.integers(min_value=-(2**64), max_value=2**64 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.binary(max_size=40) | st.text(max_size=40)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(INTEGERS, inner, max_size=5), max_leaves=25
)


def _decode(text: str) -> cbor.Value:
    return cbor.decode(bytes.fromhex(text), max_bytes=1000)


def _foreign(text: str) -> cbor.Value:
    return cbor.decode_foreign(bytes.fromhex(text), max_bytes=1000)


@given(VALUES)
def test_decoding_gives_back_what_was_encoded(value: cbor.Value) -> None:
    assert cbor.decode(cbor.encode(value), max_bytes=10_000) == value


@given(VALUES)
def test_the_foreign_reader_agrees_with_the_strict_one(value: cbor.Value) -> None:
    assert cbor.decode_foreign(cbor.encode(value), max_bytes=10_000) == value


@given(st.binary(max_size=60))
def test_whatever_decodes_encodes_to_the_same_bytes_and_all_else_is_refused(data: bytes) -> None:
    code = refusal_of(lambda: cbor.decode(data, max_bytes=100))
    if code is None:
        assert cbor.encode(cbor.decode(data, max_bytes=100)) == data
    else:
        assert code in (Code.NOT_CBOR, Code.NOT_DETERMINISTIC)


@given(st.binary(max_size=60))
def test_the_foreign_reader_raises_nothing_but_refusals(data: bytes) -> None:
    assert refusal_of(lambda: cbor.decode_foreign(data, max_bytes=100)) in (None, Code.NOT_CBOR)


@given(VALUES, st.data())
def test_a_flipped_bit_never_gives_the_same_value(value: cbor.Value, data: st.DataObject) -> None:
    encoded = bytearray(cbor.encode(value))
    position = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[position // 8] ^= 1 << position % 8
    with suppress(ProtocolError):
        assert cbor.encode(cbor.decode(bytes(encoded), max_bytes=10_000)) != cbor.encode(value)


def test_map_keys_are_in_the_bytewise_order_of_their_encodings() -> None:
    # RFC 8949, 4.2.1 has these in this order; RFC 7049 would put the shorter -1 before 395 and 100.
    assert cbor.encode({"aa": 7, -1: 5, "z": 6, 395: 4, 100: 3, 10: 2, 1: 1}).hex() == (
        "a7" + "0101" + "0a02" + "186403" + "19018b04" + "2005" + "617a06" + "62616107"
    )


@given(st.binary(max_size=70_000))
def test_a_byte_string_is_encoded_as_cbor_does(data: bytes) -> None:
    assert cbor.byte_string(data) == cbor2.dumps(data)


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65_535, 65_536])
def test_a_byte_string_of_each_head_size_is_encoded_as_cbor_does(size: int) -> None:
    assert cbor.byte_string(bytes(size)) == cbor2.dumps(bytes(size))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("82 01", "an item is missing"),
        ("01 02", "a trailing byte"),
        ("9f 01 ff", "an indefinite list"),
        ("bf 01 02 ff", "an indefinite map"),
        ("5f 41 00 ff", "an indefinite byte string"),
        ("a2 01 02 01 03", "a key twice"),
        ("a1 f5 01", "a boolean as key"),
        ("a1 61 61 01", "a text key"),
        ("a1 80 01", "a list as key"),
        ("a1 40 01", "bytes as key"),
        ("fb 3ff0000000000000", "a float"),
        ("f9 7e00", "not a number"),
        ("f7", "undefined"),
        ("f0", "a simple value"),
        ("1c", "a reserved head"),
        ("62 ff ff", "text that is not UTF-8"),
        ("5b ffff ffff ffff ffff", "a length beyond everything"),
        ("9b 7fff ffff ffff ffff", "a count beyond everything"),
        ("c1 00", "tag 1"),
        ("c0 74 323031332d30332d32315432303a30343a30305a", "tag 0"),
        ("c2 49 01 0000 0000 0000 0000", "a big integer"),
        ("c4 82 01 02", "a decimal"),
        ("d8 23 61 61", "a regular expression"),
        ("d8 1c 81 d8 1d 00", "a cyclic list"),
        ("d8 3d 01", "tag 61"),
        ("d9 0102 80", "a set"),
        ("d9 03e6 80", "tag 998"),
        ("d9 d9f7 01", "the self-describing tag"),
        ("81" * 13 + "01", "too deep"),
        ("a1 01 " * 13 + "01", "maps too deep"),
    ],
)
def test_what_is_outside_the_format_is_refused(text: str, why: str) -> None:
    with refused(Code.NOT_CBOR):
        _decode(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("18 01", "an integer in two bytes"),
        ("19 00ff", "an integer in three bytes"),
        ("58 01 00", "a length in two bytes"),
        ("a2 02 00 01 00", "keys out of order"),
        ("a2 20 00 01 00", "a negative key first"),
        ("d8 60 98 00", "a long head inside a tag"),
    ],
)
def test_what_could_be_encoded_otherwise_is_refused(text: str, why: str) -> None:
    with refused(Code.NOT_DETERMINISTIC):
        _decode(text)


def test_under_a_tag_there_are_lists_and_maps_too() -> None:
    value = _decode("d2 82 a1 01 80 81 00")
    assert isinstance(value, cbor2.CBORTag)
    assert value.value == [{1: []}, [0]]
    assert type(value.value[0]) is dict
    assert type(value.value[0][1]) is list


def test_a_message_is_bounded_before_it_is_read() -> None:
    assert cbor.decode(b"\x43abc", max_bytes=4) == b"abc"
    for read in (cbor.decode, cbor.decode_foreign):
        with refused(Code.TOO_LARGE):
            read(b"\x43abc", max_bytes=3)


def test_a_flood_of_tiny_items_is_refused_before_it_costs_memory() -> None:
    count = limits.CBOR_ITEMS
    for flood in (b"\x80", b"\xa0", b"\x00"):
        data = b"\x9a" + count.to_bytes(4) + flood * count
        with refused(Code.TOO_LARGE):
            cbor.decode(data, max_bytes=limits.SET_BYTES)


def test_a_large_message_of_few_items_is_read() -> None:
    value = [bytes(300_000), "x" * 300_000, [1, 2, 70_000], {1: -5}]
    assert cbor.decode(cbor.encode(value), max_bytes=limits.SET_BYTES) == value


def test_the_deepest_allowed_value_passes() -> None:
    data = b"\x81" * limits.CBOR_DEPTH + b"\x01"
    assert cbor.encode(cbor.decode(data, max_bytes=100)) == data


def test_the_depth_is_bounded_in_both_directions() -> None:
    value: cbor.Value = 1
    for _ in range(limits.CBOR_DEPTH):
        value = [value]
    cbor.encode(value)
    with pytest.raises(TypeError, match="deep"):
        cbor.encode([value])


def test_what_is_like_bytes_text_or_integers_is_encoded_as_such() -> None:
    assert cbor.encode([bytearray(b"a"), memoryview(b"a"), Code.EPOCH, HTTPStatus.OK]) == cbor.encode(
        [b"a", b"a", "epoch", 200]
    )


def test_others_may_encode_more_freely() -> None:
    assert _foreign("bf 02 18 01 01 f9 3c00 ff") == {2: 1, 1: 1.0}
    assert _foreign("c1 1a 6000 0000") == cbor2.CBORTag(1, 0x60000000)
    assert _foreign("c0 61 78") == cbor2.CBORTag(0, "x")
    assert _foreign("d8 3d d2 80") == cbor2.CBORTag(61, cbor2.CBORTag(18, []))
    assert _foreign("a1 61 61 01") == {"a": 1}


@pytest.mark.parametrize(
    "text", ["01 02", "a2 01 02 01 03", "d8 23 61 61", "d8 1c 81 d8 1d 00", "c2 41 01", "d9 0102 80", "81" * 13 + "01"]
)
def test_others_may_not_be_ambiguous_either(text: str) -> None:
    with refused(Code.NOT_CBOR):
        _foreign(text)


@pytest.mark.parametrize("value", [1.0, {1, 2}, {True: 1}, {b"a": 1}, 2**64, cbor2.CBORTag(1, 0), object()])
def test_encoding_what_has_no_place_is_a_mistake_of_the_program(value: object) -> None:
    with pytest.raises(TypeError):
        cbor.encode(value)

"""The one door to cbor2: deterministic bytes out, strict values in.

Everything of ours is deterministically encoded CBOR (RFC 8949, 4.2.1): shortest forms, definite lengths, map
keys in the bytewise order of their encodings, no floats. :func:`decode` proves it by encoding again and
comparing, so one value has one encoding and a digest names one meaning. :func:`decode_foreign` is for health
certificates of other countries, whose encoders promise less; it is bounded in the same way.

cbor2 by itself would run decoders for tags that nobody asked for (regular expressions, cyclic values, decimals of
any exponent), so every tag outside the short lists below is refused before its decoder runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TypeAlias

import cbor2

from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError

Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[int | str, Value] | cbor2.CBORTag | None"

TAG_SIGN1 = 18
TAG_ENCRYPT = 96
TAG_CWT = 61

_UINT64 = 2**64
_HEAD_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}


def encode(value: object) -> bytes:
    """Encodes a value deterministically.

    Args:
        value: integers within 64 bits, bytes, text, booleans, None, lists or tuples, maps with integer or text
            keys, and the tags of COSE_Sign1 and COSE_Encrypt.

    Raises:
        TypeError: the value has no place in our format; a mistake of the calling code.
    """
    return cbor2.dumps(_ordered(value, limits.CBOR_DEPTH, True))


def encode_ordered(value: object) -> bytes:
    """Encodes a value that is known to be of this format and in order: checked types, keys rising in every map.

    Dose records are written with it, by the thousand. Nothing is looked at: anything else comes out as cbor2 pleases.
    """
    return cbor2.dumps(value)


def byte_string(data: bytes) -> bytes:
    """Encodes one byte string: the piece that Sig_structures are put together from, many times a second."""
    size = len(data)
    if size < 24:
        return bytes((0x40 | size,)) + data
    if size < 0x100:
        return b"\x58" + size.to_bytes(1) + data
    if size < 0x10000:
        return b"\x59" + size.to_bytes(2) + data
    return b"\x5a" + size.to_bytes(4) + data


def decode(data: bytes, *, max_bytes: int) -> Value:
    """Decodes one deterministic value whose maps have integer keys.

    Args:
        data: the whole message, unverified.
        max_bytes: what the message may weigh; checked before anything is decoded.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, or NOT_DETERMINISTIC when it would encode to other bytes.
    """
    value = _load(data, max_bytes, decoders=_STRICT_TAGS, allow_indefinite=False)
    try:
        again = cbor2.dumps(_ordered(value, limits.CBOR_DEPTH, False))
    except TypeError as error:
        raise ProtocolError(Code.NOT_CBOR, f"the message holds something outside the format: {error}") from None
    if again != data:
        raise ProtocolError(Code.NOT_DETERMINISTIC, "the message is not the deterministic encoding of its value")
    return value  # type: ignore[no-any-return]


def decode_foreign(data: bytes, *, max_bytes: int) -> Value:
    """Decodes one value that another country's program encoded.

    Indefinite lengths, any key order, longer-than-needed integers, floats and the tags 0, 1 and 61 are taken as
    they are. Tags stay `cbor2.CBORTag`; floats stay floats. Duplicate keys, other tags and trailing bytes are
    refused, since two readers could understand them differently.

    Raises:
        ProtocolError: TOO_LARGE or NOT_CBOR.
    """
    return _load(data, max_bytes, decoders=_FOREIGN_TAGS, allow_indefinite=True)  # type: ignore[no-any-return]


class _Tags(dict[int, Callable[[object, bool], object]]):
    """The tags that may occur, kept as plain tags; every other one is refused."""

    def __init__(self, *tags: int) -> None:
        super().__init__({tag: self._keep(tag) for tag in tags})

    def __missing__(self, tag: int) -> Callable[[object, bool], object]:
        return self._refuse

    @staticmethod
    def _keep(tag: int) -> Callable[[object, bool], object]:
        return lambda content, _immutable: cbor2.CBORTag(tag, content)

    @staticmethod
    def _refuse(_content: object, _immutable: bool) -> object:
        raise ValueError("this tag has no place here")


_STRICT_TAGS = _Tags(TAG_SIGN1, TAG_ENCRYPT)
_FOREIGN_TAGS = _Tags(0, 1, TAG_SIGN1, TAG_CWT, TAG_ENCRYPT)


def _load(data: bytes, max_bytes: int, *, decoders: _Tags, allow_indefinite: bool):  # type: ignore[no-untyped-def]
    if len(data) > max_bytes:
        raise ProtocolError(Code.TOO_LARGE, f"the message has more than {max_bytes} bytes")
    # A message of n bytes holds at most n items, so only a long one needs counting.
    if len(data) > limits.CBOR_ITEMS:
        _refuse_too_many_items(data)
    stream = BytesIO(data)
    try:
        value = cbor2.load(
            stream,
            semantic_decoders=decoders,
            max_depth=limits.CBOR_DEPTH,
            allow_indefinite=allow_indefinite,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORDecodeError, OverflowError, MemoryError):
        # The library's own words may repeat what the message says, and that may be about a person.
        raise ProtocolError(Code.NOT_CBOR, "the message is not CBOR as allowed here") from None
    if stream.tell() != len(data):
        raise ProtocolError(Code.NOT_CBOR, "bytes follow after the message")
    return value


def _ordered(value: object, depth: int, text_keys: bool) -> object:
    """The value with every map in key order; TypeError where something has no place in the format."""
    # Every message passes here twice, so the exact types come first.
    kind = type(value)
    if kind is str or kind is bytes or kind is bool or value is None:
        return value
    if isinstance(value, int):
        if not -_UINT64 <= value < _UINT64:
            raise TypeError("an integer beyond 64 bits")
        return value if kind is int else int(value)
    if depth == 0:
        raise TypeError("nesting too deep")
    if isinstance(value, dict):
        return {key: _ordered(value[key], depth - 1, text_keys) for key in _ordered_keys(value, text_keys)}
    if isinstance(value, list | tuple):
        return [_ordered(item, depth - 1, text_keys) for item in value]
    if isinstance(value, cbor2.CBORTag):
        if value.tag not in (TAG_SIGN1, TAG_ENCRYPT):
            raise TypeError("a tag")
        return cbor2.CBORTag(value.tag, _ordered(value.value, depth - 1, text_keys))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"a value of type {kind.__name__}")


def _ordered_keys(value: dict[object, object], text_keys: bool) -> Iterable[object]:
    last = -1
    for key in value:
        if type(key) is not int or not last < key < _UINT64:
            break
        last = key
    else:
        # The usual case: unsigned keys that are in order already.
        return value
    keys = sorted(value, key=_key_order)
    if not text_keys and isinstance(keys[-1], str):
        raise TypeError("a map key that is not an integer")
    return keys


def _key_order(key: object) -> tuple[int, int, bytes]:
    # Bytewise order of the encodings: unsigned, then negative, then text; within each by head, then by content.
    if isinstance(key, int) and not isinstance(key, bool) and -_UINT64 <= key < _UINT64:
        return (0, key, b"") if key >= 0 else (1, -1 - key, b"")
    if isinstance(key, str):
        text = key.encode()
        return 2, len(text), text
    raise TypeError("a map key that is neither integer nor text")


def _refuse_too_many_items(data: bytes) -> None:
    """Counts heads, jumping over strings, so that refusing a flood of tiny items costs no memory."""
    position, items = 0, 0
    while position < len(data):
        items += 1
        if items > limits.CBOR_ITEMS:
            raise ProtocolError(Code.TOO_LARGE, f"the message has more than {limits.CBOR_ITEMS} items")
        major, short = data[position] >> 5, data[position] & 31
        size = _HEAD_BYTES.get(short, 0)
        argument = int.from_bytes(data[position + 1 : position + 1 + size]) if size else short
        position += 1 + size
        # 31 opens an indefinite string, whose pieces follow as items of their own.
        if major in (2, 3) and short != 31:
            position += argument

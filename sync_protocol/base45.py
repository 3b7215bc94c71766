"""Base45 (RFC 9285), the text form of health certificates, over one message or a whole batch at once.

Two bytes become three characters of the QR alphanumeric alphabet. A batch is laid end to end, each
message padded to whole pairs, so that numpy runs once for a thousand messages instead of a thousand times. numpy is
loaded by the first batch and the first text that is read: a node, which writes one slip at a time, does without.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from sync_protocol.errors import Code, ProtocolError

if TYPE_CHECKING:
    import numpy as np

ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

_BASE: Final = 45
_ILLEGAL: Final = 0xFF
_ILLEGAL_BYTE: Final = b"\xff"
_VALUE_OF_CHARACTER: Final = bytes(ALPHABET.find(code) if code in ALPHABET else _ILLEGAL for code in range(256))


def encode(data: bytes) -> str:
    """Returns the base45 text of `data`."""
    text = bytearray()
    for place in range(0, len(data) - 1, 2):
        rest, first = divmod(data[place] << 8 | data[place + 1], _BASE)
        third, second = divmod(rest, _BASE)
        text += bytes((ALPHABET[first], ALPHABET[second], ALPHABET[third]))
    if len(data) % 2:
        second, first = divmod(data[-1], _BASE)
        text += bytes((ALPHABET[first], ALPHABET[second]))
    return text.decode("ascii")


def encode_many(messages: Sequence[bytes]) -> list[str]:
    """Returns the base45 text of each message, in order, with one pass over all of them."""
    import numpy as np  # noqa: PLC0415

    padded = [
        # A last single byte is written as two characters; the pair (0, byte) gives the same two and a "0".
        message if len(message) % 2 == 0 else message[:-1] + b"\0" + message[-1:]
        for message in messages
    ]
    text = np.take(_triples(), np.frombuffer(b"".join(padded), ">u2"), axis=0).tobytes().decode("ascii")
    texts = []
    start = 0
    for message, whole in zip(messages, padded, strict=True):
        end = start + len(whole) // 2 * 3
        texts.append(text[start : end - len(message) % 2])
        start = end
    return texts


def decode(text: str) -> bytes:
    """Returns the bytes that `text` stands for.

    Raises:
        ProtocolError: HC1_BASE45 for a character outside the alphabet, an impossible length or a group that
            stands for more than its bytes can hold (RFC 9285, section 6).
    """
    return decode_many([text])[0]


def decode_many(texts: Sequence[str]) -> list[bytes]:
    """Returns the bytes of each text, in order, with one pass over all of them.

    Raises:
        ProtocolError: HC1_BASE45 when any of them is wrong; which one is not said.
    """
    import numpy as np  # noqa: PLC0415

    padded = []
    for text in texts:
        rest = len(text) % 3
        if rest == 1:
            raise ProtocolError(Code.HC1_BASE45, "text: length is not a whole number of base45 groups")
        padded.append(text if rest == 0 else text + "0")
    try:
        symbols = "".join(padded).encode("ascii").translate(_VALUE_OF_CHARACTER)
    except UnicodeEncodeError:
        raise ProtocolError(Code.HC1_BASE45, "text: characters outside the base45 alphabet") from None
    if _ILLEGAL_BYTE in symbols:
        raise ProtocolError(Code.HC1_BASE45, "text: characters outside the base45 alphabet")
    numbers = np.frombuffer(symbols, np.uint8).reshape(-1, 3) @ _weights()
    if len(numbers) and numbers.max() > 0xFFFF:
        raise ProtocolError(Code.HC1_BASE45, "text: a base45 group stands for more than two bytes")
    data = numbers.astype(">u2").tobytes()
    messages = []
    start = 0
    for text, whole in zip(texts, padded, strict=True):
        end = start + len(whole) // 3 * 2
        if len(whole) == len(text):
            messages.append(data[start:end])
        elif data[end - 2]:
            raise ProtocolError(Code.HC1_BASE45, "text: the last base45 group stands for more than one byte")
        else:
            messages.append(data[start : end - 2] + data[end - 1 : end])
        start = end
    return messages


@cache
def _triples() -> np.ndarray:
    """Row n holds the three characters of the 16-bit number n, least significant first."""
    import numpy as np  # noqa: PLC0415

    symbols, pairs = np.frombuffer(ALPHABET, np.uint8), np.arange(65_536)
    columns = [symbols[pairs % _BASE], symbols[pairs // _BASE % _BASE], symbols[pairs // _BASE**2]]
    return np.ascontiguousarray(np.stack(columns, axis=1))


@cache
def _weights() -> np.ndarray:
    import numpy as np  # noqa: PLC0415

    # Integers on purpose: numpy hands products of floats to threads that keep spinning beside whatever comes next,
    # which was seen to halve the speed of the signatures that follow.
    return np.array([1, _BASE, _BASE**2], np.int32)

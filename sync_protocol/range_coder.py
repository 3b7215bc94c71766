"""A range coder: writes symbols of known frequency in the bits that they are worth, into one stream of bytes.

An interval of 96 bits is narrowed for each symbol to the share that the symbol has; once it is narrower than 64 bits,
its first 32 bits are settled and written. A symbol with frequency f of a total t costs log2(t / f) bits; a digit of
any radix is the case f = 1. (G. N. N. Martin, "Range encoding", 1979; carries are added to the words written before.)

Both ends must ask for the same things in the same order: the stream has no marks in it. The decoder never reads past
its own asking, so whoever bounds how much is asked for bounds time and memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sync_protocol.errors import Code, ProtocolError

_WORD_BITS: Final = 32
_TOP: Final = 1 << 96
_BOTTOM: Final = 1 << 64
_TAIL: Final = _BOTTOM - 1
_WORD: Final = (1 << _WORD_BITS) - 1
_HEAD_BYTES: Final = 12

NUMBER_BITS: Final = 42
# Numbers are written as their bit length, whose frequencies are learnt as they come, and the bits below the first.
_LEARN: Final = 32
_LEARN_MAX: Final = 1 << 16


class RangeEncoder:
    """Writes symbols; `finish` gives the bytes."""

    __slots__ = ("_low", "_range", "_words")

    def __init__(self) -> None:
        self._low = 0
        self._range = _TOP
        self._words: list[int] = []

    def put(self, parts: Iterable[tuple[int, int]], *, total: int) -> None:
        """Writes symbols out of one alphabet.

        Args:
            parts: for each symbol the sum of the frequencies before it, and its own frequency.
            total: the sum of all frequencies, below 2^42.
        """
        low, width, words = self._low, self._range, self._words
        for start, frequency in parts:
            share = width // total
            low += start * share
            width = frequency * share
            if low >= _TOP:
                low -= _TOP
                _carry(words)
            while width < _BOTTOM:
                words.append(low >> 64)
                low = (low & _TAIL) << _WORD_BITS
                width <<= _WORD_BITS
        self._low, self._range = low, width

    def put_uniform(self, values: Iterable[int], *, total: int) -> None:
        """Writes numbers that are equally likely from 0 to total - 1."""
        self.put(((value, 1) for value in values), total=total)

    def put_numbers(self, values: Iterable[int]) -> None:
        """Writes numbers from 0 to 2^42 - 2 of which only the rough size is known: small ones are cheap."""
        sizes = _Sizes()
        for value in values:
            size = (value + 1).bit_length() - 1
            self.put([sizes.part(size)], total=sizes.total)
            sizes.learn(size)
            self.put([(value + 1 - (1 << size), 1)], total=1 << size)

    def finish(self) -> bytes:
        """The shortest bytes that mean what was written; the decoder reads zeros after them."""
        for count in range(_HEAD_BYTES + 1):
            unit = 1 << (8 * (_HEAD_BYTES - count))
            value = -(-self._low // unit) * unit
            if value < self._low + self._range:
                break
        if value >= _TOP:
            value -= _TOP
            _carry(self._words)
        settled = b"".join(word.to_bytes(4) for word in self._words)
        return (settled + value.to_bytes(_HEAD_BYTES)).rstrip(b"\x00")


class RangeDecoder:
    """Reads what a :class:`RangeEncoder` wrote, in the same order.

    Its methods raise ProtocolError COLUMNS_INVALID where the stream cannot have been written by one. A stream may be
    wrong without that; whoever reads writes the result again and compares.
    """

    __slots__ = ("_code", "_data", "_position", "_range")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._code = int.from_bytes(data[:_HEAD_BYTES].ljust(_HEAD_BYTES, b"\x00"))
        self._range = _TOP
        self._position = _HEAD_BYTES

    def take(
        self, count: int, *, symbols: Sequence[int], starts: Sequence[int], frequencies: Sequence[int]
    ) -> list[int]:
        """Reads symbols out of one alphabet.

        Args:
            count: how many.
            symbols: which symbol each unit of the total belongs to, so its length is the total.
            starts, frequencies: for each symbol the sum of the frequencies before it, and its own.
        """
        code, width, position, data = self._code, self._range, self._position, self._data
        total = len(symbols)
        found = []
        for _ in range(count):
            share = width // total
            place = code // share
            if place >= total:
                raise _invalid()
            symbol = symbols[place]
            found.append(symbol)
            code -= starts[symbol] * share
            width = frequencies[symbol] * share
            while width < _BOTTOM:
                width <<= _WORD_BITS
                code = (code << _WORD_BITS) | int.from_bytes(data[position : position + 4].ljust(4, b"\x00"))
                position += 4
        self._code, self._range, self._position = code, width, position
        return found

    def take_uniform(self, count: int, *, total: int) -> list[int]:
        """Reads numbers that were equally likely from 0 to total - 1."""
        code, width, position, data = self._code, self._range, self._position, self._data
        found = []
        for _ in range(count):
            share = width // total
            value = code // share
            if value >= total:
                raise _invalid()
            found.append(value)
            code -= value * share
            width = share
            while width < _BOTTOM:
                width <<= _WORD_BITS
                code = (code << _WORD_BITS) | int.from_bytes(data[position : position + 4].ljust(4, b"\x00"))
                position += 4
        self._code, self._range, self._position = code, width, position
        return found

    def take_numbers(self, count: int) -> list[int]:
        """Reads what :meth:`RangeEncoder.put_numbers` wrote."""
        sizes = _Sizes()
        found = []
        for _ in range(count):
            size = self._take_size(sizes)
            sizes.learn(size)
            found.append((1 << size) - 1 + self.take_uniform(1, total=1 << size)[0])
        return found

    def _take_size(self, sizes: _Sizes) -> int:
        share = self._range // sizes.total
        place = self._code // share
        if place >= sizes.total:
            raise _invalid()
        size, start = sizes.find(place)
        self._code -= start * share
        self._range = sizes.frequencies[size] * share
        # The renewal of the interval is done by asking for nothing: one symbol out of one.
        self.take_uniform(1, total=1)
        return size


class _Sizes:
    """The frequencies of bit lengths, learnt alike at both ends."""

    __slots__ = ("frequencies", "total")

    def __init__(self) -> None:
        self.frequencies = [max(1, 64 >> size) for size in range(NUMBER_BITS)]
        self.total = sum(self.frequencies)

    def part(self, size: int) -> tuple[int, int]:
        return sum(self.frequencies[:size]), self.frequencies[size]

    def find(self, place: int) -> tuple[int, int]:
        start = 0
        for size, frequency in enumerate(self.frequencies):
            if place < start + frequency:
                return size, start
            start += frequency
        raise AssertionError("the place is within the total")

    def learn(self, size: int) -> None:
        self.frequencies[size] += _LEARN
        self.total += _LEARN
        if self.total > _LEARN_MAX:
            self.frequencies = [(frequency + 1) // 2 for frequency in self.frequencies]
            self.total = sum(self.frequencies)


def _carry(words: list[int]) -> None:
    """Adds one to the number that the words write."""
    place = len(words) - 1
    while words[place] == _WORD:
        words[place] = 0
        place -= 1
    words[place] += 1


def _invalid() -> ProtocolError:
    return ProtocolError(Code.COLUMNS_INVALID, "columns: the stream holds no symbol where one is needed")

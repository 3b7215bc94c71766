"""One column of equal things, written in the cheapest of a few ways: the writer and the reader, side by side.

A column of integers is written as digits of one radix (`RANGE`), as numbers of roughly known size (`NUMBERS`), or with
a table of its values and their frequencies (`TABLE`), which may be a table for each value of another column that the
reader knows already (a *context*: the product for each lot). A column of texts is a column of places in a dictionary
of the texts that occur more than once; the others are written where they occur. Texts that :mod:`vocabulary` knows are
written as their place in it, the rest goes to one text section at the end.

`ColumnWriter` and `ColumnReader` have the same methods and give the column back, so `columns` describes the order of
columns once for both directions. Costs are reckoned in whole numbers, so that every machine chooses alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final, Protocol

from sync_protocol.column_costs import (
    NUMBERS,
    RANGE,
    TABLE,
    Column,
    cheapest,
    fold,
    is_worth_splitting,
    split,
    starts,
    unfold,
)
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.range_coder import RangeDecoder, RangeEncoder
from sync_protocol.vocabulary import PLACES, WORD_FREQUENCIES, WORD_STARTS, WORD_SYMBOLS, WORDS

_TEXT_END: Final = "\n"


class ColumnPort(Protocol):
    """What a description of columns needs of either direction.

    `values` is the column to write; a reader ignores it and gives what it read. Columns named as contexts and anchors
    must come from earlier calls.
    """

    def integers(self, values: Column, rows: int, /, *, contexts: Sequence[Column] = ()) -> Column:
        """A column of integers of any sign within 41 bits."""
        ...

    def series(
        self, values: Column, rows: int, /, *, anchors: Sequence[Column] = (), contexts: Sequence[Column] = ()
    ) -> Column:
        """A column of integers that may be near the row before, or near another column of the same row."""
        ...

    def texts(self, values: list[str], rows: int, /, *, contexts: Sequence[Column] = ()) -> tuple[list[str], Column]:
        """A column of texts without line ends; also gives its dictionary places, good as a context."""
        ...


class ColumnWriter:
    """Writes columns; `finish` gives the stream and the text section."""

    def __init__(self) -> None:
        self._encoder = RangeEncoder()
        self._texts: list[str] = []

    def integers(self, values: Column, rows: int, /, *, contexts: Sequence[Column] = ()) -> Column:
        if not rows:
            return values
        mode, _ = cheapest(values, contexts)
        self._encoder.put_uniform([mode], total=TABLE + 1 + len(contexts))
        if mode == RANGE:
            low = min(values)
            span = max(values) - low
            self._encoder.put_numbers([fold(low), span])
            self._encoder.put_uniform([value - low for value in values], total=span + 1)
        elif mode == NUMBERS:
            self._encoder.put_numbers(map(fold, values))
        else:
            self._put_table(values, contexts[mode - TABLE - 1] if mode > TABLE else None)
        return values

    def series(
        self, values: Column, rows: int, /, *, anchors: Sequence[Column] = (), contexts: Sequence[Column] = ()
    ) -> Column:
        if not rows:
            return values
        ways = [values, [0, *(b - a for a, b in pairwise(values))]]
        ways += [[value - near for value, near in zip(values, anchor, strict=True)] for anchor in anchors]
        way = min(range(len(ways)), key=lambda index: (cheapest(ways[index], contexts)[1], index))
        self._encoder.put_uniform([way], total=len(ways))
        if way == 1:
            self._encoder.put_numbers([fold(values[0])])
            self.integers(ways[1][1:], rows - 1, contexts=[context[1:] for context in contexts])
        else:
            self.integers(ways[way], rows, contexts=contexts)
        return values

    def texts(self, values: list[str], rows: int, /, *, contexts: Sequence[Column] = ()) -> tuple[list[str], Column]:
        counts = Counter(values)
        repeated = sorted((text for text, count in counts.items() if count > 1), key=lambda text: (-counts[text], text))
        place_of = {text: place for place, text in enumerate(repeated, 1)}
        places = [place_of.get(text, 0) for text in values]
        self.integers(places, rows, contexts=contexts)
        written = repeated + [text for text, place in zip(values, places, strict=True) if not place]
        self._encoder.put(
            [(WORD_STARTS[place], WORD_FREQUENCIES[place]) for place in (PLACES.get(text, 0) for text in written)],
            total=len(WORD_SYMBOLS),
        )
        self._texts += [text for text in written if text not in PLACES]
        return values, places

    def finish(self) -> tuple[bytes, bytes]:
        """The stream, and the texts that no vocabulary knows, each with a line end, in UTF-8."""
        return self._encoder.finish(), "".join(text + _TEXT_END for text in self._texts).encode()

    def _put_table(self, values: Column, context: Column | None) -> None:
        counts = Counter(values)
        alphabet = sorted(counts)
        totals = [counts[value] for value in alphabet]
        encoder = self._encoder
        encoder.put_numbers([len(alphabet), fold(alphabet[0])])
        encoder.put_numbers(b - a - 1 for a, b in pairwise(alphabet))
        encoder.put_numbers(fold(b - a) for a, b in pairwise([0, *totals]))
        place_of = {value: place for place, value in enumerate(alphabet)}
        places = [place_of[value] for value in values]
        groups = split(places, context)
        left = totals
        for number, group in enumerate(groups):
            found = Counter(group)
            frequencies = [found[place] for place in range(len(alphabet))]
            if number < len(groups) - 1:
                self._put_shares(frequencies, left)
            left = [total - frequency for total, frequency in zip(left, frequencies, strict=True)]
            begins = starts(frequencies)
            encoder.put([(begins[place], frequencies[place]) for place in group], total=len(group))

    def _put_shares(self, frequencies: list[int], left: list[int]) -> None:
        """Writes how much of what is left falls to this group: mostly nothing or all."""
        for frequency, most in zip(frequencies, left, strict=True):
            if most:
                kind = 0 if not frequency else 1 if frequency == most else 2
                self._encoder.put([_SHARE_PARTS[kind]], total=_SHARE_TOTAL)
                if kind == 2:
                    self._encoder.put_uniform([frequency - 1], total=most - 1)


class ColumnReader:
    """Reads columns out of a stream and a text section, neither of which is trusted.

    Every method raises ProtocolError COLUMNS_INVALID for what no writer writes. `rows` is the caller's and bounds time
    and memory.
    """

    def __init__(self, stream: bytes, text: str) -> None:
        self._decoder = RangeDecoder(stream)
        self._text = text
        self._position = 0

    def integers(self, _values: Column, rows: int, /, *, contexts: Sequence[Column] = ()) -> Column:
        if not rows:
            return []
        [mode] = self._decoder.take_uniform(1, total=TABLE + 1 + len(contexts))
        if mode == RANGE:
            low, span = self._decoder.take_numbers(2)
            start = unfold(low)
            return [start + value for value in self._decoder.take_uniform(rows, total=span + 1)]
        if mode == NUMBERS:
            return [unfold(number) for number in self._decoder.take_numbers(rows)]
        return self._take_table(rows, contexts[mode - TABLE - 1] if mode > TABLE else None)

    def series(
        self, _values: Column, rows: int, /, *, anchors: Sequence[Column] = (), contexts: Sequence[Column] = ()
    ) -> Column:
        if not rows:
            return []
        [way] = self._decoder.take_uniform(1, total=2 + len(anchors))
        if way == 1:
            first = unfold(self._decoder.take_numbers(1)[0])
            steps = self.integers([], rows - 1, contexts=[context[1:] for context in contexts])
            return list(accumulate(steps, initial=first))
        found = self.integers([], rows, contexts=contexts)
        return found if not way else [near + value for near, value in zip(anchors[way - 2], found, strict=True)]

    def texts(self, _values: list[str], rows: int, /, *, contexts: Sequence[Column] = ()) -> tuple[list[str], Column]:
        places = self.integers([], rows, contexts=contexts)
        repeated = max(places, default=0)
        if min(places, default=0) < 0 or 2 * repeated > rows:
            raise _invalid("a dictionary has more entries than its column has room for")
        known = self._decoder.take(
            repeated + places.count(0), symbols=WORD_SYMBOLS, starts=WORD_STARTS, frequencies=WORD_FREQUENCIES
        )
        written = [WORDS[place] if place else self._take_text() for place in known]
        singles = iter(written[repeated:])
        return [written[place - 1] if place else next(singles) for place in places], places

    def finish(self) -> None:
        """Refuses texts that no column asked for."""
        if self._position != len(self._text):
            raise _invalid("texts follow after the last column")

    def _take_text(self) -> str:
        end = self._text.find(_TEXT_END, self._position)
        if end < 0:
            raise _invalid("a text is missing")
        text = self._text[self._position : end]
        self._position = end + 1
        return text

    def _take_table(self, rows: int, context: Column | None) -> Column:
        size, first = self._decoder.take_numbers(2)
        if not 1 <= size <= rows:
            raise _invalid("a table has more values than its column has rows")
        steps = self._decoder.take_numbers(size - 1)
        alphabet = list(accumulate((step + 1 for step in steps), initial=unfold(first)))
        left = list(accumulate(map(unfold, self._decoder.take_numbers(size))))
        if min(left) < 1 or sum(left) != rows:
            raise _invalid("the frequencies of a table are not those of its column")
        groups = split(list(range(rows)), context)
        if context is not None and not is_worth_splitting(len(groups), frequencies=left, rows=rows):
            raise _invalid("a table for each value of a context costs more than one for all")
        column = [0] * rows
        for number, group in enumerate(groups):
            frequencies = self._take_shares(left) if number < len(groups) - 1 else left
            if sum(frequencies) != len(group):
                raise _invalid("the frequencies of a table are not those of its group")
            left = [total - frequency for total, frequency in zip(left, frequencies, strict=True)]
            symbols = [place for place, frequency in enumerate(frequencies) for _ in range(frequency)]
            begins = starts(frequencies)
            found = self._decoder.take(len(group), symbols=symbols, starts=begins, frequencies=frequencies)
            for row, place in zip(group, found, strict=True):
                column[row] = alphabet[place]
        return column

    def _take_shares(self, left: list[int]) -> list[int]:
        frequencies = []
        for most in left:
            frequency = 0
            if most:
                [kind] = self._decoder.take(
                    1, symbols=_SHARE_SYMBOLS, starts=_SHARE_STARTS, frequencies=_SHARE_FREQUENCIES
                )
                if kind == 1:
                    frequency = most
                elif kind == 2:
                    if most < 2:
                        raise _invalid("a share of one is nothing or all")
                    frequency = self._decoder.take_uniform(1, total=most - 1)[0] + 1
            frequencies.append(frequency)
        return frequencies


_SHARE_FREQUENCIES: Final = (4, 3, 1)
_SHARE_STARTS: Final = (0, 4, 7)
_SHARE_TOTAL: Final = sum(_SHARE_FREQUENCIES)
_SHARE_PARTS: Final = tuple(zip(_SHARE_STARTS, _SHARE_FREQUENCIES, strict=True))
_SHARE_SYMBOLS: Final = tuple(kind for kind, count in enumerate(_SHARE_FREQUENCIES) for _ in range(count))


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.COLUMNS_INVALID, f"columns: {rule}")

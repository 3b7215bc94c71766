"""The range coder gives back what was put in, in the bits that it is worth."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.errors import Code
from sync_protocol.range_coder import NUMBER_BITS, RangeDecoder, RangeEncoder
from tests.protocol.refusals import refusal_of, refused

_uniform = st.integers(1, 2**41).flatmap(
    lambda total: st.tuples(st.just(total), st.lists(st.sampled_from([0, total - 1]) | st.integers(0, total - 1)))
)
_numbers = st.lists(st.integers(0, 2**NUMBER_BITS - 2) | st.integers(0, 9))
_alphabets = st.lists(st.integers(1, 3000), min_size=1, max_size=9).flatmap(
    lambda frequencies: st.tuples(st.just(frequencies), st.lists(st.integers(0, len(frequencies) - 1)))
)


@given(st.lists(st.tuples(_uniform, _numbers, _alphabets), max_size=4))
def test_what_is_written_is_read(
    rounds: list[tuple[tuple[int, list[int]], list[int], tuple[list[int], list[int]]]],
) -> None:
    encoder = RangeEncoder()
    for (total, digits), numbers, (frequencies, symbols) in rounds:
        starts = list(accumulate(frequencies, initial=0))
        encoder.put_uniform(digits, total=total)
        encoder.put_numbers(numbers)
        encoder.put([(starts[symbol], frequencies[symbol]) for symbol in symbols], total=sum(frequencies))
    data = encoder.finish()
    assert not data.endswith(b"\x00")
    decoder = RangeDecoder(data)
    for (total, digits), numbers, (frequencies, symbols) in rounds:
        table = [symbol for symbol, frequency in enumerate(frequencies) for _ in range(frequency)]
        starts = list(accumulate(frequencies, initial=0))
        assert decoder.take_uniform(len(digits), total=total) == digits
        assert decoder.take_numbers(len(numbers)) == numbers
        assert decoder.take(len(symbols), symbols=table, starts=starts, frequencies=frequencies) == symbols


def test_a_carry_runs_through_words_that_are_full() -> None:
    # Always the last of three: the lower end comes ever nearer to a power of two from below.
    symbols = [2] * 5_000 + [0, 1, 2] * 50
    encoder = RangeEncoder()
    encoder.put_uniform(symbols, total=3)
    assert RangeDecoder(encoder.finish()).take_uniform(len(symbols), total=3) == symbols


@pytest.mark.parametrize("total", [2, 10, 366, 10**6, 10**7, 10**9])
def test_digits_cost_their_information_and_a_word(total: int) -> None:
    digits = [index * 7_919_777 % total for index in range(3_000)]
    encoder = RangeEncoder()
    encoder.put_uniform(digits, total=total)
    assert len(encoder.finish()) <= 3_000 * math.log2(total) / 8 + 8


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused_and_reading_ends(data: bytes) -> None:
    decoder = RangeDecoder(data)
    for take in (
        lambda: decoder.take_uniform(100, total=1_000),
        lambda: decoder.take_numbers(100),
        lambda: decoder.take(100, symbols=[0, 0, 1], starts=[0, 2], frequencies=[2, 1]),
    ):
        assert refusal_of(take) in {Code.COLUMNS_INVALID, None}


def test_a_place_that_no_encoder_reaches_is_refused() -> None:
    # 2^96 is no multiple of 1,000, so the topmost values belong to no symbol.
    with refused(Code.COLUMNS_INVALID):
        RangeDecoder(b"\xff" * 12).take_uniform(1, total=1_000)

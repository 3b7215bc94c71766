"""What a column of integers costs in each way of writing it, and which way is the cheapest.

Reckoned in whole numbers, in 64ths of a bit, so that every machine chooses alike: a column has one encoding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final, TypeAlias

Column: TypeAlias = list[int]

# Digits of one radix; numbers of roughly known size; a table of values and frequencies. Modes from 3 on are a table for
# each value of a context.
RANGE: Final = 0
NUMBERS: Final = 1
TABLE: Final = 2
# A context that splits the rows further than this costs more in tables than it saves.
_GROUPS_MAX: Final = 64
# What a value's share of one group is reckoned to cost, in 64ths of a bit.
_SHARE_COST: Final = 96


def cheapest(values: Column, contexts: Sequence[Column]) -> tuple[int, int]:
    """The mode to write a column in, and what it costs in 64ths of a bit."""
    rows = len(values)
    low, high = min(values), max(values)
    best = (RANGE, rows * _log(high - low + 1) + _number_cost(fold(low)) + _number_cost(high - low))
    if low == high:
        return best
    sizes = Counter([(fold(value) + 1).bit_length() - 1 for value in values])
    cost = _entropy(sizes, rows) + sum(64 * size * count for size, count in sizes.items()) + 256 * len(sizes)
    if cost < best[1]:
        best = (NUMBERS, cost)
    counts = Counter(values)
    # A table costs the steps between its values and between their frequencies, reckoned roughly.
    table = sum(_number_cost(count) for count in counts.values()) // 2 + _number_cost(fold(low))
    table += len(counts) * _log(1 + (high - low) // len(counts))
    cost = table + _entropy(counts, rows)
    if cost < best[1]:
        best = (TABLE, cost)
    for number, context in enumerate(contexts):
        groups = Counter(context)
        if 1 < len(groups) <= _GROUPS_MAX:
            joint = _entropy(Counter(zip(context, values, strict=True)), rows) - _entropy(groups, rows)
            cost = table + joint + _SHARE_COST * (len(groups) - 1) * len(counts)
            if cost < best[1]:
                best = (TABLE + 1 + number, cost)
    return best


def is_worth_splitting(groups: int, *, frequencies: Sequence[int], rows: int) -> bool:
    """Whether a writer could have found a table for each of so many groups cheaper than one table for all.

    A reader asks before it reads: shares of thousands of values in thousands of groups would keep it busy for minutes,
    and no writer writes them.

    Args:
        groups: how many different values the context has.
        frequencies: how often each value of the column occurs in all groups together.
        rows: their sum.
    """
    # One table for all costs this and is always thought of; tables for groups never cost less than nothing.
    saved = rows * _log(rows) - sum(count * _log(count) for count in frequencies)
    return 1 < groups <= _GROUPS_MAX and _SHARE_COST * (groups - 1) * len(frequencies) < saved


def _entropy(counts: Counter[int] | Counter[tuple[int, int]], rows: int) -> int:
    """What the rows cost with these frequencies, in 64ths of a bit."""
    return rows * _log(rows) - sum(count * _log(count) for count in counts.values())


@lru_cache(maxsize=1 << 14)
def _log(number: int) -> int:
    """64 times the binary logarithm, rounded down; in whole numbers, so alike everywhere."""
    return int((number**64).bit_length()) - 1


def _number_cost(number: int) -> int:
    return 64 * (2 * (number + 1).bit_length() + 1)


def split(rows: Column, context: Column | None) -> list[Column]:
    """The rows in groups of equal context, the groups in order of the context."""
    if context is None:
        return [rows]
    groups: dict[int, Column] = {}
    for row, key in zip(rows, context, strict=True):
        groups.setdefault(key, []).append(row)
    return [groups[key] for key in sorted(groups)]


def starts(frequencies: Sequence[int]) -> list[int]:
    return list(accumulate(frequencies, initial=0))[:-1]


def fold(value: int) -> int:
    """A number of either sign as one that is not negative: 0, -1, 1, -2 … become 0, 1, 2, 3 …"""
    return 2 * value if value >= 0 else -2 * value - 1


def unfold(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2

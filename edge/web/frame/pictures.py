"""Pictures of counts for reports: computed here in whole units of a drawing, drawn as SVG by `frame/pictures.html`.

Each picture stands beside the same numbers in a table, and what it shows by colour it says in words as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BAR_WIDTH: Final = 1_000
CHART_WIDTH: Final = 900
CHART_HEIGHT: Final = 160
# More columns than this cannot each have a label beneath and a number on top.
_MOST_LABELS: Final = 16
# A column is no wider than this, so that two days are two columns and not two walls.
_WIDEST: Final = 60


@dataclass(frozen=True, slots=True)
class Amount:
    """A count with the words for it; `short` stands where there is little room."""

    words: str
    count: int
    short: str = ""
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One amount as a column: `middle`, `left`, `width`, `top` and `height` in units of the drawing."""

    amount: Amount
    middle: int
    left: int
    width: int
    top: int
    height: int
    has_label: bool
    has_number: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One amount as a bar; `start` and `width` in thousandths, `percent` of all amounts together."""

    kind: str
    amount: Amount
    start: int
    width: int
    percent: str


def columns(amounts: Sequence[Amount]) -> list[Column]:
    """Amounts side by side, in their order, the largest one as high as the drawing."""
    most = max([1, *(amount.count for amount in amounts)])
    number = max(1, len(amounts))
    every = -(-number // _MOST_LABELS)
    found = []
    for place, amount in enumerate(amounts):
        begin, end = CHART_WIDTH * place // number, CHART_WIDTH * (place + 1) // number
        gap = max(1, (end - begin) // 8)
        width = min(end - begin - 2 * gap, _WIDEST)
        height = CHART_HEIGHT * amount.count // most
        # Something is never drawn as nothing.
        height = max(height, 2) if amount.count else 0
        found.append(
            Column(
                amount,
                middle=(begin + end) // 2,
                left=(begin + end - width) // 2,
                width=width,
                top=CHART_HEIGHT - height,
                height=height,
                # Counted from the end: the newest day always has its label.
                has_label=(number - 1 - place) % every == 0,
                has_number=amount.count > 0 and number <= _MOST_LABELS,
            )
        )
    return found


def bars(amounts: Sequence[Amount], *, total: int | None = None) -> list[Bar]:
    """Amounts beneath each other, the longest bar as wide as the drawing; percentages of `total` or of their sum."""
    most = max([1, *(amount.count for amount in amounts)])
    whole = max(1, sum(amount.count for amount in amounts) if total is None else total)
    return [
        Bar("", amount, start=0, width=BAR_WIDTH * amount.count // most, percent=percent(amount.count, whole))
        for amount in amounts
    ]


def pieces(amounts: Sequence[tuple[str, Amount]], *, total: int) -> list[Bar]:
    """Amounts as pieces of one bar, each with its kind; those that are nothing have no width."""
    whole = max(1, total)
    found, before = [], 0
    for kind, amount in amounts:
        start, end = BAR_WIDTH * before // whole, BAR_WIDTH * (before + amount.count) // whole
        before += amount.count
        found.append(Bar(kind, amount, start=start, width=end - start, percent=percent(amount.count, whole)))
    return found


def percent(count: int, total: int) -> str:
    """A share for people: 41 %, and never 0 % for something or 100 % for not everything."""
    if 0 < count * 200 < total:
        return "< 1 %"
    return f"{min(round(100 * count / max(total, 1)), 99 if count < total else 100)} %"

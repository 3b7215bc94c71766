"""The geometry of the pictures on the operator's page; the server draws them as SVG, next to the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from central.workflow.day_figures import Figures

# Both pictures are drawn in their own units and stretched by the style sheet.
SHARE_WIDTH: Final = 1_000
COLUMN_HEIGHT: Final = 100


@dataclass(frozen=True, slots=True)
class Share:
    """One piece of a share bar, in units of which the bar has `SHARE_WIDTH`; `kind` names its colour and its words."""

    kind: str
    start: int
    width: int
    count: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a stacked column: its colour, the place of its top and its height, in hundredths of the chart."""

    kind: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class DayColumn:
    """One day of the strip."""

    day: str
    total: int
    pieces: tuple[Piece, ...]


def shares(figures: Figures) -> list[Share]:
    """The share bar of a site: certified, waiting, quarantined, refused; pieces that are there stay visible."""
    counts = (
        ("certified", figures.certified),
        ("waiting", sum(figures.waiting.values())),
        ("quarantined", sum(figures.quarantined.values())),
        ("refused", sum(figures.refused.values())),
    )
    total = sum(count for _, count in counts)
    found: list[Share] = []
    done = start = 0
    for kind, count in counts:
        done += count
        end = SHARE_WIDTH * done // total if total else 0
        if count:
            found.append(Share(kind, start, max(end - start, 4), count))
        start = end
    return found


def day_columns(strip: Sequence[tuple[str, tuple[int, int, int]]]) -> list[DayColumn]:
    """The strip of days as stacked columns, the busiest day as high as the chart."""
    most = max((sum(counts) for _, counts in strip), default=0)
    columns = []
    for day, counts in strip:
        pieces, top = [], COLUMN_HEIGHT
        for kind, count in zip(("certified", "waiting", "quarantined"), counts, strict=True):
            if count:
                height = max(COLUMN_HEIGHT * count // most, 3)
                top -= height
                pieces.append(Piece(kind, top, height))
        columns.append(DayColumn(day, sum(counts), tuple(pieces)))
    return columns


def hour_heights(hours: Sequence[int]) -> list[int]:
    """The height of each hour's column, the busiest hour as high as the chart; 0 where nothing arrived."""
    most = max(hours, default=0)
    return [max(COLUMN_HEIGHT * count // most, 3) if count else 0 for count in hours]

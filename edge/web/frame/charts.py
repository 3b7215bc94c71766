"""Numbers as pictures: computed here, drawn as SVG by the templates, each beside the same numbers in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.domain.day_figures import Figures
from edge.domain.waiting import Waiting
from edge.web.frame.language import _

_BAR_WIDTH: Final = 1_000
_IDENTITY: Final = frozenset(
    {
        Waiting.IDENTITY_MISSING,
        Waiting.IDENTITY_MALFORMED,
        Waiting.IDENTITY_MISMATCH,
        Waiting.IDENTITY_WAITING,
    }
)
_CHART_WIDTH: Final = 450
_CHART_HEIGHT: Final = 150


@dataclass(frozen=True, slots=True)
class Share:
    """One piece of the share bar, in units of a thousandth of its width."""

    kind: str
    words: str
    count: int
    start: int
    width: int
    percent: str


@dataclass(frozen=True, slots=True)
class Column:
    """One hour of the day: `top` and `height` in units of the drawing."""

    hour: int
    count: int
    x: int
    top: int
    height: int
    is_now: bool


def shares(figures: Figures) -> list[Share]:
    """The recorded doses by where they stand, from the ledger down to what somebody has to mend."""
    waiting = figures.waiting
    # The centre's verdicts use the same words for identities; those doses are counted as returned.
    identity = sum(waiting.get(reason, 0) - figures.returned.get(reason, 0) for reason in _IDENTITY)
    ready = waiting.get(Waiting.UNSIGNED, 0) + waiting.get(Waiting.PASS_OPEN, 0)
    unsent = waiting.get(Waiting.UNSENT, 0)
    returned = figures.quarantined + figures.refused
    rest = figures.recorded - figures.admitted - unsent - ready - identity - returned
    pieces = (
        ("admitted", _("Đã vào sổ cái"), figures.admitted),
        ("unsent", _("Đã ký, chờ biên nhận"), unsent),
        ("ready", _("Chờ ký"), ready),
        ("identity", _("Chờ xác thực người"), identity),
        ("returned", _("Trung tâm trả lại"), returned),
        ("other", _("Chờ việc khác"), rest),
    )
    total = max(figures.recorded, 1)
    found, before = [], 0
    for kind, words, count in pieces:
        start, end = _BAR_WIDTH * before // total, _BAR_WIDTH * (before + count) // total
        found.append(Share(kind, words, count, start=start, width=end - start, percent=_percent(count, total)))
        before += count
    return found


def hours(counts: Mapping[int, int], *, now_hour: int | None) -> list[Column]:
    """Doses by local hour, from 6 to 20, wider where doses were given outside."""
    first, last = min([6, *counts]), max([20, *counts])
    most = max([1, *counts.values()])
    step = _CHART_WIDTH // (last - first + 1)
    return [
        Column(
            hour,
            counts.get(hour, 0),
            x=(hour - first) * step,
            top=_CHART_HEIGHT - _CHART_HEIGHT * counts.get(hour, 0) // most,
            height=_CHART_HEIGHT * counts.get(hour, 0) // most,
            is_now=hour == now_hour,
        )
        for hour in range(first, last + 1)
    ]


def _percent(count: int, total: int) -> str:
    """A share for people: 41 %, and never 0 % for something or 100 % for not everything."""
    if 0 < count * 200 < total:
        return "< 1 %"
    return f"{min(round(100 * count / total), 99 if count < total else 100)} %"

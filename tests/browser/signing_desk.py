"""The signing desk's forms as a browser without scripts sends them: all ticks of the page, and the button pressed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tests.browser.visitor import PASSWORD, Visitor

OFFICER_NAME: Final = "Trần Thị Ánh"
_ACTION: Final = re.compile(r'<form method="post" action="(/sign\?[^"]*)"')
_TICKED: Final = re.compile(r'<input type="checkbox" name="dose" value="(\d+)" checked')
_OPEN: Final = re.compile(r'<input type="checkbox" name="dose" value="(\d+)"(?! checked)')
_CHOSEN: Final = re.compile(r'<select id="(\w+)" name="\w+">.*?</select>', re.DOTALL)
_FIRST: Final = {"from": "all", "to": "all", "product": "", "state": ""}
_SELECTED: Final = re.compile(r'<option value="([^"]*)" selected>')


def ticked(text: str) -> list[int]:
    """The doses that are ticked on this page."""
    return [int(found) for found in _TICKED.findall(text)]


def unticked(text: str) -> list[int]:
    """The doses that could be ticked on this page and are not."""
    return [int(found) for found in _OPEN.findall(text)]


def press(visitor: Visitor, do: str = "", *, doses: Sequence[int] | None = None, **fields: str) -> str:
    """Press a button of the list that is open, or Enter with `do` empty; gives the page that it leads to.

    Args:
        doses: what is ticked on the page; None for what is ticked already.
        fields: what was typed or chosen; everything else stays as it is on the page.
    """
    action = _ACTION.search(visitor.text)
    assert action is not None
    chosen = ticked(visitor.text) if doses is None else doses
    selects = {}
    for found in _CHOSEN.finditer(visitor.text):
        selected = _SELECTED.search(found[0])
        # Without a selected one a browser sends the first.
        selects[found[1]] = selected[1] if selected else _FIRST[found[1]]
    texts = dict(re.findall(r'<input id="(text|late_reason)"[^>]* value="([^"]*)"', visitor.text))
    form = {**visitor.hidden(), **selects, **texts, "dose": [str(one) for one in chosen], "do": do, **fields}
    return visitor.post(action[1], form)


def signing(visitor: Visitor, **changes: str) -> dict[str, str | Sequence[str]]:
    """The form of the preview or approval that is open, filled in."""
    return {**visitor.hidden(), "officer": OFFICER_NAME, "pin": PASSWORD, **changes}


def preview(visitor: Visitor, doses: Sequence[int] | None = None) -> str:
    """Open the list of today, tick these doses (None for all that is ready), and preview."""
    visitor.get("/sign")
    return press(visitor, "preview", doses=doses)

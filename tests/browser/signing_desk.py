"""The signing desk's forms as a browser without scripts sends them: all ticks of the page, and the button pressed.

The PIN goes where the page of the turn says: to the desk that the signer process has opened, over a real connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from edge.web.frame.desk_states import GOING_ON, TurnState
from edge.web.frame.desk_turn import desk_turns
from tests.browser.visitor import ADDRESS, PASSWORD, Visitor
from tests.typist import give

OFFICER_NAME: Final = "Trần Thị Ánh"
_ACTION: Final = re.compile(r'<form method="post" action="(/sign\?[^"]*)"')
_TICKED: Final = re.compile(r'<input type="checkbox" name="dose" value="(\d+)" checked')
_OPEN: Final = re.compile(r'<input type="checkbox" name="dose" value="(\d+)"(?! checked)')
_CHOSEN: Final = re.compile(r'<select id="(\w+)" name="\w+">.*?</select>', re.DOTALL)
_FIRST: Final = {"from": "all", "to": "all", "product": "", "state": ""}
PIN_FORM: Final = re.compile(r'<form method="post" action="(http://127\.0\.0\.1:\d+/[0-9a-f]{32})"')
_TURN: Final = re.compile(r"/(?:sign/turn|token/trial|certificates/desk)/([0-9a-f]{32})")
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
    return {**visitor.hidden(), "officer": OFFICER_NAME, **changes}


def sign(
    visitor: Visitor,
    form: Mapping[str, str | Sequence[str]] | None = None,
    *,
    path: str = "/sign/run",
    pin: str = PASSWORD,
) -> str:
    """Order a turn, type the PIN where its page says, and go where the browser is led; gives the page at the end.

    Args:
        form: None for the one of the preview or approval that is open.
        pin: what is typed, if the page asks at all.
    """
    visitor.post(path, signing(visitor) if form is None else form)
    return type_pin(visitor, pin)


def type_pin(visitor: Visitor, pin: str = PASSWORD) -> str:
    """Type the PIN on the page of the turn that is open, and go where the browser is led.

    Where something was signed already no turn is open, and nothing is typed.
    """
    if not _TURN.fullmatch(visitor.place):
        return visitor.text
    action = desk(visitor)
    if action:
        assert give(action, pin, origin=ADDRESS) == (303, ADDRESS + visitor.place)
    return outcome(visitor)


def desk(visitor: Visitor) -> str:
    """Where the page of the turn that is open, whatever it is for, sends its form; "" if it never asks."""
    turn = desk_turns(visitor.client.application).wait_beyond(_turn_of(visitor), TurnState.READING)
    if turn.desk is None:
        return ""
    action = PIN_FORM.search(visitor.get(visitor.place))
    assert action is not None
    return action[1]


def outcome(visitor: Visitor) -> str:
    """Wait until the turn that is open is over; gives the page to which that leads."""
    desk_turns(visitor.client.application).wait_beyond(_turn_of(visitor), *GOING_ON)
    return visitor.follow(visitor.client.get(visitor.place, base_url=ADDRESS))


def _turn_of(visitor: Visitor) -> str:
    found = _TURN.fullmatch(visitor.place)
    assert found is not None, visitor.place
    return found[1]


def preview(visitor: Visitor, doses: Sequence[int] | None = None) -> str:
    """Open the list of today, tick these doses (None for all that is ready), and preview."""
    visitor.get("/sign")
    return press(visitor, "preview", doses=doses)

"""The signing turns among the turns at the PIN desk: what they are ordered to sign, and what they have signed."""

from __future__ import annotations

from typing import TypeAlias

from flask import Flask

from edge.web.frame.desk_states import DeskUse, Turn
from edge.web.frame.desk_turn import TurnScreen, TurnsOf, desk_turns
from edge.web.office.turn_order import TurnOrder
from edge.workflow.sign_pass import SealedPass

SigningTurn: TypeAlias = Turn[TurnOrder, SealedPass]
SigningScreen: TypeAlias = TurnScreen[SealedPass]


def signing_turns(app: Flask | None = None) -> TurnsOf[TurnOrder, SealedPass]:
    """The signing turns of this application, or of the current one."""
    return TurnsOf(DeskUse.SIGNING, desk_turns(app))


def doses_of(turn: SigningTurn) -> int:
    """How many doses a turn has signed."""
    return sum(one.doses for one in turn.made)

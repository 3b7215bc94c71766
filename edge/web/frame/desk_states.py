"""What is known of a turn at the PIN desk: what it is for, whose it is, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from edge.domain.refusals import Words
from edge.store.users import UserId
from sync_protocol.signers.at_desk import ShownDesk

OrderT = TypeVar("OrderT")
MadeT = TypeVar("MadeT")


class DeskUse(StrEnum):
    """What a PIN is typed for."""

    SIGNING = "signing"
    TRIAL = "trial"
    REGISTRATION = "registration"


class TurnState(StrEnum):
    """Where a turn stands."""

    READING = "reading"
    PIN = "pin"
    SIGNING = "signing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


GOING_ON: Final = frozenset({TurnState.READING, TurnState.PIN, TurnState.SIGNING})
# A person is waited for, or not even that yet: nothing is lost when the turn ends here.
UNHURT: Final = frozenset({TurnState.READING, TurnState.PIN})


@dataclass(frozen=True, slots=True, repr=False)
class Turn(Generic[OrderT, MadeT]):
    """A turn as it stands.

    Attributes:
        key: by which a second click on the same button is known.
        order: what it is to do.
        desk: where the form with the PIN goes, while it is waited for.
        made: what it has made so far.
        code, problem: why it failed.
    """

    turn_id: str
    owner: UserId
    use: DeskUse
    key: str
    order: OrderT
    state: TurnState = TurnState.READING
    desk: ShownDesk | None = None
    made: tuple[MadeT, ...] = ()
    code: str = ""
    problem: Words | None = None

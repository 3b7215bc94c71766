"""How far an exchange has come, for whoever looks on: the bundles that are being sent, and what is being done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What an exchange is doing."""

    CONNECTING = "connecting"
    SENDING = "sending"
    WAITING = "waiting"
    NEWS = "news"


class Asked(StrEnum):
    """Who wanted an exchange. Stored; the words are stable."""

    SCHEDULE = "schedule"
    SEALED = "sealed"
    PERSON = "person"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """One bundle of the run that is being sent: `done_bytes` are held by the centre or taken by the network."""

    epoch: int
    sequence: int
    done_bytes: int
    size_bytes: int


# Told again and again while an exchange runs.
Watch = Callable[[Phase, Sequence[OnItsWay]], None]


def phase_of(run: Sequence[OnItsWay]) -> Phase:
    """What is being done while a run is sent: what is all on its way waits for its receipts."""
    done = sum(bundle.done_bytes for bundle in run)
    if not done:
        return Phase.CONNECTING
    return Phase.SENDING if done < sum(bundle.size_bytes for bundle in run) else Phase.WAITING

"""Whether an epoch that a node shows after a restore is taken up again at once, or a person has to say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.domain.node import NodeState
from central.domain.node_epoch import EpochStanding
from sync_protocol.ledger_epoch import EpochStep
from sync_protocol.shown_epoch import ShownEpoch


class ShownStanding(StrEnum):
    """How a shown epoch stands to what this centre knows. Stored; the words are stable."""

    # Our own word, of a time that a declared epoch of the ledger says is lost, and nothing speaks against it.
    PLAIN = "plain"
    # Our own word, but no epoch of the ledger says that its time was lost.
    UNDECLARED = "undeclared"
    # The node holds an enrolment file of ours; that its request was accepted no word of ours says.
    UNPROVEN = "unproven"
    # What is known here of the time before does not agree with it, or a person here decided otherwise.
    OTHER = "other"
    # The node counts as forked here: a person decides who goes on.
    FORKED = "forked"
    # Another machine has the epoch of this number by another word of ours.
    TAKEN = "taken"


# What an operator may take up by one act, once an epoch of the ledger is declared. Two machines cannot have one epoch.
CONFIRMABLE: Final = frozenset(ShownStanding) - {ShownStanding.TAKEN}


@dataclass(frozen=True, slots=True)
class Held:
    """What this centre knows of the node.

    Attributes:
        state: None where it does not know the node.
        epoch: in which the node stands; 0 before the first.
        begun: the digests with which its epochs began, by number.
        is_refused: whether a request that was shown was refused here.
        agrees: whether the key of the node's epoch signed the request that ended it; True where there is none.
        chain: how the chain that this request names stands to the ledger's; None where there is none.
    """

    state: NodeState | None
    epoch: int
    begun: Mapping[int, bytes]
    is_refused: bool = False
    agrees: bool = True
    chain: EpochStanding | None = None


def new_epochs(shown: Sequence[ShownEpoch], *, since: int) -> tuple[ShownEpoch, ...]:
    """The epochs of a showing that are later than the one in which the node stands here."""
    return tuple(one for one in shown if one.epoch > since)


def judge_shown(shown: Sequence[ShownEpoch], held: Held, steps: Iterable[EpochStep]) -> ShownStanding:
    """How a showing stands.

    Args:
        shown: its epochs, rising.
        held: what is known here.
        steps: the declared epochs of the ledger.
    """
    new = new_epochs(shown, since=held.epoch)
    if not new:
        return ShownStanding.TAKEN
    if any(one.at is None for one in new):
        return ShownStanding.UNPROVEN
    declared = tuple(steps)
    if not all(_was_lost(one.at, declared) for one in new if one.at is not None):
        return ShownStanding.UNDECLARED
    if held.state is NodeState.FORKED:
        return ShownStanding.FORKED
    # A chain of which the ledger has less is what a restore leaves behind; one with other links is another history.
    is_other = any(held.begun.get(one.epoch, one.digest) != one.digest for one in shown)
    if is_other or held.is_refused or not held.agrees or held.chain is EpochStanding.OTHER:
        return ShownStanding.OTHER
    return ShownStanding.PLAIN


def _was_lost(at: int, steps: tuple[EpochStep, ...]) -> bool:
    """Whether what was said at this instant may be lost: behind the base of an epoch, before its declaration."""
    return any(step.base.at <= at <= step.at for step in steps)

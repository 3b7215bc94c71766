"""What may happen to a bundle between its sealing and the centre's signed answer, as one table.

The table knows nothing of HTTP, sticks or SQL: whoever carries a bundle names the event, and gets the
state to commit. A pair that is not in the table is a bug of ours and is never caught. The queue *is* the
stored state: a process that dies leaves nothing behind but rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

# Between two tries after a failure: doubled each time, never longer than the last one.
FIRST_PAUSE_SECONDS: Final = 30
LONGEST_PAUSE_SECONDS: Final = 15 * 60


class BundleState(StrEnum):
    """Where a bundle stands. Stored; the words are stable."""

    SEALED = "sealed"
    OFFERED = "offered"
    RECEIPTED = "receipted"
    REFUSED = "refused"
    FORKED = "forked"


class BundleEvent(StrEnum):
    """What can befall a bundle. Each is committed before anything that relies on it."""

    OFFER = "offer"
    ANSWER_LOST = "answer-lost"
    RECEIPT = "receipt"
    REFUSAL_RECEIPT = "refusal-receipt"
    TURNED_AWAY = "turned-away"
    OTHER_DIGEST = "other-digest"
    CENTRE_RESTORED = "centre-restored"
    EXPORTED = "exported"


class IllegalTransitionError(Exception):
    """The caller reports an event that cannot befall a bundle in this state: our bug."""


# Two exchanges may run side by side, and a stick may bring an answer while one is at work: what befalls one of them is
# possible in every state that is due. A verified receipt is final: nothing befalls a delivered bundle any more, unless
# the centre itself says, signed by its ledger key, that it has lost what it had promised to keep.
TRANSITIONS: Final[Mapping[tuple[BundleState, BundleEvent], BundleState]] = MappingProxyType(
    {
        # Waiting for its first offer.
        (BundleState.SEALED, BundleEvent.OFFER): BundleState.OFFERED,
        (BundleState.SEALED, BundleEvent.ANSWER_LOST): BundleState.SEALED,
        (BundleState.SEALED, BundleEvent.TURNED_AWAY): BundleState.SEALED,
        (BundleState.SEALED, BundleEvent.OTHER_DIGEST): BundleState.FORKED,
        (BundleState.SEALED, BundleEvent.RECEIPT): BundleState.RECEIPTED,
        (BundleState.SEALED, BundleEvent.REFUSAL_RECEIPT): BundleState.REFUSED,
        # Bytes on a stick are no delivery: nothing changes but that the centre may have them one day.
        (BundleState.SEALED, BundleEvent.EXPORTED): BundleState.SEALED,
        (BundleState.OFFERED, BundleEvent.EXPORTED): BundleState.OFFERED,
        (BundleState.FORKED, BundleEvent.EXPORTED): BundleState.FORKED,
        # An offer whose answer never came may or may not have been admitted: offering again finds out.
        (BundleState.OFFERED, BundleEvent.OFFER): BundleState.OFFERED,
        (BundleState.OFFERED, BundleEvent.ANSWER_LOST): BundleState.OFFERED,
        (BundleState.OFFERED, BundleEvent.TURNED_AWAY): BundleState.OFFERED,
        (BundleState.OFFERED, BundleEvent.OTHER_DIGEST): BundleState.FORKED,
        (BundleState.OFFERED, BundleEvent.RECEIPT): BundleState.RECEIPTED,
        (BundleState.OFFERED, BundleEvent.REFUSAL_RECEIPT): BundleState.REFUSED,
        # A fork is decided by a person at the centre; until then it is offered again, and keeps its place.
        (BundleState.FORKED, BundleEvent.OFFER): BundleState.OFFERED,
        (BundleState.FORKED, BundleEvent.ANSWER_LOST): BundleState.FORKED,
        (BundleState.FORKED, BundleEvent.TURNED_AWAY): BundleState.FORKED,
        (BundleState.FORKED, BundleEvent.OTHER_DIGEST): BundleState.FORKED,
        (BundleState.FORKED, BundleEvent.RECEIPT): BundleState.RECEIPTED,
        (BundleState.FORKED, BundleEvent.REFUSAL_RECEIPT): BundleState.REFUSED,
        # Its receipt is set aside in the same transaction. The restored centre judges the bundle anew.
        (BundleState.RECEIPTED, BundleEvent.CENTRE_RESTORED): BundleState.OFFERED,
        (BundleState.REFUSED, BundleEvent.CENTRE_RESTORED): BundleState.OFFERED,
    }
)

# What an exchange still has to offer, and what counts as "not sent" on every page.
DUE: Final = frozenset({BundleState.SEALED, BundleState.OFFERED, BundleState.FORKED})
# What the centre has promised to keep.
DELIVERED: Final = frozenset({BundleState.RECEIPTED, BundleState.REFUSED})


def next_state(state: BundleState, event: BundleEvent) -> BundleState:
    """Return the state to commit.

    Raises:
        IllegalTransitionError: the event cannot befall a bundle in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"{event} cannot befall a bundle that is {state}") from None


def pause_seconds(failures: int, jitter: float) -> int:
    """Return how long to wait after the `failures`-th failure in a row.

    Args:
        failures: at least 1.
        jitter: 0 … 1, drawn by the caller, so that eleven thousand sites do not come back together.
    """
    doubled = FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10)
    return int(min(doubled, LONGEST_PAUSE_SECONDS) * (0.75 + 0.5 * jitter))

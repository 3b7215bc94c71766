"""Doses handed over to a delegated signer: what becomes of each at the site and at the hub, and who may be asked.

Both tables are all there is to know: whoever learns something names the event and gets the state to commit. What comes
too late (a signature over a dose that was handed back before) changes nothing; what is impossible is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sync_protocol.days import local_day
from sync_protocol.delegation import Delegation, DelegationKind, one_day_bounds


class HandedState(StrEnum):
    """Where a dose that this site handed over stands. Stored; the words are stable."""

    HANDED = "handed"
    SIGNED = "signed"
    BACK = "back"
    REFUSED = "refused"


class HandedEvent(StrEnum):
    """What the site learns of it, always from the centre."""

    SIGNATURE = "signature"
    HAND_BACK = "hand-back"
    REFUSAL = "refusal"


class SiteDoseState(StrEnum):
    """Where a dose of another site stands at this hub. Stored; the words are stable."""

    WAITING = "waiting"
    TAKEN = "taken"
    BACK = "back"
    REPLACED = "replaced"


# A verified signature stays; a dose that came back is free and may be in another batch by now, so nothing moves it.
TRANSITIONS: Final[Mapping[tuple[HandedState, HandedEvent], HandedState]] = MappingProxyType(
    {
        (HandedState.HANDED, HandedEvent.SIGNATURE): HandedState.SIGNED,
        (HandedState.HANDED, HandedEvent.HAND_BACK): HandedState.BACK,
        (HandedState.HANDED, HandedEvent.REFUSAL): HandedState.REFUSED,
        **{(HandedState.SIGNED, event): HandedState.SIGNED for event in HandedEvent},
        **{(HandedState.BACK, event): HandedState.BACK for event in HandedEvent},
        **{(HandedState.REFUSED, event): HandedState.REFUSED for event in HandedEvent},
    }
)
# A dose in one of these cannot be signed or handed over here.
LIVE: Final = frozenset({HandedState.HANDED, HandedState.SIGNED})

# Of a hub's doses: `taken` are leaves of a live batch; the store's triggers set it with the leaves.
NEXT_AT_HUB: Final[Mapping[SiteDoseState, frozenset[SiteDoseState]]] = MappingProxyType(
    {
        SiteDoseState.WAITING: frozenset({SiteDoseState.TAKEN, SiteDoseState.BACK, SiteDoseState.REPLACED}),
        SiteDoseState.TAKEN: frozenset({SiteDoseState.WAITING, SiteDoseState.REPLACED}),
        # Only where the centre refuses the bundle that gave it back: the site was never told.
        SiteDoseState.BACK: frozenset({SiteDoseState.WAITING, SiteDoseState.REPLACED}),
        SiteDoseState.REPLACED: frozenset(),
    }
)


def next_state(state: HandedState, event: HandedEvent) -> HandedState:
    """Return the state to commit. KeyError (our bug) for a pair that is not in the table."""
    return TRANSITIONS[state, event]


@dataclass(frozen=True, slots=True)
class Offer:
    """To whom doses can be handed over now.

    Attributes:
        delegation: by which the hub would sign.
        days: the local days whose doses may go, the newest first; None for all.
        asks: whether the centre is asked for one day; a reason is needed then.
    """

    delegation: Delegation
    days: tuple[str, ...] | None
    asks: bool

    @property
    def is_standing(self) -> bool:
        """Whether the hub signs whatever the site hands over."""
        return self.delegation.kind is DelegationKind.STANDING

    def takes(self, day: str) -> bool:
        """Whether doses given on this local day may go."""
        return self.days is None or day in self.days

    def asks_day(self, day: str) -> str:
        """What the handover asks for: the day, or "" where the hub may sign without."""
        return day if self.asks else ""


def offers(delegations: Iterable[Delegation], *, facility: str, now: int) -> list[Offer]:
    """What a site may do with its unsigned doses now: one standing signer before all, then one-day ones, then on call.

    Args:
        delegations: the newest list of the centre.
        facility: the code of this site.
        now: epoch seconds UTC.
    """
    ours = [one for one in delegations if one.site == facility and one.is_open(now)]
    today = date.fromisoformat(local_day(now))
    # A one-day delegation may be signed under until the next day ends.
    last_days = (today.isoformat(), (today - timedelta(days=1)).isoformat())
    found = [Offer(one, None, asks=False) for one in ours if one.kind is DelegationKind.STANDING]
    found += [Offer(one, (one.dose_day,), asks=False) for one in ours if one.dose_day is not None]
    found += [Offer(one, last_days, asks=True) for one in ours if one.kind is DelegationKind.ON_CALL]
    return found


def covers(delegations: Sequence[Delegation], *, site: str, asks_day: str, given_day: str, now: int) -> bool:
    """Whether a hub may sign a dose of a site now.

    A site that asks for one day is heard by the centre: until its answer is here, what it has signed itself and a
    delegation on call are enough.

    Args:
        delegations: those under which this node is the hub.
        site: code of the facility that gave the dose.
        asks_day: the day for which the handover asks, or "".
        given_day: the local day of the injection.
    """
    for one in delegations:
        if one.site != site or not one.is_open(now):
            continue
        match one.kind:
            case DelegationKind.STANDING:
                return True
            case DelegationKind.ONE_DAY if one.dose_day == given_day:
                return True
            case DelegationKind.ON_CALL if asks_day == given_day:
                first, end = one_day_bounds(asks_day)
                if first <= now < end:
                    return True
    return False

"""The outbox's table, walked at random, and each thing that must never be possible in it."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.domain.outbox import (
    DELIVERED,
    DUE,
    LONGEST_PAUSE_SECONDS,
    TRANSITIONS,
    BundleEvent,
    BundleState,
    IllegalTransitionError,
    next_state,
    pause_seconds,
)


def test_a_bundle_is_either_due_or_delivered() -> None:
    assert set(BundleState) == DUE | DELIVERED
    assert not DUE & DELIVERED


def test_every_event_is_possible_in_every_due_state_and_only_the_centres_loss_after_delivery() -> None:
    lost = BundleEvent.CENTRE_RESTORED
    due = {(state, event) for state in DUE for event in BundleEvent if event is not lost}
    assert set(TRANSITIONS) == due | {(state, lost) for state in DELIVERED}


def test_what_the_centre_has_lost_is_due_again() -> None:
    assert {TRANSITIONS[state, BundleEvent.CENTRE_RESTORED] for state in DELIVERED} == {BundleState.OFFERED}


def test_only_a_signed_answer_delivers() -> None:
    delivering = {event for (_, event), after in TRANSITIONS.items() if after in DELIVERED}
    assert delivering == {BundleEvent.RECEIPT, BundleEvent.REFUSAL_RECEIPT}


@pytest.mark.parametrize("state", sorted(DELIVERED))
def test_a_delivered_bundle_moves_only_when_the_centre_has_lost_it(state: BundleState) -> None:
    for event in set(BundleEvent) - {BundleEvent.CENTRE_RESTORED}:
        with pytest.raises(IllegalTransitionError):
            next_state(state, event)


def test_pauses_grow_and_stay_below_their_cap() -> None:
    pauses = [pause_seconds(failures, 0.5) for failures in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 30
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert pause_seconds(40, 1.0) <= LONGEST_PAUSE_SECONDS * 1.25


class OutboxWalk(RuleBasedStateMachine):
    """One bundle, a centre that may or may not have it, and a network that does what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.state = BundleState.SEALED
        self.offered = False
        self.at_centre = 0
        self.refused = False

    @precondition(lambda self: self.state in DUE)
    @rule(fate=st.sampled_from(["lost", "cut", "receipt", "away", "forked"]), refuses=st.booleans())
    def offer(self, fate: str, refuses: bool) -> None:
        self.state = next_state(self.state, BundleEvent.OFFER)
        self.offered = True
        if fate == "lost":
            self.state = next_state(self.state, BundleEvent.ANSWER_LOST)
            return
        if fate in {"away", "forked"}:
            event = BundleEvent.TURNED_AWAY if fate == "away" else BundleEvent.OTHER_DIGEST
            self.state = next_state(self.state, event)
            return
        if not self.at_centre:
            self.at_centre, self.refused = 1, refuses
        if fate == "cut":
            self.state = next_state(self.state, BundleEvent.ANSWER_LOST)
        else:
            self.state = next_state(self.state, BundleEvent.REFUSAL_RECEIPT if self.refused else BundleEvent.RECEIPT)

    @precondition(lambda self: self.state in DELIVERED)
    @rule(event=st.sampled_from(sorted(set(BundleEvent) - {BundleEvent.CENTRE_RESTORED})))
    def after_delivery(self, event: BundleEvent) -> None:
        with pytest.raises(IllegalTransitionError):
            next_state(self.state, event)

    @precondition(lambda self: self.state in DELIVERED)
    @rule()
    def centre_restored(self) -> None:
        # The restored centre does not have it, and judges it anew.
        self.at_centre = 0
        self.state = next_state(self.state, BundleEvent.CENTRE_RESTORED)

    @invariant()
    def delivered_means_that_the_centre_has_it(self) -> None:
        if self.state in DELIVERED:
            assert self.at_centre == 1
            assert (self.state is BundleState.REFUSED) == self.refused

    @invariant()
    def what_the_centre_lacks_is_still_due(self) -> None:
        assert self.at_centre or self.state in DUE


TestOutboxWalk = OutboxWalk.TestCase

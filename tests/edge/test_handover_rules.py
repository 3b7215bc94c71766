"""What may become of a dose that was handed over, and whom a site may ask: the tables, pair by pair."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from sqlcipher3.dbapi2 import IntegrityError  # type: ignore[import-untyped]

from edge.domain.handover import (
    LIVE,
    NEXT_AT_HUB,
    TRANSITIONS,
    HandedEvent,
    HandedState,
    SiteDoseState,
    covers,
    next_state,
    offers,
)
from edge.store.database import Database
from sync_protocol.delegation import DelegationKind
from tests.edge.hub_pair import delegation, make_pair
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, FACILITY

YESTERDAY = "2022-04-14"
TOMORROW = AFTERNOON + DAY_SECONDS
IN_TWO_DAYS = AFTERNOON + 2 * DAY_SECONDS


def test_every_event_is_foreseen_in_every_state() -> None:
    assert set(TRANSITIONS) == set(product(HandedState, HandedEvent))
    assert set(NEXT_AT_HUB) == set(SiteDoseState)


@pytest.mark.parametrize("event", HandedEvent)
@pytest.mark.parametrize("state", [HandedState.SIGNED, HandedState.BACK, HandedState.REFUSED])
def test_what_was_decided_stays_decided(state: HandedState, event: HandedEvent) -> None:
    assert next_state(state, event) is state


@pytest.mark.parametrize(
    ("event", "after"),
    [
        (HandedEvent.SIGNATURE, HandedState.SIGNED),
        (HandedEvent.HAND_BACK, HandedState.BACK),
        (HandedEvent.REFUSAL, HandedState.REFUSED),
    ],
)
def test_only_a_dose_that_is_out_moves(event: HandedEvent, after: HandedState) -> None:
    assert next_state(HandedState.HANDED, event) is after
    assert (after in LIVE) == (after is HandedState.SIGNED)


def test_a_dose_that_was_given_back_by_the_hub_is_never_signed_without_waiting_again() -> None:
    assert SiteDoseState.TAKEN not in NEXT_AT_HUB[SiteDoseState.BACK]
    assert NEXT_AT_HUB[SiteDoseState.REPLACED] == frozenset()
    assert SiteDoseState.WAITING in NEXT_AT_HUB[SiteDoseState.TAKEN]


@pytest.mark.parametrize(
    ("kind", "now", "days", "asks"),
    [
        (DelegationKind.STANDING, AFTERNOON, None, False),
        (DelegationKind.ON_CALL, AFTERNOON, (DAY, YESTERDAY), True),
        (DelegationKind.ONE_DAY, AFTERNOON, (DAY,), False),
        (DelegationKind.ONE_DAY, TOMORROW, (DAY,), False),
    ],
)
def test_what_a_site_may_do_follows_from_the_kind_of_delegation(
    kind: DelegationKind, now: int, days: tuple[str, ...] | None, asks: bool
) -> None:
    (found,) = offers([delegation(kind)], facility=FACILITY, now=now)
    assert (found.days, found.asks) == (days, asks)
    assert found.asks_day(DAY) == (DAY if asks else "")
    assert found.takes(DAY)
    assert found.takes("2022-04-01") == (days is None)


def test_a_standing_signer_comes_before_one_on_call_and_others_sites_are_not_ours() -> None:
    both = [delegation(DelegationKind.ON_CALL, number=1), delegation(DelegationKind.STANDING, number=2)]
    assert [one.delegation.number for one in offers(both, facility=FACILITY, now=AFTERNOON)] == [2, 1]
    assert offers(both, facility="19009", now=AFTERNOON) == []
    assert offers([delegation(DelegationKind.ONE_DAY)], facility=FACILITY, now=IN_TWO_DAYS) == []


@pytest.mark.parametrize(
    ("kind", "asks_day", "given_day", "now", "may_sign"),
    [
        (DelegationKind.STANDING, "", "2022-03-01", AFTERNOON, True),
        (DelegationKind.ONE_DAY, "", DAY, AFTERNOON, True),
        (DelegationKind.ONE_DAY, "", DAY, TOMORROW, True),
        (DelegationKind.ONE_DAY, "", DAY, IN_TWO_DAYS, False),
        (DelegationKind.ONE_DAY, "", YESTERDAY, AFTERNOON, False),
        (DelegationKind.ON_CALL, DAY, DAY, AFTERNOON, True),
        (DelegationKind.ON_CALL, DAY, DAY, TOMORROW, True),
        (DelegationKind.ON_CALL, DAY, DAY, IN_TWO_DAYS, False),
        (DelegationKind.ON_CALL, "", DAY, AFTERNOON, False),
        (DelegationKind.ON_CALL, DAY, YESTERDAY, AFTERNOON, False),
    ],
)
def test_a_hub_signs_only_what_the_delegation_covers(
    kind: DelegationKind, asks_day: str, given_day: str, now: int, may_sign: bool
) -> None:
    listed = [delegation(kind)]
    assert covers(listed, site=FACILITY, asks_day=asks_day, given_day=given_day, now=now) == may_sign
    assert not covers(listed, site="19009", asks_day=asks_day, given_day=given_day, now=now)


def test_the_stores_take_just_the_steps_of_the_tables(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    pair.site.record(1)
    pair.hand()
    pair.send()
    at_site = {(state, next_state(state, event)) for state, event in TRANSITIONS}
    for before, after in product(HandedState, HandedState):
        if before is HandedState.HANDED and after is not HandedState.SIGNED:
            # A signature needs its statement beside it, which the workflow's tests bring.
            assert step(pair.site.database, "handed_doses", before, after) == ((before, after) in at_site)
    for old, new in product(SiteDoseState, SiteDoseState):
        assert step(pair.hub.database, "site_doses", old, new) == (new in NEXT_AT_HUB[old])


def step(database: Database, table: str, before: str, after: str) -> bool:
    """Whether the store lets a row of this table go from one state to another; it stays where it was."""
    with database.write_transaction() as tables:
        trigger = tables.execute("SELECT sql FROM sqlite_master WHERE name = ?", (f"{table}_steps",)).fetchone()[0]
        tables.execute(f"DROP TRIGGER {table}_steps")
        found = tables.execute(f"SELECT state FROM {table}").fetchone()[0]
        tables.execute(f"UPDATE {table} SET state = ?", (before,))
        tables.execute(trigger)
        try:
            tables.execute(f"UPDATE {table} SET state = ?", (after,))
        except IntegrityError:
            is_taken = False
        else:
            is_taken = True
        tables.execute(f"DROP TRIGGER {table}_steps")
        tables.execute(f"UPDATE {table} SET state = ?", (found,))
        tables.execute(trigger)
    return is_taken

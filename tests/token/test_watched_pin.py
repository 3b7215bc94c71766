"""A wrong PIN is in the trail; where a token keeps no count, the trail does, and a person has to say they are sure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.store import audit
from edge.store.audit import Action, Wanted
from edge.workflow.watch_pin import watch_pin
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.edge.station import AFTERNOON
from tests.softhsm import Person
from tests.token.conftest import KeyName
from tests.token.fault_token import FaultToken
from tests.token.turn import Turn, assert_signed_once, make_turn

_WRONG = "11112222"


@pytest.fixture
def turn(fault_token_with: Callable[[KeyName], FaultToken], tmp_path: Path) -> Turn:
    return make_turn(tmp_path / "station", fault_token_with("p256"))


def _watched(turn: Turn, person: Person, *, is_sure: bool = False) -> None:
    with watch_pin(turn.station.database, after_wrong_pin=is_sure, by="Trần Thị Ánh", now=lambda: AFTERNOON):
        turn.sign(person, after_wrong_pin=is_sure)


def _refused(turn: Turn, person: Person, *, is_sure: bool = False) -> TokenCode:
    with pytest.raises(TokenError) as caught:
        _watched(turn, person, is_sure=is_sure)
    return caught.value.code


def _refused_pins(turn: Turn) -> list[str]:
    with turn.station.database.read() as tables:
        found = audit.listed(tables, Wanted(action=Action.PIN_REFUSED), before=0, limit=10)
    assert all(_WRONG not in str(entry) for entry in found)
    return [entry.details for entry in reversed(found)]


def test_a_token_without_flags_is_not_tried_again_until_a_person_is_sure(turn: Turn) -> None:
    turn.token.fault("no-flags")
    assert _refused(turn, Person(_WRONG)) is TokenCode.PIN_UNCOUNTED
    # Another start of the program remembers it too, and asks nobody.
    turn = turn.reopened()
    right = Person()
    assert _refused(turn, right) is TokenCode.PIN_UNCOUNTED
    assert right.questions == []
    assert turn.token.count("C_Login") == 1
    # Somebody is sure, and wrong again; then sure, and right.
    assert _refused(turn, Person(_WRONG), is_sure=True) is TokenCode.PIN_UNCOUNTED
    assert _refused(turn, right) is TokenCode.PIN_UNCOUNTED
    _watched(turn, right, is_sure=True)
    assert turn.token.count("C_Login") == 3
    assert_signed_once(turn, payload=None, asked=1)
    assert _refused_pins(turn) == [TokenCode.PIN_UNCOUNTED] * 2


def test_once_something_is_signed_nobody_has_to_be_sure_any_more(turn: Turn) -> None:
    turn.token.fault("no-flags")
    _refused(turn, Person(_WRONG))
    _watched(turn, Person(), is_sure=True)
    turn.station.record(1)
    turn.planned = turn.station.plan()[0]
    _watched(turn, Person())
    assert turn.token.count("C_Sign") == 2


def test_a_token_with_flags_counts_by_itself(turn: Turn) -> None:
    assert _refused(turn, Person(_WRONG)) is TokenCode.PIN_INCORRECT
    assert _refused(turn, Person()) is TokenCode.PIN_COUNT_LOW
    # The right PIN at the vendor's program clears the token's own memory, and ours stands in nobody's way.
    turn.token.fault("wrong-pins", "0")
    _watched(turn, Person())
    assert_signed_once(turn, payload=None, asked=1)
    assert _refused_pins(turn) == [TokenCode.PIN_INCORRECT]


def test_other_faults_of_a_token_are_no_refused_pins(turn: Turn) -> None:
    turn.token.fault("remove", "C_Login")
    assert _refused(turn, Person()) is TokenCode.TOKEN_REMOVED
    turn.token.mend()
    assert _refused(turn, Person("")) is TokenCode.PIN_EMPTY
    assert _refused_pins(turn) == []
    _watched(turn, Person())
    assert_signed_once(turn, payload=None, asked=1)

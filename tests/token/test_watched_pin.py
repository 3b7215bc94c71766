"""A wrong PIN is in the trail; where a token keeps no count, the trail does, and a person has to say they are sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.store import audit
from edge.store.audit import Action, Wanted
from edge.workflow.open_key import KeyAsked, open_key
from edge.workflow.watch_pin import is_uncounted, watch_pin
from sync_protocol.signers.software import write_pkcs12
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.edge.station import AFTERNOON
from tests.softhsm import Person
from tests.token.conftest import KeyName, organisation_certificate, organisation_key
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


def test_a_right_pin_for_whatever_it_was_typed_ends_the_doubt(turn: Turn) -> None:
    turn.token.fault("no-flags")
    asked = KeyAsked(turn.token.uri, "Trần Thị Ánh", check=lambda _: None, now=lambda: AFTERNOON)
    database, right = turn.station.database, Person()
    with pytest.raises(TokenError, match=TokenCode.PIN_UNCOUNTED), open_key(database, asked, Person(_WRONG)):
        pass
    with pytest.raises(TokenError, match=TokenCode.PIN_UNCOUNTED), open_key(database, asked, right):
        pass
    assert right.questions == []
    for is_sure in (True, False):
        with open_key(database, replace(asked, after_wrong_pin=is_sure), right) as signer:
            assert signer.operations == 0
    assert turn.token.count("C_Login") == 3
    with database.read() as tables:
        # Said once, where somebody would have had to be sure.
        assert len(audit.listed(tables, Wanted(action=Action.PIN_TAKEN), before=0, limit=10)) == 1


def test_the_password_of_a_file_says_nothing_of_a_tokens_pin(turn: Turn, tmp_path: Path) -> None:
    turn.token.fault("no-flags")
    asked = KeyAsked(turn.token.uri, "Trần Thị Ánh", check=lambda _: None, now=lambda: AFTERNOON)
    database = turn.station.database
    with pytest.raises(TokenError), open_key(database, asked, Person(_WRONG)):
        pass
    path = tmp_path / "organisation.p12"
    path.write_bytes(write_pkcs12(organisation_key("p256"), organisation_certificate("p256"), password="mat-khau"))
    of_file = replace(asked, uri=f"software:{path}", after_wrong_pin=True)
    with pytest.warns(UserWarning, match="tệp khóa phần mềm"), open_key(database, of_file, Person("mat-khau")):
        pass
    with database.read() as tables:
        assert is_uncounted(tables)

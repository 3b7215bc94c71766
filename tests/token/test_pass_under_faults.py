"""The whole pass, from the plan to the sealed bundle, with a token that fails at each step and then is well again.

Each case names the fault, the code that a person is told, how far the pass had come (None: only selected), and how
often the token was asked for a signature until the pass was sealed. What is asserted stands in the store.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from edge.domain.pass_journal import PassState
from edge.workflow.check_store import check_store
from edge.workflow.sign_pass import abandon_pass
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_link import TokenTimeouts
from tests.edge.station import AFTERNOON
from tests.token.conftest import KEY_NAMES, KeyName
from tests.token.fault_token import FaultToken
from tests.token.turn import PATIENT, Turn, assert_signed_once, make_turn

FaultTokenWith = Callable[[KeyName], FaultToken]
_PREPARED: Final = PassState.PREPARED
# Where a call hangs for certain, waiting for it long proves nothing more; the steps before it have all their time.
_SCAN_SOON: Final = replace(PATIENT, scan=0.5)
_LOGIN_SOON: Final = replace(PATIENT, login=0.3)
_SIGN_SOON: Final = replace(PATIENT, signature=0.3)


@dataclass(frozen=True, slots=True)
class Case:
    """One fault in the middle of a turn.

    Attributes:
        fault: its file in the shim's folder.
        at: what stands there; "C_FindObjects@login" is the first such call after the login.
        code: what the person is told.
        left: how far the pass has come.
        asked: how often `C_Sign` was called in the end, the resumed pass included.
        timeouts: how long is waited.
    """

    fault: str
    at: str
    code: TokenCode
    left: PassState | None
    asked: int
    timeouts: TokenTimeouts = PATIENT

    def __str__(self) -> str:
        return f"{self.fault}-{self.at}-{self.code}".replace(" ", "-")


_STEPS: Final = (
    ("C_Initialize", None, _SCAN_SOON),
    ("C_GetSlotList", None, _SCAN_SOON),
    ("C_OpenSession", None, _SCAN_SOON),
    ("C_FindObjects", None, _SCAN_SOON),
    ("C_OpenSession@login", None, _LOGIN_SOON),
    ("C_Login", None, _LOGIN_SOON),
    ("C_FindObjects@login", None, _LOGIN_SOON),
    ("C_SignInit", _PREPARED, _SIGN_SOON),
    ("C_Sign", _PREPARED, _SIGN_SOON),
)


def _cases() -> Iterator[Case]:
    for at, left, timeouts in _STEPS:
        # Only at the last step the token was asked before.
        asked = 1 + (at == "C_Sign")
        # What was out before anybody looked is simply not there.
        removed = TokenCode.TOKEN_MISSING if at in {"C_Initialize", "C_GetSlotList"} else TokenCode.TOKEN_REMOVED
        yield Case("remove", at, removed, left, asked)
        yield Case("hang", at, TokenCode.TIMEOUT, left, asked, timeouts)
        yield Case("crash", at, TokenCode.PROCESS_DIED, left, asked)
    # Modules that call it by another name.
    for number in ("5", "30", "b3", "82", "101"):
        yield Case("remove", f"C_Sign {number}", TokenCode.TOKEN_REMOVED, _PREPARED, 2)
        yield Case("remove", f"C_SignInit {number}", TokenCode.TOKEN_REMOVED, _PREPARED, 1)
    for at in ("C_OpenSession 5", "C_FindObjects 30", "C_Login 30", "C_Login 5"):
        yield Case("remove", at, TokenCode.TOKEN_REMOVED, None, 1)
    yield Case("fail", "C_OpenSession 5", TokenCode.TOKEN_FAILED, None, 1)
    yield Case("fail", "C_Login 30", TokenCode.TOKEN_FAILED, None, 1)
    yield Case("sleep", "C_SignInit", TokenCode.SESSION_LOST, _PREPARED, 1)
    yield Case("sleep", "C_SignInit logout", TokenCode.SESSION_LOST, _PREPARED, 1)
    yield Case("sleep", "C_Sign", TokenCode.SESSION_LOST, _PREPARED, 2)
    yield Case("sleep", "C_FindObjectsInit@login", TokenCode.SESSION_LOST, None, 1)
    yield Case("fail", "C_SignInit 70", TokenCode.MECHANISM_MISSING, _PREPARED, 1)
    yield Case("fail", "C_Sign 5", TokenCode.TOKEN_FAILED, _PREPARED, 2)
    yield Case("fail", "C_Sign 30", TokenCode.TOKEN_FAILED, _PREPARED, 2)
    yield Case("fail", "C_Sign 80000123", TokenCode.TOKEN_FAILED, _PREPARED, 2)
    for bit in ("0", "777"):
        yield Case("flip", bit, TokenCode.SIGNATURE_WRONG, _PREPARED, 2)
    yield Case("kill-before", "C_Sign", TokenCode.PROCESS_DIED, _PREPARED, 2)
    yield Case("kill-after", "C_Sign", TokenCode.PROCESS_DIED, _PREPARED, 2)
    yield Case("latency", "60000", TokenCode.TIMEOUT, _PREPARED, 2, _SIGN_SOON)


def _in_login(calls: list[str], at: str) -> str:
    """The place as the shim knows it: after the login a call is known by its number among those of its name."""
    name, is_in_login, rest = at.partition("@login")
    if not is_in_login:
        return at
    # `C_OpenSession` is the one that comes right before.
    begin = calls.index("C_Login") - 1
    return f"{name}#{calls[:begin].count(name) + 1}{rest}"


@pytest.fixture
def turn_with(fault_token_with: FaultTokenWith, tmp_path: Path) -> Callable[[KeyName], Turn]:
    return lambda key: make_turn(tmp_path / "station", fault_token_with(key))


def _runs() -> Iterator[tuple[Case, KeyName]]:
    for number, case in enumerate(_cases()):
        # Before the signature, and for a step's variants, it is all one which key signs: the short slice takes turns.
        is_one_enough = (case.left is None or " " in case.at) and os.environ.get("HCVX_CAMPAIGN") != "full"
        for key in (KEY_NAMES[number % 2],) if is_one_enough else KEY_NAMES:
            yield case, key


@pytest.mark.parametrize(("case", "key"), tuple(_runs()), ids=str)
def test_after_each_fault_the_pass_goes_on_and_is_signed_once(
    turn_with: Callable[[KeyName], Turn], clean_calls: dict[KeyName, list[str]], key: KeyName, case: Case
) -> None:
    turn = turn_with(key)
    turn.token.fault(case.fault, _in_login(clean_calls[key], case.at))
    error = turn.refused(timeouts=case.timeouts)
    assert error.code is case.code, str(error)
    assert turn.left() is case.left
    payload = turn.payload()
    # Nobody logged in again, and no wrong PIN was counted.
    assert turn.token.count("C_Login") <= 1
    assert turn.token.wrong_pins == 0
    turn.token.mend()
    turn.sign()
    assert_signed_once(turn, payload=payload, asked=case.asked)


_EVERYWHERE: Final = (
    ("remove", ""),
    ("remove", "30"),
    ("sleep", ""),
    ("crash", ""),
    ("kill-before", ""),
    ("kill-after", ""),
)


@pytest.mark.parametrize("key", KEY_NAMES)
def test_at_whichever_call_a_fault_comes_the_pass_goes_on_and_is_signed_once(
    turn_with: Callable[[KeyName], Turn],
    clean_calls: dict[KeyName, list[str]],
    campaign_factor: int,
    tmp_path: Path,
    key: KeyName,
) -> None:
    calls = clean_calls[key]
    points = [(number, fault) for number in range(1, len(calls) + 1) for fault in _EVERYWHERE]
    # Neighbours in the slice are different faults at different calls; the campaign runs them all.
    stride = 37 if campaign_factor == 1 else 1
    chosen = set(points[KEY_NAMES.index(key) :: stride])
    turn, states = turn_with(key), set()
    for number, (fault, argument) in points:
        if (number, (fault, argument)) not in chosen and calls[number - 1] != "C_Sign":
            continue
        (turn.token.folder / "calls").unlink(missing_ok=True)
        turn = make_turn(tmp_path / f"{number} {fault} {argument}", turn.token)
        turn.token.fault(fault, f"#{number} {argument}")
        with contextlib.suppress(TokenError):
            # At the last calls the signature is there already, and nothing is lost but a log-out.
            turn.sign()
        states.add(turn.left())
        payload = turn.payload()
        turn.token.mend()
        if turn.left() is not PassState.SEALED:
            turn.sign()
        assert_signed_once(turn, payload=payload, asked=turn.token.count("C_Sign"))
        assert turn.token.count("C_Sign") <= 2
        assert turn.token.count("C_Login") <= 2
        turn.station.database.close()
    assert {None, PassState.PREPARED, PassState.SEALED} <= states


@pytest.mark.parametrize("way", ["unsupported", "empty"])
@pytest.mark.parametrize("key", KEY_NAMES)
def test_a_token_without_a_list_of_mechanisms_signs_all_the_same(
    turn_with: Callable[[KeyName], Turn], key: KeyName, way: str
) -> None:
    turn = turn_with(key)
    turn.token.fault("no-mechanisms", way)
    turn.sign()
    assert_signed_once(turn, payload=None, asked=1)


def test_a_slow_token_is_waited_for(turn_with: Callable[[KeyName], Turn]) -> None:
    turn = turn_with("rsa")
    turn.token.fault("latency", "400")
    turn.sign()
    assert_signed_once(turn, payload=None, asked=1)


@pytest.mark.parametrize("key", KEY_NAMES)
def test_a_pass_of_three_thousand_doses_is_one_signature_of_the_token(
    fault_token_with: FaultTokenWith, tmp_path: Path, key: KeyName
) -> None:
    turn = make_turn(tmp_path / "station", fault_token_with(key), people=1_000, per_person=3)
    sealed = turn.sign()
    assert (sealed.people, sealed.doses) == (1_000, 3_000)
    assert turn.token.count("C_Sign") == 1
    assert turn.token.count("C_Login") == 1
    assert_signed_once(turn, payload=None, asked=1)


@pytest.mark.parametrize("key", KEY_NAMES)
def test_a_pass_that_is_given_up_after_a_fault_gives_its_doses_back(
    turn_with: Callable[[KeyName], Turn], key: KeyName
) -> None:
    turn = turn_with(key)
    turn.token.fault("kill-after", "C_Sign")
    turn.refused()
    abandon_pass(turn.station.database, actor="Trưởng trạm", now=AFTERNOON)
    # The signature that was made meanwhile is seen by nobody: the doses are free, under a statement of their own.
    assert turn.station.plan() == (turn.planned,)
    turn.token.mend()
    sealed = turn.sign()
    assert (sealed.pass_id, sealed.batch_number) == (2, 1)
    assert check_store(turn.station.database).findings == ()
    assert len(set(turn.token.given_to_sign())) == 2


def test_several_faults_in_a_row_leave_one_pass(turn_with: Callable[[KeyName], Turn]) -> None:
    turn = turn_with("p256")
    payloads = set()
    for fault, at in (("remove", "C_Sign"), ("flip", "3"), ("kill-after", "C_Sign"), ("sleep", "C_SignInit")):
        turn.token.fault(fault, at)
        turn.refused()
        assert turn.left() is PassState.PREPARED
        payloads.add(turn.payload())
        turn.token.mend()
    turn.sign()
    (payload,) = payloads
    assert_signed_once(turn, payload=payload, asked=4)


def test_the_harness_sees_a_pass_that_asks_the_token_twice(turn_with: Callable[[KeyName], Turn]) -> None:
    # The planted fault: a program that tries again by itself.
    turn = turn_with("p256")
    turn.token.fault("flip", "3")
    turn.refused()
    turn.token.mend()
    turn.sign()
    with pytest.raises(AssertionError):
        assert_signed_once(turn, payload=None, asked=1)


def test_the_harness_sees_a_pass_that_is_signed_under_another_statement(turn_with: Callable[[KeyName], Turn]) -> None:
    # The planted fault: forgetting what was fixed, and signing the same doses anew.
    turn = turn_with("p256")
    turn.token.fault("remove", "C_Sign")
    turn.refused()
    payload = turn.payload()
    abandon_pass(turn.station.database, actor="", now=AFTERNOON)
    turn.token.mend()
    turn.sign()
    with pytest.raises(AssertionError):
        assert_signed_once(turn, payload=payload, asked=2)

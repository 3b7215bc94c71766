"""The shim itself: it counts truly, locks after three wrong PINs, and a shim that does not would be noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.pin_guard import PinFlag
from sync_protocol.signers.pkcs11 import list_tokens
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.uri import Pkcs11Uri, parse_signer_uri
from tests.softhsm import Person
from tests.token.conftest import KeyName, Shelf
from tests.token.fault_token import SOURCE, FaultToken, compile_shim, put_before

_PIN_FLAGS = PinFlag.COUNT_LOW | PinFlag.FINAL_TRY | PinFlag.LOCKED


def _flags(token: FaultToken) -> int:
    uri = parse_signer_uri(token.uri)
    assert isinstance(uri, Pkcs11Uri)
    assert uri.module_path is not None
    (seen,) = list_tokens(uri.module_path)
    return seen.flags


def check_counting(token: FaultToken) -> None:
    """Each signature is one line with what was signed; the question for its length is another."""
    messages = [b"one", b"two", b"one"]
    with open_signer(token.uri, Person()) as signer:
        signer.sign_many(messages)
    assert token.count("C_Sign") == 3
    assert token.count("C_Sign?") == 3
    assert token.count("C_Login") == 1
    assert token.calls()[0] == "C_Initialize"
    # This key's mechanism is given the digest.
    assert token.given_to_sign() == [hashlib.sha256(message).hexdigest() for message in messages]


def check_lock(token: FaultToken) -> None:
    """Wrong PINs are counted over processes; the third locks, and only the right one before it counts down."""
    expected = [PinFlag(0), PinFlag.COUNT_LOW, PinFlag.COUNT_LOW | PinFlag.FINAL_TRY]
    for wrong in range(2):
        assert _flags(token) & _PIN_FLAGS == expected[wrong]
        with pytest.raises(TokenError), open_signer(token.uri, Person("11112222"), after_wrong_pin=True):
            pass
        assert token.wrong_pins == wrong + 1
    assert _flags(token) & _PIN_FLAGS == expected[2]
    # The last try is used by somebody whom the guard does not hold back: the flags are hidden from it.
    token.fault("no-flags")
    assert _flags(token) == 0
    codes = []
    for pin in ("11112222", token.pin):
        with pytest.raises(TokenError) as caught, open_signer(token.uri, Person(pin)):
            pass
        codes.append(caught.value.code)
    token.mend()
    assert codes == [TokenCode.PIN_UNCOUNTED, TokenCode.PIN_LOCKED]
    assert _flags(token) & PinFlag.LOCKED


def test_it_counts_every_call_and_tells_a_signature_from_the_question_for_its_length(
    fault_token_with: Callable[[KeyName], FaultToken],
) -> None:
    check_counting(fault_token_with("p256"))


def test_it_locks_after_three_wrong_pins_and_stays_locked(
    fault_token_with: Callable[[KeyName], FaultToken],
) -> None:
    check_lock(fault_token_with("p256"))


def test_a_token_that_was_out_needs_a_new_session(fault_token_with: Callable[[KeyName], FaultToken]) -> None:
    token = fault_token_with("p256")
    with open_signer(token.uri, Person()) as signer:
        token.fault("removed")
        with pytest.raises(TokenError) as caught:
            signer.sign(b"message")
        assert caught.value.code is TokenCode.TOKEN_REMOVED
    token.mend()
    with open_signer(token.uri, Person()) as signer:
        signer.sign(b"message")
        # Out and in again between two signatures: the token is there, and what was open is not.
        token.fault("remove", "C_SignInit")
        with pytest.raises(TokenError):
            signer.sign(b"message")
    token.mend()
    with open_signer(token.uri, Person()) as signer:
        signer.sign(b"message")


@pytest.mark.parametrize(
    ("right", "planted", "check"),
    [
        ('"C_Sign?" :', '"C_Sign" :', check_counting),
        ('write_control("calls", line, 1)', 'write_control("calls", line, 0)', check_counting),
        ("data[place]", "data[0]", check_counting),
        ("TRIES = 3", "TRIES = 4", check_lock),
        ("CKF_USER_PIN_COUNT_LOW = 0x00010000", "CKF_USER_PIN_COUNT_LOW = 0x00100000", check_lock),
        ("wrong_pins() + 1", "wrong_pins()", check_lock),
    ],
)
def test_a_planted_fault_of_the_shim_turns_its_test_red(
    shelves: dict[KeyName, Shelf],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    right: str,
    planted: str,
    check: Callable[[FaultToken], None],
) -> None:
    text = SOURCE.read_text("utf-8")
    assert text.count(right) == 1
    source = tmp_path / "planted.c"
    source.write_text(text.replace(right, planted), "utf-8")
    shelf = shelves["p256"]
    monkeypatch.setenv("SOFTHSM2_CONF", str(shelf.configuration))
    token = put_before(shelf.token, compile_shim(tmp_path, source=source), tmp_path / "shim", monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(token)

"""Modules, tokens and PINs that are wrong before anything is signed: a code for each, and the selection stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from sync_protocol.signers.opening import MODULE_VARIABLE
from sync_protocol.signers.pin_guard import PIN_BYTES
from sync_protocol.signers.token_errors import TokenCode
from sync_protocol.signers.uri import Pkcs11Uri, encode_signer_uri, parse_signer_uri
from tests.builders import ec_key
from tests.softhsm import Person, SoftHsmToken, softhsm_in
from tests.token.conftest import KeyName, organisation_certificate, organisation_key
from tests.token.fault_token import FaultToken
from tests.token.odd_tokens import put_public_key
from tests.token.turn import Turn, assert_signed_once, make_turn

FaultTokenWith = Callable[[KeyName], FaultToken]
_WRONG: Final = "11112222"


@pytest.fixture
def turn(fault_token_with: FaultTokenWith, tmp_path: Path) -> Turn:
    return make_turn(tmp_path / "station", fault_token_with("rsa"))


def _refused(turn: Turn, person: Person, *, uri: str | None = None, after_wrong_pin: bool = False) -> TokenCode:
    """The code of a turn that fails; nothing of it is in the store, and no text holds the PIN."""
    error = turn.refused(person, uri=uri, after_wrong_pin=after_wrong_pin)
    assert not person.pin or person.pin not in f"{error} {error!r} {vars(error)}"
    assert turn.left() is None
    assert turn.token.count("C_Sign") == 0
    return error.code


def _signs_after_all(turn: Turn, *, after_wrong_pin: bool = False) -> None:
    turn.token.mend()
    turn.sign(after_wrong_pin=after_wrong_pin)
    assert_signed_once(turn, payload=None, asked=1)


def _with_module(turn: Turn, path: Path | str) -> str:
    uri = parse_signer_uri(turn.token.uri)
    assert isinstance(uri, Pkcs11Uri)
    return encode_signer_uri(replace(uri, module_path=str(path)))


def test_a_module_that_is_not_one_is_told_apart_in_each_way(
    turn: Turn, shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MODULE_VARIABLE, raising=False)
    person = Person()
    assert _refused(turn, person, uri="pkcs11:token=TRAM%2019001") is TokenCode.MODULE_NOT_SET
    assert _refused(turn, person, uri=_with_module(turn, tmp_path / "absent.so")) is TokenCode.MODULE_MISSING
    text = tmp_path / "text.so"
    text.write_text("no module")
    assert _refused(turn, person, uri=_with_module(turn, text)) is TokenCode.MODULE_INVALID
    # A library that can be loaded and knows nothing of PKCS#11.
    import _ctypes

    assert _refused(turn, person, uri=_with_module(turn, _ctypes.__file__)) is TokenCode.MODULE_INVALID
    # The driver's other edition: the byte that says for how many bits it was made (ELF, e_ident[EI_CLASS]).
    image = bytearray(shim.read_bytes())
    image[4] ^= 3
    other = tmp_path / "other.so"
    other.write_bytes(image)
    assert _refused(turn, person, uri=_with_module(turn, other)) is TokenCode.MODULE_BITS
    # One that was cut off while it was copied takes the process along that loads it, and nothing else.
    half = tmp_path / "half.so"
    half.write_bytes(shim.read_bytes()[:5_000])
    assert _refused(turn, person, uri=_with_module(turn, half)) is TokenCode.PROCESS_DIED
    assert person.questions == []
    _signs_after_all(turn)


@pytest.mark.parametrize("number", ["5", "30", "80000042"])
def test_a_module_that_does_not_start_says_so(turn: Turn, number: str) -> None:
    turn.token.fault("fail", f"C_Initialize {number}")
    person = Person()
    assert _refused(turn, person) is TokenCode.MODULE_FAILED
    assert person.questions == []
    _signs_after_all(turn)


def test_a_vendors_own_error_is_named_by_its_number(turn: Turn) -> None:
    turn.token.fault("fail", "C_Login 80000042")
    error = turn.refused()
    assert (error.code, error.detail) == (TokenCode.TOKEN_FAILED, "CKR 0x80000042")
    assert turn.left() is None
    _signs_after_all(turn)


def test_without_the_token_nobody_is_asked_for_a_pin(turn: Turn) -> None:
    person = Person()
    turn.token.fault("removed")
    assert _refused(turn, person) is TokenCode.TOKEN_MISSING
    assert person.questions == []
    _signs_after_all(turn)


def test_what_lies_on_the_token_is_told_apart_before_the_pin(turn: Turn, tmp_path: Path) -> None:
    key, certificate = organisation_key("p256"), organisation_certificate("p256")
    person = Person()

    def code(token: SoftHsmToken) -> TokenCode:
        return _refused(turn, person, uri=token.uri)

    with softhsm_in(tmp_path / "hsm") as hsm:
        # Nothing at all; a key that hides until the login; a key that shows, and has no certificate.
        assert code(hsm.add_token("bare")) is TokenCode.CERTIFICATE_MISSING
        hidden = hsm.add_token("hidden", key=key)
        assert code(hidden) is TokenCode.CERTIFICATE_MISSING
        put_public_key(hidden, ec_key("organisation").public_key())
        assert code(hidden) is TokenCode.KEY_ALONE
        # Its certificate is there, and it is another one than the setting names.
        hsm.add_objects(hidden, certificate=certificate)
        uri = f"pkcs11:token=hidden;serial=99?module-path={hidden.module_path}"
        assert _refused(turn, person, uri=uri) is TokenCode.CERTIFICATE_MISSING
        twins = [hsm.add_token("twin", key=key, certificate=certificate) for _ in range(2)]
        assert code(twins[0]) is TokenCode.TOKEN_AMBIGUOUS
        assert person.questions == []
        # That a certificate lies there without its key shows only after the login.
        assert code(hsm.add_token("keyless", certificate=certificate)) is TokenCode.KEY_MISSING
        assert len(person.questions) == 1


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        ("", TokenCode.PIN_EMPTY),
        ("8361295ư", TokenCode.PIN_CHARACTERS),
        ("8" * (PIN_BYTES + 1), TokenCode.PIN_CHARACTERS),
    ],
)
def test_a_slip_of_the_keyboard_costs_the_token_no_try(turn: Turn, pin: str, code: TokenCode) -> None:
    assert _refused(turn, Person(pin)) is code
    assert turn.token.count("C_Login") == 0
    assert turn.token.wrong_pins == 0
    _signs_after_all(turn)


def test_two_wrong_pins_and_the_last_try_is_never_used(turn: Turn) -> None:
    assert _refused(turn, Person(_WRONG)) is TokenCode.PIN_INCORRECT
    assert (turn.token.wrong_pins, turn.token.count("C_Login")) == (1, 1)
    # Nobody is asked again until a person says that they want to.
    right = Person()
    assert _refused(turn, right) is TokenCode.PIN_COUNT_LOW
    assert right.questions == []
    assert _refused(turn, Person(_WRONG), after_wrong_pin=True) is TokenCode.PIN_INCORRECT
    assert turn.token.wrong_pins == 2
    # From here on nothing that anybody says or types makes us try.
    assert _refused(turn, right) is TokenCode.PIN_FINAL_TRY
    assert _refused(turn, right, after_wrong_pin=True) is TokenCode.PIN_FINAL_TRY
    assert right.questions == []
    assert (turn.token.wrong_pins, turn.token.count("C_Login")) == (2, 2)
    # Somebody has logged in with the vendor's own program.
    turn.token.fault("wrong-pins", "0")
    _signs_after_all(turn)


def test_after_a_wrong_pin_the_right_one_goes_on_once_a_person_is_sure(turn: Turn) -> None:
    assert _refused(turn, Person(_WRONG)) is TokenCode.PIN_INCORRECT
    _signs_after_all(turn, after_wrong_pin=True)
    assert turn.token.wrong_pins == 0


def test_a_locked_token_is_not_even_asked(turn: Turn) -> None:
    turn.token.fault("wrong-pins", "3")
    person = Person()
    for is_sure in (False, True):
        assert _refused(turn, person, after_wrong_pin=is_sure) is TokenCode.PIN_LOCKED
    assert person.questions == []
    assert turn.token.count("C_Login") == 0
    # The authority has unlocked it.
    turn.token.fault("wrong-pins", "0")
    _signs_after_all(turn)


def test_a_token_without_flags_stops_after_one_wrong_pin_and_says_why(turn: Turn) -> None:
    turn.token.fault("no-flags")
    wrong = Person(_WRONG)
    assert _refused(turn, wrong) is TokenCode.PIN_UNCOUNTED
    assert len(wrong.questions) == 1
    assert (turn.token.wrong_pins, turn.token.count("C_Login")) == (1, 1)
    _signs_after_all(turn, after_wrong_pin=True)


def test_a_token_without_flags_that_is_locked_says_so(turn: Turn) -> None:
    turn.token.fault("no-flags")
    turn.token.fault("wrong-pins", "3")
    assert _refused(turn, Person()) is TokenCode.PIN_LOCKED
    turn.token.fault("wrong-pins", "0")
    _signs_after_all(turn)


def test_the_try_that_locks_the_token_says_that_it_did(turn: Turn) -> None:
    # Another program has used up the tries between our look at the flags and the login.
    turn.token.fault("others", "C_Login 2")
    assert _refused(turn, Person(_WRONG)) is TokenCode.PIN_LOCKED
    turn.token.fault("wrong-pins", "0")
    _signs_after_all(turn)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("a1", TokenCode.PIN_INCORRECT),
        ("a2", TokenCode.PIN_LENGTH),
        ("a3", TokenCode.PIN_EXPIRED),
        ("a4", TokenCode.PIN_LOCKED),
        ("102", TokenCode.PIN_NOT_SET),
    ],
)
def test_what_else_a_token_says_of_its_pin_has_a_code_each(turn: Turn, number: str, code: TokenCode) -> None:
    turn.token.fault("fail", f"C_Login {number}")
    # It has counted a wrong one before, so that its flags are known to work.
    turn.token.fault("wrong-pins", "1")
    assert _refused(turn, Person(), after_wrong_pin=True) is code
    assert turn.token.count("C_Login") == 1
    turn.token.fault("wrong-pins", "0")
    _signs_after_all(turn)


def test_the_harness_sees_a_program_that_tries_a_pin_again(turn: Turn) -> None:
    # The planted fault: a program that says by itself what only a person may say.
    assert _refused(turn, Person(_WRONG)) is TokenCode.PIN_INCORRECT
    assert _refused(turn, Person(_WRONG), after_wrong_pin=True) is TokenCode.PIN_INCORRECT
    with pytest.raises(AssertionError):
        assert (turn.token.wrong_pins, turn.token.count("C_Login")) == (1, 1)

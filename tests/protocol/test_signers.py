"""The token signer against real SoftHSM tokens: what goes wrong, with which code, and where the PIN never is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from sync_protocol import keys
from sync_protocol.keys import Algorithm
from sync_protocol.signers.opening import MODULE_VARIABLE, open_signer
from sync_protocol.signers.pin_guard import PinFlag
from sync_protocol.signers.pkcs11 import list_tokens
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import TokenMechanism
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.softhsm import Person, SoftHsm, SoftHsmToken, refusal, softhsm_in

_AT: Final = datetime(2022, 4, 8, tzinfo=UTC)
_CA: Final = make_ca("authority", _AT)
_KEY: Final = ec_key("signers")
_CERTIFICATE: Final = issue_certificate(_CA, _KEY, subject="Trạm Y tế", at=_AT)

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="stops and watches processes as Linux does")


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as hsm:
        yield hsm


@pytest.fixture
def token(hsm: SoftHsm) -> SoftHsmToken:
    return hsm.add_token("Trạm", key=_KEY, certificate=_CERTIFICATE)


def test_a_pass_takes_one_question_and_one_operation(token: SoftHsmToken) -> None:
    person = Person()
    with open_signer(token.uri, person) as signer:
        keys.verify(_KEY.public_key(), signer.algorithm, signer.sign(b"root"), b"root")
        assert signer.operations == 1
    assert len(person.questions) == 1
    assert "Trạm" in person.questions[0]


def test_the_token_is_found_by_serial_alone_and_by_label_alone(token: SoftHsmToken) -> None:
    by_serial = f"pkcs11:serial={_CERTIFICATE.serial:x}?module-path={token.module_path}"
    by_label = f"pkcs11:token=Tr%E1%BA%A1m?module-path={token.module_path}"
    for uri in (by_serial, by_label):
        with open_signer(uri, Person()) as signer:
            assert signer.certificate == _CERTIFICATE


def test_a_wrong_pin_is_not_tried_again_by_program(token: SoftHsmToken) -> None:
    wrong = Person("11112222")
    assert refusal(token.uri, wrong).code is TokenCode.PIN_INCORRECT
    assert len(wrong.questions) == 1
    # The token now says that a wrong PIN was entered: nobody is even asked, whatever they would type.
    right = Person()
    assert refusal(token.uri, right).code is TokenCode.PIN_COUNT_LOW
    assert right.questions == []
    # Once a person has confirmed it the right PIN opens the token and clears the flag.
    with open_signer(token.uri, right, after_wrong_pin=True) as signer:
        signer.sign(b"message")
    with open_signer(token.uri, right) as signer:
        signer.sign(b"message")


@pytest.mark.parametrize(("pin", "code"), [("", TokenCode.PIN_EMPTY), ("8361295ư", TokenCode.PIN_CHARACTERS)])
def test_slips_of_the_keyboard_cost_the_token_no_try(token: SoftHsmToken, pin: str, code: TokenCode) -> None:
    assert refusal(token.uri, Person(pin)).code is code
    (seen,) = list_tokens(token.module_path)
    assert not seen.flags & PinFlag.COUNT_LOW


def test_without_the_token_nobody_is_asked(hsm: SoftHsm, token: SoftHsmToken) -> None:
    person = Person()
    missing = replace(token, label="Trạm khác")
    assert refusal(missing.uri, person).code is TokenCode.TOKEN_MISSING
    other = f"pkcs11:serial=7777?module-path={hsm.module_path}"
    assert refusal(other, person).code is TokenCode.CERTIFICATE_MISSING
    assert person.questions == []


def test_an_empty_slot_is_no_token(hsm: SoftHsm) -> None:
    assert list_tokens(hsm.module_path) == ()
    uri = f"pkcs11:serial=7777?module-path={hsm.module_path}"
    assert refusal(uri, Person()).code is TokenCode.TOKEN_MISSING


def test_two_tokens_that_fit_are_one_too_many(hsm: SoftHsm, token: SoftHsmToken) -> None:
    hsm.add_token("Trạm", key=_KEY, certificate=_CERTIFICATE)
    person = Person()
    assert refusal(token.uri, person).code is TokenCode.TOKEN_AMBIGUOUS
    assert person.questions == []


def test_a_token_without_certificate_or_without_key_is_told_apart(hsm: SoftHsm) -> None:
    bare = hsm.add_token("bare")
    assert refusal(bare.uri, Person()).code is TokenCode.CERTIFICATE_MISSING
    keyless = hsm.add_token("keyless", certificate=_CERTIFICATE)
    assert refusal(keyless.uri, Person()).code is TokenCode.KEY_MISSING


def test_a_signature_by_another_key_is_never_handed_out(hsm: SoftHsm) -> None:
    wrong = hsm.add_token("wrong", key=ec_key("somebody else's"), certificate=_CERTIFICATE)
    with open_signer(wrong.uri, Person()) as signer:
        with pytest.raises(TokenError) as caught:
            signer.sign(b"message")
        assert caught.value.code is TokenCode.SIGNATURE_WRONG
        # The token did sign, and that is counted; it is not asked again.
        assert signer.operations == 1
        with pytest.raises(TokenError) as again:
            signer.sign(b"message")
        assert again.value.code is TokenCode.CLOSED


def test_a_path_that_is_no_module_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODULE_VARIABLE, raising=False)
    person = Person()
    assert refusal("pkcs11:token=A", person).code is TokenCode.MODULE_NOT_SET
    monkeypatch.setenv(MODULE_VARIABLE, str(tmp_path / "absent.so"))
    assert refusal("pkcs11:token=A", person).code is TokenCode.MODULE_MISSING
    text = tmp_path / "text.so"
    text.write_text("no module")
    assert refusal(f"pkcs11:token=A?module-path={text}", person).code is TokenCode.MODULE_INVALID
    # A library that can be loaded and knows nothing of PKCS#11.
    import _ctypes

    library = _ctypes.__file__
    assert refusal(f"pkcs11:token=A?module-path={library}", person).code is TokenCode.MODULE_INVALID
    assert person.questions == []


def test_the_surroundings_name_the_module(token: SoftHsmToken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODULE_VARIABLE, token.module_path)
    with open_signer(f"pkcs11:serial={_CERTIFICATE.serial:X}", Person()) as signer:
        signer.sign(b"message")


def test_tokens_are_listed_without_a_pin(hsm: SoftHsm, token: SoftHsmToken) -> None:
    hsm.add_token("Trạm hai")
    listed = {seen.label: seen for seen in list_tokens(hsm.module_path)}
    assert set(listed) == {"Trạm", "Trạm hai"}
    assert [item.der for item in listed["Trạm"].certificates] == [_CERTIFICATE.der]
    assert TokenMechanism.ECDSA in listed["Trạm"].mechanisms
    assert listed["Trạm"].flags & PinFlag.INITIALIZED


def test_a_token_that_only_hashes_by_itself_gets_the_message(tmp_path: Path) -> None:
    key = rsa_key()
    certificate = issue_certificate(_CA, key, subject="Trạm Y tế", at=_AT)
    with softhsm_in(tmp_path / "hsm", mechanisms="CKM_SHA256_RSA_PKCS,CKM_SHA256_RSA_PKCS_PSS") as hsm:
        token = hsm.add_token("Trạm", key=key, certificate=certificate)
        for wish in ("RS256", "PS256"):
            with open_signer(f"{token.uri}&algorithm={wish}", Person()) as signer:
                keys.verify(key.public_key(), Algorithm[wish], signer.sign(b"root"), b"root")


def test_a_token_without_a_fitting_mechanism_is_refused_before_the_pin(tmp_path: Path) -> None:
    with softhsm_in(tmp_path / "hsm", mechanisms="CKM_RSA_PKCS") as hsm:
        token = hsm.add_token("Trạm", key=_KEY, certificate=_CERTIFICATE)
        person = Person()
        assert refusal(token.uri, person).code is TokenCode.MECHANISM_MISSING
        assert person.questions == []

"""Signers whose PIN a browser gives to the signer process: one try at most, and none for a slip of the keyboard."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sync_protocol import keys
from sync_protocol.keys import Algorithm
from sync_protocol.signers.at_desk import DeskPlace
from sync_protocol.signers.key_signer import PrivateKey
from sync_protocol.signers.opening import open_signer_at_desk
from sync_protocol.signers.pin_guard import PinFlag
from sync_protocol.signers.pkcs11 import list_tokens
from sync_protocol.signers.process_signer import ProcessSigner
from sync_protocol.signers.software import SoftwareSignerWarning, write_pkcs12
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.softhsm import SoftHsm, SoftHsmToken, softhsm_in
from tests.typist import PLACE, Typist

AT = datetime.datetime(2022, 4, 8, tzinfo=datetime.UTC)
CERTIFICATE = issue_certificate(make_ca("authority", AT), ec_key("signers"), subject="Trạm Y tế", at=AT)
PASSWORD = "mật khẩu có dấu +%&="


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as hsm:
        yield hsm


@pytest.fixture
def token(hsm: SoftHsm) -> SoftHsmToken:
    return hsm.add_token("Trạm", key=ec_key("signers"), certificate=CERTIFICATE)


def counted(token: SoftHsmToken) -> bool:
    """Whether the token has counted a wrong PIN."""
    (seen,) = list_tokens(token.module_path)
    return bool(seen.flags & PinFlag.COUNT_LOW)


def refused(uri: str, typist: Typist, place: DeskPlace = PLACE, *, after_wrong_pin: bool = False) -> TokenCode:
    """Open what must not open; gives why."""
    with (
        pytest.raises(TokenError) as caught,
        open_signer_at_desk(uri, place, typist, after_wrong_pin=after_wrong_pin),
    ):
        pass
    typist.leave()
    return caught.value.code


def test_the_token_signs_with_a_pin_that_a_browser_gave(token: SoftHsmToken) -> None:
    typist = Typist()
    with open_signer_at_desk(token.uri, PLACE, typist) as signer:
        signature = signer.sign(b"message")
    typist.leave()
    keys.verify(CERTIFICATE.public_key, Algorithm.ES256, signature, b"message")
    assert typist.answers == [(303, f"{PLACE.origin}{PLACE.back}")]
    assert typist.was_taken
    assert typist.desk is not None
    assert (typist.desk.label, typist.desk.certificate) == ("Trạm", CERTIFICATE)


def test_a_wrong_pin_spends_one_try_and_a_person_has_to_confirm_the_next(token: SoftHsmToken) -> None:
    wrong = Typist(pin="00000000")
    # Which of the two it is depends on whether the token tells that it counts.
    assert refused(token.uri, wrong) in (TokenCode.PIN_INCORRECT, TokenCode.PIN_UNCOUNTED)
    # The browser was sent back before the login: it never waits for a token that hangs.
    assert wrong.answers == [(303, f"{PLACE.origin}{PLACE.back}")]
    assert counted(token)
    untouched = Typist()
    assert refused(token.uri, untouched) is TokenCode.PIN_COUNT_LOW
    assert untouched.desk is None
    with open_signer_at_desk(token.uri, PLACE, Typist(), after_wrong_pin=True) as signer:
        signer.sign(b"message")
    assert not counted(token)


@pytest.mark.parametrize(("pin", "code"), [("", TokenCode.PIN_EMPTY), ("8361295ư", TokenCode.PIN_CHARACTERS)])
def test_a_slip_of_the_keyboard_spends_no_try(token: SoftHsmToken, pin: str, code: TokenCode) -> None:
    assert refused(token.uri, Typist(pin=pin)) is code
    assert not counted(token)


def test_a_form_of_another_page_spends_no_try(token: SoftHsmToken) -> None:
    def attack(typist: Typist) -> None:
        typist.send("00000000", origin="http://evil.example")
        typist.send("00000000", origin="null")
        typist.type()
        typist.send("00000000")

    typist = Typist(attack)
    with open_signer_at_desk(token.uri, PLACE, typist) as signer:
        signer.sign(b"message")
        typist.leave()
    assert [status for status, _ in typist.answers] == [403, 403, 303, 0]
    assert not counted(token)


def test_nobody_types_in_time(token: SoftHsmToken) -> None:
    assert refused(token.uri, Typist(lambda _: None), replace(PLACE, seconds=0.05)) is TokenCode.PIN_NOT_TYPED
    assert not counted(token)


@pytest.mark.parametrize("moment", ["begin", "show"])
def test_a_person_who_cancels_is_waited_for_no_more(token: SoftHsmToken, moment: str) -> None:
    class Impatient(Typist):
        def begin(self, cancel: Callable[[], None]) -> None:
            super().begin(cancel)
            if moment == "begin":
                cancel()

    typist = Impatient(lambda one: one.cancel())
    assert refused(token.uri, typist) is TokenCode.PIN_CANCELLED
    # As often as one likes, also when there is nothing left to end.
    typist.cancel()
    assert not counted(token)


def test_what_the_screen_refuses_ends_before_a_pin_is_typed(token: SoftHsmToken) -> None:
    class Refusing(Typist):
        def show(self, desk: object) -> None:
            raise TokenError(TokenCode.CERTIFICATE_UNUSABLE)

    assert refused(token.uri, Refusing()) is TokenCode.CERTIFICATE_UNUSABLE


@pytest.mark.parametrize(("key", "algorithm"), [(ec_key("file"), Algorithm.ES256), (rsa_key(), Algorithm.PS256)])
def test_a_file_is_unlocked_and_used_in_the_signer_process(
    tmp_path: Path, key: PrivateKey, algorithm: Algorithm
) -> None:
    certificate = issue_certificate(make_ca("authority", AT), key, subject="Trạm Y tế", at=AT)
    path = tmp_path / "key.p12"
    path.write_bytes(write_pkcs12(key, certificate, password=PASSWORD))
    typist = Typist(pin=PASSWORD)
    with ExitStack() as stack:
        with pytest.warns(SoftwareSignerWarning):
            signer = stack.enter_context(open_signer_at_desk(f"software:{path}", PLACE, typist))
        assert isinstance(signer, ProcessSigner)
        assert (signer.certificate, signer.algorithm) == (certificate, algorithm)
        keys.verify(certificate.public_key, algorithm, signer.sign(b"message"), b"message")
        assert signer.operations == 1


def test_a_file_that_cannot_be_opened_is_said_before_or_after_the_password(tmp_path: Path) -> None:
    path = tmp_path / "key.p12"
    missing, other, wrong, empty = Typist(), Typist(), Typist(), Typist(pin="")
    assert refused(f"software:{path}", missing) is TokenCode.FILE_MISSING
    path.write_bytes(b"no such file")
    assert refused(f"software:{path}", other) is TokenCode.FILE_INVALID
    assert (missing.desk, other.desk) == (None, None)
    path.write_bytes(write_pkcs12(ec_key("signers"), CERTIFICATE, password=PASSWORD))
    assert refused(f"software:{path}", wrong) is TokenCode.FILE_PASSWORD
    assert refused(f"software:{path}", empty) is TokenCode.PIN_EMPTY


def test_our_process_loads_neither_the_driver_nor_the_desk() -> None:
    program = (
        "import sys, sync_protocol.signers.opening;"
        "print(sorted({'pkcs11', 'sync_protocol.signers.pin_desk', 'sync_protocol.signers.token_session'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

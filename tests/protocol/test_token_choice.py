"""Which token and certificate a setting means, and when a PIN may be tried."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_protocol.certificate import Certificate
from sync_protocol.signers.pin_guard import PIN_BYTES, PinFlag, check_pin, check_pin_flags
from sync_protocol.signers.token_choice import choose_certificate
from sync_protocol.signers.token_errors import TOKEN_PROBLEMS, TokenCode, TokenError
from sync_protocol.signers.token_messages import SeenCertificate, SeenToken
from tests.builders import ec_key, issue_certificate, make_ca

_AT = datetime(2022, 4, 8, tzinfo=UTC)
_CA = make_ca("authority", _AT)
_FIRST = issue_certificate(_CA, ec_key("first"), subject="Trạm một", at=_AT, serial=0x11)
_SECOND = issue_certificate(_CA, ec_key("second"), subject="Trạm hai", at=_AT, serial=0x22)
_TWIN = issue_certificate(make_ca("other", _AT), ec_key("twin"), subject="Trạm ba", at=_AT, serial=0x11)
_CIPHER = issue_certificate(_CA, ec_key("cipher"), subject="Trạm một", at=_AT, serial=0x33, usage="encipher")


def _seen(der: bytes) -> SeenCertificate:
    return SeenCertificate(object_id=der[-4:], label="", der=der)


def _token(label: str, *certificates: Certificate | bytes, slot: int = 0) -> SeenToken:
    ders = [item if isinstance(item, bytes) else item.der for item in certificates]
    return SeenToken(
        slot=slot,
        label=label,
        serial=f"{slot}",
        manufacturer="",
        model="",
        flags=0,
        mechanisms=frozenset(),
        certificates=tuple(map(_seen, ders)),
    )


@pytest.mark.parametrize(
    ("tokens", "label", "serial", "meant"),
    [
        ([_token("A", _FIRST)], "A", None, _FIRST),
        ([_token("A", _FIRST)], None, 0x11, _FIRST),
        ([_token("A", _FIRST, _SECOND)], "A", 0x22, _SECOND),
        ([_token("A", _FIRST), _token("B", _SECOND, slot=1)], None, 0x22, _SECOND),
        ([_token("A", _FIRST), _token("A", _SECOND, slot=1)], "A", 0x22, _SECOND),
        ([_token("A", _FIRST), _token("B", _TWIN, slot=1)], "B", 0x11, _TWIN),
        # The chain's authorities and keys for other uses lie beside the certificate.
        ([_token("A", _CA.certificate, _CIPHER, _FIRST)], "A", None, _FIRST),
        # One certificate shown as two objects, and one that cannot be read.
        ([_token("A", b"junk", _FIRST, _FIRST)], "A", None, _FIRST),
    ],
)
def test_the_one_certificate_meant_is_found(
    tokens: list[SeenToken], label: str | None, serial: int | None, meant: Certificate
) -> None:
    chosen = choose_certificate(tokens, label=label, serial=serial)
    assert chosen.certificate == meant
    assert chosen.object_id == meant.der[-4:]
    assert chosen.token in tokens


@pytest.mark.parametrize(
    ("tokens", "label", "serial", "code"),
    [
        ([], None, 0x11, TokenCode.TOKEN_MISSING),
        ([_token("A", _FIRST)], "B", 0x11, TokenCode.TOKEN_MISSING),
        ([_token("A", _FIRST), _token("A", _SECOND, slot=1)], "A", None, TokenCode.TOKEN_AMBIGUOUS),
        ([_token("A", _FIRST), _token("B", _FIRST, slot=1)], None, 0x11, TokenCode.TOKEN_AMBIGUOUS),
        ([_token("A")], "A", None, TokenCode.CERTIFICATE_MISSING),
        ([_token("A", _FIRST)], "A", 0x99, TokenCode.CERTIFICATE_MISSING),
        ([_token("A", _CA.certificate)], "A", None, TokenCode.CERTIFICATE_MISSING),
        ([_token("A", _FIRST, _SECOND)], "A", None, TokenCode.CERTIFICATE_AMBIGUOUS),
        ([_token("A", _FIRST, _TWIN)], "A", 0x11, TokenCode.CERTIFICATE_AMBIGUOUS),
        ([_token("A", b"junk")], "A", None, TokenCode.CERTIFICATE_UNUSABLE),
        ([_token("A", _CIPHER)], "A", 0x33, TokenCode.CERTIFICATE_UNUSABLE),
    ],
)
def test_each_way_of_not_finding_it_has_its_own_code(
    tokens: list[SeenToken], label: str | None, serial: int | None, code: TokenCode
) -> None:
    with pytest.raises(TokenError) as caught:
        choose_certificate(tokens, label=label, serial=serial)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (PinFlag.LOCKED, TokenCode.PIN_LOCKED),
        (PinFlag.FINAL_TRY, TokenCode.PIN_FINAL_TRY),
        (PinFlag.TO_BE_CHANGED, TokenCode.PIN_EXPIRED),
        (PinFlag.COUNT_LOW, TokenCode.PIN_COUNT_LOW),
        (PinFlag.COUNT_LOW | PinFlag.FINAL_TRY, TokenCode.PIN_FINAL_TRY),
        (PinFlag.COUNT_LOW | PinFlag.FINAL_TRY | PinFlag.LOCKED, TokenCode.PIN_LOCKED),
    ],
)
def test_flags_that_warn_of_a_lock_stop_the_login(flags: PinFlag, code: TokenCode) -> None:
    with pytest.raises(TokenError) as caught:
        check_pin_flags(flags | PinFlag.INITIALIZED, after_wrong_pin=False)
    assert caught.value.code is code
    # A person's word helps after a wrong PIN, and against nothing else.
    if code is TokenCode.PIN_COUNT_LOW:
        check_pin_flags(flags, after_wrong_pin=True)
    else:
        with pytest.raises(TokenError):
            check_pin_flags(flags, after_wrong_pin=True)


def test_a_token_without_such_flags_may_be_tried() -> None:
    check_pin_flags(0, after_wrong_pin=False)
    check_pin_flags(0x0000_042D, after_wrong_pin=False)


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        ("", TokenCode.PIN_EMPTY),
        ("matkhẩu1", TokenCode.PIN_CHARACTERS),
        ("1234\n", TokenCode.PIN_CHARACTERS),
        ("１２３４", TokenCode.PIN_CHARACTERS),
        ("1" * (PIN_BYTES + 1), TokenCode.PIN_CHARACTERS),
    ],
)
def test_slips_of_the_keyboard_cost_no_try(pin: str, code: TokenCode) -> None:
    with pytest.raises(TokenError) as caught:
        check_pin(pin)
    assert caught.value.code is code


def test_every_code_has_its_words_and_no_two_share_a_sentence() -> None:
    assert set(TOKEN_PROBLEMS) == set(TokenCode)
    assert len({words.vi for words in TOKEN_PROBLEMS.values()}) == len(TokenCode)
    for code in TokenCode:
        error = TokenError(code)
        assert error.vi.endswith(".")
        assert error.cure.endswith(".")
        assert error.en
        assert str(error) == f"{code.value}: {error.en}"
    assert not any(TokenError(code).try_again for code in TokenCode if code.value.startswith("token-pin-incorrect"))

"""Whether a PIN may be tried at all: tokens lock after a few wrong ones, and unlocking takes weeks.

Both ends of the pipe use these two checks: our process before a person is asked and before the PIN is handed
on, the signer process again right before the one login. Nothing is imported that either end could do without.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

from sync_protocol.signers.token_errors import TokenCode, TokenError

# A PIN has at most this many bytes in UTF-8; the raw message that carries it is bounded by it.
PIN_BYTES: Final = 256


class PinFlag(IntFlag):
    """The flags of CK_TOKEN_INFO that speak of the user's PIN (PKCS #11 v3.1, section 3.2)."""

    INITIALIZED = 0x0000_0008
    COUNT_LOW = 0x0001_0000
    FINAL_TRY = 0x0002_0000
    LOCKED = 0x0004_0000
    TO_BE_CHANGED = 0x0008_0000


def check_pin_flags(flags: int, *, after_wrong_pin: bool) -> None:
    """Refuses a login that could lock the token; unlocking takes weeks.

    A token that gives no flags passes: there the rule "never a second try by program" has to do.

    Args:
        flags: CK_TOKEN_INFO.flags, read just now.
        after_wrong_pin: a person has seen that a wrong PIN was entered before and wants to go on.

    Raises:
        TokenError: PIN_LOCKED, PIN_FINAL_TRY, PIN_EXPIRED, or PIN_COUNT_LOW unless `after_wrong_pin`.
    """
    if flags & PinFlag.LOCKED:
        raise TokenError(TokenCode.PIN_LOCKED)
    if flags & PinFlag.FINAL_TRY:
        raise TokenError(TokenCode.PIN_FINAL_TRY)
    if flags & PinFlag.TO_BE_CHANGED:
        raise TokenError(TokenCode.PIN_EXPIRED)
    if flags & PinFlag.COUNT_LOW and not after_wrong_pin:
        raise TokenError(TokenCode.PIN_COUNT_LOW)


def after_refusal(code: TokenCode, flags: int) -> TokenCode:
    """What a refused PIN means for the person who typed it.

    Args:
        code: PIN_INCORRECT or PIN_LENGTH, as the token has answered.
        flags: CK_TOKEN_INFO.flags, read after that.

    Returns:
        PIN_LOCKED if this try was the last one; PIN_UNCOUNTED if a token was given a wrong PIN and its flags do not
        say so: how many tries are left is then known to nobody. Else the code itself.
    """
    if flags & PinFlag.LOCKED:
        return TokenCode.PIN_LOCKED
    # A PIN of the wrong length may not have been compared at all, so flags without a trace of it prove nothing.
    if code is TokenCode.PIN_INCORRECT and not flags & (PinFlag.COUNT_LOW | PinFlag.FINAL_TRY):
        return TokenCode.PIN_UNCOUNTED
    return code


def check_pin(pin: str) -> None:
    """Refuses what can only be a slip of the keyboard, before it costs one of the token's few tries.

    Raises:
        TokenError: PIN_EMPTY; PIN_CHARACTERS if it is not printable ASCII, which is what an input method leaves behind.
    """
    if not pin:
        raise TokenError(TokenCode.PIN_EMPTY)
    if not (pin.isascii() and pin.isprintable()) or len(pin) > PIN_BYTES:
        raise TokenError(TokenCode.PIN_CHARACTERS)

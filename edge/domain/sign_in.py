"""The rules of signing in: what a login and a password may be, and how long wrong passwords lock an account."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from edge.domain.refusals import EdgeCode, refuse
from sync_protocol.names import fold

# So many wrong passwords in a row are a finger on Caps Lock; the next ones are somebody guessing.
TRIES: Final = 5
FIRST_LOCK_SECONDS: Final = 5 * 60
LONGEST_LOCK_SECONDS: Final = 60 * 60
PASSWORD_CHARS: Final = 8
# Bounds what the stretching is asked to read; nobody types more.
MOST_PASSWORD_CHARS: Final = 200
NAME_CHARS: Final = 100
_MOST_LOGIN_CHARS: Final = 100
_LOGIN: Final = re.compile(r"(?=.{2,32}\Z)[A-Z0-9_]+(?: [A-Z0-9_]+)*")


def lock_seconds(failures: int) -> int:
    """How long an account is locked after so many wrong passwords in a row: 0, then 5 minutes doubling to an hour."""
    if failures < TRIES:
        return 0
    # The exponent is bounded before the power is taken: the count grows as long as somebody guesses.
    return min(FIRST_LOCK_SECONDS << min(failures - TRIES, 16), LONGEST_LOCK_SECONDS)


def is_locked(locked_until: int, *, now: int) -> bool:
    """Whether no password is tried now. A lock longer than any was begun before the clock was put back: it is over."""
    return now < locked_until <= now + LONGEST_LOCK_SECONDS


def folded_login(text: str) -> str:
    """The form in which logins are kept and compared: upper case without marks, so that Sáu, sáu and sau are one."""
    return fold(text[:_MOST_LOGIN_CHARS])


def check_login(text: str) -> str:
    """Return the folded login for a new account. RefusedError LOGIN_INVALID unless it is 2 to 32 letters and digits."""
    login = folded_login(text)
    if len(text) > _MOST_LOGIN_CHARS or not _LOGIN.fullmatch(login):
        raise refuse(EdgeCode.LOGIN_INVALID, "login")
    return login


def check_name(text: str) -> str:
    """Return the name with single spaces, NFC. RefusedError CELL_MISSING for none or too long a one."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > NAME_CHARS or not name.isprintable():
        raise refuse(EdgeCode.CELL_MISSING, "name")
    return name


def check_password(password: str, *, login: str) -> None:
    """Refuse what is guessed first: RefusedError PASSWORD_WEAK for less than 8 characters, one repeated, the login."""
    folded = fold(password[:MOST_PASSWORD_CHARS]).replace(" ", "")
    is_weak = len(set(password)) < 2 or folded == login.replace(" ", "")
    if not PASSWORD_CHARS <= len(password) <= MOST_PASSWORD_CHARS or is_weak:
        raise refuse(EdgeCode.PASSWORD_WEAK, "password")

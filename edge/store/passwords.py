"""How passwords are kept: Argon2id (RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes), one at a time.

A try takes about a tenth of a second and 64 MiB, whether the account exists or not. One lock lets a single try be
reckoned at any moment, so that guessing from many browsers neither fills the memory nor stops the injection tables.
"""

from __future__ import annotations

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from edge.domain.sign_in import MOST_PASSWORD_CHARS

SALT_BYTES: Final = 16
_NO_SALT: Final = bytes(SALT_BYTES)


class Passwords:
    """Protects passwords and compares them; safe to use from all threads."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._lock = threading.Lock()

    def protect(self, password: str, *, salt: bytes) -> str:
        """The PHC string of a password; `salt` is 16 fresh random bytes."""
        with self._lock:
            return self._hasher.hash(_plain(password), salt=salt)

    def is_right(self, protected: str, password: str) -> bool:
        """Whether this is the password; "" protects nothing and is never right, at the same cost."""
        with self._lock:
            if not protected:
                self._hasher.hash(_plain(password), salt=_NO_SALT)
                return False
            try:
                return self._hasher.verify(protected, _plain(password))
            except (VerificationError, InvalidHashError):
                return False


def _plain(password: str) -> bytes:
    # NFC, since two keyboards may type the same Vietnamese letter as different characters.
    return unicodedata.normalize("NFC", password[:MOST_PASSWORD_CHARS]).encode()

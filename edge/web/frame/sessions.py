"""Who is signed in at which browser. Sessions live in the memory of the program: a restart ends them.

A browser holds a random token in its signed cookie; what belongs to the token stays here. A session that nobody used
for a while is locked: the same person goes on with a password, another one signs in and starts afresh.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, replace
from typing import Final

from edge.store.users import UserId

TOKEN_BYTES: Final = 32
# More browsers than any site has; beyond it the one that was idle longest is forgotten.
_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser.

    Attributes:
        started_at: when the password was last given, epoch seconds UTC.
        seen_at: the latest request, in steady seconds: a clock that jumps locks nobody out and keeps nothing open.
        wanted: the path of the page to go on with after the password; "" for none in particular.
    """

    user_id: UserId
    started_at: int
    seen_at: int
    is_locked: bool = False
    wanted: str = ""


class Sessions:
    """All sessions of a running node, safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def start(self, token: str, user_id: UserId, *, at: int, seen_at: int | None = None) -> None:
        """Begin a session under a fresh token; `seen_at` in the seconds that `find` is asked with, None for `at`."""
        with self._lock:
            if len(self._sessions) >= _MOST:
                del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen_at)]
            self._sessions[_key(token)] = Session(user_id, at, at if seen_at is None else seen_at)

    def find(self, token: str, *, at: int, idle_seconds: int, is_use: bool = True) -> Session | None:
        """The session of a token, locked if it was idle for too long; asking counts as use of an unlocked one.

        Args:
            at: steady seconds.
            is_use: False where nobody did anything: a page that asks by itself keeps no session open.
        """
        with self._lock:
            found = self._sessions.get(_key(token))
            if found is None:
                return None
            if not found.is_locked:
                idle = at - found.seen_at
                if idle >= idle_seconds:
                    found = replace(found, is_locked=True)
                elif is_use:
                    found = replace(found, seen_at=at)
                self._sessions[_key(token)] = found
            return found

    def lock(self, token: str, *, wanted: str) -> None:
        """Lock a session at once, or say of a locked one with which page it goes on: "" for no other than before."""
        with self._lock:
            found = self._sessions.get(_key(token))
            if found is not None:
                self._sessions[_key(token)] = replace(found, is_locked=True, wanted=wanted or found.wanted)

    def unlock(self, token: str, fresh: str, *, at: int, seen_at: int | None = None) -> None:
        """Let a locked session go on under a fresh token: its person has given the password."""
        with self._lock:
            found = self._sessions.pop(_key(token), None)
            if found is not None:
                self._sessions[_key(fresh)] = Session(found.user_id, at, at if seen_at is None else seen_at)

    def end(self, token: str) -> None:
        """Forget a session."""
        with self._lock:
            self._sessions.pop(_key(token), None)

    def end_all_of(self, user_id: UserId) -> None:
        """Forget every session of a user: the account was closed, or its password or roles changed."""
        with self._lock:
            self._sessions = {key: one for key, one in self._sessions.items() if one.user_id != user_id}

    def is_here(self, user_id: UserId) -> bool:
        """Whether a user has a session at any browser, locked or not."""
        with self._lock:
            return any(one.user_id == user_id for one in self._sessions.values())


def _key(token: str) -> bytes:
    # The table holds no token that could be taken to another browser.
    return hashlib.sha256(token.encode()).digest()

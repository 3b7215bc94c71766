"""Who is it: a login and a password, or the password alone of somebody whose screen is locked.

Wrong passwords are counted in the store, so that a restart is no way around the lock-out. An unknown login, a closed
account, a locked one and a wrong password get the same answer at the same cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.domain.refusals import EdgeCode, refuse
from edge.domain.sign_in import folded_login, is_locked, lock_seconds
from edge.store import audit, users
from edge.store.database import Database
from edge.store.passwords import Passwords
from edge.store.users import User, UserId

# The author of acts that nobody in particular did.
NOBODY = "chưa đăng nhập"


def sign_in(database: Database, login: str, password: str, *, passwords: Passwords, at: int) -> User:
    """Return the user who has this login and this password.

    Raises:
        RefusedError: SIGN_IN_FAILED, whatever the reason.
    """
    with database.read() as tables:
        user = users.with_login(tables, folded_login(login))
    is_right = passwords.is_right("" if user is None else user.password, password)
    if user is None or not _note(database, user.user_id, _Try(is_right, user.password), at=at):
        raise refuse(EdgeCode.SIGN_IN_FAILED, "login")
    return replace(user, failures=0, locked_until=0)


def prove(
    database: Database, user_id: UserId, password: str, *, passwords: Passwords, at: int, begins: bool = True
) -> User:
    """Return the user, who is known by the session, if this is the password.

    Args:
        database: the node's store.
        user_id: whose session it is.
        password: in the clear.
        passwords: compares it.
        at: epoch seconds UTC.
        begins: whether work begins again with it, which the trail notes.

    Raises:
        RefusedError: PASSWORD_WRONG; ACCOUNT_LOCKED with the minutes that are left; SIGN_IN_FAILED for no such user.
    """
    with database.read() as tables:
        user = users.get(tables, user_id)
    if user is None or not user.is_active:
        raise refuse(EdgeCode.SIGN_IN_FAILED, "password")
    is_right = passwords.is_right(user.password, password)
    if not _note(database, user_id, _Try(is_right, user.password, begins), at=at):
        with database.read() as tables:
            user = users.get(tables, user_id)
        if user is not None and is_locked(user.locked_until, now=at):
            raise refuse(EdgeCode.ACCOUNT_LOCKED, "password", detail=str((user.locked_until - at + 59) // 60))
        raise refuse(EdgeCode.PASSWORD_WRONG, "password")
    return replace(user, failures=0, locked_until=0)


@dataclass(frozen=True, slots=True)
class _Try:
    """One try, the protected password that it was compared with, and whether work begins with it."""

    is_right: bool
    against: str
    begins: bool = True


def _note(database: Database, user_id: UserId, one: _Try, *, at: int) -> bool:
    # The comparison was made outside of the transaction, since it is slow; what counts is how the account stands now.
    with database.write_transaction() as tables:
        user = users.get(tables, user_id)
        if user is None or not user.is_active or is_locked(user.locked_until, now=at) or user.password != one.against:
            return False
        if one.is_right:
            users.note_tries(tables, user_id, failures=0, locked_until=0)
            if one.begins:
                audit.append(tables, audit.Action.SIGNED_IN, f"user:{user_id}", actor=user.name, at=at)
            return True
        failures = user.failures + 1
        seconds = lock_seconds(failures)
        users.note_tries(tables, user_id, failures=failures, locked_until=at + seconds if seconds else 0)
        if seconds:
            details = f"{seconds // 60} minutes after {failures} failures"
            audit.append(tables, audit.Action.ACCOUNT_LOCKED, f"user:{user_id}", actor=NOBODY, at=at, details=details)
        return False

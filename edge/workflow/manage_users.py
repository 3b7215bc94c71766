"""The accounts of a site: the first one, new ones, other roles, another password, closing. Each act is in the trail.

Whoever changes an account has to end its sessions afterwards. No password, right or wrong, is in the trail or in an
error.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from edge.domain.refusals import EdgeCode, refuse
from edge.domain.roles import Role, encode_roles
from edge.domain.sign_in import check_login, check_name, check_password
from edge.store import audit, users
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.errors import StoreCode, StoreError
from edge.store.key_file import open_key_file
from edge.store.passwords import Passwords
from edge.store.users import User, UserId
from sync_protocol.names import fold


def add_first_user(
    database: Database,
    key_file: Path,
    passphrase: str,
    *,
    login: str,
    name: str,
    password: str,
    passwords: Passwords,
    salt: bytes,
    at: int,
) -> UserId:
    """Make the account with which a site begins; whoever knows the machine's passphrase gets all roles.

    Raises:
        RefusedError: PASSPHRASE_WRONG, FIRST_DONE, or as `add_user`.
        StoreError: the key file cannot be read.
    """
    tidy = check_name(name)
    check_password(password, login=check_login(login))
    try:
        open_key_file(key_file, passphrase)
    except StoreError as error:
        if error.code is StoreCode.PASSPHRASE:
            raise refuse(EdgeCode.PASSPHRASE_WRONG, "passphrase") from None
        raise
    protected = passwords.protect(password, salt=salt)
    with database.write_transaction() as tables:
        if not users.is_empty(tables):
            raise refuse(EdgeCode.FIRST_DONE, "login")
        return _add(tables, login, name=tidy, roles=tuple(Role), protected=protected, must_change=False, at=at, by=tidy)


def add_user(
    database: Database,
    *,
    login: str,
    name: str,
    roles: Collection[Role],
    password: str,
    must_change: bool,
    passwords: Passwords,
    salt: bytes,
    at: int,
    by: str,
) -> UserId:
    """Make an account.

    Args:
        password: in the clear; `must_change` if its owner is to replace it at the first sign-in.
        salt: 16 fresh random bytes.

    Raises:
        RefusedError: LOGIN_INVALID, LOGIN_TAKEN, CELL_MISSING (name), NAME_TAKEN, ROLES_MISSING, PASSWORD_WEAK.
    """
    tidy = check_name(name)
    check_password(password, login=check_login(login))
    protected = passwords.protect(password, salt=salt)
    with database.write_transaction() as tables:
        return _add(tables, login, name=tidy, roles=roles, protected=protected, must_change=must_change, at=at, by=by)


def change_roles(database: Database, user_id: UserId, roles: Collection[Role], *, at: int, by: str) -> None:
    """Give a user these roles. RefusedError USER_UNKNOWN, ROLES_MISSING, LAST_MANAGER."""
    if not roles:
        raise refuse(EdgeCode.ROLES_MISSING, "roles")
    with database.write_transaction() as tables:
        user = _user(tables, user_id)
        if user.roles == frozenset(roles):
            return
        if Role.MANAGER not in roles:
            _require_other_manager(tables, user)
        users.set_roles(tables, user_id, roles, at=at)
        _note(tables, Action.USER_CHANGED, user_id, details=f"roles {encode_roles(roles)}", at=at, by=by)


def reset_password(
    database: Database, user_id: UserId, password: str, *, passwords: Passwords, salt: bytes, at: int, by: str
) -> None:
    """Give a user a password to be replaced at the next sign-in; it ends a lock-out as well.

    Raises:
        RefusedError: USER_UNKNOWN, PASSWORD_WEAK.
    """
    with database.read() as tables:
        login = _user(tables, user_id).login
    check_password(password, login=login)
    protected = passwords.protect(password, salt=salt)
    with database.write_transaction() as tables:
        _user(tables, user_id)
        users.set_password(tables, user_id, protected, must_change=True, at=at)
        _note(tables, Action.PASSWORD_RESET, user_id, at=at, by=by)


def change_own_password(
    database: Database, user: User, password: str, *, passwords: Passwords, salt: bytes, at: int
) -> None:
    """Replace one's own password; the caller has seen the old one. RefusedError PASSWORD_WEAK, also for the old one."""
    check_password(password, login=user.login)
    if passwords.is_right(user.password, password):
        raise refuse(EdgeCode.PASSWORD_WEAK, "password")
    protected = passwords.protect(password, salt=salt)
    with database.write_transaction() as tables:
        users.set_password(tables, user.user_id, protected, must_change=False, at=at)
        _note(tables, Action.PASSWORD_CHANGED, user.user_id, at=at, by=user.name)


def close_user(database: Database, user_id: UserId, *, at: int, by: str) -> None:
    """Close an account; what its owner recorded stays. RefusedError USER_UNKNOWN, LAST_MANAGER."""
    with database.write_transaction() as tables:
        user = _user(tables, user_id)
        if user.is_active:
            _require_other_manager(tables, user)
            users.set_active(tables, user_id, False, at=at)
            _note(tables, Action.USER_CLOSED, user_id, at=at, by=by)


def reopen_user(database: Database, user_id: UserId, *, at: int, by: str) -> None:
    """Open a closed account again, with its roles and its password. RefusedError USER_UNKNOWN."""
    with database.write_transaction() as tables:
        user = _user(tables, user_id)
        if not user.is_active:
            users.set_active(tables, user_id, True, at=at)
            _note(tables, Action.USER_REOPENED, user_id, at=at, by=by)


def _add(
    tables: Tables,
    login: str,
    *,
    name: str,
    roles: Collection[Role],
    protected: str,
    must_change: bool,
    at: int,
    by: str,
) -> UserId:
    folded = check_login(login)
    if not roles:
        raise refuse(EdgeCode.ROLES_MISSING, "roles")
    if users.with_login(tables, folded) is not None:
        raise refuse(EdgeCode.LOGIN_TAKEN, "login")
    # Records and the trail name their author by name: two users of one name could not be told apart.
    if any(fold(one.name) == fold(name) for one in users.all_users(tables)):
        raise refuse(EdgeCode.NAME_TAKEN, "name")
    user_id = users.add(
        tables, login=folded, name=name, roles=roles, password=protected, must_change=must_change, at=at, by=by
    )
    _note(tables, Action.USER_ADDED, user_id, details=f"roles {encode_roles(roles)}", at=at, by=by)
    return user_id


def _user(tables: Tables, user_id: UserId) -> User:
    user = users.get(tables, user_id)
    if user is None:
        raise refuse(EdgeCode.USER_UNKNOWN, "user")
    return user


def _require_other_manager(tables: Tables, user: User) -> None:
    managers = {one.user_id for one in users.all_users(tables) if one.is_active and Role.MANAGER in one.roles}
    # Without a manager nobody could ever add one, change a password or read the trail.
    if managers == {user.user_id}:
        raise refuse(EdgeCode.LAST_MANAGER, "roles")


def _note(tables: Tables, action: Action, user_id: UserId, *, at: int, by: str, details: str = "") -> None:
    audit.append(tables, action, f"user:{user_id}", actor=by, at=at, details=details)

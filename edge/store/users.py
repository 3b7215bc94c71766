"""The people who work at the site, and whether they may. What they record belongs to the site, never to an account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NewType

from edge.domain.roles import Role, encode_roles, parse_roles
from edge.store.database import Tables

UserId = NewType("UserId", int)


@dataclass(frozen=True, slots=True)
class User:
    """One user.

    Attributes:
        login: folded, unique.
        name: as it stands in records and in the audit trail.
        password: Argon2id in the PHC string form.
        must_change: the password was given by the manager and is to be replaced at the next sign-in.
        failures: wrong passwords since the last right one.
        locked_until: epoch seconds before which no password is tried; 0 for never.
        language: "vi" or "en".
        changed_at: when roles, password or standing last changed; sessions that began before it are over.
    """

    user_id: UserId
    login: str
    name: str
    roles: frozenset[Role]
    password: str
    is_active: bool
    must_change: bool
    failures: int
    locked_until: int
    language: str
    changed_at: int


_COLUMNS: Final = (
    "user_id, login, name, roles, password, is_active, must_change, failures, locked_until, language, changed_at"
)


def add(
    tables: Tables, *, login: str, name: str, roles: Iterable[Role], password: str, must_change: bool, at: int, by: str
) -> UserId:
    """Write a new user and return the id. IntegrityError where the login is taken: the caller looks first."""
    row = tables.execute(
        "INSERT INTO users (login, name, roles, password, is_active, must_change, created_at, created_by, changed_at) "
        "VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?) RETURNING user_id",
        (login, name, encode_roles(roles), password, must_change, at, by, at),
    ).fetchone()
    return UserId(int(row[0]))


def get(tables: Tables, user_id: UserId) -> User | None:
    """The user with this id, if there is one."""
    return _one(tables, "WHERE user_id = ?", (user_id,))


def with_login(tables: Tables, login: str) -> User | None:
    """The user who signs in by this folded name, if there is one."""
    return _one(tables, "WHERE login = ?", (login,))


def all_users(tables: Tables) -> list[User]:
    """Everybody who has or had an account, by login."""
    return [_user(row) for row in tables.execute(f"SELECT {_COLUMNS} FROM users ORDER BY login")]


def set_roles(tables: Tables, user_id: UserId, roles: Iterable[Role], *, at: int) -> None:
    """Give a user these roles and no other."""
    _change(tables, user_id, "roles = ?", encode_roles(roles), at=at)


def set_password(tables: Tables, user_id: UserId, password: str, *, must_change: bool, at: int) -> None:
    """Replace a password, which also ends a lock-out. `password` is in the PHC string form."""
    _change(
        tables, user_id, "failures = 0, locked_until = 0, must_change = ?, password = ?", must_change, password, at=at
    )


def set_active(tables: Tables, user_id: UserId, is_active: bool, *, at: int) -> None:
    """Close an account, or open it again."""
    _change(tables, user_id, "is_active = ?", is_active, at=at)


def set_language(tables: Tables, user_id: UserId, language: str) -> None:
    """Remember the language that a user reads."""
    tables.execute("UPDATE users SET language = ? WHERE user_id = ?", (language, user_id))


def note_tries(tables: Tables, user_id: UserId, *, failures: int, locked_until: int) -> None:
    """Remember wrong passwords in a row, and until when no password is tried."""
    tables.execute(
        "UPDATE users SET failures = ?, locked_until = ? WHERE user_id = ?", (failures, locked_until, user_id)
    )


def is_empty(tables: Tables) -> bool:
    """Whether nobody has an account yet."""
    return tables.execute("SELECT 1 FROM users LIMIT 1").fetchone() is None


def _change(tables: Tables, user_id: UserId, what: str, *values: object, at: int) -> None:
    tables.execute(f"UPDATE users SET {what}, changed_at = ? WHERE user_id = ?", (*values, at, user_id))


def _one(tables: Tables, where: str, values: Sequence[object]) -> User | None:
    row = tables.execute(f"SELECT {_COLUMNS} FROM users {where}", values).fetchone()
    return None if row is None else _user(row)


def _user(row: Sequence[Any]) -> User:
    return User(
        user_id=UserId(row[0]),
        login=row[1],
        name=row[2],
        roles=parse_roles(row[3]),
        password=row[4],
        is_active=bool(row[5]),
        must_change=bool(row[6]),
        failures=row[7],
        locked_until=row[8],
        language=row[9],
        changed_at=row[10],
    )

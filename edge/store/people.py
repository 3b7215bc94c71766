"""The people of the site as known now. Each change is a new revision; the store keeps what was before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NewType

from edge.store.database import Tables
from sync_protocol.identity import IdentityState, PaperKind, Recipient, Sex
from sync_protocol.names import fold

PersonId = NewType("PersonId", int)


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `revision` grows by one with each change of `recipient`; `identity_state` is what holds for it."""

    person_id: PersonId
    revision: int
    recipient: Recipient
    identity_state: IdentityState
    changed_at: int


RECIPIENT_COLUMNS: Final = (
    "p.name, p.family_name, p.sex, p.birth_date, p.paper, p.number, p.nationality, p.phone, p.address_unit, "
    "p.guardian, p.group_code"
)
_SELECT: Final = (
    f"SELECT p.person_id, p.revision, {RECIPIENT_COLUMNS}, p.identity_state, p.changed_at FROM people AS p "
)
_RECIPIENT_SIZE: Final = 11


def add(tables: Tables, recipient: Recipient, *, state: IdentityState, at: int, by: str) -> PersonId:
    """Write a new person and return the id. Whether the person is known already, the caller has asked."""
    row = tables.execute(
        "INSERT INTO people (name, family_name, folded_name, sex, birth_date, paper, number, nationality, phone, "
        "address_unit, guardian, group_code, identity_state, created_at, changed_at, changed_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING person_id",
        (*_values(recipient), state, at, at, by),
    ).fetchone()
    return PersonId(int(row[0]))


def change(tables: Tables, person: Person, recipient: Recipient, *, state: IdentityState, at: int, by: str) -> bool:
    """Write a new revision of a person as read before; return False if somebody else was faster.

    Then nothing was written: the caller shows both versions.
    """
    cursor = tables.execute(
        "UPDATE people SET name = ?, family_name = ?, folded_name = ?, sex = ?, birth_date = ?, paper = ?, number = ?, "
        "nationality = ?, phone = ?, address_unit = ?, guardian = ?, group_code = ?, identity_state = ?, "
        "changed_at = ?, changed_by = ?, revision = revision + 1 WHERE person_id = ? AND revision = ?",
        (*_values(recipient), state, at, by, person.person_id, person.revision),
    )
    return cursor.rowcount == 1


def get(tables: Tables, person_id: PersonId) -> Person | None:
    """The person with this id, if there is one."""
    row = tables.execute(_SELECT + "WHERE p.person_id = ?", (person_id,)).fetchone()
    return None if row is None else _person(row)


def with_ids(tables: Tables, ids: Sequence[PersonId]) -> list[Person]:
    """The people with these ids, in this order; an id of nobody is left out."""
    found = {
        one.person_id: one
        for one in select(tables, "WHERE p.person_id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
    }
    return [found[one] for one in ids if one in found]


def versions(tables: Tables, person_id: PersonId) -> list[Recipient]:
    """What this person was and is: earlier revisions first, the current one last."""
    rows = tables.execute(
        f"SELECT {RECIPIENT_COLUMNS} FROM person_versions AS p WHERE p.person_id = ?1 "
        f"UNION ALL SELECT {RECIPIENT_COLUMNS} FROM people AS p WHERE p.person_id = ?1",
        (person_id,),
    )
    return [recipient_of(row) for row in rows]


def with_number(tables: Tables, number: str) -> list[Person]:
    """All people whose paper bears this number."""
    # The index leaves out empty numbers, and is used only where the question says so too.
    if not number:
        return []
    return select(tables, "WHERE p.number = ? AND p.number <> '' ORDER BY p.person_id", (number,))


def described(tables: Tables, name: str, birth_date: str) -> list[Person]:
    """All people with this name (marks, case and spacing aside) and date of birth."""
    return select(tables, "WHERE p.folded_name = ? AND p.birth_date = ? ORDER BY p.person_id", (fold(name), birth_date))


def with_phone(tables: Tables, phone: str) -> list[Person]:
    """All people with this phone number."""
    if not phone:
        return []
    return select(tables, "WHERE p.phone = ? AND p.phone <> '' ORDER BY p.person_id", (phone,))


def in_states(
    tables: Tables, states: Sequence[IdentityState], *, after: PersonId | None = None, limit: int = 1_000
) -> list[Person]:
    """People in these identity states by id, from the one after `after`: the work lists."""
    marks = ", ".join("?" * len(states))
    return select(
        tables,
        f"WHERE p.identity_state IN ({marks}) AND p.person_id > ? ORDER BY p.person_id LIMIT ?",
        (*states, after or 0, limit),
    )


def count_states(tables: Tables) -> dict[IdentityState, int]:
    """How many people are in each identity state; states of nobody are left out."""
    rows = tables.execute("SELECT identity_state, count(*) FROM people GROUP BY identity_state")
    return {IdentityState(row[0]): int(row[1]) for row in rows}


def recipient_of(row: Sequence[Any]) -> Recipient:
    """The eleven columns `RECIPIENT_COLUMNS` as the protocol's value."""
    return Recipient(
        name=row[0],
        family_name=row[1],
        sex=Sex(row[2]),
        birth_date=row[3],
        paper=PaperKind(row[4]),
        number=row[5],
        nationality=row[6],
        phone=row[7],
        address_unit=row[8],
        guardian=row[9],
        group=row[10],
    )


def _values(recipient: Recipient) -> tuple[object, ...]:
    return (
        recipient.name,
        recipient.family_name,
        fold(recipient.name),
        recipient.sex,
        recipient.birth_date,
        recipient.paper,
        recipient.number,
        recipient.nationality,
        recipient.phone,
        recipient.address_unit,
        recipient.guardian,
        recipient.group,
    )


def select(tables: Tables, where: str, values: Sequence[object]) -> list[Person]:
    """People by a condition on `people AS p`, for the table modules of this package."""
    return [_person(row) for row in tables.execute(_SELECT + where, values)]


def _person(row: Sequence[Any]) -> Person:
    recipient = recipient_of(row[2 : 2 + _RECIPIENT_SIZE])
    return Person(PersonId(row[0]), row[1], recipient, identity_state=IdentityState(row[-2]), changed_at=row[-1])

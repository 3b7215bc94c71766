"""The rows of the embedded population registry: written in bulk, looked up in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, func, select, tuple_

from central.store.database import insert_on, rows_in_chunks
from central.store.tables import registry_people

# Below SQLite's 32,766 variables and PostgreSQL's 65,535 parameters, with several in each row.
_CHUNK: Final = 3_000
# Which of the two columns a number can stand in.
_DIGITS: Final = 12
_OLD_DIGITS: Final = 9


@dataclass(frozen=True, slots=True, repr=False)
class RegistryPerson:
    """One row of the national population database; its representation shows nothing of it.

    Attributes:
        number: 12-digit personal identification number.
        old_number: 9-digit number of an older card, or "".
        name: as the database writes it.
        folded_name: `names.fold` of it.
        sex: "M" or "F".
        birth_date: "YYYY-MM-DD" or "YYYY".
        unit: commune of residence, or "".
    """

    number: str
    old_number: str
    name: str
    folded_name: str
    sex: str
    birth_date: str
    unit: str


_COLUMNS: Final = [registry_people.c[name] for name in RegistryPerson.__dataclass_fields__]


def put_people(connection: Connection, people: Iterable[RegistryPerson]) -> int:
    """Writes people; who is there already (by number) is overwritten. Returns how many were given."""
    count = 0
    for chunk in rows_in_chunks(people, _CHUNK):
        statement = insert_on(connection, registry_people)
        fresh = {name: statement.excluded[name] for name in RegistryPerson.__dataclass_fields__ if name != "number"}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["number"], set_=fresh), [asdict(person) for person in chunk]
        )
        count += len(chunk)
    return count


def people_by_number(connection: Connection, numbers: Sequence[str]) -> dict[str, RegistryPerson]:
    """The people who have these numbers, new or old; keyed by the number that was asked."""
    found: dict[str, RegistryPerson] = {}
    for column, digits in ((registry_people.c.old_number, _OLD_DIGITS), (registry_people.c.number, _DIGITS)):
        wanted = sorted({number for number in numbers if len(number) == digits})
        for chunk in rows_in_chunks(wanted, _CHUNK):
            rows = connection.execute(select(column, *_COLUMNS).where(column.in_(chunk)))
            found.update((row[0], RegistryPerson(*row[1:])) for row in rows)
    return found


def people_by_name(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[RegistryPerson]:
    """The people with one of these pairs of folded name and date of birth."""
    pair = tuple_(registry_people.c.folded_name, registry_people.c.birth_date)
    found: list[RegistryPerson] = []
    for chunk in rows_in_chunks(sorted(set(wanted)), _CHUNK):
        found.extend(RegistryPerson(*row) for row in connection.execute(select(*_COLUMNS).where(pair.in_(chunk))))
    return found


def people_of_units(connection: Connection, units: Sequence[str]) -> Iterator[RegistryPerson]:
    """Everybody who lives in one of these communes, by number; everybody at all when none is given."""
    statement = select(*_COLUMNS).order_by(registry_people.c.number)
    if units:
        statement = statement.where(registry_people.c.unit.in_(units))
    for row in connection.execute(statement):
        yield RegistryPerson(*row)


def count_people(connection: Connection) -> int:
    """How many people the registry holds."""
    return connection.execute(select(func.count()).select_from(registry_people)).scalar_one()

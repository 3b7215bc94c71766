"""The population database as a table of the centre: for training, for tests, and for a province of its own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from central.domain.people import UNKNOWN, RegistryAnswer
from central.store.database import read_transaction
from central.store.registry_people import RegistryPerson, people_by_name, people_by_number
from sync_protocol import names
from sync_protocol.population import PackAnswer, PersonKey


class EmbeddedRegistry:
    """Implements `RegistryClient` upon the table `registry_people`, with two look-ups for any number of people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, people: Sequence[PersonKey]) -> list[RegistryAnswer]:
        """Compares number first; who has no known number is looked for by name, day of birth and sex."""
        with read_transaction(self._engine) as connection:
            by_number = people_by_number(connection, [person.number for person in people])
            strangers = [
                (names.fold(person.name), person.birth_date) for person in people if person.number not in by_number
            ]
            namesakes = {
                (found.folded_name, found.birth_date, found.sex)
                for found in (people_by_name(connection, strangers) if strangers else ())
            }
        return [_compare(person, by_number.get(person.number), namesakes=namesakes) for person in people]


def _compare(
    person: PersonKey, found: RegistryPerson | None, *, namesakes: set[tuple[str, str, str]]
) -> RegistryAnswer:
    if found is None:
        if namesakes and (names.fold(person.name), person.birth_date, person.sex.value) in namesakes:
            return RegistryAnswer(PackAnswer.NUMBER_DIFFERS)
        return UNKNOWN
    # Nearly everybody is written in both places alike; only the others have to be folded.
    same_name = found.name == person.name or found.folded_name == names.fold(person.name)
    wrong = [
        answer
        for answer, same in (
            (PackAnswer.NAME_DIFFERS, same_name),
            (PackAnswer.BIRTH_DATE_DIFFERS, found.birth_date == person.birth_date),
            (PackAnswer.SEX_DIFFERS, found.sex == person.sex.value),
        )
        if not same
    ]
    match wrong:
        case []:
            return RegistryAnswer(PackAnswer.MATCHED, found.number)
        case [single]:
            return RegistryAnswer(single)
        case _:
            return RegistryAnswer(PackAnswer.SEVERAL_DIFFER)

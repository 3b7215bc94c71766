"""People as the centre knows them from doses: one row for each person key."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from central.domain.verdicts import JudgedDose
from central.store.database import insert_on
from central.store.tables import people


def put_people(connection: Connection, judged: Iterable[JudgedDose], *, at: int) -> None:
    """Creates the people who are new; those known keep what was first written of them."""
    rows = {}
    for item in judged:
        person = item.dose.recipient
        rows[item.person] = {
            "key": item.person,
            "name": person.name,
            "family_name": person.family_name or "",
            "sex": person.sex.value,
            "birth_date": person.birth_date,
            "paper": person.paper.value,
            "number": person.number,
            "nationality": person.nationality,
            "first_seen_at": at,
        }
    if rows:
        connection.execute(insert_on(connection, people).on_conflict_do_nothing(), list(rows.values()))

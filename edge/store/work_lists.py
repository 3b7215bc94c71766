"""Who is on which work list: counts, pages and searches that stay quick with 30,000 people on a list.

`people.work_list` names the list of each person and `people.given_name` is what lists are sorted by; two indexes hold
both in the order of a page, so that a page reads its own rows and no others. A page begins behind a person
(`after`) or ends before one (`before`), since counting through to "page 200" would read all that lies between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.domain.work_list import NO_UNIT, Cause, Wanted
from edge.store.database import Tables
from edge.store.people import PersonId
from edge.store.work_rows import WorkRow, details
from sync_protocol.identity import IdentityState
from sync_protocol.names import fold

# Up to here the people are found through their doses and sorted; beyond, every page finds enough of them by name.
FEW_DOSES: Final = 8_000
# Of what the centre returned with one code, a list shows this many doses, the oldest first.
RETURNED_DOSES: Final = 3_000
_NO_END: Final = "9999-12-31"
_STATES: Final = {
    Cause.NO_NUMBER: IdentityState.NO_NUMBER,
    Cause.MALFORMED: IdentityState.MALFORMED,
    Cause.MISMATCH: IdentityState.MISMATCH,
    Cause.WAITING: IdentityState.WAITING,
    Cause.FOREIGN: IdentityState.WAITING,
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list; `has_before` and `has_after` say whether there are more on either side."""

    rows: tuple[WorkRow, ...]
    has_before: bool
    has_after: bool


def counts(tables: Tables) -> dict[Cause, int]:
    """How many people are on each list of causes; empty ones are left out."""
    rows = tables.execute("SELECT work_list, count(*) FROM people WHERE work_list <> '' GROUP BY work_list")
    return {Cause(row[0]): int(row[1]) for row in rows}


def returned_counts(tables: Tables) -> dict[str, int]:
    """How many newest versions of doses the centre returned with each of its codes."""
    rows = tables.execute(
        "SELECT verdict_code, count(*) FROM standings WHERE verdict_code <> '' GROUP BY verdict_code ORDER BY 1"
    )
    return {str(row[0]): int(row[1]) for row in rows}


def units(tables: Tables, cause: str) -> dict[str, int]:
    """How many people of one list of causes live in each commune, by its code; "" where it is not known."""
    rows = tables.execute(
        "SELECT address_unit, count(*) FROM people WHERE work_list = ? AND work_list <> '' GROUP BY address_unit",
        (cause,),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def count(tables: Tables, wanted: Wanted) -> int | None:
    """How many people are wanted; None where that cannot be said quickly."""
    if wanted.returned_code:
        return len(_returned(tables, wanted))
    if wanted.narrows_doses:
        found = _through_doses(tables, wanted)
        return None if found is None else len(found)
    if not wanted.unit:
        return counts(tables).get(Cause(wanted.list), 0)
    return units(tables, wanted.list).get(_unit(wanted), 0)


def count_all(tables: Tables, wanted: Wanted) -> int:
    """How many people of a list of causes are wanted, however long it takes."""
    found = count(tables, wanted)
    if found is not None:
        return found
    conditions, values = _on_list(wanted)
    row = tables.execute(f"SELECT count(*) FROM people AS p WHERE {' AND '.join(conditions)}", values).fetchone()
    return int(row[0])


def page(
    tables: Tables, wanted: Wanted, *, after: PersonId | None = None, before: PersonId | None = None, limit: int
) -> Page:
    """The people of a list by given name.

    Args:
        wanted: which list, narrowed to what.
        after: the last person of the page before, or None for the first page.
        before: the first person of the page behind, for going back; not together with `after`.
        limit: most rows.
    """
    backwards = before is not None
    start = _key(tables, before if backwards else after)
    found = _ids(tables, wanted, start=start, backwards=backwards, limit=limit + 1)
    has_more, ids = len(found) > limit, found[:limit]
    if backwards:
        ids.reverse()
    came_from = start is not None
    return Page(
        tuple(details(tables, wanted, ids)),
        has_before=has_more if backwards else came_from,
        has_after=came_from if backwards else has_more,
    )


def search(tables: Tables, wanted: Wanted, text: str, *, limit: int) -> list[WorkRow]:
    """The people of a list whose name has words that begin like those of the text, or whose phone or number does."""
    compact = "".join(text.split()).upper()
    if any(character.isdigit() for character in compact):
        where = (
            "p.person_id IN (SELECT person_id FROM people WHERE phone >= ?1 AND phone < ?1 || ':' AND phone <> ''"
            " UNION SELECT person_id FROM people WHERE number >= ?1 AND number < ?1 || ':' AND number <> '')"
        )
        values: tuple[object, ...] = (compact,)
    else:
        words = fold(text).split()
        if not words:
            return []
        # Read along the index of the list: every name of it is there.
        where = " AND ".join(f"instr(' ' || p.folded_name, ' ' || ?{place})" for place in range(1, len(words) + 1))
        values = tuple(words)
    if wanted.returned_code:
        there = _returned(tables, wanted)
        where, values = (
            f"p.person_id IN (SELECT value FROM json_each(?{len(values) + 1})) AND {where}",
            (
                *values,
                json.dumps(there),
            ),
        )
    else:
        where, values = f"p.work_list = ?{len(values) + 1} AND p.work_list <> '' AND {where}", (*values, wanted.list)
    if wanted.unit:
        where, values = f"{where} AND p.address_unit = ?{len(values) + 1}", (*values, _unit(wanted))
    if wanted.narrows_doses and not wanted.returned_code:
        where, values = f"{where} AND {_dosed(len(values))}", (*values, *_doses_wanted(wanted))
    rows = tables.execute(
        f"SELECT p.person_id FROM people AS p WHERE {where} ORDER BY p.given_name, p.folded_name, p.person_id LIMIT"
        f" {int(limit)}",
        values,
    )
    return details(tables, wanted, [PersonId(row[0]) for row in rows.fetchall()])


def walk(tables: Tables, wanted: Wanted, *, limit: int, piece: int = 500) -> Iterator[WorkRow]:
    """All people of a list of causes by commune (unknown last) and given name, at most `limit`, read in pieces."""
    left = limit
    for unit in sorted(units(tables, wanted.list), key=lambda code: (not code, code)):
        if wanted.unit and unit != _unit(wanted):
            continue
        there = Wanted(wanted.list, unit or NO_UNIT, wanted.first_day, wanted.last_day, wanted.product)
        start: _Key | None = None
        while left > 0:
            ids = _ids(tables, there, start=start, backwards=False, limit=min(piece, left))
            yield from details(tables, there, ids)
            left -= len(ids)
            if len(ids) < piece:
                break
            start = _key(tables, ids[-1])


_Key = tuple[str, str, int]
_ORDER: Final = "p.given_name, p.folded_name, p.person_id"
_BACK: Final = "p.given_name DESC, p.folded_name DESC, p.person_id DESC"


def _key(tables: Tables, person_id: PersonId | None) -> _Key | None:
    """Where a person stands in the order, on the list or not any more."""
    if person_id is None:
        return None
    row = tables.execute(
        "SELECT given_name, folded_name, person_id FROM people WHERE person_id = ?", (person_id,)
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _ids(tables: Tables, wanted: Wanted, *, start: _Key | None, backwards: bool, limit: int) -> list[PersonId]:
    values: list[object] = []
    found = _returned(tables, wanted) if wanted.returned_code else None
    if found is None and wanted.narrows_doses:
        found = _through_doses(tables, wanted)
    if found is not None:
        source = "json_each(?1) AS w CROSS JOIN people AS p ON p.person_id = w.value"
        conditions: list[str] = []
        values = [json.dumps(found)]
    else:
        source = "people AS p"
        conditions, values = _on_list(wanted)
    if start is not None:
        marks = ", ".join(f"?{len(values) + place}" for place in (1, 2, 3))
        conditions.append(f"(p.given_name, p.folded_name, p.person_id) {'<' if backwards else '>'} ({marks})")
        values += start
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = tables.execute(
        f"SELECT p.person_id FROM {source} {where} ORDER BY {_BACK if backwards else _ORDER} LIMIT {int(limit)}",
        values,
    )
    return [PersonId(row[0]) for row in rows.fetchall()]


def _on_list(wanted: Wanted) -> tuple[list[str], list[object]]:
    """The conditions on `people AS p` for a list of causes, and their parameters."""
    # The second condition is what the index is for; SQLite uses it only where the question says so too.
    conditions = ["p.work_list = ?1", "p.work_list <> ''"]
    values: list[object] = [wanted.list]
    if wanted.unit:
        values.append(_unit(wanted))
        conditions.append(f"p.address_unit = ?{len(values)}")
    if wanted.narrows_doses:
        conditions.append(_dosed(len(values)))
        values += _doses_wanted(wanted)
    return conditions, values


def _unit(wanted: Wanted) -> str:
    return "" if wanted.unit == NO_UNIT else wanted.unit


def _doses_wanted(wanted: Wanted) -> tuple[str, str, str]:
    return (wanted.first_day, wanted.last_day or _NO_END, wanted.product)


def _dosed(taken: int) -> str:
    """The condition that the person has a dose as `_doses_wanted` says, in the parameters behind `taken` others."""
    return (
        f"EXISTS (SELECT 1 FROM standings AS s WHERE s.person_id = p.person_id AND s.given_day BETWEEN ?{taken + 1}"
        f" AND ?{taken + 2} AND ?{taken + 3} IN ('', s.product))"
    )


def _through_doses(tables: Tables, wanted: Wanted) -> list[int] | None:
    """The people of a list of causes who have one of the wanted doses; None where there are too many such doses."""
    state = _STATES[Cause(wanted.list)]
    rows = tables.execute(
        "SELECT s.person_id FROM standings AS s WHERE s.identity_state = ? AND s.identity_state NOT IN"
        " ('matched', 'vouched') AND s.given_day BETWEEN ? AND ? AND ? IN ('', s.product) LIMIT ?",
        (state, *_doses_wanted(wanted), FEW_DOSES + 1),
    ).fetchall()
    if len(rows) > FEW_DOSES:
        return None
    there = sorted({int(row[0]) for row in rows})
    kept = tables.execute(
        "SELECT p.person_id FROM json_each(?1) AS w CROSS JOIN people AS p ON p.person_id = w.value"
        " WHERE p.work_list = ?2 AND (?3 = '' OR p.address_unit = ?4)",
        (json.dumps(there), wanted.list, wanted.unit, _unit(wanted)),
    )
    return [int(row[0]) for row in kept]


def _returned(tables: Tables, wanted: Wanted) -> list[int]:
    """The people of whose doses the centre returned one with the code of the list."""
    rows = tables.execute(
        "SELECT s.person_id FROM standings AS s WHERE s.verdict_code = ? AND s.verdict_code <> ''"
        " AND s.given_day BETWEEN ? AND ? AND ? IN ('', s.product) ORDER BY s.given_day LIMIT ?",
        (wanted.returned_code, *_doses_wanted(wanted), RETURNED_DOSES),
    ).fetchall()
    there = sorted({int(row[0]) for row in rows})
    if not wanted.unit:
        return there
    kept = tables.execute(
        "SELECT p.person_id FROM json_each(?1) AS w CROSS JOIN people AS p ON p.person_id = w.value"
        " WHERE p.address_unit = ?2",
        (json.dumps(there), _unit(wanted)),
    )
    return [int(row[0]) for row in kept]

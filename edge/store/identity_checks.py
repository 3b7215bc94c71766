"""What each identity check said, append-only; the newest one for a person's current revision is the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.store.database import Tables
from edge.store.people import Person, PersonId, select
from sync_protocol.identity import EvidenceSource, IdentityState


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of one revision of a person said.

    Attributes:
        person: the person as checked.
        state: the result.
        source: pack, the centre's answer, or the site's own word.
        reference: id of the pack or answer ("pack-3"), or who vouches.
        field: which field differs where the state is mismatch, else "".
    """

    person: Person
    state: IdentityState
    source: EvidenceSource
    reference: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check as stored."""

    check_id: int
    person_id: PersonId
    revision: int
    state: IdentityState
    source: EvidenceSource
    reference: str
    field: str
    checked_at: int
    checked_by: str


_SELECT: Final = (
    "SELECT c.check_id, c.person_id, c.revision, c.state, c.source, c.reference, c.field, c.checked_at, c.checked_by"
    " FROM identity_checks AS c "
)


def add_many(tables: Tables, results: Sequence[CheckResult], *, at: int, by: str) -> int:
    """Store results and make them the state of those people who have not changed since; return how many that were.

    The row of a person who has changed meanwhile is kept too: it says what was asked, and of which revision.
    """
    number = int(tables.execute("SELECT coalesce(max(check_id), 0) FROM identity_checks").fetchone()[0])
    tables.conn.executemany(
        "INSERT INTO identity_checks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number + place, r.person.person_id, r.person.revision, r.state, r.source, r.reference, r.field, at, by)
            for place, r in enumerate(results, start=1)
        ],
    )
    cursor = tables.conn.executemany(
        "UPDATE people SET identity_state = ? WHERE person_id = ? AND revision = ?",
        [(result.state, result.person.person_id, result.person.revision) for result in results],
    )
    return max(cursor.rowcount, 0)


def due(tables: Tables, reference: str, *, limit: int) -> list[Person]:
    """Citizens who wait or mismatch and whose current revision was not compared with this pack yet, by id."""
    return select(
        tables,
        "WHERE p.identity_state IN ('waiting', 'mismatch') AND p.paper IN ('cccd', 'cmnd') AND NOT EXISTS ("
        "SELECT 1 FROM identity_checks AS c "
        "WHERE c.person_id = p.person_id AND c.revision = p.revision AND c.reference = ?) ORDER BY p.person_id LIMIT ?",
        (reference, limit),
    )


def has(tables: Tables, person: Person, reference: str) -> bool:
    """Whether this revision of a person was compared with this pack, whatever came after."""
    row = tables.execute(
        "SELECT 1 FROM identity_checks WHERE person_id = ? AND revision = ? AND reference = ? LIMIT 1",
        (person.person_id, person.revision, reference),
    ).fetchone()
    return row is not None


def newest(tables: Tables, person_id: PersonId) -> Check | None:
    """The newest check of this person's current revision, if there was one."""
    row = tables.execute(
        _SELECT + "JOIN people AS p ON p.person_id = c.person_id AND p.revision = c.revision"
        " WHERE c.person_id = ? ORDER BY c.check_id DESC LIMIT 1",
        (person_id,),
    ).fetchone()
    return None if row is None else _check(row)


def of_source(tables: Tables, source: EvidenceSource) -> Iterator[Check]:
    """Every check with evidence from one source, in order, for `check`."""
    for row in tables.execute(_SELECT + "WHERE c.source = ? ORDER BY c.check_id", (source,)):
        yield _check(row)


def _check(row: Sequence[Any]) -> Check:
    return Check(
        check_id=row[0],
        person_id=PersonId(row[1]),
        revision=row[2],
        state=IdentityState(row[3]),
        source=EvidenceSource(row[4]),
        reference=row[5],
        field=row[6],
        checked_at=row[7],
        checked_by=row[8],
    )

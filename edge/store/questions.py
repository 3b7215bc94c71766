"""What this node asked the centre about people, in which bundle, and what it answered.

A question holds while nothing is to be gained by another one: as long as its answer is on its way, and for good once
somebody is known. Where the centre did not know the person either, or refused the bundle, it holds for a pause that
doubles each time. A question in a bundle that was left behind with an epoch holds nothing: it never arrived.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.outbox import BundleState
from edge.domain.questions import FIRST_PAUSE_SECONDS, MOST_DOUBLINGS, can_be_asked
from edge.store.database import Tables
from edge.store.people import Person, PersonId, select
from sync_protocol import limits
from sync_protocol.days import day_end, day_start, local_day
from sync_protocol.identity import IdentityState
from sync_protocol.population import PackAnswer


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question at the moment of asking; `digest` is that of the four fields, 32 bytes."""

    reference: int
    person_id: PersonId
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """A question as stored. Instants are epoch seconds UTC.

    Attributes:
        reference: the node's own number of it.
        digest: of the four fields as they were asked about, 32 bytes.
        epoch, bundle: where it travels.
        asked_at, asked_by: when and by whom it was asked.
        is_current: whether the person's data still are those.
        answer: None while there is none.
        answered_at: when the centre asked the registry, by its clock.
        item: the number of the item of the feed that brought the answer.
        is_settled: whether what the answer does here is done.
        state: of the bundle.
        is_left: whether the bundle was left behind with its epoch.
    """

    reference: int
    person_id: PersonId
    digest: bytes
    epoch: int
    bundle: int
    asked_at: int
    asked_by: str
    is_current: bool
    answer: PackAnswer | None
    answered_at: int | None
    item: int | None
    is_settled: bool
    state: BundleState
    is_left: bool

    @property
    def is_open(self) -> bool:
        """Whether the answer is on its way."""
        return self.answer is None and self.state is not BundleState.REFUSED and not self.is_left


@dataclass(frozen=True, slots=True)
class Open:
    """How many people the centre has been asked about without an answer, and since when (epoch seconds UTC)."""

    count: int
    since: int | None


_LEFT: Final = "EXISTS (SELECT 1 FROM left_bundles AS x WHERE x.epoch = q.epoch AND x.sequence = q.bundle)"
_SELECT: Final = (
    "SELECT q.reference, q.person_id, q.digest, q.epoch, q.bundle, q.asked_at, q.asked_by, q.is_current, q.answer,"
    f" q.answered_at, q.item, q.is_settled, b.state, {_LEFT}"
    " FROM questions AS q JOIN bundles AS b ON b.epoch = q.epoch AND b.sequence = q.bundle "
)
_IS_OPEN: Final = f"q.answer = '' AND b.state <> 'refused' AND NOT {_LEFT}"
_HOLDS: Final = (
    f"({_IS_OPEN}) OR (q.answer NOT IN ('', 'unknown') AND NOT {_LEFT})"
    # A clock that was put back by more than a day holds nobody up until it is where it was.
    f" OR (NOT {_LEFT} AND ?4 > q.asked_at - {FIRST_PAUSE_SECONDS}"
    f" AND ?4 < q.asked_at + {FIRST_PAUSE_SECONDS} * (1 << min(q.times - 1, {MOST_DOUBLINGS})))"
)
_ASKABLE: Final = (
    "WHERE p.identity_state IN (SELECT value FROM json_each(?1)) AND p.paper IN ('cccd', 'cmnd')"
    " AND (?2 = 0 OR p.person_id = ?2) AND p.person_id > ?5 AND NOT EXISTS ("
    "SELECT 1 FROM questions AS q JOIN bundles AS b ON b.epoch = q.epoch AND b.sequence = q.bundle"
    " WHERE q.person_id = p.person_id AND q.is_current = 1 AND ({holds})) AND ?4 >= 0 ORDER BY p.person_id LIMIT ?3"
)


def due(tables: Tables, states: Sequence[IdentityState], *, now: int, limit: int) -> list[Person]:
    """Citizens in these states of whom no question holds, by id: whom the node asks about by itself."""
    return _askable(tables, _HOLDS, states, person_id=0, now=now, limit=limit)


def unasked(tables: Tables, states: Sequence[IdentityState], *, person_id: PersonId | None, limit: int) -> list[Person]:
    """Citizens in these states about whom no answer is on its way, by id: whom a person may have asked about.

    Args:
        person_id: this one alone, or None for all.
    """
    return _askable(tables, _IS_OPEN, states, person_id=person_id or 0, now=0, limit=limit)


def _askable(
    tables: Tables, holds: str, states: Sequence[IdentityState], *, person_id: int, now: int, limit: int
) -> list[Person]:
    found: list[Person] = []
    after, read = 0, limit
    while read == limit and len(found) < limit:
        page = select(tables, _ASKABLE.format(holds=holds), (json.dumps(list(states)), person_id, limit, now, after))
        # Whom no question can carry is passed over, so that the others are not held up.
        found += [person for person in page if can_be_asked(person.recipient)]
        read, after = len(page), page[-1].person_id if page else after
    return found[:limit]


def count_in_epoch(tables: Tables, epoch: int) -> int:
    """How many questions this store has asked in an epoch."""
    row = tables.execute("SELECT count(*) FROM questions WHERE epoch = ?", (epoch,)).fetchone()
    return int(row[0])


def left_today(tables: Tables, *, now: int) -> int:
    """How many questions the centre still answers on the local day of `now` (epoch seconds UTC)."""
    today = local_day(now)
    span = (day_start(today), day_end(today))
    row = tables.execute("SELECT count(*) FROM questions WHERE asked_at >= ? AND asked_at < ?", span).fetchone()
    return max(0, limits.QUESTIONS_DAY - int(row[0]))


def add_many(tables: Tables, asked: Sequence[NewQuestion], *, epoch: int, bundle: int, at: int, by: str) -> None:
    """Keep the questions of a bundle that was just sealed; what was asked of these people before holds no more."""
    people = [(one.person_id,) for one in asked]
    tables.conn.executemany("UPDATE questions SET is_current = 0 WHERE person_id = ? AND is_current = 1", people)
    tables.conn.executemany(
        "INSERT INTO questions (reference, person_id, digest, times, epoch, bundle, asked_at, asked_by) SELECT"
        " ?1, ?2, ?3, 1 + (SELECT count(*) FROM questions WHERE person_id = ?2 AND digest = ?3), ?4, ?5, ?6, ?7",
        [(one.reference, one.person_id, one.digest, epoch, bundle, at, by) for one in asked],
    )


def find(tables: Tables, reference: int) -> StoredQuestion | None:
    """The question with this number, if this store asked it."""
    row = tables.execute(_SELECT + "WHERE q.reference = ?", (reference,)).fetchone()
    return None if row is None else _question(row)


def of_bundle(tables: Tables, epoch: int, bundle: int) -> list[StoredQuestion]:
    """The questions of a bundle by number; none for a bundle of another kind."""
    rows = tables.execute(_SELECT + "WHERE q.epoch = ? AND q.bundle = ? ORDER BY q.reference", (epoch, bundle))
    return [_question(row) for row in rows]


def current(tables: Tables, people: Sequence[PersonId]) -> dict[PersonId, StoredQuestion]:
    """The newest question about each of these people as they are now; who was never asked about is left out."""
    rows = tables.execute(
        _SELECT + "WHERE q.is_current = 1 AND q.person_id IN (SELECT value FROM json_each(?)) ORDER BY q.reference",
        (json.dumps(list(people)),),
    )
    return {found.person_id: found for found in map(_question, rows)}


def with_digest(tables: Tables, person_id: PersonId, digest: bytes) -> StoredQuestion | None:
    """The newest question about these data of a person, if there was one."""
    row = tables.execute(
        _SELECT + "WHERE q.person_id = ? AND q.digest = ? ORDER BY q.reference DESC LIMIT 1", (person_id, digest)
    ).fetchone()
    return None if row is None else _question(row)


def hold_again(tables: Tables, question: StoredQuestion) -> None:
    """The person's data are again those that were asked about."""
    tables.execute("UPDATE questions SET is_current = 1 WHERE reference = ?", (question.reference,))


def note_answer(tables: Tables, question: StoredQuestion, answer: PackAnswer, *, answered_at: int, item: int) -> None:
    """Keep what the centre answered. IntegrityError (our bug) where the question has its answer."""
    tables.execute(
        "UPDATE questions SET answer = ?, answered_at = ?, item = ? WHERE reference = ?",
        (answer, answered_at, item, question.reference),
    )


def note_settled(tables: Tables, settled: Sequence[StoredQuestion]) -> None:
    """What these answers do here is done."""
    tables.conn.executemany(
        "UPDATE questions SET is_settled = 1 WHERE reference = ?", [(one.reference,) for one in settled]
    )


def open_questions(tables: Tables) -> Open:
    """About how many people an answer is on its way, for a page: read over an index of them alone."""
    row = tables.execute(
        "SELECT count(*), min(q.asked_at) FROM questions AS q JOIN bundles AS b ON b.epoch = q.epoch"
        f" AND b.sequence = q.bundle WHERE q.is_current = 1 AND {_IS_OPEN}"
    ).fetchone()
    return Open(int(row[0]), row[1])


def all_questions(tables: Tables) -> list[StoredQuestion]:
    """Every question by number, for `check`."""
    return [_question(row) for row in tables.execute(_SELECT + "ORDER BY q.reference")]


def _question(row: Sequence[Any]) -> StoredQuestion:
    return StoredQuestion(
        reference=row[0],
        person_id=PersonId(row[1]),
        digest=bytes(row[2]),
        epoch=row[3],
        bundle=row[4],
        asked_at=row[5],
        asked_by=row[6],
        is_current=bool(row[7]),
        answer=PackAnswer(row[8]) if row[8] else None,
        answered_at=row[9],
        item=row[10],
        is_settled=bool(row[11]),
        state=BundleState(row[12]),
        is_left=bool(row[13]),
    )

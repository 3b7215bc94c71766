"""What the signing desk asks: which doses are in no batch, what keeps each from it, and which passes were made.

The list is read over the partial index `standings_unsigned`, page by page; counts of whole days come from `tallies`.
The state of a row is worked out in SQL by the rules of `domain.signing_pass.obstacle`, for showing and counting alone:
what is signed goes through the rules themselves.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.pass_journal import PassState
from edge.domain.signing_pass import Facts, Line, Rules, obstacle
from edge.domain.waiting import Waiting, identity_obstacle
from edge.store import standings
from edge.store.database import Tables
from edge.store.people import PersonId
from sync_protocol.batch import Purpose
from sync_protocol.days import local_day
from sync_protocol.dose import IdentityState
from sync_protocol.names import fold

# The state of a dose that nothing keeps from being signed; every other state is a word of `Waiting`.
READY: Final = "ready"
# Fewer letters or digits would find half of the commune.
LEAST_LETTERS: Final = 2
LEAST_DIGITS: Final = 4
_NUMBER: Final = re.compile(r"[0-9][0-9 .]*", re.ASCII)
_WORD: Final = re.compile(r"[^A-Z0-9]+")
# Nobody's name has more, and each is one more walk through the words of everybody.
_MOST_WORDS: Final = 8
_HOUR_SECONDS: Final = 3_600

_BY_IDENTITY: Final = "\n".join(
    f"    WHEN s.identity_state = '{state}' THEN '{reason}'"
    for state in IdentityState
    if (reason := identity_obstacle(state)) is not None
)
_STATE: Final = f"""CASE
{_BY_IDENTITY}
    WHEN s.given_at > :now THEN '{Waiting.DOSE_DAY}'
    WHEN :reason_missing AND s.given_day >= :signing_start AND s.given_day < :today
        AND NOT s.is_correction AND NOT s.is_late THEN '{Waiting.LATE_REASON}'
    ELSE '{READY}' END"""
# Named outright: however rare a name may be, no plan reads more than the unsigned doses of these days.
_UNSIGNED: Final = (
    "FROM standings AS s INDEXED BY standings_unsigned WHERE s.stage = '' AND s.given_day BETWEEN :first AND :last"
)
_LINES: Final = """
SELECT d.sequence, d.given_at, p.identity_state, d.late_reason <> '', d.replaces IS NOT NULL, s.sequence IS NULL,
    coalesce(s.stage, '') NOT IN ('', 'handed'), p.paper, p.number, p.name, p.birth_date, p.revision,
    coalesce(s.stage, '') = 'handed'
FROM json_each(?) AS w
JOIN doses AS d ON d.sequence = w.value
JOIN people AS p ON p.person_id = d.person_id
LEFT JOIN standings AS s ON s.sequence = d.sequence
"""
_NO_END: Final = "9999-12-31"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to; everything empty lets everything through.

    Attributes:
        first_day, last_day: local days "YYYY-MM-DD" of the injection, both included; "" for no bound.
        from_hour, to_hour: local hours of the day, the first included and the second not; 0 and 24 for all day.
        product: code of the catalogue.
        state: "ready", or the reason why a dose cannot be signed.
        text: beginnings of words of the name (marks and case aside), or the first digits of the phone number.
    """

    first_day: str = ""
    last_day: str = ""
    from_hour: int = 0
    to_hour: int = 24
    product: str = ""
    state: str = ""
    text: str = ""

    @property
    def is_by_day(self) -> bool:
        """Whether days and product alone say which doses are meant, so that the tallies can count them."""
        return (self.from_hour, self.to_hour, self.text) == (0, 24, "")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One unsigned dose: "ready", or why it cannot be signed."""

    sequence: int
    person_id: PersonId
    state: str


@dataclass(frozen=True, slots=True)
class SelectedLine:
    """A dose that somebody ticked, and the revision of the person as it would be signed."""

    line: Line
    revision: int


@dataclass(frozen=True, slots=True)
class PassLine:
    """A pass as a list shows it, without its bytes. `bundle` is its place in the outbox as (epoch, sequence)."""

    pass_id: int
    batch_number: int
    state: PassState
    purpose: Purpose
    people: int
    doses: int
    signer_name: str
    approver: str
    claimed_at: int
    bundle: tuple[int, int] | None


def count_states(tables: Tables, wanted: Wanted, rules: Rules) -> dict[str, int]:
    """How many unsigned doses are in each state, whatever state is wanted."""
    if wanted.is_by_day:
        return _tallied(tables, wanted, rules)
    where, values = _where(wanted, rules, with_state=False)
    rows = tables.execute(f"SELECT {_STATE} AS state, count(*) {where} GROUP BY state", values)
    return {str(row[0]): int(row[1]) for row in rows}


def page(tables: Tables, wanted: Wanted, rules: Rules, *, offset: int, limit: int) -> list[QueueRow]:
    """Rows of the list: what is ready first; the newest day first, a day by the number of the dose."""
    where, values = _where(wanted, rules)
    rows = tables.execute(
        f"SELECT s.sequence, s.person_id, {_STATE} AS state {where}"
        f" ORDER BY state <> '{READY}', s.given_day DESC, s.sequence LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    return [QueueRow(int(row[0]), PersonId(row[1]), state=str(row[2])) for row in rows]


def ready(tables: Tables, wanted: Wanted, rules: Rules, *, limit: int) -> list[int]:
    """The first doses of the list that can be signed, by number in the order of the list."""
    where, values = _where(wanted, rules)
    rows = tables.execute(
        f"SELECT s.sequence {where} AND {_STATE} = '{READY}' ORDER BY s.given_day DESC, s.sequence LIMIT :limit",
        {**values, "limit": limit},
    )
    return [int(row[0]) for row in rows]


def products(tables: Tables, wanted: Wanted) -> list[tuple[str, int]]:
    """The products of the unsigned doses of these days, and how many there are of each."""
    rows = tables.execute(
        "SELECT product, sum(doses) FROM tallies WHERE stage = '' AND given_day BETWEEN ? AND ?"
        " GROUP BY product HAVING sum(doses) > 0 ORDER BY product",
        (wanted.first_day, wanted.last_day or _NO_END),
    )
    return [(str(row[0]), int(row[1])) for row in rows]


def lines(tables: Tables, sequences: Sequence[int], *, facility: str) -> list[SelectedLine]:
    """These doses as the rules look at them; numbers of no dose are left out. `facility` is the code of this site."""
    return [
        SelectedLine(
            Line(
                Facts(
                    row[0],
                    facility,
                    given_at=row[1],
                    identity=IdentityState(row[2]),
                    has_late_reason=bool(row[3]),
                    is_correction=bool(row[4]),
                    superseded=bool(row[5]),
                    in_live_batch=bool(row[6]),
                    is_handed=bool(row[12]),
                ),
                # As `signing_pass.person_key` says it of a whole dose.
                (True, row[7], row[8]) if row[8] else (False, row[9], row[10]),
            ),
            revision=row[11],
        )
        for row in tables.execute(_LINES, (json.dumps(list(sequences)),))
    ]


def passes_of_day(tables: Tables, day: str, *, limit: int = 100) -> list[PassLine]:
    """The newest passes that were prepared on this local day ("YYYY-MM-DD"), the newest first."""
    rows = tables.execute(
        "SELECT p.pass_id, p.batch_number, p.state, p.purpose, p.people, p.doses, p.signer_name, p.approver,"
        " p.claimed_at, b.epoch, b.sequence FROM passes AS p LEFT JOIN bundles AS b ON b.pass_id = p.pass_id"
        " WHERE p.state <> 'abandoned' AND p.pass_id > (SELECT max(pass_id) - ?1 FROM passes)"
        " ORDER BY p.pass_id DESC",
        (limit,),
    )
    return [
        PassLine(
            pass_id=row[0],
            batch_number=row[1],
            state=PassState(row[2]),
            purpose=Purpose(row[3]),
            people=row[4],
            doses=row[5],
            signer_name=row[6],
            approver=row[7],
            claimed_at=row[8],
            bundle=None if row[9] is None else (row[9], row[10]),
        )
        for row in rows
        if local_day(row[8]) == day
    ]


def _tallied(tables: Tables, wanted: Wanted, rules: Rules) -> dict[str, int]:
    kinds = standings.kinds(
        tables,
        facility=rules.facility,
        now=rules.now,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
        product=wanted.product,
    )
    counted: Counter[str] = Counter()
    for one, number in kinds:
        if not (one.facts.in_live_batch or one.facts.is_handed):
            counted[obstacle(one.facts, rules) or READY] += number
    return {str(state): number for state, number in sorted(counted.items()) if number}


def _where(wanted: Wanted, rules: Rules, *, with_state: bool = True) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {
        "first": wanted.first_day,
        "last": wanted.last_day or _NO_END,
        "now": rules.now,
        "today": local_day(rules.now),
        "signing_start": rules.signing_start,
        "reason_missing": not rules.late_reason,
    }
    parts = [_UNSIGNED]
    if wanted.product:
        parts.append("s.product = :product")
        values["product"] = wanted.product
    if with_state and wanted.state:
        parts.append(f"{_STATE} = :state")
        values["state"] = wanted.state
    if (wanted.from_hour, wanted.to_hour) != (0, 24):
        # Local time is seven hours ahead of UTC, all year.
        parts.append(f"(s.given_at + 7 * {_HOUR_SECONDS}) % 86400 BETWEEN :since AND :until")
        values |= {"since": wanted.from_hour * _HOUR_SECONDS, "until": wanted.to_hour * _HOUR_SECONDS - 1}
    if wanted.text:
        who, values_of_text = _people(wanted.text)
        parts.append(f"s.person_id IN ({who})")
        values |= values_of_text
    return " AND ".join(parts), values


def _people(text: str) -> tuple[str, dict[str, object]]:
    """Whom the text means, as a question for their ids; too short a text means nobody."""
    digits = "".join(filter(str.isdigit, text))
    if _NUMBER.fullmatch(text) and len(digits) >= LEAST_DIGITS:
        question = "SELECT person_id FROM people WHERE phone <> '' AND phone >= :digits AND phone < :digits || ':'"
        return question, {"digits": digits}
    words = [word for word in _WORD.split(fold(text)) if word][:_MOST_WORDS]
    if _NUMBER.fullmatch(text) or sum(map(len, words)) < LEAST_LETTERS:
        return "SELECT NULL", {}
    return (
        "SELECT rowid FROM people_words WHERE people_words MATCH :words",
        {"words": " ".join(f'"{word}"*' for word in words)},
    )

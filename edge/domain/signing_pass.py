"""Which doses may be signed together, and for every other dose the reason (1908/BYT-CNTT, rules 1 to 6).

A pass is one question to the token. The rules here are the ones a site can judge alone; the centre judges
them again. Same input, same passes: nothing here depends on the clock or on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.pin_turns import number_turns
from edge.domain.waiting import Waiting, identity_obstacle
from sync_protocol.batch import Purpose
from sync_protocol.days import local_day
from sync_protocol.dose import Dose, IdentityState
from sync_protocol.limits import BATCH_DOSES, BATCH_PEOPLE

# Rule 3: a person brings one to three doses into one turn.
DOSES_OF_ONE_PERSON: Final = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules are measured against.

    Attributes:
        facility: the code of this site.
        now: epoch seconds UTC, by the node's (floored) clock.
        signing_start: local day "YYYY-MM-DD"; doses before it are backlog without a reason.
        late_reason: why this turn comes late, as typed by the officer; empty if nothing was typed.
        most_people, most_doses: of one turn; the catalogue's policy may ask for less than the letter allows.
    """

    facility: str
    now: int
    signing_start: str
    late_reason: str = ""
    most_people: int = BATCH_PEOPLE
    most_doses: int = BATCH_DOSES


@dataclass(frozen=True, slots=True)
class Facts:
    """The few facts of a dose that decide whether it may be signed: cheap to read for a whole day."""

    sequence: int
    facility: str
    given_at: int
    identity: IdentityState
    has_late_reason: bool = False
    is_correction: bool = False
    superseded: bool = False
    in_live_batch: bool = False
    is_handed: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recorded dose and what the store knows of it beyond the record."""

    dose: Dose
    in_live_batch: bool = False
    superseded: bool = False

    @property
    def facts(self) -> Facts:
        """What the rules look at."""
        dose = self.dose
        return Facts(
            dose.sequence,
            dose.facility,
            given_at=dose.given_at,
            identity=dose.evidence.state,
            has_late_reason=bool(dose.late_reason),
            is_correction=dose.replaces is not None,
            superseded=self.superseded,
            in_live_batch=self.in_live_batch,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """As much of a dose as decides into which pass it goes: cheap to read for thousands. `person`: see `person_key`."""

    facts: Facts
    person: tuple[bool, str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """A dose that this turn leaves out, and why."""

    sequence: int
    reason: Waiting


@dataclass(frozen=True, slots=True)
class OutlinedPass:
    """A pass by its numbers alone: what a preview tells of it and what an approval is bound to. `turn`: which PIN."""

    purpose: Purpose
    sequences: tuple[int, ...]
    people: int
    first_day: str
    last_day: str
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Outline:
    """A plan by its numbers: lawful passes in the order of signing, and what is left out."""

    passes: tuple[OutlinedPass, ...]
    refused: tuple[Refused, ...]

    @property
    def sequences(self) -> tuple[int, ...]:
        """All doses that would be signed, in the order of signing."""
        return tuple(sequence for outlined in self.passes for sequence in outlined.sequences)

    @property
    def people(self) -> int:
        """The people of all passes; somebody who is in two of them counts twice."""
        return sum(outlined.people for outlined in self.passes)


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """Doses for one batch: one purpose, at most 1,000 people and 3,000 doses, sorted by sequence. `turn`: which PIN."""

    purpose: Purpose
    doses: tuple[Dose, ...]
    people: int
    first_day: str
    last_day: str
    turn: int = 1

    @property
    def sequences(self) -> tuple[int, ...]:
        """The doses by number: what an approval is bound to."""
        return tuple(dose.sequence for dose in self.doses)


@dataclass(frozen=True, slots=True)
class PassPlan:
    """Lawful passes in the order of signing, and what is left out."""

    passes: tuple[PlannedPass, ...]
    refused: tuple[Refused, ...]

    @property
    def doses(self) -> int:
        """How many doses would be signed."""
        return sum(len(planned.doses) for planned in self.passes)

    @property
    def turns(self) -> tuple[PassPlan, ...]:
        """The passes cut into what one PIN is for, without what is left out."""
        numbers = dict.fromkeys(planned.turn for planned in self.passes)
        return tuple(PassPlan(tuple(one for one in self.passes if one.turn == number), ()) for number in numbers)


def obstacle(facts: Facts, rules: Rules) -> Waiting | None:
    """Return why the dose cannot be signed now, or None. The first rule that is broken speaks."""
    if facts.in_live_batch:
        return Waiting.SIGNED
    if facts.superseded:
        return Waiting.SUPERSEDED
    if facts.is_handed:
        return Waiting.HANDED
    if facts.facility != rules.facility:
        return Waiting.DOSE_FACILITY
    identity = identity_obstacle(facts.identity)
    if identity is not None:
        return identity
    if facts.given_at > rules.now:
        return Waiting.DOSE_DAY
    if is_late(facts, rules) and not (facts.has_late_reason or rules.late_reason):
        return Waiting.LATE_REASON
    return None


def is_late(facts: Facts, rules: Rules) -> bool:
    """Return whether signing this dose now is later than the rule of the same day allows (rule 6)."""
    return not facts.is_correction and rules.signing_start <= local_day(facts.given_at) < local_day(rules.now)


def purpose_of(facts: Facts, today: str) -> Purpose:
    """Return the purpose of the batch that this dose belongs into, when signed on local day `today`."""
    if facts.is_correction:
        return Purpose.CORRECTION
    return Purpose.SAME_DAY if local_day(facts.given_at) == today else Purpose.BACKLOG


def person_key(dose: Dose) -> tuple[bool, str, str]:
    """Return what makes two doses one person's: the same rule as `batch.count_people`, by which the centre counts."""
    recipient = dose.recipient
    if recipient.number:
        return (True, recipient.paper.value, recipient.number)
    return (False, recipient.name, recipient.birth_date)


def plan(candidates: Iterable[Candidate], rules: Rules) -> PassPlan:
    """Sort the candidates into lawful passes and refusals, as `outline` does, with the doses themselves."""
    known = list(candidates)
    doses = {candidate.dose.sequence: candidate.dose for candidate in known}
    outlined = outline((Line(candidate.facts, person_key(candidate.dose)) for candidate in known), rules)
    passes = tuple(
        PlannedPass(
            one.purpose,
            tuple(doses[sequence] for sequence in one.sequences),
            people=one.people,
            first_day=one.first_day,
            last_day=one.last_day,
            turn=one.turn,
        )
        for one in outlined.passes
    )
    return PassPlan(passes, outlined.refused)


def outline(lines: Iterable[Line], rules: Rules) -> Outline:
    """Sort the lines into lawful passes and refusals.

    Doses of today come first, then corrections, then the late ones, then the backlog from before the
    start of signing, which rule 6 wants apart from everything else.
    """
    today = local_day(rules.now)
    groups: dict[tuple[int, Purpose], list[Line]] = {}
    refused: list[Refused] = []
    for line in sorted(lines, key=_number):
        reason = obstacle(line.facts, rules)
        if reason is not None:
            refused.append(Refused(line.facts.sequence, reason))
            continue
        purpose = purpose_of(line.facts, today)
        groups.setdefault((_turn(line.facts, purpose, rules), purpose), []).append(line)
    parts = [(purpose, part) for (_, purpose), members in sorted(groups.items()) for part in split(members, rules)]
    turns = number_turns(
        ([line.person for line in part] for _, part in parts),
        most_people=rules.most_people,
        most_doses=rules.most_doses,
        most_each=DOSES_OF_ONE_PERSON,
    )
    passes = (_outlined(purpose, part, turn) for (purpose, part), turn in zip(parts, turns, strict=True))
    return Outline(tuple(passes), tuple(refused))


def split(lines: Sequence[Line], rules: Rules) -> Iterator[tuple[Line, ...]]:
    """Cut doses of one purpose into lawful parts, each sorted by sequence.

    A person's doses stay together, up to the three that one turn allows; a fourth opens a part of its own.
    """
    by_person: dict[tuple[bool, str, str], list[Line]] = {}
    for line in lines:
        by_person.setdefault(line.person, []).append(line)
    parts = [
        theirs[start : start + DOSES_OF_ONE_PERSON]
        for start in range(0, max(map(len, by_person.values()), default=0), DOSES_OF_ONE_PERSON)
        for theirs in by_person.values()
        if start < len(theirs)
    ]
    current: list[Line] = []
    seen: set[tuple[bool, str, str]] = set()
    for part in parts:
        key = part[0].person
        full = len(seen) >= rules.most_people or len(current) + len(part) > rules.most_doses or key in seen
        if full:
            yield tuple(sorted(current, key=_number))
            current, seen = [], set()
        current.extend(part)
        seen.add(key)
    if current:
        yield tuple(sorted(current, key=_number))


def _turn(facts: Facts, purpose: Purpose, rules: Rules) -> int:
    if purpose is Purpose.SAME_DAY:
        return 0
    if purpose is Purpose.CORRECTION:
        return 1
    return 2 if local_day(facts.given_at) >= rules.signing_start else 3


def _outlined(purpose: Purpose, lines: tuple[Line, ...], turn: int) -> OutlinedPass:
    days = [local_day(line.facts.given_at) for line in lines]
    return OutlinedPass(
        purpose,
        tuple(map(_number, lines)),
        people=len({line.person for line in lines}),
        first_day=min(days),
        last_day=max(days),
        turn=turn,
    )


def _number(line: Line) -> int:
    return line.facts.sequence

"""What becomes of one row of a day list: new, same, conflict, proposed or broken, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.domain.day_list_row import ListedDose, Proposal
from edge.domain.dosing import DoseFacts
from edge.domain.refusals import Finding
from sync_protocol.identity import Recipient
from sync_protocol.names import fold


class RowState(StrEnum):
    """`new` is written; `proposed` only if the user decides what to do with the proposal; nothing else is."""

    NEW = "new"
    SAME = "same"
    CONFLICT = "conflict"
    PROPOSED = "proposed"
    BROKEN = "broken"


class ProposalChoice(StrEnum):
    """What the user decided after the dry run, for the rows that are `proposed`."""

    LEAVE_OUT = "leave-out"
    ACCEPT = "accept"
    AS_WRITTEN = "as-written"


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """What the dry run says of one row.

    Attributes:
        row_number: as the spreadsheet shows it.
        state: what becomes of it.
        findings: why, and what a person should look at; fields are column headings.
        proposals: values for lost zeros. They are people's data: for the screen, not for logs.
        sequence: the recorded dose that the row is the same as or in conflict with, where there is one.
    """

    row_number: int
    state: RowState
    findings: tuple[Finding, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    sequence: int | None = None


def natural_key(person: Recipient, dose: ListedDose) -> tuple[str, ...]:
    """Return what makes a row the same dose in every list: who, which product, which number, which day.

    Who is the number of the paper, or failing it the folded name with sex, date of birth and phone.
    """
    who = (
        ("number", person.paper, person.number)
        if person.number
        else ("description", fold(person.name), person.sex, person.birth_date, person.phone)
    )
    return (*who, dose.facts.product, str(dose.facts.dose_number), dose.given_day)


def is_same_person(one: Recipient, other: Recipient) -> bool:
    """Return whether name (marks and case aside), sex and date of birth agree."""
    return (fold(one.name), one.sex, one.birth_date) == (fold(other.name), other.sex, other.birth_date)


def differing_fields(listed: ListedDose, stored: DoseFacts) -> Sequence[str]:
    """Return in which fields the list says something else than the recorded dose; what the list leaves open agrees."""
    facts = listed.facts
    pairs: list[tuple[str, object, object]] = [
        ("lot", facts.lot, stored.lot),
        ("lot_expiry", facts.lot_expiry, stored.lot_expiry),
        ("vaccinator", facts.vaccinator, stored.vaccinator),
        ("reaction", facts.reaction, stored.reaction),
    ]
    if listed.has_time:
        pairs.append(("given_at", facts.given_at, stored.given_at))
    return [field for field, new, old in pairs if new not in ("", old)]

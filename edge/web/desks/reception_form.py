"""What the reception desk makes of a line in its box: somebody who is known, several to choose from, or a form to fill.

Everything goes into one box: a card's QR from a hand scanner, the number of a paper, a phone, a name.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from babel import Locale

from edge.domain.dose_form import texts_of_card
from edge.domain.identity_papers import CARD_CHARS, is_phone, parse_card, recognise_paper, tidy_phone
from edge.domain.person_rules import is_name
from edge.domain.recordable import tidy
from edge.domain.refusals import AnyCode, EdgeCode, Finding, RefusedError, refuse
from edge.store import people, people_search
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.web.desks.dose_page import sex_words, texts_of_person
from edge.web.frame import form_words
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _
from edge.workflow.receive_person import differing_fields
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind, Recipient, Sex
from sync_protocol.names import fold

ORDER: Final = (
    *("name", "sex", "birth_date", "number", "phone", "address_unit"),
    *("nationality", "guardian", "family_name", "group"),
)
# What stands in the part of the form that is closed at first.
SELDOM: Final = ("nationality", "guardian", "family_name", "group")
_REQUIRED: Final = ("name", "sex", "birth_date")
_NAMES: Final = ("name", "family_name", "guardian")
# A confirmation holds for these; a phone that is added afterwards asks nothing anew.
_CONFIRMED: Final = ("name", "sex", "birth_date", "number", "nationality", "guardian", "family_name")
# What stands on both sides however alike it is.
_ALWAYS_SHOWN: Final = ("name", "sex", "birth_date", "number", "phone")
# As many as there are digits to choose by.
CHOICES: Final = 9


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of somebody on two sides: as it stands on the card or was typed, and as it is stored."""

    name: str
    ours: str
    theirs: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Near:
    """Somebody in the store who may be the one at the desk, field by field."""

    person: Person
    fields: tuple[Difference, ...]

    @property
    def differs(self) -> bool:
        """Whether there is something to take over."""
        return any(one.differs for one in self.fields)


@dataclass(slots=True)
class PersonForm:
    """The form for somebody who is not known yet.

    Attributes:
        values: what was typed or read, by field.
        submission: the key of this form; the same key never writes a second person or visit.
        from_card: whether the values come from a card rather than from somebody's keys.
        errors, warnings: sentences, by the field beside which they stand.
        confirming: codes of the warnings that the second press of the button confirms.
        near: people who may be this one.
        problem: a sentence about all of it, or "".
    """

    values: dict[str, str]
    submission: str
    from_card: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    confirming: list[str] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)
    problem: str = ""

    @property
    def focus(self) -> str:
        """Where the cursor belongs: the first fault, who is known already, the button, the first gap."""
        if self.errors:
            return next((name for name in ORDER if name in self.errors), "save")
        if self.near:
            return "near"
        if self.confirming:
            return "save"
        return next((name for name in _REQUIRED if not self.values.get(name)), "save")

    @property
    def at_fields(self) -> dict[str, str]:
        """The faults in the order of the page."""
        return {name: self.errors[name] for name in ORDER if name in self.errors}

    @property
    def is_open(self) -> bool:
        """Whether the closed part of the form has something to show."""
        told = any(name in self.errors or name in self.warnings for name in SELDOM)
        return told or any(self.values.get(name, "") not in ("", "VN") for name in SELDOM)

    @property
    def fingerprint(self) -> str:
        """What a confirmation of warnings is bound to: SHA-256 in hex."""
        return hashlib.sha256(repr([self.values.get(name, "") for name in _CONFIRMED]).encode()).hexdigest()


@dataclass(slots=True)
class Outcome:
    """What the line led to: one person, several, or a form; one of the three."""

    person: PersonId | None = None
    found: list[Person] = field(default_factory=list)
    more: bool = False
    form: PersonForm | None = None


def find(tables: Tables, line: str, *, submission: str) -> Outcome:
    """Find whom a line means.

    Args:
        tables: of a read transaction.
        line: as scanned or typed, of any length.
        submission: key for a form, should there be one.

    Raises:
        RefusedError: CARD_UNREADABLE for a line with `|` that is no card; CELL_MISSING or FIELD_INVALID, at "card".
    """
    text = " ".join(line[: CARD_CHARS + 1].split())
    if not text:
        raise refuse(EdgeCode.CELL_MISSING, "card")
    if "|" in text:
        return _of_card(tables, line, submission=submission)
    if len(text) > people_search.TEXT_CHARS or any(unicodedata.category(one).startswith("C") for one in text):
        raise refuse(Code.FIELD_INVALID, "card")
    found = people_search.search(tables, text, limit=CHOICES + 1)
    if len(found) == 1:
        return Outcome(found[0].person_id)
    if found:
        return Outcome(found=found[:CHOICES], more=len(found) > CHOICES)
    return Outcome(form=form_of_text(text, submission=submission))


def form_of_text(text: str, *, submission: str) -> PersonForm:
    """The form with the typed text where it belongs: number, phone or name; nowhere if it can be none of them."""
    form = PersonForm({"nationality": "VN"}, submission)
    paper, phone = recognise_paper(text), tidy_phone(text)
    if not text:
        return form
    if paper.is_well_formed:
        form.values["number"] = paper.number
        if paper.kind is PaperKind.PASSPORT:
            # A citizen comes with a card; who comes with a passport is likely from elsewhere.
            form.warnings["nationality"] = _("Số này là hộ chiếu: ghi quốc tịch, ví dụ DE.")
    elif is_phone(phone):
        form.values["phone"] = phone
    elif any(character.isdigit() for character in text):
        raise refuse(EdgeCode.PERSON_UNKNOWN, "card")
    else:
        form.values["name"] = text
    return form


def compare(recipient: Recipient, person: Person) -> Near:
    """Both sides of somebody, in the order of the form: who they are, how to ask them, and what differs."""
    ours, theirs = _shown(recipient), _shown(person.recipient)
    differing = differing_fields(recipient, person.recipient)
    return Near(
        person,
        tuple(
            Difference(name, ours[name], theirs[name], name in differing)
            for name in ORDER
            if name in _ALWAYS_SHOWN or name in differing
        ),
    )


def show_findings(form: PersonForm, findings: Iterable[Finding]) -> None:
    """Put each finding beside its field; what speaks of others in the store is shown by `near`."""
    for finding in findings:
        at = form_words.shown_at(finding.field)
        said = form.errors if finding.blocking else form.warnings
        if not finding.blocking:
            form.confirming.append(finding.code.value)
        if finding.code is EdgeCode.PERSON_NEAR:
            continue
        if finding.code is Code.IDENTITY_MISMATCH:
            # All of it, rather than one field, stands beside the first one.
            at = at if at in ORDER else "name"
        said.setdefault(at, _beside(finding))


def confirmed_codes(form: PersonForm, texts: Sequence[str], *, confirmed_for: str) -> frozenset[AnyCode]:
    """The warnings that a person confirmed, if it was for just what is in this form."""
    if not hmac.compare_digest(confirmed_for.encode(), form.fingerprint.encode()):
        return frozenset()
    known: dict[str, AnyCode] = {code.value: code for code in (*EdgeCode, *Code)}
    return frozenset(known[text] for text in texts if text in known)


def merged(person: Person, typed: Mapping[str, str]) -> dict[str, str]:
    """The stored person as texts, with what was typed over it; what was left empty stays as it is stored."""
    return texts_of_person(person.recipient) | {name: text for name, text in typed.items() if text}


@cache
def countries(language: str) -> list[tuple[str, str]]:
    """Codes and names of countries in a language, by name."""
    names = Locale(language).territories
    found = [(code, str(name)) for code, name in names.items() if len(code) == 2 and code.isalpha() and code != "ZZ"]
    return sorted(found, key=lambda pair: fold(pair[1]))


def _of_card(tables: Tables, line: str, *, submission: str) -> Outcome:
    card = parse_card(line)
    texts = texts_of_card(line)
    recipient = tidy(
        Recipient(
            name=card.name,
            family_name=None,
            sex=card.sex,
            birth_date=card.birth_date,
            paper=PaperKind.CCCD,
            number=card.number,
            nationality="VN",
            phone="",
            address_unit="",
            guardian="",
            group=0,
        )
    )
    near = people_search.near(tables, number=card.number, name=card.name, birth_date=card.birth_date)
    near += [one for one in people.with_number(tables, card.old_number) if one not in near]
    same = [one for one in near if not differing_fields(recipient, one.recipient)]
    if len(same) == 1:
        return Outcome(same[0].person_id)
    form = PersonForm(texts, submission, from_card=True, near=[compare(recipient, one) for one in near])
    if near:
        form.confirming.append(EdgeCode.PERSON_NEAR.value)
    return Outcome(form=form)


def _beside(finding: Finding) -> str:
    if finding.code is Code.IDENTITY_MALFORMED:
        return _("Số này không đúng dạng. %(rule)s", rule=form_words.rule("number"))
    if finding.code is not Code.IDENTITY_MISMATCH:
        return form_words.finding_sentence(finding)
    if finding.field in ORDER:
        return _("Khác với CSDLQG về dân cư. Xem lại trên giấy tờ.")
    return _("Số này có trong CSDLQG về dân cư, nhưng nhiều trường khác. Xem lại trên giấy tờ.")


def _shown(recipient: Recipient) -> dict[str, str]:
    return texts_of_person(recipient) | {
        "sex": sex_words(Sex(recipient.sex)),
        "birth_date": iso_day(recipient.birth_date),
    }


def refused_form(form: PersonForm, error: RefusedError) -> PersonForm:
    """The same form with what is wrong; a form whose key is used up says so."""
    if any(finding.code is EdgeCode.SUBMISSION_OTHER for finding in error.findings):
        form.problem = _("Phiếu này đã dùng cho một người khác. Chưa lưu; xem lại rồi bấm lưu lần nữa.")
        return form
    show_findings(form, error.findings)
    # Where another field could not be read, the names were not judged: all faults are said at once.
    show_findings(
        form,
        [
            Finding(EdgeCode.NAME_LETTERS, True, name)
            for name in _NAMES
            if form.values[name] and name not in form.errors and not is_name(form.values[name])
        ],
    )
    return form

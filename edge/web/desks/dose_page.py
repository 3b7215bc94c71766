"""What the form for one dose is filled with: a card, a person of the store, what stays the same at this table."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.domain.dose_form import FIELDS, texts_of_card
from edge.domain.dosing import GivenDose, propose_dose_number
from edge.domain.identity_papers import recognise_paper
from edge.domain.refusals import AnyCode, EdgeCode, RefusedError, refuse
from edge.store import doses, page_queries, people
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.web.frame.form_words import finding_sentence, shown_at
from edge.web.frame.formats import clock, iso_day
from edge.workflow.record_dose import history_of
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind, Recipient, Sex

TYPED: Final = (*FIELDS, "by")
# What goes on from one person to the next at the same table.
_CARRIED: Final = ("product", "lot", "lot_expiry", "vaccinator", "station", "by")
_REQUIRED: Final = ("name", "sex", "birth_date", "product", "lot", "lot_expiry", "dose_number", "by")
_SEARCHED: Final = 8
# With more communes than this a list to choose from helps nobody.
_MOST_UNITS: Final = 400
_SEX_WORDS: Final = {Sex.F: "Nữ", Sex.M: "Nam"}


@dataclass(slots=True)
class Form:
    """The form as the page shows it.

    Attributes:
        values: what was typed or filled in, by field.
        submission: the key of this form; the same key never records a second dose.
        person: the person of the store whom it is filled from, or None.
        errors, warnings: sentences, by the field beside which they stand.
        confirming: codes of the warnings that the button "still record" confirms.
        history: doses of this person that the store knows.
        found: people of the store to choose from.
        said: one sentence about the search.
    """

    values: dict[str, str]
    submission: str
    person: PersonId | None = None
    errors: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    confirming: list[str] = field(default_factory=list)
    history: list[GivenDose] = field(default_factory=list)
    found: list[Person] = field(default_factory=list)
    said: str = ""

    @property
    def focus(self) -> str:
        """Where the cursor belongs: the first fault, then the scanner, then the first gap, then the button."""
        if self.errors:
            return next((name for name in ("card", *TYPED) if name in self.errors), "card")
        if self.warnings:
            return "save"
        if not self.values.get("name") and not self.values.get("number"):
            return "card"
        return next((name for name in _REQUIRED if not self.values.get(name)), "save")

    @property
    def fingerprint(self) -> str:
        """What a confirmation of warnings is bound to: SHA-256 of the typed values in hex."""
        return hashlib.sha256(repr([self.values.get(name, "") for name in TYPED]).encode()).hexdigest()


def empty_form(tables: Tables, *, submission: str, now: int, newest: int) -> Form:
    """The form for the next person, with what stays the same at this table for the day.

    Args:
        now: epoch seconds UTC.
        newest: the dose that this browser recorded last, or 0.
    """
    today = local_day(now)
    values = {"given_day": iso_day(today), "given_time": clock(now), "dose_number": "1", "nationality": "VN"}
    last = doses.get(tables, newest)
    if last is None or last.given_day != today:
        last = doses.get(tables, page_queries.newest_of_day(tables, today))
    if last is not None:
        facts = last.facts
        kept = (facts.product, facts.lot, iso_day(facts.lot_expiry), facts.vaccinator, facts.station, last.recorded_by)
        values |= dict(zip(_CARRIED, kept, strict=True))
    return Form(values, submission)


def fill_from_scan(tables: Tables, form: Form, line: str) -> None:
    """Fill the form from the scanner's line, or from a number, phone or name that somebody typed.

    Raises:
        RefusedError: CARD_UNREADABLE for a line with `|` that is no card; CELL_MISSING for an empty one.
    """
    text = line.strip()
    if not text:
        raise refuse(EdgeCode.CELL_MISSING, "card")
    if "|" in text:
        card = texts_of_card(text)
        form.values |= card
        known = [one for one in people.with_number(tables, card["number"]) if one.recipient.paper is PaperKind.CCCD]
        if len(known) == 1:
            _fill_person(tables, form, known[0], card=card)
        return
    form.found = people.search(tables, text, limit=_SEARCHED)
    if len(form.found) == 1:
        _fill_person(tables, form, form.found.pop())
        form.said = "Người này đã có trong máy; đã điền sẵn phiếu."
    elif form.found:
        form.said = f"Có {len(form.found)} người phù hợp; chọn một người, hoặc gõ rõ hơn."
    else:
        _fill_unknown(form, text)


def fill_from_person(tables: Tables, form: Form, person_id: PersonId) -> None:
    """Fill the form with a person of the store. Raises RefusedError PERSON_UNKNOWN."""
    person = people.get(tables, person_id)
    if person is None:
        raise refuse(EdgeCode.PERSON_UNKNOWN, "card")
    _fill_person(tables, form, person)


def confirmed_codes(form: Form, texts: Sequence[str], *, confirmed_for: str) -> frozenset[AnyCode]:
    """The warnings that a person confirmed, if it was for just what is in this form.

    A confirmation holds for what was on the screen; another name or lot is asked about afresh.
    """
    if not hmac.compare_digest(confirmed_for.encode(), form.fingerprint.encode()):
        return frozenset()
    return frozenset(
        EdgeCode(text) if text in set(EdgeCode) else Code(text)
        for text in texts
        if text in set(EdgeCode) or text in set(Code)
    )


def product_choices(catalogue: Catalogue) -> list[tuple[str, str]]:
    """The products to choose from, nothing first."""
    return [("", "Chọn vắc xin"), *((product.code, product.name) for product in catalogue.products)]


def unit_choices(catalogue: Catalogue, chosen: str = "") -> list[tuple[str, str]] | None:
    """The communes to choose from, with the one that is written down already; None where there are too many."""
    units = [(unit.code, unit.name) for unit in catalogue.units if unit.parent]
    if len(units) > _MOST_UNITS:
        return None
    known = not chosen or any(code == chosen for code, _ in units)
    return [("", "Chưa rõ"), *units, *([] if known else [(chosen, f"{chosen}, không có trong danh mục")])]


def show_findings(form: Form, error: RefusedError) -> None:
    """Put each finding beside its field."""
    for finding in error.findings:
        said = form.errors if finding.blocking else form.warnings
        said.setdefault(shown_at(finding.field), finding_sentence(finding))
        if not finding.blocking:
            form.confirming.append(finding.code.value)


def is_unchanged(recipient: Recipient, person: Person) -> bool:
    """Whether what was typed is the person whom the form was filled from, phone and address aside."""
    known = person.recipient
    return (recipient.name, recipient.sex, recipient.birth_date, recipient.number) == (
        known.name,
        known.sex,
        known.birth_date,
        known.number,
    )


def known_history(tables: Tables, person_id: PersonId) -> Sequence[GivenDose]:
    """The doses of a person that this site recorded."""
    return history_of(tables, person_id)


def _fill_person(tables: Tables, form: Form, person: Person, *, card: dict[str, str] | None = None) -> None:
    stored = texts_of_person(person.recipient)
    # What the card says stands over what the store knows: the page then warns of what differs.
    form.values |= stored | (card or {})
    form.person = person.person_id
    form.history = list(known_history(tables, person.person_id))
    form.values["dose_number"] = str(propose_dose_number(form.history))


def texts_of_person(one: Recipient) -> dict[str, str]:
    """A person as the fields of a form show them."""
    return {
        "name": one.name,
        "family_name": one.family_name or "",
        "sex": one.sex.value,
        "birth_date": iso_day(one.birth_date),
        "number": one.number,
        "nationality": one.nationality,
        "phone": one.phone,
        "address_unit": one.address_unit,
        "guardian": one.guardian,
        "group": str(one.group) if one.group else "",
    }


def _fill_unknown(form: Form, text: str) -> None:
    paper = recognise_paper(text)
    if paper.is_well_formed:
        form.values["number"] = paper.number
        form.said = "Chưa có ai mang số này trong máy. Đã điền số; điền tiếp phần còn lại."
    elif any(character.isdigit() for character in text):
        form.errors["card"] = f"Không tìm thấy, và đây không phải số căn cước. {finding_hint()}"
    else:
        form.values["name"] = " ".join(text.split())
        form.said = "Chưa có ai tên này trong máy. Đã điền họ tên; điền tiếp phần còn lại."


def finding_hint() -> str:
    """The rule of the scanner's box."""
    return "Căn cước có 12 chữ số, ví dụ 054185000123; CMND có 9."


def sex_words(sex: Sex) -> str:
    """The sex as papers write it."""
    return _SEX_WORDS[sex]

"""The form for one dose: what it holds, who fills it (a card, a person of the store), and what it says of faults."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.domain.dose_form import FIELDS, read_person, texts_of_card
from edge.domain.dosing import GivenDose, propose_dose_number
from edge.domain.identity_papers import recognise_paper
from edge.domain.refusals import AnyCode, EdgeCode, RefusedError, refuse
from edge.domain.row_verdict import is_same_person
from edge.store import people, people_search
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.store.vials import Vial
from edge.store.visits import Visit
from edge.web.frame.form_words import finding_sentence, shown_at
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _, plural
from edge.workflow.record_dose import history_of
from sync_protocol.catalogue import Catalogue
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind, Recipient, Sex

TYPED: Final = FIELDS
OF_PERSON: Final = FIELDS[: FIELDS.index("product")]
# What is printed on a vial.
OF_VIAL: Final = ("product", "lot", "lot_expiry")
_REQUIRED: Final = ("name", "sex", "birth_date", "product", "lot", "lot_expiry", "dose_number")
_SEARCHED: Final = 8
# With more communes than this a list to choose from helps nobody.
_MOST_UNITS: Final = 400


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
        is_known: the person stands in the store as the form has them: they are shown, not typed.
        visit: the visit by which the person was called, or None.
        vial: the opened vial that fills product, lot and expiry, or None.
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
    is_known: bool = False
    visit: Visit | None = None
    vial: Vial | None = None

    @property
    def focus(self) -> str:
        """Where the cursor belongs: the first fault, the scanner, an empty vial, the first gap, then the button."""
        if self.errors:
            first = next((name for name in ("card", *TYPED) if name in self.errors), "card")
            return "mend" if self.is_known and first in OF_PERSON else first
        if self.warnings:
            return "save"
        if not self.values.get("name") and not self.values.get("number"):
            return "card"
        # A dose that is drawn from the next vial must not be written down as one of this.
        if self.vial is not None and self.vial.is_empty:
            return "vial"
        return next((name for name in _REQUIRED if not self.values.get(name)), "save")

    @property
    def unshown_faults(self) -> bool:
        """Whether a fault or a doubt stands in one of the fields that a vial keeps folded away."""
        return any(name in self.errors or name in self.warnings for name in OF_VIAL)

    @property
    def fingerprint(self) -> str:
        """What a confirmation of warnings is bound to: SHA-256 of the person and the typed values in hex."""
        bound = [self.person, *(self.values.get(name, "") for name in TYPED)]
        return hashlib.sha256(repr(bound).encode()).hexdigest()


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
    form.found = people_search.search(tables, text, limit=_SEARCHED)
    if len(form.found) == 1:
        _fill_person(tables, form, form.found.pop())
        form.said = _("Người này đã có trong máy; đã điền sẵn phiếu.")
    elif form.found:
        form.said = plural(
            "Có %(num)s người phù hợp; chọn một người, hoặc gõ rõ hơn.",
            "Có %(num)s người phù hợp; chọn một người, hoặc gõ rõ hơn.",
            len(form.found),
        )
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
    return [("", _("Chọn vắc xin")), *((product.code, product.name) for product in catalogue.products)]


def unit_choices(catalogue: Catalogue, chosen: str = "") -> list[tuple[str, str]] | None:
    """The communes to choose from, with the one that is written down already; None where there are too many."""
    units = [(unit.code, unit.name) for unit in catalogue.units if unit.parent]
    if len(units) > _MOST_UNITS:
        return None
    known = not chosen or any(code == chosen for code, _ in units)
    unknown = [] if known else [(chosen, _("%(code)s, không có trong danh mục", code=chosen))]
    return [("", _("Chưa rõ")), *units, *unknown]


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
    form.is_known = card is None or is_same_person(read_person(stored | card, known=person.recipient), person.recipient)
    # What the card says stands over what the store knows: the page then warns of what differs.
    form.values |= stored if form.is_known else stored | (card or {})
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
        form.said = _("Chưa có ai mang số này trong máy. Đã điền số; điền tiếp phần còn lại.")
    elif any(character.isdigit() for character in text):
        form.values["card"] = text
        form.errors["card"] = _(
            "Không tìm thấy, và đây không phải số căn cước. Căn cước có 12 chữ số, ví dụ 054185000123; CMND có 9."
        )
    else:
        form.values["name"] = " ".join(text.split())
        form.said = _("Chưa có ai tên này trong máy. Đã điền họ tên; điền tiếp phần còn lại.")


def sex_words(sex: Sex) -> str:
    """The sex as papers write it."""
    return _("Nữ") if sex is Sex.F else _("Nam")

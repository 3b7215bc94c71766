"""The correction of one dose: a new version with a reason. The form carries its own key: sent twice, it is one.

A dose is never deleted. One that was recorded for the wrong person goes to the right one, who is searched for here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.dose_form import read_facts, usual_total
from edge.domain.dosing import DoseFacts
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.store import doses, handovers, page_queries, passes, people, people_search
from edge.store.database import Tables
from edge.store.doses import StoredDose
from edge.store.people import Person, PersonId
from edge.web.desks import dose_page
from edge.web.desks.edit_form import EditForm, origin, typed_texts, whole
from edge.web.frame import drafts, form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import clock, iso_day
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.workflow.correct_dose import Correction, correct_dose
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day

blueprint = Blueprint("correction", __name__)

_FACTS: Final = (
    *("product", "dose_number", "lot", "lot_expiry", "given_day", "given_time"),
    *("vaccinator", "station", "reaction", "dose_total", "late_reason"),
)
_ORDER: Final = (*_FACTS, "reason")
_REQUIRED: Final = ("given_day", "given_time", "reason")
_KEY_BYTES: Final = 16
_SEARCHED: Final = 8


@blueprint.get("/doses/<int(max=999999999):sequence>/correct")
@allow(Role.INJECTION, Role.MANAGER)
def form(sequence: int) -> str | Response:
    """The newest version of the dose, field by field; an older one leads there. `?person=` moves it to that person."""
    person_id = whole(request.args.get("person", "")) or None
    with node().database.read() as tables:
        stored = _found(tables, sequence)
        newest = page_queries.newest_version(tables, sequence)
    if newest != sequence:
        return redirect(origin(request).address("correction.form", sequence=newest, person=person_id), 303)
    shown = _stored_form(stored)
    kept = drafts.saved_texts(_place(sequence, person_id or 0))
    if kept is not None:
        shown.values |= {name: kept[name] for name in _ORDER if name in kept}
        shown.submission = kept.get("submission", "") or shown.submission
    return _page(stored, shown)


@blueprint.post("/doses/<int(max=999999999):sequence>/person")
@allow(Role.INJECTION, Role.MANAGER)
def find(sequence: int) -> str:
    """People to whom the dose may really belong, by number, phone or name."""
    text = " ".join(request.form.get("card", "").split())
    with node().database.read() as tables:
        stored = _found(tables, sequence)
        found = people_search.search(tables, text, limit=_SEARCHED + 1)
    found = [one for one in found if one.person_id != stored.person_id][:_SEARCHED]
    if not found:
        said = _("Không tìm thấy ai khác. Gõ số giấy tờ, số điện thoại hoặc họ tên của người đã được tiêm thật.")
    else:
        said = _("Chọn người đã được tiêm thật:")
    return _page(stored, _stored_form(stored), found=found, said=said)


@blueprint.post("/doses/<int(max=999999999):sequence>/correct")
@allow(Role.INJECTION, Role.MANAGER)
def correct(sequence: int) -> Response:
    """Write the new version; a repeat of the same form finds the first one."""
    open_node = node()
    now = open_node.clock.now()
    catalogue = open_node.shelf.catalogue()
    with open_node.database.read() as tables:
        stored = _found(tables, sequence)
    shown = _typed_form()
    facts = read_facts(shown.values, catalogue=catalogue, now=now)
    shown.require(_REQUIRED)
    if shown.errors:
        raise RefusedError(())
    if all(shown.values[name] == text for name, text in _when(stored.facts).items()):
        # The fields show minutes; a time that nobody changed keeps its seconds.
        facts = replace(facts, given_at=stored.facts.given_at)
    confirmed = dose_page.confirmed_codes(
        shown, request.form.getlist("confirmed"), confirmed_for=request.form.get("confirmed_for", "")
    )
    correction = Correction(
        shown.submission, sequence, facts, shown.values["reason"], shown.person, confirmed=confirmed
    )
    recorded = correct_dose(open_node.database, correction, catalogue=catalogue, at=now, by=current_user().name)
    drafts.clear(request.form.get("place", ""))
    done = "moved" if recorded.person_id != stored.person_id else "corrected"
    return redirect(origin(request).address("people.show", person_id=recorded.person_id, done=done), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same form with what was typed, each fault beside its field. Nothing was written."""
    shown = _typed_form()
    dose_page.show_findings(shown, error)
    shown.require(_REQUIRED)
    shown.problem = " ".join(text for name, text in shown.errors.items() if name not in _ORDER)
    if any(finding.code is EdgeCode.SUBMISSION_OTHER for finding in error.findings):
        # The first correction of this form is on disk; what is typed now is another one.
        shown.submission = _new_key()
    return _page(_asked_for(), shown), 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The program was restarted while the form lay open: the same form again, with a new token."""
    shown = _stored_form(_asked_for()) if request.endpoint == "correction.find" else _typed_form()
    shown.problem = _("Chương trình vừa được mở lại nên chưa ghi gì. Xem lại rồi bấm lần nữa.")
    return _page(_asked_for(), shown), 400


def _page(stored: StoredDose, shown: EditForm, *, found: Sequence[Person] = (), said: str = "") -> str:
    catalogue = node().shelf.catalogue()
    with node().database.read() as tables:
        newest = page_queries.newest_version(tables, stored.sequence)
        chosen = whole(request.values.get("person", ""))
        moved_to = people.get(tables, PersonId(chosen)) if chosen not in (0, stored.person_id) else None
        return render_template(
            "desks/correct.html",
            place=_place(stored.sequence, chosen),
            form=shown,
            words=form_words.FIELDS,
            found=found,
            said=said,
            moved_to=moved_to,
            history=[] if moved_to is None else dose_page.known_history(tables, moved_to.person_id),
            sex_words=dose_page.sex_words,
            products=dose_page.product_choices(catalogue),
            dose=doses.assemble(tables, [stored.sequence])[0],
            person_id=stored.person_id,
            newest=newest if newest != stored.sequence else None,
            is_signed=bool(passes.not_free(tables, [stored.sequence])),
            is_handed=handovers.is_out(tables, stored.sequence),
            origin=origin(request),
        )


def _stored_form(stored: StoredDose) -> EditForm:
    values = _texts(stored.facts, node().shelf.catalogue())
    if request.values.get("person"):
        values["reason"] = _("Ghi nhầm người")
    return EditForm(values, _new_key(), order=_ORDER)


def _texts(facts: DoseFacts, catalogue: Catalogue) -> dict[str, str]:
    usual = usual_total(catalogue, facts.product, facts.dose_number)
    return {
        "product": facts.product,
        "lot": facts.lot,
        "lot_expiry": iso_day(facts.lot_expiry),
        "dose_number": str(facts.dose_number),
        # Empty goes on following the product, also where the correction is another product.
        "dose_total": "" if facts.dose_total == usual else str(facts.dose_total),
        **_when(facts),
        "vaccinator": facts.vaccinator,
        "station": facts.station,
        "reaction": facts.reaction,
        "late_reason": facts.late_reason,
    }


def _when(facts: DoseFacts) -> Mapping[str, str]:
    return {"given_day": iso_day(local_day(facts.given_at)), "given_time": clock(facts.given_at)}


def _typed_form() -> EditForm:
    shown = EditForm(typed_texts(request, _ORDER), request.form.get("submission", "") or _new_key(), order=_ORDER)
    shown.person = PersonId(whole(request.form.get("person", ""))) or None
    return shown


def _found(tables: Tables, sequence: int) -> StoredDose:
    stored = doses.get(tables, sequence)
    if stored is None:
        raise NotFound
    return stored


def _asked_for() -> StoredDose:
    with node().database.read() as tables:
        return _found(tables, int((request.view_args or {}).get("sequence", 0)))


def _place(sequence: int, person_id: int) -> str:
    """The address of this form, with the person to whom the dose is moved."""
    return url_for("correction.form", sequence=sequence, person=person_id or None)


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

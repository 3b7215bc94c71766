"""The correction of one dose: a new version with a reason. The form carries its own key: sent twice, it is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from flask import Blueprint, redirect, render_template, request
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.dose_form import read_facts, usual_total
from edge.domain.dosing import DoseFacts
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.store import doses, page_queries, passes
from edge.store.database import Tables
from edge.store.doses import StoredDose
from edge.web.desks import dose_page
from edge.web.desks.edit_form import EditForm, known_author, origin, remember_author, typed_texts
from edge.web.frame import form_words
from edge.web.frame.access import allow
from edge.web.frame.formats import clock, iso_day
from edge.web.frame.node import node
from edge.workflow.correct_dose import Correction, correct_dose
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day

blueprint = Blueprint("correction", __name__)

_FACTS: Final = (
    *("product", "dose_number", "lot", "lot_expiry", "given_day", "given_time"),
    *("vaccinator", "station", "reaction", "dose_total", "late_reason"),
)
_ORDER: Final = (*_FACTS, "reason", "by")
_REQUIRED: Final = ("given_day", "given_time", "reason", "by")
_KEY_BYTES: Final = 16


@blueprint.get("/doses/<int(max=999999999):sequence>/correct")
@allow(Role.INJECTION, Role.OBSERVATION, Role.MANAGER)
def form(sequence: int) -> str | Response:
    """The newest version of the dose, field by field; an older one leads there."""
    open_node = node()
    with open_node.database.read() as tables:
        stored = _found(tables, sequence)
        newest = page_queries.newest_version(tables, sequence)
        by = known_author(tables, now=open_node.clock.now())
    if newest != sequence:
        return redirect(origin(request).address("correction.form", sequence=newest), 303)
    values = {**_texts(stored.facts, open_node.shelf.catalogue()), "by": by}
    return _page(stored, EditForm(values, _new_key(), order=_ORDER))


@blueprint.post("/doses/<int(max=999999999):sequence>/correct")
@allow(Role.INJECTION, Role.OBSERVATION, Role.MANAGER)
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
    correction = Correction(shown.submission, sequence, facts, shown.values["reason"], confirmed=confirmed)
    recorded = correct_dose(open_node.database, correction, catalogue=catalogue, at=now, by=shown.values["by"])
    remember_author("dose", recorded.sequence)
    return redirect(origin(request).address("people.show", person_id=recorded.person_id, done="corrected"), 303)


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
def outlived(_: CSRFError) -> tuple[str, int]:
    """The program was restarted while the form lay open: the same form again, with a new token."""
    shown = _typed_form()
    shown.problem = "Chương trình vừa được mở lại nên chưa ghi gì. Xem lại rồi bấm lần nữa."
    return _page(_asked_for(), shown), 400


def _page(stored: StoredDose, shown: EditForm) -> str:
    catalogue = node().shelf.catalogue()
    with node().database.read() as tables:
        newest = page_queries.newest_version(tables, stored.sequence)
        return render_template(
            "desks/correct.html",
            form=shown,
            words={**form_words.FIELDS, "by": form_words.FieldWords("Người đính chính", "")},
            products=dose_page.product_choices(catalogue),
            dose=doses.assemble(tables, [stored.sequence])[0],
            person_id=stored.person_id,
            newest=newest if newest != stored.sequence else None,
            is_signed=bool(passes.not_free(tables, [stored.sequence])),
            origin=origin(request),
        )


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
    return EditForm(typed_texts(request, _ORDER), request.form.get("submission", "") or _new_key(), order=_ORDER)


def _found(tables: Tables, sequence: int) -> StoredDose:
    stored = doses.get(tables, sequence)
    if stored is None:
        raise NotFound
    return stored


def _asked_for() -> StoredDose:
    with node().database.read() as tables:
        return _found(tables, int((request.view_args or {}).get("sequence", 0)))


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

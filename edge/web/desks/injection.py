"""The second place: one dose, for who was called, from the card's QR or by hand. It is on disk before the page says so.

The form carries its own key: a double click, a reload and the back button find the first dose. What was typed is
never lost: a fault shows the same form again, and so does a form that is older than the program's last start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.dose_form import read_form
from edge.domain.identity import may_be_vouched
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from edge.domain.roles import Role
from edge.domain.waiting import Waiting, identity_obstacle
from edge.store import doses, page_queries, people
from edge.store.database import Tables
from edge.store.people import Person, PersonId
from edge.store.vials import VialId
from edge.store.visits import VisitId
from edge.web.desks import dose_page, queue, table
from edge.web.desks.dose_page import OF_PERSON, TYPED, Form
from edge.web.desks.edit_form import whole
from edge.web.frame import drafts, form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.sentences import IdentitySentence, identity_sentence, vouchable_sentence
from edge.workflow.check_identity import vouch
from edge.workflow.record_dose import Submission, record_dose
from sync_protocol.days import local_day
from sync_protocol.dose import Dose
from sync_protocol.identity import Recipient

blueprint = Blueprint("injection", __name__)

_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Saved:
    """The dose that stands above the form: the newest version, its local day, what is known of the identity, whose."""

    dose: Dose
    day: str
    identity: IdentitySentence
    is_vouchable: bool
    person_id: PersonId


@blueprint.get("/doses/new")
@allow(Role.INJECTION)
def form() -> str:
    """The form: empty, or for a visit that was called, or for a person; what was saved last stands above it."""
    shown = _empty()
    visit_id, person_id = whole(request.args.get("visit", "")), whole(request.args.get("person", ""))
    kept = drafts.saved_texts(_place(visit_id, 0 if visit_id else person_id))
    if kept is not None:
        return _page(_typed_form(kept))
    with node().database.read() as tables:
        if visit_id:
            now = node().clock.now()
            queue.fill_from_visit(tables, shown, VisitId(visit_id), user=current_user(), now=now)
        elif person_id:
            dose_page.fill_from_person(tables, shown, PersonId(person_id))
    return _page(shown)


@blueprint.post("/doses/card")
@allow(Role.INJECTION)
def card() -> str | Response:
    """Fill the form from the scanner's line, a number, a phone or a name; an empty line calls the next in the line."""
    line = request.form.get("card", "")
    shown = _empty()
    with node().database.read() as tables:
        if not line.strip():
            after = whole(request.form.get("after", ""))
            called = queue.call_next(tables, current_user(), now=node().clock.now(), after=after)
            if called is not None:
                return redirect(url_for("injection.form", visit=called.visit_id), 303)
            if "next" in request.form:
                shown.said = _("Không còn ai đang chờ tiêm.")
                return _page(shown)
        dose_page.fill_from_scan(tables, shown, line)
    return _page(shown)


@blueprint.post("/doses")
@allow(Role.INJECTION)
def record() -> Response:
    """Record the dose and call the next in the line. A repeat of the same form finds the first dose."""
    open_node = node()
    now = open_node.clock.now()
    catalogue = open_node.shelf.catalogue()
    shown = _typed_form(request.form)
    recipient, facts = read_form(shown.values, catalogue=catalogue, now=now)
    confirmed = dose_page.confirmed_codes(
        shown, request.form.getlist("confirmed"), confirmed_for=request.form.get("confirmed_for", "")
    )
    submission = Submission(
        shown.submission,
        _person(recipient, shown.person),
        facts,
        confirmed=confirmed,
        vial_id=VialId(vial) if (vial := whole(request.form.get("vial", ""))) else None,
        is_given_now=not shown.values["given_day"] and not shown.values["given_time"],
    )
    user = current_user()
    # When this returns, the dose is on disk: only then does the browser hear of it.
    recorded = record_dose(open_node.database, submission, catalogue=catalogue, at=now, by=user.name)
    table.remember_dose(recorded.sequence)
    drafts.clear(request.form.get("place", ""))
    with open_node.database.read() as tables:
        called = queue.call_next(tables, user, now=now)
    visit_id = None if called is None else called.visit_id
    return redirect(url_for("injection.form", saved=recorded.sequence, visit=visit_id), 303)


@blueprint.post("/doses/<int(max=999999999):sequence>/vouch")
@allow(Role.INJECTION)
def vouch_for(sequence: int) -> Response:
    """The site vouches for a foreigner's passport."""
    open_node = node()
    with open_node.database.read() as tables:
        stored = doses.get(tables, sequence)
    if stored is None:
        raise NotFound
    vouch(open_node.database, stored.person_id, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("injection.form", saved=sequence), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same form with what was typed, each fault beside its field. Nothing was written."""
    if request.endpoint != "injection.record":
        shown = _empty()
        shown.values["card"] = request.form.get("card", "")
        shown.errors["card"] = form_words.finding_sentence(error.findings[0])
        return _page(shown), 422
    shown = _typed_form(request.form)
    dose_page.show_findings(shown, error)
    if any(finding.code is EdgeCode.LATE_REASON for finding in error.findings):
        # A late dose is signed apart, with its reason: that is asked for, and not waved through.
        shown.warnings.pop("late_reason", None)
        shown.errors["late_reason"] = form_words.finding_sentence(Finding(EdgeCode.LATE_REASON, True, "late_reason"))
    if any(finding.code is EdgeCode.SUBMISSION_OTHER for finding in error.findings):
        # The first dose of this form is on disk; what is typed now is another one and needs a key of its own.
        shown.submission = _new_key()
    return _page(shown), 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The program was restarted while the form lay open: the same form again, with a new token. Nothing was written."""
    shown = _typed_form(request.form) if request.endpoint == "injection.record" else _empty()
    shown.said = _("Chương trình vừa được mở lại nên phiếu chưa được ghi. Xem lại rồi bấm ghi lần nữa.")
    return _page(shown), 400


def _page(shown: Form) -> str:
    open_node = node()
    now = open_node.clock.now()
    catalogue = open_node.shelf.catalogue()
    with open_node.database.read() as tables:
        return render_template(
            "desks/dose.html",
            form=shown,
            place=_place(shown.visit.visit_id if shown.visit else 0, 0 if shown.visit else shown.person or 0),
            words=form_words.FIELDS,
            products=dose_page.product_choices(catalogue),
            units=dose_page.unit_choices(catalogue, shown.values.get("address_unit", "")),
            saved=_saved(tables),
            line=queue.line(tables, current_user(), now=now, here=shown.visit),
            open_vials=table.vials_at(tables, table.desk_here(tables), day=local_day(now)),
            person_faults=[name for name in OF_PERSON if name in shown.errors or name in shown.warnings],
            sex_words=dose_page.sex_words,
        )


def _empty() -> Form:
    open_node = node()
    with open_node.database.read() as tables:
        return table.empty_form(
            tables,
            table.desk_here(tables),
            submission=_new_key(),
            now=open_node.clock.now(),
            late=whole(request.args.get("late", "")),
        )


def _typed_form(sent: Mapping[str, str]) -> Form:
    typed = {name: " ".join(sent.get(name, "").split()) for name in TYPED}
    shown = Form(typed, sent.get("submission", "") or _new_key())
    with node().database.read() as tables:
        person = _chosen(tables, whole(sent.get("person", "")))
        if person is not None:
            shown.person = person.person_id
            shown.history = list(dose_page.known_history(tables, person.person_id))
            # A person who is only shown has no fields on the page: what the store holds stands for them.
            shown.is_known = "name" not in sent
            shown.values |= dose_page.texts_of_person(person.recipient) if shown.is_known else {}
        shown.vial = table.vial_in_use(
            tables,
            replace(table.desk_here(tables), vial=whole(sent.get("vial", ""))),
            day=local_day(node().clock.now()),
        )
        shown.visit = queue.waiting_visit(tables, whole(sent.get("visit", "")))
    return shown


def _chosen(tables: Tables, person_id: int) -> Person | None:
    return people.get(tables, PersonId(person_id)) if person_id else None


def _person(recipient: Recipient, chosen: PersonId | None) -> PersonId | Recipient:
    if chosen is None:
        return recipient
    with node().database.read() as tables:
        person = people.get(tables, chosen)
    return recipient if person is None or not dose_page.is_unchanged(recipient, person) else person.person_id


def _saved(tables: Tables) -> Saved | None:
    sequence = page_queries.newest_version(tables, whole(request.args.get("saved", "")))
    stored = doses.get(tables, sequence)
    if stored is None:
        return None
    dose = doses.assemble(tables, [sequence])[0]
    differs = page_queries.differing_fields(tables, [sequence]).get(sequence, "")
    waits = identity_obstacle(dose.evidence.state) is Waiting.IDENTITY_WAITING
    if waits and may_be_vouched(dose.recipient):
        # No registry knows a foreigner: the site looks at the passport itself.
        return Saved(dose, stored.given_day, vouchable_sentence(), True, stored.person_id)
    return Saved(dose, stored.given_day, identity_sentence(dose.evidence.state, differs), False, stored.person_id)


def _place(visit_id: int, person_id: int) -> str:
    """The address of this form: of a visit, of a person, or of neither."""
    return url_for("injection.form", visit=visit_id or None, person=person_id or None)


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

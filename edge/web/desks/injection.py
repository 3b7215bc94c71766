"""The second place: one dose, from the card's QR or by hand. It is on disk before the page says so.

The form carries its own key: a double click, a reload and the back button find the first dose. What was typed is
never lost: a fault shows the same form again, and so does a form that is older than the program's last start.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.dose_form import read_form
from edge.domain.identity import may_be_vouched
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from edge.domain.roles import Role
from edge.domain.waiting import Waiting, identity_obstacle
from edge.store import doses, page_queries, people
from edge.store.people import PersonId
from edge.web.desks import dose_page
from edge.web.desks.dose_page import TYPED, Form
from edge.web.frame import form_words
from edge.web.frame.access import allow
from edge.web.frame.node import node
from edge.web.frame.sentences import VOUCHABLE, IdentitySentence, identity_sentence
from edge.workflow.check_identity import vouch
from edge.workflow.record_dose import Submission, record_dose
from sync_protocol.dose import Dose
from sync_protocol.identity import Recipient

blueprint = Blueprint("injection", __name__)

_KEY_BYTES: Final = 16
_NUMBER_CHARS: Final = 9


@blueprint.get("/doses/new")
@allow(Role.INJECTION)
def form() -> str:
    """An empty form with what stays the same at this table; what was saved last stands above it."""
    return _page(_empty())


@blueprint.post("/doses/card")
@allow(Role.INJECTION)
def card() -> str:
    """Fill the form from the scanner's line, a number, a phone, a name, or a person who was chosen."""
    shown = _empty()
    chosen = _whole(request.form.get("person", ""))
    with node().database.read() as tables:
        if chosen is None:
            dose_page.fill_from_scan(tables, shown, request.form.get("card", ""))
        else:
            dose_page.fill_from_person(tables, shown, PersonId(chosen))
    return _page(shown)


@blueprint.post("/doses")
@allow(Role.INJECTION)
def record() -> Response:
    """Record the dose. A repeat of the same form finds the first dose."""
    open_node = node()
    now = open_node.clock.now()
    catalogue = open_node.shelf.catalogue()
    typed = _typed()
    recipient, facts = read_form(typed, catalogue=catalogue, now=now)
    if not typed["by"]:
        raise RefusedError((Finding(EdgeCode.CELL_MISSING, True, "by"),))
    confirmed = dose_page.confirmed_codes(
        Form(typed, ""), request.form.getlist("confirmed"), confirmed_for=request.form.get("confirmed_for", "")
    )
    submission = Submission(request.form.get("submission", ""), _person(recipient), facts, confirmed=confirmed)
    recorded = record_dose(open_node.database, submission, catalogue=catalogue, at=now, by=typed["by"])
    # A number of a row and nothing else: what stays the same at this table is read from it.
    session["dose"] = recorded.sequence
    return redirect(url_for("injection.form", saved=recorded.sequence), 303)


@blueprint.post("/doses/<int:sequence>/vouch")
@allow(Role.INJECTION)
def vouch_for(sequence: int) -> Response:
    """The site vouches for a foreigner's passport."""
    open_node = node()
    with open_node.database.read() as tables:
        stored = doses.get(tables, sequence)
    if stored is None:
        raise NotFound
    vouch(open_node.database, stored.person_id, at=open_node.clock.now(), by=stored.recorded_by)
    return redirect(url_for("injection.form", saved=sequence), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same form with what was typed, each fault beside its field. Nothing was written."""
    if request.endpoint != "injection.record":
        shown = _empty()
        shown.values["card"] = request.form.get("card", "")
        shown.errors["card"] = form_words.finding_sentence(error.findings[0])
        return _page(shown), 422
    shown = _typed_form()
    dose_page.show_findings(shown, error)
    if not shown.values["by"]:
        shown.errors.setdefault("by", form_words.finding_sentence(Finding(EdgeCode.CELL_MISSING, True, "by")))
    if any(finding.code is EdgeCode.SUBMISSION_OTHER for finding in error.findings):
        # The first dose of this form is on disk; what is typed now is another one and needs a key of its own.
        shown.submission = _new_key()
    return _page(shown), 422


@blueprint.errorhandler(CSRFError)
def outlived(_: CSRFError) -> tuple[str, int]:
    """The program was restarted while the form lay open: the same form again, with a new token. Nothing was written."""
    shown = _typed_form() if request.endpoint == "injection.record" else _empty()
    shown.said = "Chương trình vừa được mở lại nên phiếu chưa được ghi. Xem lại rồi bấm ghi lần nữa."
    return _page(shown), 400


def _page(shown: Form) -> str:
    catalogue = node().shelf.catalogue()
    saved = _saved()
    return render_template(
        "desks/dose.html",
        form=shown,
        words=form_words.FIELDS,
        products=dose_page.product_choices(catalogue),
        units=dose_page.unit_choices(catalogue, shown.values.get("address_unit", "")),
        saved=saved,
        sex_words=dose_page.sex_words,
    )


def _empty() -> Form:
    open_node = node()
    newest = session.get("dose", 0)
    with open_node.database.read() as tables:
        return dose_page.empty_form(
            tables,
            submission=_new_key(),
            now=open_node.clock.now(),
            newest=newest if isinstance(newest, int) else 0,
        )


def _typed_form() -> Form:
    shown = Form(_typed(), request.form.get("submission", "") or _new_key())
    person_id = _whole(request.form.get("person", ""))
    if person_id is not None:
        shown.person = PersonId(person_id)
        with node().database.read() as tables:
            shown.history = list(dose_page.known_history(tables, shown.person))
    return shown


def _typed() -> dict[str, str]:
    typed = {name: " ".join(request.form.get(name, "").split()) for name in TYPED}
    # A form sent twice must say the same twice: an empty time is that of the form, not that of the click.
    typed["given_time"] = typed["given_time"] or request.form.get("opened", "")
    return typed


def _person(recipient: Recipient) -> PersonId | Recipient:
    chosen = _whole(request.form.get("person", ""))
    if chosen is None:
        return recipient
    with node().database.read() as tables:
        person = people.get(tables, PersonId(chosen))
    return recipient if person is None or not dose_page.is_unchanged(recipient, person) else person.person_id


def _saved() -> tuple[Dose, IdentitySentence, bool, PersonId] | None:
    sequence = _whole(request.args.get("saved", ""))
    if sequence is None:
        return None
    with node().database.read() as tables:
        stored = doses.get(tables, sequence)
        if stored is None:
            return None
        dose = doses.assemble(tables, [sequence])[0]
        differs = page_queries.differing_fields(tables, [sequence]).get(sequence, "")
    waits = identity_obstacle(dose.evidence.state) is Waiting.IDENTITY_WAITING
    if waits and may_be_vouched(dose.recipient):
        # No registry knows a foreigner: the site looks at the passport itself.
        return dose, VOUCHABLE, True, stored.person_id
    return dose, identity_sentence(dose.evidence.state, differs), False, stored.person_id


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS else None


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

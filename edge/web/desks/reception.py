"""The first place on the way: who has come, are they who they say, and the line for the injection.

One box takes everything. A person who is known is one Enter away from the line; a new one is written with every doubt
said beside its field while they still stand there. Nothing personal stands in an address: people and visits go by the
numbers of their rows, and what was typed is sent back in the answer itself.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response

from edge.domain.dose_form import read_person
from edge.domain.person_rules import judge_person
from edge.domain.recordable import tidy
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from edge.domain.roles import Role
from edge.store import people, people_search
from edge.store.people import PersonId
from edge.store.roster import Shown
from edge.store.visits import VisitId, VisitState
from edge.web.desks import dose_page, reception_form
from edge.web.desks.edit_form import typed_texts, whole
from edge.web.desks.reception_form import ORDER, Outcome, PersonForm, compare
from edge.web.desks.reception_view import card_of, known_provinces, line_of, said_of
from edge.web.frame import drafts, form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.language import _, language
from edge.web.frame.node import node
from edge.workflow.change_person import change_person
from edge.workflow.receive_person import (
    Newcomer,
    Received,
    cancel_visit,
    is_expected,
    receive_known,
    receive_newcomer,
)
from sync_protocol.days import local_day

blueprint = Blueprint("reception", __name__, url_prefix="/reception")

_KEY_BYTES: Final = 16
# Stored as they stand here, whatever the language of the page.
_REASONS: Final = (
    "Hẹn lại ngày khác",
    "Hoãn tiêm vì sức khỏe",
    "Không đồng ý tiêm",
    "Bỏ về không báo",
    "Ghi nhầm người",
)
# Where somebody half written is kept when the screen locks.
_PLACE: Final = "/reception/new"


@blueprint.get("")
@allow(Role.RECEPTION)
def desk() -> str:
    """The box and the line; `?person=` shows somebody who is known, `?visit=` says what was done just now."""
    person_id = whole(request.args.get("person", ""))
    return _page(Outcome(PersonId(person_id) if person_id else None))


@blueprint.get("/new")
@allow(Role.RECEPTION)
def new() -> str:
    """An empty form, or the one that was left half written."""
    kept = drafts.saved_texts(_PLACE) or {}
    values = {"nationality": "VN"} | {name: kept.get(name, "") for name in ORDER if name in kept}
    return _page(Outcome(form=PersonForm(values, kept.get("submission", "") or _new_key())))


@blueprint.post("/find")
@allow(Role.RECEPTION)
def find() -> str | Response:
    """Look for whoever the box means; somebody who is known has an address of their own.

    A card that says what is known of somebody who is expected today leaves nothing to ask: the scan is the arrival.
    """
    open_node = node()
    now, line = open_node.clock.now(), request.form.get("card", "")
    with open_node.database.read() as tables:
        outcome = reception_form.find(tables, line, submission=_new_key())
        sure = outcome.person is not None and "|" in line and is_expected(tables, outcome.person, at=now)
    if outcome.person is not None and sure:
        by = current_user().name
        return _received(receive_known(open_node.database, outcome.person, key=_new_key(), at=now, by=by))
    if outcome.person is not None:
        return redirect(url_for("reception.desk", person=outcome.person), 303)
    return _page(outcome, line=line if outcome.found else "")


@blueprint.post("/new")
@allow(Role.RECEPTION)
def new_from_text() -> str:
    """The form with the text of the box in it: nobody of those who were found was meant."""
    return _page(Outcome(form=reception_form.form_of_text(_line(), submission=_new_key())))


@blueprint.post("/people")
@allow(Role.RECEPTION)
def save() -> Response:
    """Write a new person and their visit; a repeat of the same form finds the first one."""
    open_node = node()
    form = _typed_form()
    confirmed = reception_form.confirmed_codes(
        form, request.form.getlist("confirmed"), confirmed_for=request.form.get("confirmed_for", "")
    )
    newcomer = Newcomer(form.submission, read_person(form.values), confirmed)
    received = receive_newcomer(
        open_node.database,
        newcomer,
        provinces=known_provinces(open_node.shelf.catalogue()),
        at=open_node.clock.now(),
        by=current_user().name,
    )
    drafts.clear(_PLACE)
    return _received(received)


@blueprint.post("/take")
@allow(Role.RECEPTION)
def take() -> Response:
    """Write what the card says, or what was typed, over somebody who is known, and let them into the line."""
    open_node = node()
    now, by = open_node.clock.now(), current_user().name
    person_id = PersonId(whole(request.form.get("person", "")))
    form = _typed_form()
    with open_node.database.read() as tables:
        person = people.get(tables, person_id)
    if person is None:
        raise RefusedError((Finding(EdgeCode.PERSON_UNKNOWN, True, "card"),))
    recipient = read_person(reception_form.merged(person, form.values), known=person.recipient)
    findings = judge_person(
        tidy(recipient), today=local_day(now), provinces=known_provinces(open_node.shelf.catalogue())
    )
    blocking = tuple(finding for finding in findings if finding.blocking)
    if blocking:
        raise RefusedError(blocking)
    revision = whole(request.form.get("revision", ""))
    change_person(open_node.database, person_id, recipient, revision=revision, at=now, by=by)
    received = receive_known(open_node.database, person_id, key=form.submission, at=now, by=by)
    drafts.clear(_PLACE)
    return _received(received)


@blueprint.post("/arrive")
@allow(Role.RECEPTION)
def arrive() -> Response:
    """Let somebody who is known into the line."""
    open_node = node()
    received = receive_known(
        open_node.database,
        PersonId(whole(request.form.get("person", ""))),
        key=request.form.get("submission", ""),
        at=open_node.clock.now(),
        by=current_user().name,
    )
    return _received(received)


@blueprint.get("/visits/<int(max=999999999):visit_id>/cancel")
@allow(Role.RECEPTION)
def cancelling(visit_id: VisitId) -> str | Response:
    """Ask why somebody leaves the line."""
    return _cancel_page(visit_id)


@blueprint.post("/visits/<int(max=999999999):visit_id>/cancel")
@allow(Role.RECEPTION)
def cancel(visit_id: VisitId) -> Response:
    """Take somebody out of the line, with the reason."""
    open_node = node()
    reason = request.form.get("other", "").strip() or request.form.get("reason", "")
    cancel_visit(open_node.database, visit_id, reason=reason, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("reception.desk", visit=visit_id), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str | Response, int]:
    """The page with what was typed, each fault beside its field. Nothing was written."""
    at_box = any(finding.field == "card" for finding in error.findings)
    match request.endpoint:
        case "reception.save" | "reception.take" if not at_box:
            return _refused_form(error), 409 if error.findings[0].code is EdgeCode.PERSON_CHANGED else 422
        case "reception.cancel":
            visit_id = VisitId((request.view_args or {}).get("visit_id", 0))
            return _cancel_page(visit_id, told=form_words.finding_sentence(error.findings[0])), 422
    return _page(Outcome(), line=_line(), told=form_words.finding_sentence(error.findings[0])), 422


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> tuple[str, int]:
    """Nobody types that much: something was pasted, or the scanner ran on."""
    return _page(Outcome(), told=_("Quá dài, nên chưa tìm gì. Quét lại thẻ, hoặc gõ số, điện thoại, họ tên.")), 413


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The session of the page is over: the same page again, with a new token. Nothing was written."""
    told = _("Trang này đã cũ nên chưa ghi gì. Xem lại rồi bấm lần nữa.")
    if request.endpoint in ("reception.save", "reception.take"):
        form = _typed_form()
        form.problem = told
        return _page(Outcome(form=form)), 400
    return _page(Outcome(), line=_line(), told=told), 400


def _page(outcome: Outcome, *, line: str = "", told: str = "") -> str:
    open_node = node()
    now, catalogue = open_node.clock.now(), open_node.shelf.catalogue()
    with open_node.database.read() as tables:
        person = None if outcome.person is None else people.get(tables, outcome.person)
        if outcome.person is not None and person is None:
            raise NotFound
        card = None if person is None else card_of(tables, person, catalogue=catalogue, now=now)
        visit_id = whole(request.args.get("visit", ""))
        said = said_of(tables, VisitId(visit_id), now=now) if visit_id and request.method == "GET" else None
        waiting = line_of(tables, now=now)
    values = {} if outcome.form is None else outcome.form.values
    return render_template(
        "desks/reception.html",
        outcome=outcome,
        card=card,
        said=said,
        again=request.args.get("again") == "1",
        waiting=waiting,
        line=line[:200],
        told=told,
        form=outcome.form,
        place=_PLACE,
        submission=_new_key(),
        words=form_words.FIELDS,
        units=dose_page.unit_choices(catalogue, values.get("address_unit", "")),
        countries=reception_form.countries(language()) if outcome.form is not None else [],
        sex_words=dose_page.sex_words,
    )


def _refused_form(error: RefusedError) -> str:
    form = _typed_form()
    if any(finding.code is EdgeCode.SUBMISSION_OTHER for finding in error.findings):
        # The first visit of this form is on disk; what is typed now is somebody else and needs a key of its own.
        form.submission = _new_key()
    form = reception_form.refused_form(form, error)
    codes = {finding.code for finding in error.findings}
    if codes & {EdgeCode.PERSON_NEAR, EdgeCode.PERSON_CHANGED}:
        recipient = tidy(read_person(form.values))
        with node().database.read() as tables:
            found = people_search.near(
                tables, number=recipient.number, name=recipient.name, birth_date=recipient.birth_date
            )
        form.near = [compare(recipient, one) for one in found]
    return _page(Outcome(form=form))


def _cancel_page(visit_id: VisitId, *, told: str = "") -> str | Response:
    open_node = node()
    with open_node.database.read() as tables:
        found = said_of(tables, visit_id, now=open_node.clock.now())
    if found is None:
        raise NotFound
    if found.visit.state is not VisitState.WAITING and not told:
        return redirect(url_for("reception.desk", visit=visit_id), 303)
    return render_template(
        "desks/reception_cancel.html",
        visit=found.visit,
        person=found.person,
        told=told,
        other=request.form.get("other", ""),
        reasons=_REASONS,
    )


def _received(received: Received) -> Response:
    if request.form.get("back", "") == "roster":
        asked = request.form.get("shown", "")
        shown = asked if asked in set(Shown) else None
        # Whoever has come is on the list of the day of the visit.
        return redirect(url_for("roster.show", day=received.visit.day, shown=shown, visit=received.visit.visit_id), 303)
    again = 1 if received.is_repeat else None
    return redirect(url_for("reception.desk", visit=received.visit.visit_id, again=again), 303)


def _typed_form() -> PersonForm:
    is_from_card = request.form.get("from_card", "") == "yes"
    return PersonForm(typed_texts(request, ORDER), request.form.get("submission", ""), from_card=is_from_card)


def _line() -> str:
    return " ".join(request.form.get("card", "").split())


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

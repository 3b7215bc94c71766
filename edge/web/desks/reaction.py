"""A reaction after the injection: ticked and typed here, kept as a correcting version of the dose.

The form carries the version that was on the screen and a key of its own: sent twice, it is one.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.observation import (
    KIND_WORDS,
    OUTCOME_WORDS,
    SEVERITY_WORDS,
    Outcome,
    parse_reaction,
    read_reaction,
)
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.store import doses, page_queries, visits
from edge.store.visits import Visit, VisitId
from edge.web.desks import dose_page
from edge.web.desks.edit_form import EditForm, typed_texts, whole
from edge.web.frame import drafts, form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import clock
from edge.web.frame.language import _, say
from edge.web.frame.node import node
from edge.workflow.observe import ReactionReport, record_reaction
from sync_protocol.dose import Dose

blueprint = Blueprint("reaction", __name__)

_TEXTS: Final = ("other", "severity", "began", "treatment", "outcome")
_ORDER: Final = ("kinds", *_TEXTS)
_KEY_BYTES: Final = 16


@blueprint.get("/observation/<int(max=999999999):visit_id>/reaction")
@allow(Role.OBSERVATION, Role.INJECTION)
def form(visit_id: int) -> str:
    """The reaction that the dose carries, to be written or to be gone on with."""
    visit, dose = _found(visit_id)
    kept = drafts.saved_texts(url_for("reaction.form", visit_id=visit_id))
    if kept is not None:
        typed = {name: kept.get(name, "") for name in _TEXTS}
        ticked = frozenset(kept.get("kinds", "").split("\n"))
        return _page(visit, dose, EditForm(typed, kept.get("submission", "") or _new_key(), order=_ORDER), ticked)
    known = parse_reaction(dose.reaction)
    now = node().clock.now()
    if known is None:
        values = {"began": clock(now), "outcome": Outcome.WATCHED.value}
        return _page(visit, dose, EditForm(values, _new_key(), order=_ORDER), frozenset())
    values = {
        "other": known.other,
        "severity": known.severity.value,
        "began": known.began,
        "treatment": known.treatment,
        "outcome": known.outcome.value,
    }
    ticked = frozenset(kind.value for kind in known.kinds)
    return _page(visit, dose, EditForm(values, _new_key(), order=_ORDER), ticked)


@blueprint.post("/observation/<int(max=999999999):visit_id>/reaction")
@allow(Role.OBSERVATION, Role.INJECTION)
def save(visit_id: int) -> Response:
    """Write the reaction into a correcting version; a repeat of the same form finds the first one."""
    open_node = node()
    now = open_node.clock.now()
    _visit, dose = _found(visit_id)
    shown = _typed()
    reaction = read_reaction(
        request.form.getlist("kinds"),
        severity=shown.values["severity"],
        outcome=shown.values["outcome"],
        other=shown.values["other"],
        began=shown.values["began"],
        treatment=shown.values["treatment"],
        given_at=dose.given_at,
        now=now,
    )
    report = ReactionReport(shown.submission, whole(request.form.get("sequence", "")), reaction)
    record_reaction(open_node.database, report, catalogue=open_node.shelf.catalogue(), at=now, by=current_user().name)
    drafts.clear(url_for("reaction.form", visit_id=visit_id))
    return redirect(url_for("observation.desk", visit=visit_id, done="reaction"), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same form with what was typed, each fault beside its field. Nothing was written."""
    shown = _typed()
    dose_page.show_findings(shown, error)
    shown.problem = " ".join(text for name, text in shown.errors.items() if name not in _ORDER)
    if any(finding.code in (EdgeCode.SUBMISSION_OTHER, EdgeCode.DOSE_REPLACED) for finding in error.findings):
        # What is typed goes on as another version, of the newest one, which this page now shows.
        shown.submission = _new_key()
    visit, dose = _asked_for()
    return _page(visit, dose, shown, frozenset(request.form.getlist("kinds"))), 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The program was restarted while the form lay open: the same form again, with a new token."""
    shown = _typed()
    shown.problem = _("Chương trình vừa được mở lại nên chưa ghi gì. Xem lại rồi bấm lần nữa.")
    visit, dose = _asked_for()
    return _page(visit, dose, shown, frozenset(request.form.getlist("kinds"))), 400


def _page(visit: Visit, dose: Dose, shown: EditForm, ticked: frozenset[str]) -> str:
    return render_template(
        "desks/reaction.html",
        visit=visit,
        dose=dose,
        form=shown,
        words=form_words.FIELDS,
        ticked=ticked,
        kinds=[(kind.value, say(text)) for kind, text in KIND_WORDS.items()],
        severities=[(one.value, say(text)) for one, text in SEVERITY_WORDS.items()],
        outcomes=[(one.value, say(text)) for one, text in OUTCOME_WORDS.items()],
        free_text=dose.reaction if parse_reaction(dose.reaction) is None else "",
    )


def _typed() -> EditForm:
    key = request.form.get("submission", "") or _new_key()
    return EditForm(typed_texts(request, _TEXTS), key, order=_ORDER)


def _asked_for() -> tuple[Visit, Dose]:
    return _found(int((request.view_args or {}).get("visit_id", 0)))


def _found(visit_id: int) -> tuple[Visit, Dose]:
    with node().database.read() as tables:
        visit = visits.get(tables, VisitId(visit_id))
        if visit is None or visit.sequence is None:
            raise NotFound
        newest = page_queries.newest_version(tables, visit.sequence)
        return visit, doses.assemble(tables, [newest])[0]


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

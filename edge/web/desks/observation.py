"""The last place: everybody who was injected and is still here, who may leave first, and reactions.

Nothing is typed for most people: when the time is over, one key lets them go. That can be undone for some minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.wrappers import Response

from edge.domain.identity_papers import parse_card
from edge.domain.observation import UNDO_SECONDS, is_severe, needs_reason
from edge.domain.refusals import RefusedError
from edge.domain.roles import Role
from edge.store import doses, page_queries, visits
from edge.store.database import Tables
from edge.store.visits import Visit, VisitId
from edge.web.desks.edit_form import whole
from edge.web.frame import form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.language import _, plural
from edge.web.frame.node import node
from edge.workflow.observe import call_back, let_all_go, let_go
from sync_protocol.days import local_day
from sync_protocol.dose import Dose
from sync_protocol.names import fold

blueprint = Blueprint("observation", __name__)

_MINUTE: Final = 60
_LINE_CHARS: Final = 1_000


# A list longer than this is worked off from the front; the box finds everybody.
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody who is observed, or has just left.

    Attributes:
        visit: with the instant of leaving.
        dose: its newest version.
        minutes: until the person may leave, 0 when that time has come.
        is_severe: a severe reaction keeps the person here.
        needs_reason: leaving now takes a reason.
    """

    visit: Visit
    dose: Dose
    minutes: int
    is_severe: bool
    needs_reason: bool


@dataclass(slots=True)
class Search:
    """What the scanner's box found: visits (None: nothing was asked), a sentence, a fault, and what was typed."""

    found: frozenset[VisitId] | None = None
    said: str = ""
    error: str = ""
    typed: str = ""


@blueprint.get("/observation")
@allow(Role.OBSERVATION, Role.INJECTION)
def desk() -> str:
    """Everybody who is observed now, first who may leave first; `?visit=` names one, `?done=` what was done."""
    visit_id = whole(request.args.get("visit", ""))
    return _page(Search(frozenset({VisitId(visit_id)}) if visit_id and "done" not in request.args else None))


@blueprint.post("/observation/find")
@allow(Role.OBSERVATION, Role.INJECTION)
def find() -> str | Response:
    """Find somebody who is observed by card, number, phone, name or the number in the line."""
    line = request.form.get("card", "").strip()[:_LINE_CHARS]
    with node().database.read() as tables:
        rows = _rows(tables, _observed(tables))
    found = [row for row in rows if _is_meant(row, line)] if line else []
    if len(found) == 1:
        return redirect(url_for("observation.desk", visit=found[0].visit.visit_id), 303)
    if not line:
        return redirect(url_for("observation.desk"), 303)
    search = Search(frozenset(row.visit.visit_id for row in found) or None, typed=line)
    if found:
        search.said = plural("Có %(num)s người phù hợp.", "Có %(num)s người phù hợp.", len(found))
    else:
        search.error = _("Không có ai đang theo dõi khớp với dòng này. Gõ số thứ tự, ví dụ 17, hoặc họ tên.")
    return _page(search)


@blueprint.post("/observation/<int(max=999999999):visit_id>/leave")
@allow(Role.OBSERVATION, Role.INJECTION)
def leave(visit_id: int) -> Response:
    """Let somebody go home; a second click finds it done."""
    open_node = node()
    remark = request.form.get("remark", "")
    let_go(open_node.database, VisitId(visit_id), remark=remark, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("observation.desk", visit=visit_id, done="left"), 303)


@blueprint.post("/observation/leave")
@allow(Role.OBSERVATION, Role.INJECTION)
def leave_all() -> Response:
    """Let everybody go whose time has come and who has no severe reaction."""
    open_node = node()
    let_all_go(open_node.database, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("observation.desk"), 303)


@blueprint.post("/observation/<int(max=999999999):visit_id>/return")
@allow(Role.OBSERVATION, Role.INJECTION)
def come_back(visit_id: int) -> Response:
    """Undo the leaving."""
    open_node = node()
    call_back(open_node.database, VisitId(visit_id), at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("observation.desk", visit=visit_id), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The list as it is now, with what was refused. Nothing was written."""
    visit_id = VisitId(int((request.view_args or {}).get("visit_id", 0)))
    said = form_words.finding_sentence(error.findings[0])
    return _page(Search(frozenset({visit_id})), problem=said, remark=request.form.get("remark", "")), 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The program was restarted while the list lay open."""
    said = _("Chương trình vừa được mở lại nên chưa ghi gì. Xem lại rồi bấm lần nữa.")
    return _page(Search(), problem=said), 400


def _page(search: Search, *, problem: str = "", remark: str = "") -> str:
    open_node = node()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        rows = _rows(tables, _observed(tables))
        left = _rows(tables, visits.left_since(tables, local_day(now), now - UNDO_SECONDS))
        done = whole(request.args.get("visit", "")) if request.args.get("done") == "left" else 0
    chosen = search.found or frozenset()
    rows.sort(key=lambda row: (row.visit.visit_id not in chosen, row.visit.leave_at, row.visit.number))
    return render_template(
        "desks/observation.html",
        rows=rows[:_SHOWN],
        total=len(rows),
        chosen=chosen,
        first=next((row.visit.visit_id for row in rows if row.visit.visit_id in chosen), 0),
        search=search,
        left=left[:_SHOWN],
        gone=next((row for row in left if row.visit.visit_id == done), None),
        problem=problem,
        remark=remark,
        due=sum(not row.needs_reason for row in rows),
        words=form_words.FIELDS,
    )


def _observed(tables: Tables) -> list[Visit]:
    return visits.observed(tables, local_day(node().clock.now()))


def _rows(tables: Tables, found: list[Visit]) -> list[Row]:
    now = node().clock.now()
    newest = page_queries.newest_versions(tables, [visit.sequence or 0 for visit in found])
    rows = []
    for visit, dose in zip(found, doses.assemble(tables, newest), strict=True):
        until = visit.leave_at or now
        minutes = max(0, -(-(until - now) // _MINUTE))
        reason = needs_reason(until, reaction=dose.reaction, now=now)
        rows.append(Row(visit, dose, minutes, is_severe(dose.reaction), reason))
    return rows


def _is_meant(row: Row, line: str) -> bool:
    person = row.dose.recipient
    if "|" in line:
        try:
            return parse_card(line).number == person.number
        except RefusedError:
            return False
    compact = "".join(line.split())
    if compact.isascii() and compact.isdigit() and len(compact) <= len(str(row.visit.number)):
        return int(compact) == row.visit.number
    if compact.upper() in (person.number, person.phone) or compact.upper() == row.dose.dose_id:
        return True
    words = fold(line).split()
    return bool(words) and all(word in fold(person.name) for word in words)

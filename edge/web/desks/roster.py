"""Who is expected on a day: the list with one key to let somebody in, and its import with a dry run before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from edge.clients.day_list_files import day_list_from_bytes
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from edge.domain.roles import Role
from edge.domain.row_verdict import ProposalChoice
from edge.store import roster
from edge.store.roster import Shown
from edge.store.visits import VisitId
from edge.web.desks import dose_page
from edge.web.desks.edit_form import whole
from edge.web.desks.reception_view import said_of
from edge.web.desks.roster_files import roster_files
from edge.web.frame import form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.day_field import TypedDay, read_day
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.security import accept_upload
from edge.workflow.import_roster import RosterPlan, RosterState, apply_roster, plan_roster
from sync_protocol.days import local_day
from sync_protocol.identity import is_day

blueprint = Blueprint("roster", __name__, url_prefix="/reception/roster")

FILE_BYTES: Final = 5 * 1024 * 1024
PAGE_ROWS: Final = 100
# Rows that need a look are shown up to here; whoever has more mends the file first.
_TOLD_ROWS: Final = 300
_KEY_BYTES: Final = 16
_DAY: Final = timedelta(days=1)
_WALKED: Final = timedelta(days=7)
# How each state of a row is drawn.
_KINDS: Final[Mapping[RosterState, str]] = MappingProxyType(
    {
        RosterState.NEW: "good",
        RosterState.KNOWN: "good",
        RosterState.SAME: "plain",
        RosterState.PROPOSED: "warning",
        RosterState.CONFLICT: "danger",
        RosterState.BROKEN: "danger",
    }
)


@blueprint.get("")
@allow(Role.RECEPTION)
def show() -> str:
    """The list of `?day=`, today's without it; `?shown=` leaves out who has come or who has not."""
    asked = read_day(request.args.get("day", ""))
    return _page(asked.day or local_day(node().clock.now()), asked)


@blueprint.post("/plan")
@accept_upload(FILE_BYTES)
@allow(Role.RECEPTION)
def plan() -> str:
    """The dry run of a file: what would become of each row, and why. Nothing is written."""
    open_node = node()
    now = open_node.clock.now()
    day = _day(request.form.get("day", ""))
    sent = request.files.get("file")
    data = b"" if sent is None else sent.stream.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise RefusedError((Finding(EdgeCode.LIST_SIZE, True, "file"),))
    file = day_list_from_bytes(data)
    planned = plan_roster(open_node.database, file, day=day, vocabulary=open_node.shelf.vocabulary(), at=now)
    roster_files().keep(current_user().user_id, file, at=now)
    return _plan_page(planned)


@blueprint.post("/apply")
@allow(Role.RECEPTION)
def apply() -> Response:
    """Write the good rows of the file that was looked at; again, it doubles nothing."""
    open_node = node()
    now, user = open_node.clock.now(), current_user()
    day, digest = _day(request.form.get("day", "")), request.form.get("digest", "")
    file = roster_files().find(user.user_id, digest, at=now)
    vocabulary = open_node.shelf.vocabulary()
    planned = plan_roster(open_node.database, file, day=day, vocabulary=vocabulary, at=now)
    asked = request.form.get("proposals", "")
    choice = ProposalChoice(asked) if asked in set(ProposalChoice) else ProposalChoice.LEAVE_OUT
    counts = apply_roster(open_node.database, planned, choice=choice, vocabulary=vocabulary, at=now, by=user.name)
    added = counts[RosterState.NEW] + counts[RosterState.KNOWN]
    return redirect(url_for("roster.show", day=day, added=added, fresh=counts[RosterState.NEW]), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The list with what is wrong with the file. Nothing was written."""
    return _page(_day(request.form.get("day", "")), told=_file_sentence(error.findings[0])), 422


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> tuple[str, int]:
    """The file is larger than any list; its form was not read, so the day is today's."""
    return _page(_day(""), told=_file_sentence(Finding(EdgeCode.LIST_SIZE, True, "file"))), 413


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The session of the page is over. Nothing was written."""
    return _page(_day(""), told=_("Trang này đã cũ nên chưa nhập gì. Chọn tệp rồi bấm lần nữa.")), 400


def _page(day: str, asked_day: TypedDay | None = None, *, told: str = "") -> str:
    open_node = node()
    now = open_node.clock.now()
    asked = request.args.get("shown", "")
    shown = Shown(asked) if asked in set(Shown) else Shown.ALL
    page = max(1, whole(request.args.get("page", "")))
    visit_id = whole(request.args.get("visit", ""))
    with open_node.database.read() as tables:
        counts = roster.counts(tables, day)
        rows = roster.of_day(tables, day, shown=shown, after=(page - 1) * PAGE_ROWS, limit=PAGE_ROWS)
        said = said_of(tables, VisitId(visit_id), now=now) if visit_id else None
    total = {
        Shown.ALL: counts.people,
        Shown.ARRIVED: counts.arrived,
        Shown.EXPECTED: counts.people - counts.arrived,
    }
    today = local_day(now)
    return render_template(
        "desks/roster.html",
        day=day,
        typed_day=asked_day if asked_day is not None and asked_day.fault else read_day(day),
        today=today,
        near_days=_near_days(day, today),
        counts=counts,
        shown=shown,
        total=total,
        rows=rows,
        page=page,
        pages=max(1, -(-total[shown] // PAGE_ROWS)),
        first=(page - 1) * PAGE_ROWS + 1,
        said=said,
        added=whole(request.args.get("added", "")) if "added" in request.args else None,
        fresh=whole(request.args.get("fresh", "")),
        told=told,
        submission=open_node.entropy.token(_KEY_BYTES).hex(),
        products={product.code: product.name for product in open_node.shelf.catalogue().products},
        sex_words=dose_page.sex_words,
    )


def _plan_page(planned: RosterPlan) -> str:
    looked_at = [verdict for verdict in planned.verdicts if verdict.findings]
    # What keeps a row out stands above what is only to be looked at.
    looked_at.sort(key=lambda verdict: (_KINDS[verdict.state] == "good", verdict.row_number))
    return render_template(
        "desks/roster_plan.html",
        plan=planned,
        counts=planned.counts,
        coming=planned.counts[RosterState.NEW] + planned.counts[RosterState.KNOWN],
        digest=planned.file_digest.hex(),
        looked_at=looked_at[:_TOLD_ROWS],
        left_out=max(0, len(looked_at) - _TOLD_ROWS),
        kinds=_KINDS,
        state_words=_state_words(),
        row_sentence=_row_sentence,
    )


def _state_words() -> dict[RosterState, str]:
    return {
        RosterState.NEW: _("người mới"),
        RosterState.KNOWN: _("đã có hồ sơ"),
        RosterState.SAME: _("đã trong danh sách"),
        RosterState.PROPOSED: _("cần quyết định"),
        RosterState.CONFLICT: _("mâu thuẫn"),
        RosterState.BROKEN: _("chưa đọc được"),
    }


def _row_sentence(finding: Finding) -> str:
    """Why, of one row: the column or field, and the fact."""
    where = form_words.label(finding.field)
    if finding.field in ("row", "person"):
        return form_words.finding_sentence(finding)
    return _("%(column)s: %(fact)s", column=where, fact=form_words.finding_sentence(finding))


def _file_sentence(finding: Finding) -> str:
    if finding.code is EdgeCode.LIST_HEADER:
        return _("Không thấy dòng tiêu đề với các cột Họ và tên, Ngày sinh, Giới tính. Kiểm tra tên cột và trang tính.")
    if finding.code is EdgeCode.LIST_EMPTY and finding.field == "file":
        return _("Chưa chọn tệp, hoặc tệp trống. Chọn tệp .xlsx hoặc .csv.")
    if finding.code in (EdgeCode.LIST_SIZE, EdgeCode.LIST_ROWS):
        return _("Tệp quá lớn; tối đa 5 MB và 20.000 dòng. Chia danh sách thành nhiều tệp nhỏ.")
    return form_words.finding_sentence(finding)


def _day(text: str) -> str:
    return text if is_day(text) else local_day(node().clock.now())


def _near_days(day: str, today: str) -> tuple[str, str]:
    """The day before and after, "" beyond a week from today: days further off are chosen, not walked to."""
    at, middle = date.fromisoformat(day), date.fromisoformat(today)
    before, after = at - _DAY, at + _DAY
    return (
        before.isoformat() if abs(before - middle) <= _WALKED else "",
        after.isoformat() if abs(after - middle) <= _WALKED else "",
    )

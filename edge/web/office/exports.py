"""Doses taken out as Excel or CSV files: what is wanted, how far it is, and the file for whoever asked for it."""

from __future__ import annotations

from functools import partial
from typing import Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import node_identity
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import count, duration, iso_day
from edge.web.frame.language import _, plural, say
from edge.web.frame.long_work import KEPT_SECONDS, follow_work, is_followed, long_work
from edge.web.frame.node import node
from edge.web.frame.work_progress import Progress, Result, Tell, WorkState
from edge.web.office.reports import presets
from edge.web.office.spans import Span, read_span
from edge.workflow.export_doses import EXPORT_DAYS, ExportFormat, ExportRange, begin_export, export_doses

blueprint = Blueprint("exports", __name__)

_ID_BYTES: Final = 12
_KIND_WORDS: Final = {ExportFormat.XLSX: "Excel", ExportFormat.CSV: "CSV"}
_MEDIA_TYPES: Final = {
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}


@blueprint.get("/exports")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """The form, and the files of this user that are being made or wait to be downloaded."""
    now = node().clock.now()
    return _form(read_span(request.args, now=now, most_days=EXPORT_DAYS), now)


@blueprint.post("/exports")
@allow(Role.SIGNER, Role.MANAGER)
def begin() -> AnyResponse | tuple[str, int]:
    """Note who takes what out, and begin to make the file."""
    open_node = node()
    now, user = open_node.clock.now(), current_user()
    span = read_span(request.form, now=now, most_days=EXPORT_DAYS)
    if span.fault:
        return _form(span, now), 422
    kind = ExportFormat.CSV if request.form.get("format") == ExportFormat.CSV else ExportFormat.XLSX
    wanted = ExportRange(span.first_day, span.last_day, kind)
    label = _("Tệp %(kind)s, từ %(first)s đến %(last)s", kind=_KIND_WORDS[kind], **_span_words(span))
    going_on = [one for one in long_work().all_of(user.user_id) if one.is_going_on and one.label == label]
    if going_on:
        # A second click finds the first one's work.
        return redirect(url_for("exports.follow", work_id=going_on[0].work_id), 303)
    total = begin_export(open_node.database, wanted, at=now, by=user.name)
    work_id = long_work().submit(
        partial(_make, open_node, wanted),
        work_id=open_node.entropy.token(_ID_BYTES).hex(),
        owner=user.user_id,
        label=label,
        total=total,
    )
    return redirect(url_for("exports.follow", work_id=work_id), 303)


@blueprint.get("/exports/<work_id>")
@allow(Role.SIGNER, Role.MANAGER)
def follow(work_id: str) -> str | Response:
    """How far the file is: a page that asks again by itself, or the same as JSON for its script."""
    progress = long_work().progress(work_id, current_user().user_id)
    said = progress_words(progress)
    if is_followed():
        return follow_work(progress, said)
    return render_template("office/export_progress.html", progress=progress, said=said, kept=KEPT_SECONDS // 60)


@blueprint.get("/exports/<work_id>/file")
@allow(Role.SIGNER, Role.MANAGER)
def download(work_id: str) -> Response:
    """The file; it is forgotten when it was sent."""
    work = long_work()
    found = work.result(work_id, current_user().user_id)
    response = Response(found.data, mimetype=found.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    if request.method == "GET":
        response.call_on_close(partial(work.drop, work_id))
    return response


@blueprint.post("/exports/<work_id>/cancel")
@allow(Role.SIGNER, Role.MANAGER)
def cancel(work_id: str) -> AnyResponse:
    """End the work, or forget the file."""
    long_work().cancel(work_id, current_user().user_id)
    return redirect(url_for("exports.follow", work_id=work_id), 303)


def progress_words(progress: Progress) -> str:
    """How far it is, how fast, and how long it will take."""
    match progress.state:
        case WorkState.QUEUED:
            return _("Đang đợi việc khác xong.")
        case WorkState.DONE:
            return plural(
                "%(done)s mũi tiêm đã ở trong tệp.",
                "%(done)s mũi tiêm đã ở trong tệp.",
                progress.done,
                done=count(progress.done),
            )
        case WorkState.CANCELLED:
            return _("Đã hủy; không giữ lại gì.")
        case WorkState.FAILED:
            return "" if progress.problem is None else say(progress.problem.vi)
        case WorkState.RUNNING:
            done, total = count(progress.done), count(progress.total)
            if progress.left_seconds is None:
                return plural(
                    "%(done)s trong %(total)s mũi tiêm.",
                    "%(done)s trong %(total)s mũi tiêm.",
                    progress.total,
                    done=done,
                    total=total,
                )
            left = _("dưới 1 phút") if progress.left_seconds < 60 else duration(progress.left_seconds)
            return plural(
                "%(done)s trong %(total)s mũi tiêm, %(rate)s mũi mỗi giây, còn %(left)s.",
                "%(done)s trong %(total)s mũi tiêm, %(rate)s mũi mỗi giây, còn %(left)s.",
                progress.total,
                done=done,
                total=total,
                rate=count(progress.rate),
                left=left,
            )


def _form(span: Span, now: int) -> str:
    return render_template(
        "office/export.html",
        span=span,
        presets=presets(now),
        formats=list(ExportFormat),
        works=[(one, progress_words(one)) for one in long_work().all_of(current_user().user_id)],
        most_days=EXPORT_DAYS,
        kept=KEPT_SECONDS // 60,
    )


def _make(open_node: Node, wanted: ExportRange, tell: Tell) -> Result:
    with open_node.database.read() as tables:
        facility = node_identity.codes(tables).facility
    data = export_doses(open_node.database, wanted, open_node.shelf.catalogue(), now=open_node.clock.now(), tell=tell)
    name = f"mui-tiem-{facility}-{wanted.first_day}-{wanted.last_day}.{wanted.format}"
    return Result(data, name, _MEDIA_TYPES[wanted.format])


def _span_words(span: Span) -> dict[str, str]:
    return {"first": iso_day(span.first_day), "last": iso_day(span.last_day)}

"""The page "Kiểm tra token": which drivers this machine has, what each of them sees, and what to do about it.

The drivers are asked one after another in work of its own, since one that hangs takes its half minute; the page tells
what is known so far. Nothing secret is on it, and nothing of it is kept longer than ten minutes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, cast

from flask import Blueprint, Response, current_app, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.domain.token_checks import AnyCheck, Severity, check_words
from edge.domain.token_report import FLAG_WORDS, Report, SeenModule
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _, plural
from edge.web.frame.long_work import KEPT_SECONDS, follow_work, is_followed, long_work
from edge.web.frame.node import node
from edge.web.frame.problems import show_refusal
from edge.web.frame.security import came_over_lan
from edge.web.frame.work_progress import Progress, Result, Tell, WorkState
from edge.web.house.driver_scans import begin_driver_scan
from edge.workflow.examine_token import Examination, begin_examination, examine_modules, finish_examination
from sync_protocol.days import local_day
from sync_protocol.signers.token_messages import TokenMechanism
from sync_protocol.signers.token_modules import Origin, program_bits

blueprint = Blueprint("token", __name__)

_KEY: Final = "hcvx-token-scans"
_KINDS: Final = {Severity.OK: "good", Severity.WARNING: "warning", Severity.PROBLEM: "danger"}
_ORIGINS: Final = {
    Origin.ASKED: "được hỏi riêng",
    Origin.SETTING: "khai báo trong node.toml",
    Origin.VARIABLE: "biến môi trường HCVX_PKCS11_MODULE",
    Origin.KNOWN: "tìm thấy trên máy",
}
USAGE_WORDS: Final = {
    "digitalSignature": "chữ ký số",
    "nonRepudiation": "chống chối bỏ",
    "keyEncipherment": "mã hóa khóa",
    "dataEncipherment": "mã hóa dữ liệu",
    "keyAgreement": "thỏa thuận khóa",
    "keyCertSign": "cấp chứng thư số",
    "cRLSign": "ký danh sách thu hồi",
}


@dataclass(slots=True)
class _Scan:
    """One examination while it goes on: the work's thread adds to it, pages read it."""

    examination: Examination
    modules: list[SeenModule] = field(default_factory=list)
    report: Report | None = None


@blueprint.get("/token")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """What the examination does, and the button that begins it."""
    return render_template("house/token.html", progress=None, report=None, modules=())


@blueprint.post("/token/examine")
@allow(Role.SIGNER, Role.MANAGER)
def examine() -> AnyResponse:
    """Look for drivers and begin to ask them."""
    open_node = node()
    scan = _Scan(begin_examination(open_node.config, os.environ))
    work_id = begin_driver_scan(
        _scans(),
        scan,
        partial(_run, open_node, scan),
        owner=current_user().user_id,
        label=_("Kiểm tra token"),
        total=len(scan.examination.candidates),
    )
    return redirect(url_for("token.follow", work_id=work_id), 303)


@blueprint.get("/token/<work_id>")
@allow(Role.SIGNER, Role.MANAGER)
def follow(work_id: str) -> str | Response | AnyResponse:
    """How far the examination is, or what it found; the progress as JSON for the page's script."""
    progress = long_work().progress(work_id, current_user().user_id)
    scan = _scans().get(work_id)
    if scan is None:
        return redirect(url_for("token.show"), 303)
    if is_followed():
        return follow_work(progress, _so_far(progress, scan.modules))
    return render_template(
        "house/token.html",
        progress=progress,
        said=_so_far(progress, scan.modules),
        is_ended=progress.state in (WorkState.FAILED, WorkState.CANCELLED),
        report=scan.report if progress.state is WorkState.DONE else None,
        modules=tuple(scan.modules),
        kinds=_KINDS,
        check_words=check_words,
        fault_words=_fault_words,
        day_of=_day_of,
        origins=_ORIGINS,
        flag_words=FLAG_WORDS,
        usage_words=USAGE_WORDS,
        mechanism_name=lambda number: TokenMechanism(number).name,
        program_bits=program_bits(),
        is_elsewhere=came_over_lan(),
        kept=KEPT_SECONDS // 60,
    )


@blueprint.post("/token/<work_id>/cancel")
@allow(Role.SIGNER, Role.MANAGER)
def cancel(work_id: str) -> AnyResponse:
    """Ask no further driver; the one that is being asked is waited for in the background."""
    long_work().cancel(work_id, current_user().user_id)
    return redirect(url_for("token.show"), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> AnyResponse | tuple[str, int]:
    """An examination that is not here any more, or somebody else's: begin another one."""
    if error.findings[0].code is EdgeCode.WORK_GONE:
        return redirect(url_for("token.show"), 303)
    return show_refusal(error)


def _run(open_node: Node, scan: _Scan, tell: Tell) -> Result:
    for module in examine_modules(scan.examination):
        scan.modules.append(module)
        tell(len(scan.modules))
    scan.report = finish_examination(scan.examination, scan.modules, now=open_node.clock.now())
    return Result(b"", "token.txt", "text/plain")


def _scans() -> dict[str, _Scan]:
    return cast("dict[str, _Scan]", current_app.extensions.setdefault(_KEY, {}))


def _so_far(progress: Progress, modules: Sequence[SeenModule]) -> str:
    found = sum(len(module.tokens) for module in modules)
    asked = plural(
        "Đã hỏi %(done)s trong %(num)s phần mềm điều khiển.",
        "Đã hỏi %(done)s trong %(num)s phần mềm điều khiển.",
        progress.total,
        done=len(modules),
    )
    return f"{asked} {plural('Thấy %(num)s token.', 'Thấy %(num)s token.', found)}"


def _fault_words(code: AnyCheck) -> str:
    return check_words(code).vi


def _day_of(moment: datetime) -> str:
    return iso_day(local_day(int(moment.timestamp())))

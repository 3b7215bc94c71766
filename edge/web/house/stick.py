"""The sync page's other way: which stick, what will be written and read, how far it is, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.clients.removable_media import find_media, is_silent
from edge.domain.roles import Role
from edge.store import audit, carried, link
from edge.store.audit import Action
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import size
from edge.web.frame.language import _, say
from edge.web.frame.long_work import follow_work, is_followed, long_work
from edge.web.frame.node import Behind, behind, node
from edge.web.frame.work_progress import Progress, Result, Tell, WorkState
from edge.web.house.stick_words import PART_WORDS, carried_sentence, export_lines, import_lines
from edge.workflow.exchange_progress import Asked
from edge.workflow.export_stick import SUBJECT, ExportResult, Part, export_stick, plan_export
from edge.workflow.import_stick import ImportResult, import_stick
from sync_protocol.api import NetworkError
from sync_protocol.stick_errors import StickCode, StickError
from sync_protocol.stick_mount import open_stick

blueprint = Blueprint("stick", __name__)

_ID_BYTES: Final = 12
_PATH_CHARS: Final = 1_000


class Way(StrEnum):
    """What is to be done with a stick."""

    EXPORT = "export"
    IMPORT = "import"
    CARRY = "carry"


@dataclass(frozen=True, slots=True, repr=False)
class StickResult(Result):
    """What came of a piece of work; `is_reached` says whether the centre was, where it was asked."""

    imported: ImportResult | None = None
    is_reached: bool | None = None
    exported: ExportResult | None = None


_LABELS: Final = {
    Way.EXPORT: "Chép ra USB",
    Way.IMPORT: "Nhập từ USB",
    Way.CARRY: "Nhập, gửi hộ, chép trả lời lên USB",
}


@blueprint.get("/stick")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """The sticks that are in the machine, and what is carried for others."""
    return _choice()


@blueprint.post("/stick/preview")
@allow(Role.SIGNER, Role.MANAGER)
def preview() -> str | tuple[str, int]:
    """What would be written, and what lies on the stick; a form, since a path belongs into no address."""
    open_node = node()
    try:
        path = _path()
    except StickError as error:
        if error.code is StickCode.SILENT:
            return _choice(told=f"{say(error.vi)}. {say(error.cure)}"), 422
        # Nothing was chosen, or a name that means a folder only at a terminal.
        typed = request.form.get("typed", "").replace("\0", "")
        return _choice(path=typed, told=_("Ghi đường dẫn đầy đủ, ví dụ E:\\ hoặc /media/usb.")), 422
    try:
        with open_stick(path, write=False) as folder:
            files = len(folder.listing().names)
    except StickError as error:
        # A new stick has no folder yet: it can be written all the same.
        if error.code is not StickCode.EMPTY:
            return _choice(path=str(path), told=f"{say(error.vi)}. {say(error.cure)}"), 422
        files = 0
    planned = plan_export(open_node.database, now=open_node.clock.now(), entropy=open_node.entropy)
    counts = Counter(one.part for one in planned)
    return render_template(
        "house/stick_preview.html",
        path=str(path),
        files=files,
        parts=[(say(PART_WORDS[part]), counts[part]) for part in Part if counts[part]],
        size_bytes=sum(one.size_bytes for one in planned),
        ways=Way,
    )


@blueprint.post("/stick")
@allow(Role.SIGNER, Role.MANAGER)
def begin() -> AnyResponse:
    """Begin to write, to read, or both with an exchange between them."""
    open_node, user, path = node(), current_user(), _path()
    try:
        way = Way(request.form.get("do", ""))
    except ValueError:
        raise BadRequest from None
    job = {
        Way.EXPORT: partial(_export, open_node, path, user.name),
        Way.IMPORT: partial(_import, open_node, path, user.name),
        Way.CARRY: partial(_carry, behind(), path, user.name),
    }[way]
    work_id = long_work().submit(
        job,
        work_id=open_node.entropy.token(_ID_BYTES).hex(),
        owner=user.user_id,
        label=say(_LABELS[way]),
        total=_total(open_node) if way is Way.EXPORT else 0,
    )
    return redirect(url_for("stick.follow", work_id=work_id), 303)


@blueprint.get("/stick/<work_id>")
@allow(Role.SIGNER, Role.MANAGER)
def follow(work_id: str) -> str | Response:
    """How far it is, and at the end what came of it."""
    work, user = long_work(), current_user()
    progress = work.progress(work_id, user.user_id)
    if is_followed():
        return follow_work(progress, _words(progress))
    lines: list[str] = []
    has_written = False
    if progress.state is WorkState.DONE:
        found = work.result(work_id, user.user_id)
        assert isinstance(found, StickResult)
        lines, has_written = _lines(found), found.exported is not None
    said = _words(progress)
    return render_template("house/stick_work.html", progress=progress, said=said, lines=lines, has_written=has_written)


@blueprint.post("/stick/<work_id>/cancel")
@allow(Role.SIGNER, Role.MANAGER)
def cancel(work_id: str) -> AnyResponse:
    """End the work; what was written whole stays on the stick."""
    long_work().cancel(work_id, current_user().user_id)
    return redirect(url_for("stick.follow", work_id=work_id), 303)


@blueprint.post("/stick/carried/drop")
@allow(Role.MANAGER)
def drop() -> AnyResponse:
    """Let go of everything that is carried for others."""
    open_node = node()
    with open_node.database.write_transaction() as tables:
        files = carried.drop_all(tables)
        audit.append(
            tables,
            Action.CARRIED_DROPPED,
            SUBJECT,
            actor=current_user().name,
            at=open_node.clock.now(),
            details=f"files: {files}",
        )
    return redirect(url_for("stick.show"), 303)


def _choice(*, path: str = "", told: str = "") -> str:
    open_node, media = node(), find_media()
    with open_node.database.read() as tables:
        found = carried.state(tables)
    return render_template(
        "house/stick.html",
        media=media,
        first=next((one.path for one in media if one.free_bytes is not None), None),
        path=path,
        told=told,
        carried=found,
        said_of_carried=carried_sentence(found),
        works=[(one, _words(one)) for one in long_work().all_of(current_user().user_id) if _is_ours(one)],
    )


def _path() -> Path:
    """The chosen or typed folder. Aborts with 400 what no page of ours sends. Raises StickError MISSING, SILENT."""
    typed, chosen = request.form.get("typed", "").strip(), request.form.get("path", "")
    text = typed or chosen
    if len(text) > _PATH_CHARS:
        raise BadRequest
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        # Relative to what, nobody at a browser could know; and no folder's name holds a zero.
        raise StickError(StickCode.MISSING, "relative")
    if is_silent(path):
        # Whoever opens it may not come back either.
        raise StickError(StickCode.SILENT, "look")
    return path


def _is_ours(progress: Progress) -> bool:
    return progress.label in {say(label) for label in _LABELS.values()}


def _total(open_node: Node) -> int:
    planned = plan_export(open_node.database, now=open_node.clock.now(), entropy=open_node.entropy)
    return sum(one.size_bytes for one in planned)


def _export(open_node: Node, path: Path, by: str, tell: Tell) -> StickResult:
    found = export_stick(open_node.database, path, now=open_node.clock.now, entropy=open_node.entropy, by=by, tell=tell)
    return StickResult(b"", "", "", exported=found)


def _import(open_node: Node, path: Path, by: str, tell: Tell) -> StickResult:
    found = import_stick(open_node.database, path, now=open_node.clock.now, by=by, tell=tell)
    return StickResult(b"", "", "", imported=found)


def _carry(behind_pages: Behind, path: Path, by: str, tell: Tell) -> StickResult:
    """What came in is offered at once, and the answers go onto the same stick, whatever the network does meanwhile."""
    open_node = behind_pages.node
    imported = import_stick(open_node.database, path, now=open_node.clock.now, by=by, tell=tell)
    is_reached = True
    try:
        behind_pages.ask(Asked.PERSON)
        behind_pages.wait()
    except NetworkError:
        is_reached = False
    with open_node.database.read() as tables:
        is_reached = is_reached and link.state(tables).failing_since is None
    exported = export_stick(
        open_node.database, path, now=open_node.clock.now, entropy=open_node.entropy, by=by, tell=tell
    )
    return StickResult(b"", "", "", imported=imported, is_reached=is_reached, exported=exported)


def _lines(found: StickResult) -> list[str]:
    """What came of it, in the language of the page."""
    lines = [] if found.imported is None else import_lines(found.imported)
    if found.is_reached is not None:
        lines.append(
            _("Đã trao đổi với trung tâm.")
            if found.is_reached
            else _("Không liên lạc được với trung tâm: các tệp mang hộ chờ lần sau.")
        )
    return lines + ([] if found.exported is None else export_lines(found.exported))


def _words(progress: Progress) -> str:
    match progress.state:
        case WorkState.QUEUED:
            return _("Đang đợi việc khác xong.")
        case WorkState.DONE:
            return _("Đã xong.")
        case WorkState.CANCELLED:
            return _("Đã dừng; những tệp đã chép xong vẫn còn trên USB.")
        case WorkState.FAILED:
            return "" if progress.problem is None else say(progress.problem.vi)
        case WorkState.RUNNING if progress.total:
            return _(
                "Đã chép và đọc lại %(done)s trong %(total)s. Đừng rút USB.",
                done=size(progress.done),
                total=size(progress.total),
            )
        case WorkState.RUNNING:
            return _("Đang làm việc với USB: đã xem %(done)s tệp. Đừng rút USB.", done=progress.done)

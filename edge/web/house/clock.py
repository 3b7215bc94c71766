"""What time it is, how anybody knows, and what a person says: for the manager and the signer.

A time is set in two steps: it is typed, then read back as a question with the day of the week. What was recorded before
keeps its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.domain.clock_sanity import TYPED_SECONDS, Anchor
from edge.domain.day_list_cells import CellError, day_of, seconds_of
from edge.domain.refusals import EdgeCode, Finding, RefusedError, refuse
from edge.domain.roles import Role
from edge.store import clock_marks, contacts
from edge.store.database import Tables
from edge.web.frame.access import allow, current_user
from edge.web.frame.form_words import finding_sentence
from edge.web.frame.formats import clock as time_of_day
from edge.web.frame.formats import iso_day
from edge.web.frame.gate_words import ClockLine, clock_line, span
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.workflow.keep_clock import clock_findings
from sync_protocol.days import day_start, local_day
from sync_protocol.limits import INSTANT

blueprint = Blueprint("clock", __name__)

_SECONDS_CHARS: Final = 13
_SHOWN: Final = 8


@dataclass(slots=True)
class Typed:
    """What stands in the form, what is wrong with it, and what is to be confirmed: None where nothing is."""

    day: str = ""
    time: str = ""
    reason: str = ""
    errors: dict[str, str] | None = None
    asked_at: int | None = None
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """One moment of the picture.

    Attributes:
        words: what it is; several things that are within a minute of each other are one moment.
        kind: "good", "warning" or "plain".
        gap: how long it is after the moment before, in words; "" for the first.
        is_far: whether that is so long that it is worth a look.
    """

    at: int
    words: Sequence[str]
    kind: str
    gap: str
    is_far: bool


@blueprint.get("/clock")
@allow(Role.MANAGER, Role.SIGNER)
def show() -> str:
    """What is known of the time."""
    return _page(_proposed())


@blueprint.post("/clock")
@allow(Role.MANAGER, Role.SIGNER)
def put() -> str | Response:
    """Read a typed time back as a question; with the answer go by it from now on."""
    clock, fields = node().clock, request.form
    if fields.get("do") == "confirm":
        wanted = clock.machine() + _whole(fields.get("seconds", ""))
        clock.set(wanted, reason=fields.get("reason", ""), by=current_user().name)
        return redirect(url_for("clock.show", done="set"), 303)
    typed = _typed()
    if fields.get("do") == "change":
        return _page(typed)
    if not typed.reason:
        raise refuse(EdgeCode.REASON_MISSING, "reason")
    wanted = _wanted(typed)
    with node().database.read() as tables:
        if wanted < clock_marks.hard_floor(tables) - TYPED_SECONDS:
            raise refuse(EdgeCode.CLOCK_EARLY, "time")
    typed.asked_at, typed.seconds = wanted, wanted - clock.machine()
    return _page(typed)


@blueprint.post("/clock/end")
@allow(Role.MANAGER, Role.SIGNER)
def end() -> Response:
    """Go by the machine's own clock again."""
    node().clock.end(by=current_user().name)
    return redirect(url_for("clock.show", done="end"), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same page with what was typed, each fault beside its field."""
    typed = _typed()
    typed.errors = {finding.field: _sentence(finding) for finding in error.findings}
    return _page(typed), 422


def _page(typed: Typed) -> str:
    open_node = node()
    now, machine = open_node.clock.now(), open_node.clock.machine()
    with open_node.database.read() as tables:
        contact = contacts.newest(tables)
        stored = clock_marks.anchor(tables)
        return render_template(
            "house/clock.html",
            typed=typed,
            now=now,
            machine=machine,
            findings=_lines(tables, now),
            stops=_stops(tables, now=now, machine=machine, centre_at=None if contact is None else contact.centre_at),
            hard_floor=clock_marks.hard_floor(tables),
            anchor=None if stored is None else _anchor_words(stored.anchor),
            override=clock_marks.override(tables),
            overrides=[(one, _offset_words(one.seconds)) for one in clock_marks.overrides(tables, limit=_SHOWN)],
            jumps=[(one, _offset_words(one.seconds)) for one in clock_marks.jumps(tables, limit=_SHOWN)],
            offset=_offset_words(now - machine) if abs(now - machine) > TYPED_SECONDS else "",
            done=request.args.get("done", ""),
        )


def _typed() -> Typed:
    day, time, reason = (" ".join(request.form.get(name, "").split()) for name in ("day", "time", "reason"))
    return Typed(day, time, reason)


def _proposed() -> Typed:
    """What the form offers: the time by the centre where it is known, else what nobody doubts; else nothing."""
    clock = node().clock
    with node().database.read() as tables:
        stored, last = clock_marks.anchor(tables), clock_marks.last_jump(tables)
        findings = clock_findings(tables)
    is_known = stored is not None and stored.anchor.high is not None and (last is None or last.number <= stored.jumps)
    if stored is not None and is_known:
        at = clock.machine() + stored.anchor.low
    elif not findings:
        at = clock.now()
    else:
        # A wrong day that stands in the field already would be confirmed unread.
        return Typed()
    return Typed(iso_day(local_day(at)), time_of_day(at))


def _wanted(typed: Typed) -> int:
    """The instant that was typed. Raises RefusedError CLOCK_TYPED."""
    try:
        day = day_of(typed.day)
    except CellError:
        raise refuse(EdgeCode.CLOCK_TYPED, "day") from None
    try:
        seconds = seconds_of(typed.time)
    except CellError:
        raise refuse(EdgeCode.CLOCK_TYPED, "time") from None
    wanted = day_start(day) + seconds
    if not 0 <= wanted <= INSTANT:
        raise refuse(EdgeCode.CLOCK_TYPED, "day")
    return wanted


def _stops(tables: Tables, *, now: int, machine: int, centre_at: int | None) -> list[Stop]:
    newest = clock_marks.floor(tables)
    doubt = abs(now - machine) > TYPED_SECONDS
    moments = [
        (machine, _("Đồng hồ máy"), "warning" if doubt else "good"),
        (now, _("Giờ làm việc"), "good"),
        (newest, _("Lần ghi gần nhất"), "plain"),
    ]
    if centre_at is not None:
        moments.append((centre_at, _("Giờ trung tâm báo"), "plain"))
    stops: list[Stop] = []
    for at, word, kind in sorted(moments, key=lambda moment: moment[0]):
        if stops and at - stops[-1].at <= TYPED_SECONDS:
            last = stops[-1]
            kinds = {last.kind, kind}
            merged = "warning" if "warning" in kinds else "good" if "good" in kinds else "plain"
            stops[-1] = Stop(at, (*last.words, word), merged, last.gap, last.is_far)
            continue
        passed = at - stops[-1].at if stops else 0
        stops.append(Stop(at, (word,), kind, span(passed) if stops else "", passed > 7 * 86_400))
    return stops


def _lines(tables: Tables, now: int) -> list[ClockLine]:
    return [clock_line(one, now) for one in clock_findings(tables)]


def _anchor_words(anchor: Anchor) -> str:
    if anchor.high is None:
        # Only a file: its time is past, and that is all it says.
        if anchor.low <= TYPED_SECONDS:
            return _("Tin của trung tâm mang về bằng USB không mâu thuẫn với đồng hồ máy.")
        return _("Đồng hồ máy chậm ít nhất %(by)s so với tin của trung tâm.", by=span(anchor.low))
    if anchor.says_right:
        return _("Đồng hồ máy khớp với trung tâm (lệch không quá vài phút).")
    if anchor.low > 0:
        low, high = span(anchor.low), span(anchor.high)
        if low == high:
            return _("Đồng hồ máy chậm khoảng %(by)s so với trung tâm.", by=low)
        return _("Đồng hồ máy chậm từ %(low)s đến %(high)s so với trung tâm.", low=low, high=high)
    return _("Đồng hồ máy nhanh khoảng %(by)s so với trung tâm.", by=span(anchor.high))


def _offset_words(seconds: int) -> str:
    if abs(seconds) <= TYPED_SECONDS:
        return _("đúng giờ máy")
    return _("tới trước %(by)s", by=span(seconds)) if seconds > 0 else _("lùi lại %(by)s", by=span(seconds))


def _sentence(finding: Finding) -> str:
    if finding.code is EdgeCode.REASON_MISSING:
        return _("Ghi vì sao phải đặt giờ, ví dụ: pin đồng hồ hỏng.")
    return finding_sentence(finding)


def _whole(text: str) -> int:
    tidy = text.removeprefix("-")
    if not (tidy.isascii() and tidy.isdigit() and len(tidy) < _SECONDS_CHARS):
        raise refuse(EdgeCode.CLOCK_TYPED, "time")
    return int(text)

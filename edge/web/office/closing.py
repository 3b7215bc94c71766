"""The end of the day: every dose accounted for, what is left to do, the sheet that goes to the centre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.domain.day_figures import Figures
from edge.domain.outbox import BundleState
from edge.domain.refusals import EdgeCode, RefusedError, Words
from edge.domain.roles import Role
from edge.domain.waiting import Waiting
from edge.store import bundles, link
from edge.web.frame import drafts
from edge.web.frame.access import allow, current_user
from edge.web.frame.form_words import finding_sentence
from edge.web.frame.formats import moment
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.pictures import Amount, Bar, pieces
from edge.web.frame.sentences import Sentence, bundle_sentence, reason_words
from edge.workflow.close_day import ClosedDay, close_day, closed_day, day_to_close
from sync_protocol.closing import DayClosing
from sync_protocol.days import local_day, parse_day
from sync_protocol.errors import ProtocolError
from sync_protocol.limits import COUNTER, LONG_CHARS

blueprint = Blueprint("closing", __name__)

# So many bundles that wait are named; the rest is on the page of the exchange.
_BUNDLES: Final = 10
# Where a reason is worked off, if that is not its own list.
_AT_SIGNING: Final = frozenset({Waiting.UNSIGNED, Waiting.PASS_OPEN, Waiting.LATE_REASON})


@dataclass(frozen=True, slots=True)
class SumRow:
    """One line of the sum: its pieces lie beneath the part of the line above that they add up to."""

    words: str
    pieces: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Reason:
    """Doses that wait for one reason: how many, why, and where it is put right."""

    count: int
    words: Words
    address: str


@blueprint.get("/day-close")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """The day as it stands; `?day=2022-04-14` for an earlier one."""
    day = _day(request.args)
    kept = drafts.saved_texts(url_for("closing.show", day=day)) or {}
    return _page(day, told="", remark=kept.get("remark", ""))


@blueprint.post("/day-close")
@allow(Role.SIGNER, Role.MANAGER)
def close() -> Response | tuple[str, int]:
    """Close the day, unless something waits and nobody has said that it may."""
    open_node = node()
    now, day = open_node.clock.now(), _day(request.form)
    policy = open_node.shelf.catalogue().policy
    remark = " ".join(request.form.get("remark", "").split())
    if len(remark) > LONG_CHARS:
        return _page(day, told=_("Ghi chú dài quá %(most)s chữ. Viết ngắn hơn.", most=LONG_CHARS), remark=remark), 422
    if request.form.get("sure") != "yes" and day_to_close(open_node.database, policy, day, now=now).figures.waiting:
        told = _("Còn mũi chưa vào sổ cái. Xem danh sách ở trên, rồi đánh dấu vào ô xác nhận và bấm lại.")
        return _page(day, told=told, remark=remark), 422
    try:
        close_day(
            open_node.database,
            policy,
            day,
            now=now,
            by=current_user().name,
            entropy=open_node.entropy,
            remark=remark,
            revision=_revision(request.form),
        )
    except RefusedError as error:
        if error.findings[0].code is not EdgeCode.DAY_CLOSED:
            raise
        # The other sheet stands above, and the remark of this one is still there for the next.
        return _page(day, told=finding_sentence(error.findings[0]), remark=remark), 422
    drafts.clear(url_for("closing.show", day=day))
    return redirect(url_for("closing.show", day=day), 303)


@blueprint.get("/day-close/sheet")
@allow(Role.SIGNER, Role.MANAGER)
def sheet() -> str:
    """A sheet as it was sent, to be printed and signed by hand; `?day=2022-04-15&revision=1`."""
    open_node = node()
    found = closed_day(open_node.database, _day(request.args), _revision(request.args))
    if found is None:
        abort(404)
    now = open_node.clock.now()
    return render_template(
        "office/closing_sheet.html",
        closed=found,
        sheet=found.sheet,
        rows=_sum_rows(found.sheet),
        waiting=[(count, reason_words(reason)) for reason, count in found.sheet.waiting],
        sent=_sent_words(found, now),
        now=now,
    )


def _page(day: str, *, told: str, remark: str = "") -> str:
    open_node = node()
    now = open_node.clock.now()
    found = day_to_close(open_node.database, open_node.shelf.catalogue().policy, day, now=now)
    with open_node.database.read() as tables:
        state = link.state(tables)
        due = bundles.due_lines(tables, limit=_BUNDLES)
        unsent = bundles.unsent(tables)
    return render_template(
        "office/closing.html",
        found=found,
        figures=found.figures,
        rows=_sum_rows(found.figures),
        reasons=_reasons(found.figures.waiting, day),
        closed=found.closed,
        sent=None if found.closed is None else _sent_words(found.closed, now),
        due=[(line, bundle_sentence(line, state, now)) for line in due],
        unsent=unsent,
        told=told,
        remark=remark,
        today=local_day(now),
        now=now,
        longest=LONG_CHARS,
    )


def _sum_rows(figures: Figures | DayClosing) -> list[SumRow]:
    """Recorded, then what became of it step by step; each line is as long as the first piece of the one above."""
    total = figures.recorded
    judged = figures.admitted + figures.quarantined + figures.refused
    lines = (
        (_("Đã ghi"), [("ready", _("đã ghi"), total)]),
        (
            _("Trong đó"),
            [("unsent", _("đã ký"), figures.signed), ("identity", _("chưa ký"), total - figures.signed)],
        ),
        (
            _("Trong số đã ký"),
            [
                ("unsent", _("trung tâm đã nhận"), figures.received),
                ("ready", _("chờ biên nhận"), figures.signed - figures.received),
            ],
        ),
        (
            _("Trong số đã nhận"),
            [
                ("admitted", _("đã vào sổ cái"), figures.admitted),
                ("identity", _("tạm giữ"), figures.quarantined),
                ("returned", _("bị trả lại"), figures.refused),
                ("other", _("chờ kết quả"), figures.received - judged),
            ],
        ),
    )
    return [
        SumRow(
            words,
            # The first two always stand there, so that the line is seen to add up; the rarer ones when there are any.
            pieces(
                [(kind, Amount(text, count)) for place, (kind, text, count) in enumerate(parts) if count or place < 2],
                total=total,
            ),
        )
        for number, (words, parts) in enumerate(lines)
        # What nothing has reached has no line; that nothing was recorded is said.
        if number == 0 or any(count for _kind, _text, count in parts)
    ]


def _reasons(waiting: Mapping[str, int], day: str) -> list[Reason]:
    found = sorted(((count, reason) for reason, count in waiting.items() if count), key=lambda one: (-one[0], one[1]))
    return [Reason(count, reason_words(reason), _address(reason, day)) for count, reason in found]


def _address(reason: str, day: str) -> str:
    if reason in _AT_SIGNING:
        return url_for("signing.choose")
    if reason == Waiting.UNSENT:
        return url_for("sync.show")
    if reason == Waiting.HANDED:
        return url_for("handover.show")
    return url_for("today.waiting", reason=reason, day=day)


def _sent_words(closed: ClosedDay, now: int) -> Sentence:
    """Where the bundle of a sheet is."""
    number = closed.bundle
    match closed.sent.state:
        case BundleState.RECEIPTED:
            at = moment(closed.sent.admitted_at or closed.sheet.closed_at, now)
            return Sentence("good", _("Đã nhận"), _("Gói %(number)s: trung tâm nhận %(at)s.", number=number, at=at))
        case BundleState.REFUSED:
            text = _("Gói %(number)s: trung tâm không nhận. Xem trang đồng bộ rồi chốt lại.", number=number)
            return Sentence("danger", _("Bị trả lại"), text)
        case BundleState.FORKED:
            text = _("Gói %(number)s: trung tâm có lịch sử khác. Gọi bộ phận kỹ thuật.", number=number)
            return Sentence("danger", _("Hai lịch sử"), text)
        case BundleState.SEALED | BundleState.OFFERED:
            text = _("Gói %(number)s: chờ gửi. Máy tự gửi khi có mạng.", number=number)
            return Sentence("warning", _("Chờ gửi"), text)


def _day(asked: Mapping[str, str]) -> str:
    """The day asked for; today where none is. A day to come is refused by the workflow."""
    text = asked.get("day", "")
    if not text:
        return local_day(node().clock.now())
    try:
        return parse_day(text, what="day").isoformat()
    except ProtocolError:
        abort(400)


def _revision(asked: Mapping[str, str]) -> int:
    text = asked.get("revision", "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(COUNTER))):
        abort(400)
    return int(text)

"""The audit trail, for the manager: who did what and when, newest first, and whether its chain holds.

Addresses carry codes, row numbers and days. The trail itself names things by their ids and nobody by more than a name
of a user.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import audit, users
from edge.store.audit import Action, Wanted
from edge.web.frame.access import allow, current_user
from edge.web.frame.day_field import TypedDay, read_day
from edge.web.frame.formats import count
from edge.web.frame.language import _, plural
from edge.web.frame.long_work import follow_work, is_followed, long_work
from edge.web.frame.node import node
from edge.web.frame.work_progress import Result, WorkState
from edge.web.house.act_words import ACT_WORDS, act_words, subject_words
from sync_protocol.days import day_end, day_start

blueprint = Blueprint("audit", __name__)

PAGE_ROWS: Final = 100
_ID_BYTES: Final = 16
_NUMBER_CHARS: Final = 12


@dataclass(frozen=True, slots=True)
class _Filter:
    """What the address asks for: an act's code, a user's number, a local day; "" for all."""

    act: str
    user: str
    day: TypedDay


@blueprint.get("/audit")
@allow(Role.MANAGER)
def show() -> str:
    """A page of the trail."""
    wanted = _filter()
    with node().database.read() as tables:
        everybody = users.all_users(tables)
        actor = next((one.name for one in everybody if str(one.user_id) == wanted.user), "")
        since = until = 0
        if wanted.day.day:
            since, until = day_start(wanted.day.day), day_end(wanted.day.day)
        entries = audit.listed(
            tables,
            Wanted(wanted.act, actor, since=since, until=until),
            before=_whole(request.args.get("before", "")),
            limit=PAGE_ROWS + 1,
        )
    return render_template(
        "house/audit.html",
        entries=entries[:PAGE_ROWS],
        next_before=entries[PAGE_ROWS - 1].entry if len(entries) > PAGE_ROWS else 0,
        wanted=wanted,
        acts=sorted(((action, act_words(action)) for action in ACT_WORDS), key=lambda pair: pair[1]),
        everybody=everybody,
        act_words=act_words,
        subject_words=subject_words,
        is_first=not request.args.get("before"),
        now=node().clock.now(),
    )


@blueprint.post("/audit/verify")
@allow(Role.MANAGER)
def verify() -> AnyResponse:
    """Begin to recompute the whole chain."""
    open_node = node()
    with open_node.database.read() as tables:
        total, _digest = audit.head(tables)
    work_id = long_work().submit(
        partial(_verify, open_node),
        work_id=open_node.entropy.token(_ID_BYTES).hex(),
        owner=current_user().user_id,
        label=_("Kiểm tra chuỗi nhật ký"),
        total=total,
    )
    return redirect(url_for("audit.verified", work_id=work_id), 303)


@blueprint.get("/audit/verify/<work_id>")
@allow(Role.MANAGER)
def verified(work_id: str) -> str | Response:
    """How far the check is, or what it found; the same as JSON for its script."""
    progress = long_work().progress(work_id, current_user().user_id)
    rows = count(progress.total if progress.state is WorkState.DONE else progress.done)
    if progress.state is WorkState.DONE:
        said = plural("%(rows)s dòng, chuỗi nguyên vẹn.", "%(rows)s dòng, chuỗi nguyên vẹn.", progress.total, rows=rows)
    else:
        said = plural(
            "Đã xem %(rows)s trong %(total)s dòng.",
            "Đã xem %(rows)s trong %(total)s dòng.",
            progress.total,
            rows=rows,
            total=count(progress.total),
        )
    if is_followed():
        return follow_work(progress, said)
    return render_template("house/audit_verified.html", progress=progress, said=said)


def _verify(open_node: Node, tell: Callable[[int], None]) -> Result:
    with open_node.database.read() as tables:
        number, digest = audit.verify(tables, tell)
    return Result(f"{number} {digest.hex()}".encode(), "audit.txt", "text/plain")


def _filter() -> _Filter:
    act, user = request.args.get("act", ""), request.args.get("user", "")
    day = read_day(request.args.get("day", ""))
    return _Filter(act if act in set(Action) else "", user if _whole(user) else "", day)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS else 0

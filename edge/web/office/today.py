"""The first place: where the day stands, what waits and why, and the next thing to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.waiting import Waiting
from edge.domain.work_list import Cause, returned_list
from edge.store import health_certificates, population, questions, reports
from edge.web.frame.access import allow_signed_in
from edge.web.frame.certificate_words import certificate_notice
from edge.web.frame.charts import hours, shares
from edge.web.frame.copy_words import copy_notes
from edge.web.frame.node import node
from edge.web.frame.question_words import open_sentence
from edge.web.frame.sentences import reason_words
from edge.web.office.signing_list import ALL_DAYS
from edge.workflow.day_status import day_status
from sync_protocol.days import VIETNAM, local_day, parse_day
from sync_protocol.errors import Code, ProtocolError

blueprint = Blueprint("today", __name__)


@blueprint.get("/")
@allow_signed_in()
def show() -> str:
    """The day's figures; `?day=2022-04-15` for another day, `?day=all` for everything."""
    open_node = node()
    now = open_node.clock.now()
    day = _day(now)
    status = day_status(open_node.database, open_node.shelf.catalogue().policy, now=now, day=day, lines=0)
    with open_node.database.read() as tables:
        # The hours of all days together say nothing.
        by_hour = reports.hours(tables, day) if day else {}
        notice = certificate_notice(open_node, tables, now=now)
        passports = health_certificates.count_of_day(tables, day or local_day(now))
        gap = population.gap(tables)
        asked = open_sentence(questions.open_questions(tables), now)
        copy = copy_notes(tables)
    is_today = day == local_day(now)
    return render_template(
        "office/today.html",
        status=status,
        notice=notice,
        copy=copy,
        passports=passports,
        asked=asked,
        gap=None if gap is None else (gap, reason_words(gap.code)),
        day=day,
        is_today=is_today,
        shares=shares(status.figures),
        hours=hours(
            by_hour,
            now_hour=datetime.fromtimestamp(now, VIETNAM).hour if is_today else None,
        )
        if day
        else [],
        waiting=[
            (_place(reason, day), number, reason_words(reason)) for reason, number in _sorted(status.figures.waiting)
        ],
    )


@blueprint.get("/waiting/<reason>")
@allow_signed_in()
def waiting(reason: str) -> Response:
    """Where something is done about a reason: its work list, the signing desk, or the exchange with the centre."""
    return redirect(_place(reason, _day(node().clock.now())), 302)


def _place(reason: str, day: str) -> str:
    days: dict[str, Any] = {"from": day, "to": day} if day else {}
    if reason in set(Cause):
        return url_for("work_lists.show", list=reason, **days)
    if reason == Waiting.UNSENT:
        return url_for("sync.show")
    if reason == Waiting.HANDED:
        return url_for("handover.show")
    if reason in set(Waiting):
        state = reason if reason in (Waiting.LATE_REASON, Waiting.DOSE_DAY) else None
        return url_for("signing.choose", **(days or {"from": ALL_DAYS, "to": ALL_DAYS}), state=state)
    if reason in set(Code):
        return url_for("work_lists.show", list=returned_list(reason), **days)
    raise NotFound


def _day(now: int) -> str:
    """The day asked for in the address: a day, or "" for all."""
    text = request.args.get("day", "")
    if text == "all":
        return ""
    if not text:
        return local_day(now)
    try:
        return parse_day(text, what="day").isoformat()
    except ProtocolError:
        abort(400)


def _sorted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

"""The first place: where the day stands, what waits and why, and the next thing to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.domain.day_figures import ADMITTED, place
from edge.domain.roles import Role
from edge.domain.waiting import Waiting
from edge.store import doses, node_identity, page_queries, people, standings
from edge.store.people import PersonId
from edge.web.desks.edit_form import Origin, whole
from edge.web.desks.people import identity_of
from edge.web.frame.access import allow, allow_signed_in
from edge.web.frame.charts import hours, shares
from edge.web.frame.formats import given_name_first
from edge.web.frame.node import node
from edge.web.frame.sentences import FIELD_WORDS, reason_words
from edge.workflow.check_identity import check_identity
from edge.workflow.day_status import day_status
from edge.workflow.plan_passes import signing_rules
from sync_protocol.days import VIETNAM, local_day, parse_day
from sync_protocol.errors import ProtocolError

blueprint = Blueprint("today", __name__)

# A list longer than this is worked off from the front.
LIST_ROWS: Final = 500
_ACTOR: Final = "Trang xác thực"
# The reasons that another look into the population pack may settle.
_ASKABLE: Final = (Waiting.IDENTITY_WAITING, Waiting.IDENTITY_MISMATCH)


@blueprint.get("/")
@allow_signed_in()
def show() -> str:
    """The day's figures; `?day=2022-04-15` for another day, `?day=all` for everything."""
    open_node = node()
    now = open_node.clock.now()
    day = _day(now)
    status = day_status(open_node.database, open_node.shelf.catalogue().policy, now=now, day=day)
    with open_node.database.read() as tables:
        rows = standings.standings(tables, facility=status.facility, day=day)
    is_today = day == local_day(now)
    return render_template(
        "office/today.html",
        status=status,
        day=day,
        is_today=is_today,
        shares=shares(status.figures),
        hours=hours(
            [row.facts.given_at for row in rows],
            now_hour=datetime.fromtimestamp(now, VIETNAM).hour if is_today else None,
        ),
        waiting=[(reason, number, reason_words(reason)) for reason, number in _sorted(status.figures.waiting)],
    )


@blueprint.get("/waiting/<reason>")
@allow(Role.RECEPTION, Role.INJECTION, Role.SIGNER, Role.MANAGER)
def waiting(reason: str) -> str:
    """The doses that wait for one reason: who, which dose, and what to do; `?fixed=` names who was put right."""
    open_node = node()
    now = open_node.clock.now()
    day = _day(now)
    policy = open_node.shelf.catalogue().policy
    with open_node.database.read() as tables:
        rules = signing_rules(tables, policy, now=now)
        rows = standings.standings(tables, facility=node_identity.codes(tables).facility, day=day)
        found = [row.facts.sequence for row in rows if place(row, rules) == reason != ADMITTED]
        listed = doses.assemble(tables, found[:LIST_ROWS])
        differs = page_queries.differing_fields(tables, found[:LIST_ROWS])
        whose = page_queries.people_of(tables, found[:LIST_ROWS])
        fixed = people.get(tables, PersonId(whole(request.args.get("fixed", ""))))
        now_known = None if fixed is None else identity_of(tables, fixed)
    listed.sort(key=lambda dose: given_name_first(dose.recipient.name))
    return render_template(
        "office/waiting.html",
        reason=reason,
        words=reason_words(reason),
        doses=listed,
        differs={sequence: FIELD_WORDS.get(field, field) for sequence, field in differs.items()},
        whose=whose,
        origin=Origin(reason, day or "all"),
        fixed=fixed,
        now_known=now_known,
        askable=reason in _ASKABLE and bool(found),
        total=len(found),
        day=day,
    )


@blueprint.post("/identity/check")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def ask_again() -> Response:
    """Compare everybody who waits or mismatches with the population pack, then show the day."""
    open_node = node()
    check_identity(open_node.database, at=open_node.clock.now(), by=_ACTOR)
    return redirect(url_for("today.show"), 303)


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

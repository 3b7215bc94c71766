"""The third place: choose, preview just what was ticked; the signature itself is in `signing_run`.

The list is one form: whatever is pressed on it, the ticks of the page go along, so that none is lost without a script.
Enter does what was typed last: it narrows the list, takes the late reason, or previews.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import Words
from edge.domain.roles import Role
from edge.domain.signing_pass import Rules
from edge.domain.waiting import Waiting
from edge.store import approvals, node_identity, passes, settings, signing_queue
from edge.store.approvals import ApprovalState
from edge.store.database import Tables
from edge.store.settings import Setting
from edge.store.signing_queue import LEAST_DIGITS, LEAST_LETTERS, Wanted
from edge.web.frame import drafts
from edge.web.frame.access import allow, current_user
from edge.web.frame.certificate_words import certificate_notice, signing_officer
from edge.web.frame.header import header
from edge.web.frame.node import node
from edge.web.frame.problems import error_words
from edge.web.frame.security import came_over_lan
from edge.web.office.handover_words import ways
from edge.web.office.signing_choice import (
    MOST_TICKED,
    TURNS,
    Choice,
    choice_of,
    is_number,
    keep_choice,
    ticked_of,
    typed,
    with_more,
    with_page,
)
from edge.web.office.signing_list import DAY_BUTTONS, address_of, passes_today, read_wanted, signing_list
from edge.web.office.signing_preview import PURPOSES, preview_of
from edge.web.office.turn_work import SigningTurn, signing_turns
from edge.workflow.plan_passes import Selection, outline_selection, signing_rules
from sync_protocol.days import local_day

blueprint = Blueprint("signing", __name__)

SOFTWARE: Final = "software:"
_MOST_PASSES: Final = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a page is shown again: the code, and its words for beside what they are about."""

    code: str = ""
    words: Words | None = None


NO_PROBLEM: Final = Problem()


@blueprint.get("/sign")
@allow(Role.SIGNER)
def choose() -> str:
    """The unsigned doses of today, or of what the address names: days, hours, product, state and page."""
    if request.args.get("nothing"):
        error = PassRefusedError(PassCode.NOTHING_TO_SIGN)
        return choose_page(Problem(error.code.value, error_words(error)[1]))
    return choose_page()


@blueprint.post("/sign")
@allow(Role.SIGNER)
def tick() -> Response:
    """Keep the ticks of the page, then do what was pressed; the address keeps the codes of the filter."""
    open_node, choice = node(), choice_of(key())
    before = after = _wanted(choice)
    page, endpoint, nothing = _page(request.args), "signing.choose", False
    with open_node.database.read() as tables:
        policy = open_node.shelf.catalogue().policy
        rules = signing_rules(tables, policy, now=open_node.clock.now(), late_reason=choice.late_reason)
        choice = with_page(tables, choice, before, rules)
        match _pressed(choice, before, rules):
            case "day":
                after, page = _on_day(before, request.form["day"]), 1
            case "page":
                page = _page(request.form)
            case "search":
                choice = replace(choice, text=typed("text"))
                after, page = read_wanted(_filter_fields(), today=local_day(rules.now), text=choice.text), 1
            case "reason":
                choice = _with_reason(tables, choice, before, rules)
                after, page = replace(before, state=""), 1
            case "none":
                choice = replace(choice, ticked=frozenset())
            case "all":
                choice = with_more(choice, signing_queue.ready(tables, before, rules, limit=MOST_TICKED))
            case "preview":
                choice = replace(choice, ticked=frozenset(ticked_of(tables, choice, before, rules)))
                endpoint, page = ("signing.preview", 1) if choice.ticked else (endpoint, page)
                nothing = not choice.ticked
    if choice.late_reason != rules.late_reason:
        drafts.clear(url_for("signing.choose"))
    address: dict[str, Any] = {**address_of(after), "choice": keep_choice(key(), choice)}
    address |= {"page": page if page > 1 else None, "nothing": "yes" if nothing else None}
    return redirect(url_for(endpoint, **address), 303)


@blueprint.get("/sign/preview")
@allow(Role.SIGNER)
def preview() -> str | Response:
    """Just the ticked doses, in words and as a list, before the PIN is asked."""
    return preview_page() if choice_of(key()).ticked else redirect(url_for("signing.choose"), 303)


def choose_page(problem: Problem = NO_PROBLEM) -> str:
    """The list, with what went wrong beside what it is about."""
    open_node, choice, user = node(), choice_of(key()), current_user()
    now = open_node.clock.now()
    wanted = _wanted(choice)
    with open_node.database.read() as tables:
        listed = signing_list(open_node, wanted, choice, now=now, page=_page(request.args))
        # A draft is shown where its field is: beside doses that lack the reason.
        kept = drafts.saved_texts(url_for("signing.choose")) if listed.late else None
        found = [passes.find(tables, number) for number in _span()]
        pending = approvals.pending(tables)
        return render_template(
            "office/signing.html",
            kept_reason=(kept or {}).get("late_reason", ""),
            listed=listed,
            wanted=wanted,
            address=address_of(wanted),
            is_today=(wanted.first_day, wanted.last_day) == (local_day(now),) * 2,
            choice=choice,
            key=key(),
            purposes=PURPOSES,
            open_pass=passes.open_pass(tables),
            passes=passes_today(tables, now=now),
            done=[one for one in found if one is not None and one.signed_at is not None],
            asked=sum(one.state is ApprovalState.ASKED and one.asked_by != user.user_id for one in pending),
            agreed=sum(one.state is ApprovalState.APPROVED and one.decided_by != user.user_id for one in pending),
            problem=problem,
            notice=certificate_notice(open_node, tables, now=now),
            has_signer=bool(open_node.config.signer),
            ways=ways(tables),
            more=_more(),
            most=MOST_TICKED,
            turns=TURNS,
            day_buttons=DAY_BUTTONS,
            least=(LEAST_LETTERS, LEAST_DIGITS),
        )


def preview_page(problem: Problem = NO_PROBLEM) -> str:
    """The preview, with what went wrong beside what it is about."""
    choice = choice_of(key())
    with node().database.read() as tables:
        shown = preview_of(
            tables, selection(tables, choice), node=node_identity.codes(tables).node, page=_page(request.args)
        )
        needs_approval = bool(settings.get(tables, Setting.APPROVAL_REQUIRED)) or header().gate.needs_second
    if not shown.passes:
        return choose_page(Problem(problem.code, problem.words or _nothing_words()))
    return render_template(
        "office/preview.html",
        shown=shown,
        address=address_of(_wanted(choice)),
        key=key(),
        purposes=PURPOSES,
        officer=typed("officer") or signing_officer(node(), current_user().name),
        needs_approval=needs_approval,
        problem=problem,
        name_codes=(PassCode.SIGNER_NAME, PassCode.APPROVAL_SELF),
        is_software=is_software(),
        is_elsewhere=came_over_lan(),
        offline_reason=typed("offline_reason"),
    )


def selection(tables: Tables, choice: Choice) -> Selection:
    """What is ticked, as it would be signed now."""
    open_node = node()
    return outline_selection(
        tables,
        open_node.shelf.catalogue().policy,
        sorted(choice.ticked or ()),
        now=open_node.clock.now(),
        late_reason=choice.late_reason,
    )


def key() -> str:
    """Under which the user's choice is kept: from the form, or from the address."""
    return request.form.get("choice", "") or request.args.get("choice", "")


def is_software() -> bool:
    """Whether a file signs in the place of a token, which the page has to say."""
    return node().config.signer.startswith(SOFTWARE)


def _pressed(choice: Choice, before: Wanted, rules: Rules) -> str:
    """What is to be done: the button that was pressed; with Enter, what was typed decides."""
    for button in ("day", "page"):
        if request.form.get(button):
            return button
    pressed = request.form.get("do", "")
    if pressed:
        return pressed
    after = read_wanted(_filter_fields(), today=local_day(rules.now), text=typed("text"))
    if "text" in request.form and after != before:
        return "search"
    return "reason" if "late_reason" in request.form and typed("late_reason") != choice.late_reason else "preview"


def _with_reason(tables: Tables, choice: Choice, wanted: Wanted, rules: Rules) -> Choice:
    """The choice with the reason for signing late, and the doses ticked that only lacked it."""
    late = signing_queue.page(
        tables, replace(wanted, state=Waiting.LATE_REASON.value), rules, offset=0, limit=MOST_TICKED
    )
    choice = replace(choice, late_reason=typed("late_reason"))
    return choice if choice.ticked is None else with_more(choice, [row.sequence for row in late])


def _filter_fields() -> MultiDict[str, str]:
    """The filter as the form has it; a form without its fields means the address's."""
    return request.form if "from" in request.form else request.args


def _wanted(choice: Choice) -> Wanted:
    return read_wanted(request.args, today=local_day(node().clock.now()), text=choice.text)


def _on_day(wanted: Wanted, day: str) -> Wanted:
    found = read_wanted(MultiDict({"from": day, "to": day}), today=day)
    return replace(wanted, first_day=found.first_day, last_day=found.last_day)


def _page(fields: MultiDict[str, str]) -> int:
    text = fields.get("page", "")
    return max(1, int(text)) if is_number(text) else 1


def _span() -> Sequence[int]:
    first, last = request.args.get("first", ""), request.args.get("last", "")
    if not (is_number(first) and is_number(last)):
        return ()
    return range(int(first), min(int(last) + 1, int(first) + _MOST_PASSES))


def _more() -> SigningTurn | None:
    """The turn that has just signed a part of what was previewed, while the rest of it is still unsigned."""
    turn = signing_turns().get(request.args.get("turn", ""), current_user().user_id)
    return turn if turn is not None and turn.order.rest else None


def _nothing_words() -> Words:
    return error_words(PassRefusedError(PassCode.NOTHING_TO_SIGN))[1]

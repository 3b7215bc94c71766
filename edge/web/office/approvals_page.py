"""The second person: what waits for approval, the same preview again, yes or no with a remark, and the way to sign."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import RefusedError
from edge.domain.roles import Role
from edge.store import approvals, node_identity
from edge.store.approvals import ApprovalState
from edge.web.desks.edit_form import whole
from edge.web.frame.access import allow, current_user
from edge.web.frame.certificate_words import signing_officer
from edge.web.frame.node import node
from edge.web.frame.problems import error_words
from edge.web.frame.security import came_over_lan
from edge.web.office.handover_words import ways
from edge.web.office.signing import NO_PROBLEM, Problem, is_software, key, preview_page
from edge.web.office.signing_choice import choice_of, typed
from edge.web.office.signing_preview import PURPOSES, delegated_preview, preview_of
from edge.workflow.approve_selection import (
    approve,
    ask_approval,
    current_delegated,
    current_selection,
    fits,
    refuse_approval,
    withdraw_approval,
)

blueprint = Blueprint("approvals", __name__)

# State of an approval: what its badge looks like, and what it says.
STATES: Final = {
    ApprovalState.ASKED: ("warning", "Chờ phê duyệt"),
    ApprovalState.APPROVED: ("plain", "Đã duyệt, chờ ký"),
    ApprovalState.REFUSED: ("danger", "Đã từ chối"),
    ApprovalState.USED: ("good", "Đã ký"),
    ApprovalState.WITHDRAWN: ("plain", "Đã rút lại"),
}


@blueprint.post("/sign/approvals")
@allow(Role.SIGNER)
def ask() -> Response:
    """Ask for the approval of what was previewed, for all of its turns."""
    open_node, choice, user = node(), choice_of(key()), current_user()
    try:
        shown = bytes.fromhex(request.form.get("approved", ""))
    except ValueError:
        raise BadRequest from None
    approval_id = ask_approval(
        open_node.database,
        open_node.shelf.catalogue().policy,
        sorted(choice.ticked or ()),
        shown=shown,
        late_reason=choice.late_reason,
        user=user,
        now=open_node.clock.now(),
    )
    return redirect(url_for("approvals.show", approval_id=approval_id), 303)


@blueprint.get("/sign/approvals")
@allow(Role.SIGNER, Role.MANAGER)
def index() -> str:
    """What waits for a decision or for the signature, and what came of the others."""
    with node().database.read() as tables:
        return render_template(
            "office/approvals.html",
            pending=approvals.pending(tables),
            settled=approvals.settled(tables),
            states=STATES,
            ways=ways(tables),
        )


@blueprint.get("/sign/approvals/<int(max=999999999):approval_id>")
@allow(Role.SIGNER, Role.MANAGER)
def show(approval_id: int) -> str:
    """The selection as its asker saw it, and what the user at this browser may do with it."""
    return approval_page(approval_id)


@blueprint.post("/sign/approvals/<int(max=999999999):approval_id>")
@allow(Role.SIGNER, Role.MANAGER)
def decide(approval_id: int) -> str | Response:
    """Approve, refuse with a remark, or withdraw; Enter alone shows the page again with the remark."""
    open_node, user = node(), current_user()
    database, now = open_node.database, open_node.clock.now()
    match request.form.get("do", ""):
        case "approve":
            policy = open_node.shelf.catalogue().policy
            approve(database, policy, approval_id, user=user, now=now, remark=typed("remark"))
        case "refuse":
            refuse_approval(database, approval_id, user=user, now=now, remark=typed("remark"))
        case "withdraw":
            withdraw_approval(database, approval_id, user=user, now=now)
        case "look":
            return approval_page(approval_id)
        case _:
            raise BadRequest
    return redirect(url_for("approvals.show", approval_id=approval_id), 303)


@blueprint.errorhandler(PassRefusedError)
@blueprint.errorhandler(RefusedError)
def refused(error: Exception) -> tuple[str, int]:
    """Show the same page again with the problem, and with the remark as it was typed."""
    problem = Problem(*error_words(error))
    approval_id = (request.view_args or {}).get("approval_id")
    if approval_id is None:
        return preview_page(problem), 409
    return approval_page(approval_id, problem), 409


def approval_page(approval_id: int, problem: Problem = NO_PROBLEM) -> str:
    """One approval, with what went wrong beside what it is about. Aborts with 404 if there is none."""
    open_node, user = node(), current_user()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        found = approvals.get(tables, approval_id)
        if found is None:
            abort(404)
        policy, page = open_node.shelf.catalogue().policy, max(1, whole(request.args.get("page", "")))
        if found.for_site is None:
            selection = current_selection(tables, policy, found, now=now)
            parts = selection.parts
            shown = preview_of(tables, selection, node=node_identity.codes(tables).node, page=page)
        else:
            plan = current_delegated(tables, policy, found, now=now)
            parts = () if plan is None else (plan.digest,)
            shown = delegated_preview(plan, page=page)
        has_changed = found.state in approvals.PENDING and not fits(tables, found, parts)
    return render_template(
        "office/approval.html",
        approval=found,
        state=STATES[found.state],
        shown=shown,
        has_changed=has_changed,
        may_decide=found.state is ApprovalState.ASKED and user.user_id != found.asked_by,
        may_sign=found.state is ApprovalState.APPROVED
        and user.user_id != found.decided_by
        and Role.SIGNER in user.roles
        and not has_changed,
        may_withdraw=found.state in approvals.PENDING and user.user_id in (found.asked_by, found.decided_by),
        purposes=PURPOSES,
        officer=typed("officer") or signing_officer(open_node, user.name),
        remark=typed("remark"),
        problem=problem,
        name_codes=(PassCode.SIGNER_NAME, PassCode.APPROVAL_SELF),
        is_software=is_software(),
        is_elsewhere=came_over_lan(),
        offline_reason=typed("offline_reason"),
    )

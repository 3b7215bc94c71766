"""The signature: what was previewed or approved goes to the token once; an interrupted pass is finished or given up.

The PIN goes from the form's body to the signer and stays nowhere: in no page, no store, no log, no address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.roles import Role
from edge.domain.signing_pass import PassPlan
from edge.domain.waiting import Waiting
from edge.store import approvals, page_queries, passes, settings
from edge.store.approvals import ApprovalState
from edge.store.passes import StoredPass
from edge.store.settings import Setting
from edge.web.desks.edit_form import whole
from edge.web.frame.access import allow, current_user
from edge.web.frame.node import node
from edge.web.frame.problems import error_words
from edge.web.office.approvals_page import approval_page
from edge.web.office.signing import Problem, choose_page, key, preview_page, selection
from edge.web.office.signing_choice import choice_of, typed
from edge.workflow.approve_selection import plan_approved
from edge.workflow.plan_passes import plan_selection
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_pass import abandon_pass, resume_pass, sign_plan
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_errors import TokenError

blueprint = Blueprint("signing_run", __name__)

_NOTHING: Final = PassPlan((), ())


@dataclass(frozen=True, slots=True)
class Turn:
    """What one click is to sign; `signed` are the doses that the first of two clicks has signed already."""

    plan: PassPlan
    late_reason: str = ""
    approval_id: int | None = None
    signed: Sequence[int] = ()


@blueprint.post("/sign/run")
@allow(Role.SIGNER)
def run() -> Response:
    """Sign what was previewed or approved, and nothing else."""
    open_node = node()
    now = open_node.clock.now()
    approval_id = _approval_id()
    turn = _ticked(now) if approval_id is None else _approved(approval_id, now)
    if turn.signed:
        return _done(turn.signed)
    officer = Officer(
        typed("officer"), late_reason=turn.late_reason, approval_id=turn.approval_id, by=current_user().name
    )
    if not officer.name:
        # Said before the token is asked: no try of the PIN is spent on a form with a gap.
        raise PassRefusedError(PassCode.SIGNER_NAME)
    with open_signer(signer_uri(open_node.config), _pin, after_wrong_pin=_is_sure()) as signer:
        turns = sign_plan(open_node.database, turn.plan, signer, officer=officer, now=now, entropy=open_node.entropy)
        sealed = [one.pass_id for one in turns]
    return redirect(url_for("signing.choose", first=sealed[0], last=sealed[-1]), 303)


@blueprint.post("/sign/resume")
@allow(Role.SIGNER)
def resume() -> Response:
    """Finish the open pass with the bytes that were fixed."""
    open_node = node()
    stored = _open_pass()
    if stored is None:
        raise PassRefusedError(PassCode.NONE_OPEN)
    now, entropy, by = open_node.clock.now(), open_node.entropy, current_user().name
    if stored.state is PassState.PREPARED:
        with open_signer(signer_uri(open_node.config), _pin, after_wrong_pin=_is_sure()) as signer:
            resume_pass(open_node.database, signer, now=now, entropy=entropy, by=by)
    else:
        resume_pass(open_node.database, None, now=now, entropy=entropy, by=by)
    return redirect(url_for("signing.choose", first=stored.pass_id, last=stored.pass_id), 303)


@blueprint.post("/sign/abandon")
@allow(Role.SIGNER)
def abandon() -> Response:
    """Give the doses of the open pass back to the list."""
    open_node = node()
    abandon_pass(open_node.database, actor=current_user().name, now=open_node.clock.now())
    return redirect(url_for("signing.choose"), 303)


@blueprint.errorhandler(TokenError)
@blueprint.errorhandler(ProtocolError)
@blueprint.errorhandler(PassRefusedError)
def refused(error: Exception) -> tuple[str, int]:
    """Show the same page again with what was typed, and the problem beside it. The PIN is never shown again."""
    problem = Problem(*error_words(error))
    if _open_pass() is None:
        approval_id = _approval_id()
        if approval_id is not None:
            return approval_page(approval_id, problem), 409
        if choice_of(key()).ticked:
            return preview_page(problem), 409
    return choose_page(problem), 409


def _ticked(now: int) -> Turn:
    """What the user has ticked, if it still is what the preview showed."""
    open_node, choice = node(), choice_of(key())
    with open_node.database.read() as tables:
        outline = selection(tables, choice).outline
        needs_approval = settings.get(tables, Setting.APPROVAL_REQUIRED)
    signed = [one.sequence for one in outline.refused if one.reason is Waiting.SIGNED]
    if signed and not outline.passes:
        # A second click on the same button: the first one has signed.
        return Turn(_NOTHING, signed=signed)
    if needs_approval:
        raise PassRefusedError(PassCode.APPROVAL_MISSING)
    plan = plan_selection(
        open_node.database,
        open_node.shelf.catalogue().policy,
        sorted(choice.ticked or ()),
        shown=_shown(),
        now=now,
        late_reason=choice.late_reason,
    )
    return Turn(plan, choice.late_reason)


def _approved(approval_id: int, now: int) -> Turn:
    """What another person has approved, if it still is what they saw."""
    open_node = node()
    with open_node.database.read() as tables:
        found = approvals.get(tables, approval_id)
        if found is None:
            raise PassRefusedError(PassCode.APPROVAL_SETTLED)
        if found.state is ApprovalState.USED:
            return Turn(_NOTHING, signed=approvals.sequences(tables, approval_id))
    policy = open_node.shelf.catalogue().policy
    plan = plan_approved(open_node.database, policy, approval_id, user=current_user(), now=now)
    return Turn(plan, found.late_reason, approval_id=approval_id)


def _done(signed: Sequence[int]) -> Response:
    with node().database.read() as tables:
        found = page_queries.sealed_passes(tables, signed)
    if not found:
        raise PassRefusedError(PassCode.APPROVAL_SETTLED)
    return redirect(url_for("signing.choose", first=found[0], last=found[-1]), 303)


def _shown() -> bytes:
    try:
        return bytes.fromhex(request.form.get("approved", ""))
    except ValueError:
        raise BadRequest from None


def _approval_id() -> int | None:
    text = request.form.get("approval", "")
    return whole(text) if text else None


def _pin(_question: str) -> str:
    return request.form.get("pin", "")


def _is_sure() -> bool:
    return request.form.get("sure", "") == "yes"


def _open_pass() -> StoredPass | None:
    with node().database.read() as tables:
        return passes.open_pass(tables)

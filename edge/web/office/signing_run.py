"""The signature is ordered: what was previewed or approved, and nothing else; an open pass is finished or given up.

Everything is checked here, before a PIN is asked for. The turn goes on at the PIN desk, and its page is in
`signing_turn`: the PIN comes to neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.roles import Role
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
from edge.web.office.approved_order import approved_order
from edge.web.office.signing import Problem, choose_page, key, preview_page, selection
from edge.web.office.signing_choice import choice_of, shown_digest, typed
from edge.web.office.signing_turn import begin_turn, order_again, turn_page
from edge.web.office.turn_order import TurnOrder, cut
from edge.web.office.turn_work import signing_turns
from edge.workflow.plan_passes import require_unchanged
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_pass import abandon_pass, resume_pass
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenError

blueprint = Blueprint("signing_run", __name__)


@blueprint.post("/sign/run")
@allow(Role.SIGNER)
def run() -> Response:
    """Begin a turn that signs what was previewed or approved, and nothing else."""
    approval_id, shown = _approval_id(), shown_digest()
    found = signing_turns().find_key(shown.hex(), current_user().user_id)
    signed = _signed(approval_id)
    if signed:
        # A second click on the same button: the first one has signed, all of it or its first turn.
        return redirect(turn_page(found.turn_id), 303) if found is not None else _done(signed)
    if not typed("officer"):
        # Said before the token is asked for: nobody types a PIN for a form with a gap.
        raise PassRefusedError(PassCode.SIGNER_NAME)
    order = (
        _ticked(shown)
        if approval_id is None
        else approved_order(
            node(),
            approval_id,
            officer=typed("officer"),
            user=current_user(),
            shown=shown,
            offline_reason=typed("offline_reason"),
        )
    )
    return begin_turn(order)


@blueprint.post("/sign/resume")
@allow(Role.SIGNER)
def resume() -> Response:
    """Finish the open pass with the bytes that were fixed."""
    open_node = node()
    stored = _open_pass()
    if stored is None:
        raise PassRefusedError(PassCode.NONE_OPEN)
    if stored.state is PassState.PREPARED:
        return begin_turn(order_again(stored))
    # The token has signed: what is left needs neither it nor a PIN.
    by = current_user().name
    resume_pass(open_node.database, None, now=open_node.clock.now(), entropy=open_node.entropy, by=by)
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
    """Show the same page again with what was typed, and the problem beside it."""
    problem = Problem(*error_words(error))
    if _open_pass() is None:
        approval_id = _approval_id()
        if approval_id is not None:
            return approval_page(approval_id, problem), 409
        if choice_of(key()).ticked:
            return preview_page(problem), 409
    return choose_page(problem), 409


def _signed(approval_id: int | None) -> Sequence[int]:
    """The doses that the first of two clicks has signed already, if nothing of them is left or the approval is used."""
    open_node = node()
    turn = signing_turns().find_key(shown_digest().hex(), current_user().user_id)
    with open_node.database.read() as tables:
        if approval_id is not None:
            found = approvals.get(tables, approval_id)
            # Its own doses are found by their numbers, those of another site by the turn alone.
            is_used = found is not None and found.state is ApprovalState.USED and found.for_site is None
            is_begun = found is not None and found.begun > 0 and turn is not None
            return approvals.sequences(tables, approval_id) if is_used or is_begun else ()
        outline = selection(tables, choice_of(key())).outline
    signed = [one.sequence for one in outline.refused if one.reason is Waiting.SIGNED]
    return signed if not outline.passes or turn is not None else ()


def _ticked(shown: bytes) -> TurnOrder:
    """What the user has ticked, if it still is what the preview showed."""
    open_node, choice, user = node(), choice_of(key()), current_user()
    with open_node.database.read() as tables:
        found = selection(tables, choice)
        if settings.get(tables, Setting.APPROVAL_REQUIRED):
            raise PassRefusedError(PassCode.APPROVAL_MISSING)
        require_unchanged(found, shown)
        if not found.outline.passes:
            raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
        first, *rest = cut(tables, open_node.shelf.catalogue().policy, found, now=open_node.clock.now())
    officer = Officer(
        typed("officer"), late_reason=choice.late_reason, by=user.name, offline_reason=typed("offline_reason")
    )
    return TurnOrder(shown.hex(), first, officer, user, rest=tuple(rest))


def _done(signed: Sequence[int]) -> Response:
    with node().database.read() as tables:
        found = page_queries.sealed_passes(tables, signed)
    if not found:
        raise PassRefusedError(PassCode.APPROVAL_SETTLED)
    return redirect(url_for("signing.choose", first=found[0], last=found[-1]), 303)


def _approval_id() -> int | None:
    text = request.form.get("approval", "")
    return whole(text) if text else None


def _open_pass() -> StoredPass | None:
    with node().database.read() as tables:
        return passes.open_pass(tables)

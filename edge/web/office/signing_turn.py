"""The page of a turn that signs: what is signed, the form with the PIN, how far it is, and what went wrong.

How a turn waits for its PIN is `desk_turn`, and how every page shows the form is `desk_page`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.roles import Role
from edge.store import approvals, passes, settings
from edge.store.approvals import ApprovalState
from edge.store.passes import StoredPass
from edge.store.settings import Setting
from edge.web.frame.access import allow, current_user
from edge.web.frame.desk_page import desk_page, follow_answer, fresh_place, require_here
from edge.web.frame.desk_states import GOING_ON, TurnState
from edge.web.frame.formats import count
from edge.web.frame.language import _, plural
from edge.web.frame.long_work import is_followed
from edge.web.frame.node import node
from edge.web.office.approved_order import approved_order, left_parts
from edge.web.office.signing import is_software
from edge.web.office.signing_preview import PURPOSES
from edge.web.office.turn_order import TurnOrder, TurnPart, part_of, plan_order, sign_order
from edge.web.office.turn_work import SigningScreen, SigningTurn, doses_of, signing_turns
from edge.workflow.judge_offline import offline_findings, require_offline
from edge.workflow.prepare_pass import Officer, require_clock
from sync_protocol.batch import Purpose
from sync_protocol.manifest import parse_statement
from sync_protocol.signers.at_desk import DeskPlace

blueprint = Blueprint("signing_turn", __name__)


@blueprint.get("/sign/turn/<turn_id>")
@allow(Role.SIGNER)
def show(turn_id: str) -> str | AnyResponse:
    """The turn as it stands, for whoever began it; as JSON for the page's script."""
    turn = _find(turn_id)
    if is_followed():
        return follow_answer(turn, turn_words(turn), done=doses_of(turn))
    if turn.state is TurnState.DONE:
        return _summary(turn)
    with node().database.read() as tables:
        open_pass = passes.open_pass(tables)
    cancelling = url_for("signing_turn.cancel", turn_id=turn_id)
    return render_template(
        "office/turn.html",
        turn=turn,
        order=turn.order,
        doses=doses_of(turn),
        desk=desk_page(turn, turn_words(turn), follow=turn_page(turn_id), cancel=cancelling),
        purposes=PURPOSES,
        open_pass=open_pass if open_pass is not None and _is_of(turn.order, open_pass) else None,
    )


@blueprint.post("/sign/turn/<turn_id>/cancel")
@allow(Role.SIGNER)
def cancel(turn_id: str) -> AnyResponse:
    """Wait for no PIN any more; nothing was signed by it."""
    signing_turns().cancel(_find(turn_id).turn_id, current_user().user_id)
    return redirect(url_for("signing.choose"), 303)


@blueprint.post("/sign/turn/<turn_id>/again")
@allow(Role.SIGNER)
def again(turn_id: str) -> AnyResponse:
    """A fresh turn in the place of one that failed: the token is read afresh and the PIN asked for afresh."""
    turn = _find(turn_id)
    if turn.state not in (TurnState.FAILED, TurnState.CANCELLED):
        return redirect(turn_page(turn_id), 303)
    with node().database.read() as tables:
        stored = passes.open_pass(tables)
    is_sure = request.form.get("sure", "") == "yes"
    if stored is None:
        order = replace(turn.order, open_pass=None)
        if order.officer.approval_id is not None:
            # What was signed before it stopped is not signed again; what is left is still approved.
            named, alone, approval_id = order.officer.name, order.officer.offline_reason, order.officer.approval_id
            order = approved_order(node(), approval_id, officer=named, user=current_user(), offline_reason=alone)
        return begin_turn(replace(order, after_wrong_pin=is_sure))
    if not _is_of(turn.order, stored):
        # Another one's, of which this page has said nothing: it is finished or given up where all open passes are.
        raise PassRefusedError(PassCode.OPEN_ALREADY)
    if stored.state is not PassState.PREPARED:
        # The token has signed: what is left needs no PIN, and is finished where all open passes are.
        return redirect(url_for("signing.choose"), 303)
    order = order_again(stored)
    rest = turn.order.rest if order.officer.approval_id is None else order.rest
    return begin_turn(replace(order, rest=rest, after_wrong_pin=is_sure))


@blueprint.post("/sign/turn/<turn_id>/next")
@allow(Role.SIGNER)
def go_on(turn_id: str) -> AnyResponse:
    """The next turn of what was previewed together, with a PIN of its own."""
    turn = _find(turn_id)
    if turn.state is not TurnState.DONE or not turn.order.rest:
        return redirect(turn_page(turn_id), 303)
    part, *rest = turn.order.rest
    officer, user = turn.order.officer, current_user()
    found = signing_turns().find_key(part.shown.hex(), user.user_id)
    if found is not None:
        return redirect(turn_page(found.turn_id), 303)
    if officer.approval_id is not None:
        alone = officer.offline_reason
        return begin_turn(
            approved_order(
                node(), officer.approval_id, officer=officer.name, user=user, part=part, offline_reason=alone
            )
        )
    return begin_turn(TurnOrder(part.shown.hex(), part, officer, user, rest=tuple(rest)))


def begin_turn(order: TurnOrder) -> AnyResponse:
    """Begin a turn and lead to its page; a second click finds the first one's.

    Raises:
        PassRefusedError: PIN_ELSEWHERE, TURN_BUSY, DESK_BUSY, OPEN_ALREADY, CLOCK_BACK,
            SIGNER_UNSET, and what `plan_order` raises.
        TokenError: URI_INVALID.
    """
    open_node, owner = node(), current_user().user_id
    require_here()
    signer_uri(open_node.config)
    turns = signing_turns()
    found = turns.find_key(order.key, owner)
    if found is not None and found.state in GOING_ON:
        return redirect(turn_page(found.turn_id), 303)
    if order.open_pass is None:
        _check(open_node, order)
    turn_id, place = fresh_place(turn_page)
    begun = turns.begin(order, _job(open_node, order, place), key=order.key, turn_id=turn_id, owner=owner)
    return redirect(turn_page(begun), 303)


def order_again(stored: StoredPass) -> TurnOrder:
    """The order to finish a pass whose bytes are fixed; beside it what is left of its approval, if it has one."""
    open_node, rest = node(), tuple[TurnPart, ...]()
    with open_node.database.read() as tables:
        approval = approvals.of_pass(tables, stored.pass_id)
        if approval is not None and approval.state is ApprovalState.APPROVED:
            policy, now = open_node.shelf.catalogue().policy, open_node.clock.now()
            rest, _digest = left_parts(tables, policy, approval, now=now)
    officer = Officer(
        stored.signer_name,
        stored.approver,
        late_reason=stored.late_reason,
        approval_id=None if approval is None else approval.approval_id,
        by=current_user().name,
    )
    is_delegated = stored.purpose is Purpose.DELEGATED
    return TurnOrder(
        f"pass {stored.pass_id}",
        part_of(stored),
        officer,
        current_user(),
        rest=rest,
        approver=stored.approver,
        open_pass=stored.pass_id,
        for_site=parse_statement(stored.statement_payload).manifest.dose_facility if is_delegated else "",
    )


def turn_page(turn_id: str) -> str:
    """The address of a turn's page."""
    return url_for("signing_turn.show", turn_id=turn_id)


def turn_words(turn: SigningTurn) -> str:
    """How far a turn is."""
    match turn.state:
        case TurnState.READING:
            return _("Đang đọc tệp khóa ký…") if is_software() else _("Đang đọc token…")
        case TurnState.PIN:
            return _("Chờ nhập mã.")
        case TurnState.SIGNING:
            return plural(
                "Đã ký %(done)s trong %(total)s mũi tiêm (%(signed)s trong %(batches)s lô); không rút token.",
                "Đã ký %(done)s trong %(total)s mũi tiêm (%(signed)s trong %(batches)s lô); không rút token.",
                turn.order.part.doses,
                done=count(doses_of(turn)),
                total=count(turn.order.part.doses),
                signed=len(turn.made),
                batches=len(turn.order.part.passes),
            )
        case TurnState.DONE:
            return _("Đã ký xong.")
        case TurnState.FAILED:
            return _("Lượt ký dừng lại.")
        case TurnState.CANCELLED:
            return _("Đã hủy bước ký.")


def _find(turn_id: str) -> SigningTurn:
    return signing_turns().find(turn_id, current_user().user_id)


def _is_of(order: TurnOrder, stored: StoredPass) -> bool:
    """Whether an open pass is what this order has begun, or is to finish."""
    if order.open_pass is not None:
        return stored.pass_id == order.open_pass
    with node().database.read() as tables:
        leaves = passes.leaves(tables, stored.pass_id)
    for_node = parse_statement(stored.statement_payload).manifest.for_node
    # As the journal keeps names.
    officer = unicodedata.normalize("NFC", order.officer.name)
    is_alike = (for_node, stored.signer_name, stored.approver) == (order.for_node, officer, order.approver)
    return is_alike and set(leaves) <= set(order.part.sequences)


def _check(open_node: Node, order: TurnOrder) -> None:
    """What was shown still has to be what is there, before a PIN is asked for."""
    with open_node.database.read() as tables:
        if passes.open_pass(tables) is not None:
            raise PassRefusedError(PassCode.OPEN_ALREADY)
        if order.officer.approval_id is None and settings.get(tables, Setting.APPROVAL_REQUIRED):
            raise PassRefusedError(PassCode.APPROVAL_MISSING)
        now = open_node.clock.now()
        require_clock(tables, now)
        # Said before the PIN is asked for; what holds at the signature is judged once more there.
        findings = offline_findings(tables, open_node.shelf.catalogue().policy.offline, now=now)
        has_second = order.officer.approval_id is not None
        require_offline(findings, reason=order.officer.offline_reason, has_second=has_second)
    plan_order(open_node, order, now=open_node.clock.now())


def _job(open_node: Node, order: TurnOrder, place: DeskPlace) -> Callable[[SigningScreen], None]:
    def sign(screen: SigningScreen) -> None:
        sign_order(open_node, order, screen, place=place, seal=screen.add)

    return sign


def _summary(turn: SigningTurn) -> AnyResponse:
    first, last = turn.made[0].pass_id, turn.made[-1].pass_id
    if turn.order.for_node:
        return redirect(url_for("hub.show", done=last), 303)
    more = turn.turn_id if turn.order.rest else None
    return redirect(url_for("signing.choose", first=first, last=last, turn=more), 303)

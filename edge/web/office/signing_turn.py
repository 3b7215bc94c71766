"""The page of a turn at the token: what is signed, the form with the PIN, how far it is, and what went wrong.

The form goes to the signer process, at an address that lives as long as the turn waits; this page names it, and no
other page may. Over the clinic's network no PIN is asked for: it is typed where the token is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.roles import Role
from edge.store import passes, settings
from edge.store.passes import StoredPass
from edge.store.settings import Setting
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import count
from edge.web.frame.language import _, plural
from edge.web.frame.node import node
from edge.web.frame.security import allow_form_to, came_over_lan
from edge.web.office.signing import is_software
from edge.web.office.signing_preview import PURPOSES
from edge.web.office.turn_order import TurnOrder, part_of, plan_order, sign_order
from edge.web.office.turn_work import GOING_ON, Turn, TurnScreen, TurnState, signing_turns
from edge.workflow.prepare_pass import Officer
from sync_protocol.batch import Purpose
from sync_protocol.certificate import serial_text
from sync_protocol.manifest import parse_statement
from sync_protocol.signers.at_desk import DeskPlace
from sync_protocol.signers.token_errors import TokenCode

blueprint = Blueprint("signing_turn", __name__)

# Somebody has gone to fetch the head of the unit: longer than that nobody's form stays open.
DESK_SECONDS: Final = 180
_ID_BYTES: Final = 16
# What a token or a person has to be asked about once more before the PIN may be typed again.
_SURE_CODES: Final = frozenset({TokenCode.PIN_COUNT_LOW, TokenCode.PIN_UNCOUNTED})


@blueprint.get("/sign/turn/<turn_id>")
@allow(Role.SIGNER)
def show(turn_id: str) -> str | AnyResponse:
    """The turn as it stands, for whoever began it; as JSON for the page's script."""
    turn = _find(turn_id)
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(state=turn.state, done=turn.doses, words=turn_words(turn))
    if turn.state is TurnState.DONE:
        return _summary(turn)
    with node().database.read() as tables:
        open_pass = passes.open_pass(tables)
    is_elsewhere = came_over_lan()
    if turn.desk is not None and not is_elsewhere:
        allow_form_to(turn.desk.origin)
    return render_template(
        "office/turn.html",
        turn=turn,
        order=turn.order,
        said=turn_words(turn),
        purposes=PURPOSES,
        is_elsewhere=is_elsewhere,
        is_software=is_software(),
        open_pass=open_pass,
        has_to_be_sure=turn.code in _SURE_CODES,
        certificate=_certificate_words(turn),
        desk_seconds=DESK_SECONDS,
    )


@blueprint.post("/sign/turn/<turn_id>/cancel")
@allow(Role.SIGNER)
def cancel(turn_id: str) -> AnyResponse:
    """Wait for no PIN any more; nothing was signed by it."""
    signing_turns().cancel(turn_id, current_user().user_id)
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
        return begin_turn(replace(turn.order, open_pass=None, after_wrong_pin=is_sure))
    if stored.state is not PassState.PREPARED:
        # The token has signed: what is left needs no PIN, and is finished where all open passes are.
        return redirect(url_for("signing.choose"), 303)
    order = order_again(stored)
    return begin_turn(replace(order, rest=turn.order.rest, after_wrong_pin=is_sure))


@blueprint.post("/sign/turn/<turn_id>/next")
@allow(Role.SIGNER)
def go_on(turn_id: str) -> AnyResponse:
    """The next turn of what was previewed together, with a PIN of its own."""
    turn = _find(turn_id)
    if turn.state is not TurnState.DONE or not turn.order.rest:
        return redirect(turn_page(turn_id), 303)
    part, *rest = turn.order.rest
    officer = replace(turn.order.officer, approval_id=None)
    order = TurnOrder(part.shown.hex(), part, officer, current_user(), rest=tuple(rest))
    found = signing_turns().find_key(order.key, current_user().user_id)
    return begin_turn(order) if found is None else redirect(turn_page(found.turn_id), 303)


def begin_turn(order: TurnOrder) -> AnyResponse:
    """Begin a turn and lead to its page; a second click finds the first one's.

    Raises:
        PassRefusedError: PIN_ELSEWHERE, TURN_BUSY, OPEN_ALREADY, SIGNER_UNSET, and what `plan_order` raises.
        TokenError: URI_INVALID.
    """
    open_node, owner = node(), current_user().user_id
    if came_over_lan():
        raise PassRefusedError(PassCode.PIN_ELSEWHERE)
    signer_uri(open_node.config)
    turns = signing_turns()
    found = turns.find_key(order.key, owner)
    if found is not None and found.state in GOING_ON:
        return redirect(turn_page(found.turn_id), 303)
    if order.open_pass is None:
        _check(open_node, order)
    turn_id = open_node.entropy.token(_ID_BYTES).hex()
    place = DeskPlace(
        request.host_url.rstrip("/"),
        turn_page(turn_id),
        path=f"/{open_node.entropy.token(_ID_BYTES).hex()}",
        seconds=DESK_SECONDS,
    )
    begun = turns.begin(order, _job(open_node, order, place), turn_id=turn_id, owner=owner)
    return redirect(turn_page(begun), 303)


def order_again(stored: StoredPass) -> TurnOrder:
    """The order to finish a pass whose bytes are fixed."""
    officer = Officer(stored.signer_name, stored.approver, late_reason=stored.late_reason, by=current_user().name)
    is_delegated = stored.purpose is Purpose.DELEGATED
    return TurnOrder(
        f"pass {stored.pass_id}",
        part_of(stored),
        officer,
        current_user(),
        approver=stored.approver,
        open_pass=stored.pass_id,
        for_site=parse_statement(stored.statement_payload).manifest.dose_facility if is_delegated else "",
    )


def turn_page(turn_id: str) -> str:
    """The address of a turn's page."""
    return url_for("signing_turn.show", turn_id=turn_id)


def turn_words(turn: Turn) -> str:
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
                done=count(turn.doses),
                total=count(turn.order.part.doses),
                signed=len(turn.sealed),
                batches=len(turn.order.part.passes),
            )
        case TurnState.DONE:
            return _("Đã ký xong.")
        case TurnState.FAILED:
            return _("Lượt ký dừng lại.")
        case TurnState.CANCELLED:
            return _("Đã thôi không ký.")


def _certificate_words(turn: Turn) -> str:
    """The certificate's serial number as letters have it; "" for a file, and where nothing is asked for."""
    certificate = None if turn.desk is None else turn.desk.certificate
    return "" if certificate is None else serial_text(certificate.serial)


def _find(turn_id: str) -> Turn:
    return signing_turns().find(turn_id, current_user().user_id)


def _check(open_node: Node, order: TurnOrder) -> None:
    """What was shown still has to be what is there, before a PIN is asked for."""
    with open_node.database.read() as tables:
        if passes.open_pass(tables) is not None:
            raise PassRefusedError(PassCode.OPEN_ALREADY)
        if order.officer.approval_id is None and settings.get(tables, Setting.APPROVAL_REQUIRED):
            raise PassRefusedError(PassCode.APPROVAL_MISSING)
    plan_order(open_node, order, now=open_node.clock.now())


def _job(open_node: Node, order: TurnOrder, place: DeskPlace) -> Callable[[TurnScreen], None]:
    def sign(screen: TurnScreen) -> None:
        sign_order(open_node, order, screen, place=place, seal=screen.seal)

    return sign


def _summary(turn: Turn) -> AnyResponse:
    first, last = turn.sealed[0].pass_id, turn.sealed[-1].pass_id
    if turn.order.for_node:
        return redirect(url_for("hub.show", done=last), 303)
    more = turn.turn_id if turn.order.rest else None
    return redirect(url_for("signing.choose", first=first, last=last, turn=more), 303)

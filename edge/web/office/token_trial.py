"""The trial signature: a PIN typed at the desk, one signature of a text that means nothing, and whether it is right.

It is a turn like any other (a thread that waits for a person, the PIN straight into the signer process), but no record,
pass or journal is touched, so that a new token can be tried without any risk to what was recorded.
"""

from __future__ import annotations

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.clients.signer_setting import signer_uri
from edge.domain.roles import Role
from edge.web.frame.access import allow, current_user
from edge.web.frame.desk_page import desk_page, follow_answer, fresh_place, require_here, require_still
from edge.web.frame.desk_states import DeskUse, Turn, TurnState
from edge.web.frame.desk_turn import TurnScreen, TurnsOf, desk_turns
from edge.web.frame.language import _
from edge.web.frame.long_work import is_followed
from edge.web.frame.node import node
from edge.workflow.check_signer import signer_check
from edge.workflow.open_key import KeyAsked, open_key_at_desk
from edge.workflow.sign_trial import sign_trial

blueprint = Blueprint("token_trial", __name__)


def trial_turns(app: Flask | None = None) -> TurnsOf[str, str]:
    """The trials of this application, or of the current one: of a signer's URI, with the name of an algorithm."""
    return TurnsOf(DeskUse.TRIAL, desk_turns(app))


@blueprint.post("/token/trial")
@allow(Role.SIGNER, Role.MANAGER)
def begin() -> AnyResponse:
    """Read the token that is set and open the desk for its PIN."""
    require_here()
    open_node, user = node(), current_user()
    uri = signer_uri(open_node.config)
    turn_id, place = fresh_place(_page_of)
    now = open_node.clock.now
    # A new token is tried before it is registered.
    check = signer_check(open_node.database, now, may_be_new=True)
    is_sure = request.form.get("sure", "") == "yes"
    asked = KeyAsked(uri, user.name, check=check, now=now, after_wrong_pin=is_sure)

    def run(screen: TurnScreen[str]) -> None:
        with open_key_at_desk(open_node.database, asked, place, screen) as signer:
            require_still(open_node, user, Role.SIGNER, Role.MANAGER)
            sign_trial(signer)
            screen.add(signer.algorithm.name)

    begun = trial_turns().begin(uri, run, key=uri, turn_id=turn_id, owner=user.user_id)
    return redirect(_page_of(begun), 303)


@blueprint.get("/token/trial/<trial_id>")
@allow(Role.SIGNER, Role.MANAGER)
def show(trial_id: str) -> str | AnyResponse:
    """The form with the PIN, or what came of it; as JSON for the page's script."""
    turn = trial_turns().get(trial_id, current_user().user_id)
    if turn is None:
        return redirect(url_for("token.show"), 303)
    said = _words(turn)
    if is_followed():
        return follow_answer(turn, said)
    cancelling = url_for("token_trial.cancel", trial_id=trial_id)
    shown = desk_page(turn, said, follow=_page_of(trial_id), cancel=cancelling)
    return render_template("office/token_trial.html", desk=shown, algorithm="".join(turn.made))


@blueprint.post("/token/trial/<trial_id>/cancel")
@allow(Role.SIGNER, Role.MANAGER)
def cancel(trial_id: str) -> AnyResponse:
    """Wait for no PIN any more; none was tried."""
    trial_turns().cancel(trial_id, current_user().user_id)
    return redirect(url_for("token.show"), 303)


def _page_of(trial_id: str) -> str:
    return url_for("token_trial.show", trial_id=trial_id)


def _words(turn: Turn[str, str]) -> str:
    match turn.state:
        case TurnState.READING:
            return _("Đang đọc token…")
        case TurnState.PIN:
            return _("Chờ nhập mã.")
        case TurnState.SIGNING:
            return _("Đang ký thử, không rút token…")
        case TurnState.CANCELLED:
            return _("Đã hủy bước nhập mã.")
        case TurnState.FAILED | TurnState.DONE:
            return _("Chữ ký thử dừng lại.")

"""The trial signature: a PIN typed at the desk, one signature of a text that means nothing, and whether it is right.

It goes the way of a signing turn (a thread that waits for a person, the PIN straight into the signer process), but no
record, pass or journal is touched, so that a new token can be tried without any risk to what was recorded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from traceback import format_tb
from typing import Final, cast

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.roles import Role
from edge.store.users import UserId
from edge.web.frame.access import allow, current_user
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.security import allow_form_to, came_over_lan
from edge.web.office.signing import is_software
from edge.web.office.turn_work import GOING_ON, TurnState, signing_turns
from edge.workflow.sign_trial import sign_trial
from sync_protocol.certificate import serial_text
from sync_protocol.signers.at_desk import DeskPlace, DeskScreen, ShownDesk
from sync_protocol.signers.opening import open_signer_at_desk
from sync_protocol.signers.token_errors import TOKEN_PROBLEMS, TokenCode, TokenError

blueprint = Blueprint("token_trial", __name__)

DESK_SECONDS: Final = 180
_ID_BYTES: Final = 16
_MOST_KEPT: Final = 8
_KEY: Final = "hcvx-token-trials"
_LOG: Final = logging.getLogger(__name__)
# A person has to confirm before the PIN is typed once more.
_SURE_CODES: Final = frozenset({TokenCode.PIN_COUNT_LOW, TokenCode.PIN_UNCOUNTED})


@dataclass(frozen=True, slots=True, repr=False)
class Trial:
    """One trial as it stands. `code` says why it failed, `algorithm` how it was signed."""

    owner: UserId
    state: TurnState = TurnState.READING
    desk: ShownDesk | None = None
    code: TokenCode | None = None
    algorithm: str = ""


class Trials(DeskScreen):
    """The trials of a running node, safe to use from all threads; it is also the screen of the one that goes on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[str, Trial] = {}
        self._current = ""
        self._cancel: Callable[[], None] | None = None

    def start(self, trial_id: str, owner: UserId, run: Callable[[DeskScreen], str]) -> str:
        """Begin a trial and give its id; one's own that waits already is the one.

        Args:
            trial_id: fresh and unguessable.
            run: signs, and gives the algorithm's name.

        Raises:
            PassRefusedError: TURN_BUSY.
        """
        with self._changed:
            going_on = self._kept.get(self._current)
            if going_on is not None and going_on.state in GOING_ON:
                if going_on.owner == owner:
                    return self._current
                raise PassRefusedError(PassCode.TURN_BUSY)
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[trial_id] = Trial(owner)
            self._current, self._cancel = trial_id, None
        # It reads no store, and its signer process ends with ours: nobody has to wait for it at the end.
        threading.Thread(target=self._run, args=(trial_id, run), name="token-trial", daemon=True).start()
        return trial_id

    def find(self, trial_id: str, owner: UserId) -> Trial | None:
        """How a trial stands; None if it is not here, or somebody else's."""
        with self._changed:
            found = self._kept.get(trial_id)
        return None if found is None or found.owner != owner else found

    def cancel(self) -> None:
        """Wait for no PIN any more."""
        with self._changed:
            if self._cancel is not None:
                self._cancel()

    def wait_beyond(self, trial_id: str, *states: TurnState) -> Trial:
        """Return when a trial has left these states."""
        with self._changed:
            self._changed.wait_for(lambda: self._kept[trial_id].state not in states)
            return self._kept[trial_id]

    def begin(self, cancel: Callable[[], None]) -> None:
        """Somebody will be waited for."""
        with self._changed:
            self._cancel = cancel

    def show(self, desk: ShownDesk) -> None:
        """The form may be shown."""
        self._put(self._current, lambda trial: replace(trial, state=TurnState.PIN, desk=desk))

    def taken(self) -> None:
        """Somebody has typed."""
        self._put(self._current, lambda trial: replace(trial, state=TurnState.SIGNING, desk=None))

    def _run(self, trial_id: str, run: Callable[[DeskScreen], str]) -> None:
        state, algorithm = TurnState.FAILED, ""
        code: TokenCode | None = TokenCode.PROCESS_DIED
        try:
            algorithm = run(self)
            state, code = TurnState.DONE, None
        except TokenError as error:
            code = error.code
            state = TurnState.CANCELLED if code is TokenCode.PIN_CANCELLED else TurnState.FAILED
        except Exception as error:  # noqa: BLE001
            # A bug of ours must not leave the page waiting; its place alone is told.
            _LOG.error("unexpected %s in a trial\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))
        self._put(trial_id, lambda trial: replace(trial, state=state, desk=None, code=code, algorithm=algorithm))

    def _put(self, trial_id: str, changed: Callable[[Trial], Trial]) -> None:
        with self._changed:
            self._kept[trial_id] = changed(self._kept[trial_id])
            self._changed.notify_all()


def trials() -> Trials:
    """The trials of the current application."""
    return cast("Trials", current_app.extensions.setdefault(_KEY, Trials()))


@blueprint.post("/token/trial")
@allow(Role.SIGNER, Role.MANAGER)
def begin() -> AnyResponse:
    """Read the token that is set and open the desk for its PIN."""
    if came_over_lan():
        raise PassRefusedError(PassCode.PIN_ELSEWHERE)
    if signing_turns().is_busy():
        raise PassRefusedError(PassCode.TURN_BUSY)
    open_node = node()
    uri = signer_uri(open_node.config)
    trial_id = open_node.entropy.token(_ID_BYTES).hex()
    place = DeskPlace(
        request.host_url.rstrip("/"),
        url_for("token_trial.show", trial_id=trial_id),
        path=f"/{open_node.entropy.token(_ID_BYTES).hex()}",
        seconds=DESK_SECONDS,
    )
    is_sure = request.form.get("sure", "") == "yes"

    def run(screen: DeskScreen) -> str:
        with open_signer_at_desk(uri, place, screen, after_wrong_pin=is_sure) as signer:
            sign_trial(signer)
            return signer.algorithm.name

    begun = trials().start(trial_id, current_user().user_id, run)
    return redirect(url_for("token_trial.show", trial_id=begun), 303)


@blueprint.get("/token/trial/<trial_id>")
@allow(Role.SIGNER, Role.MANAGER)
def show(trial_id: str) -> str | Response | AnyResponse:
    """The form with the PIN, or what came of it; as JSON for the page's script."""
    trial = trials().find(trial_id, current_user().user_id)
    if trial is None:
        return redirect(url_for("token.show"), 303)
    words = _("Đang đọc token…") if trial.state is TurnState.READING else _("Đang ký thử, không rút token…")
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(state=trial.state, done=0, words=words)
    is_elsewhere = came_over_lan()
    if trial.desk is not None and not is_elsewhere:
        allow_form_to(trial.desk.origin)
    certificate = None if trial.desk is None else trial.desk.certificate
    return render_template(
        "office/token_trial.html",
        trial=trial,
        trial_id=trial_id,
        said=words,
        problem=None if trial.code is None else TOKEN_PROBLEMS[trial.code],
        has_to_be_sure=trial.code in _SURE_CODES,
        certificate="" if certificate is None else serial_text(certificate.serial),
        is_software=is_software(),
        is_elsewhere=is_elsewhere,
        desk_seconds=DESK_SECONDS,
    )


@blueprint.post("/token/trial/<trial_id>/cancel")
@allow(Role.SIGNER, Role.MANAGER)
def cancel(trial_id: str) -> AnyResponse:
    """Wait for no PIN any more; none was tried."""
    if trials().find(trial_id, current_user().user_id) is not None:
        trials().cancel()
    return redirect(url_for("token.show"), 303)

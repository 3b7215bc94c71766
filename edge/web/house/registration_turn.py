"""The one certificate that is being registered: a thread of its own waits until somebody has typed the PIN.

The form goes to the signer process, so all that comes here is that it was filled in. One registration is under way at
a time; one's own that still waits for its PIN gives way to another.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from traceback import format_tb
from typing import Final, TypeAlias, cast

from flask import Flask, current_app

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import RefusedError, Words
from edge.store.errors import StoreError
from edge.web.frame.long_work import BUG_WORDS
from edge.web.frame.problems import error_words
from edge.web.house.certificate_scan import FoundCertificate
from edge.workflow.register_certificate import Asked
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.at_desk import DeskScreen, ShownDesk
from sync_protocol.signers.token_errors import TokenCode, TokenError

_BUG_CODE: Final = "http-500"
_END_SECONDS: Final = 10.0
_KEY: Final = "hcvx-registration-turns"
_LOG: Final = logging.getLogger(__name__)


class TurnState(StrEnum):
    """Where it stands."""

    READING = "reading"
    PIN = "pin"
    SIGNING = "signing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


# Nothing was typed yet: it may end here.
UNHURT: Final = frozenset({TurnState.READING, TurnState.PIN})


@dataclass(frozen=True, slots=True, repr=False)
class RegistrationTurn:
    """One registration as it stands.

    Attributes:
        owner: the user who began it.
        found, officer: what is registered, and for whom.
        desk: where the form with the PIN goes, while it is waited for.
        asked: what came of it.
        code, problem: why it failed.
    """

    turn_id: str
    owner: int
    found: FoundCertificate
    officer: str
    state: TurnState = TurnState.READING
    desk: ShownDesk | None = None
    asked: Asked | None = None
    code: str = ""
    problem: Words | None = None


# Registers, and shows the form on the way.
Job: TypeAlias = Callable[[DeskScreen], Asked]


class RegistrationTurns:
    """The registrations of a running node, safe to use from all threads; only the newest one is known."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._turn: RegistrationTurn | None = None
        self._cancel: Callable[[], None] | None = None
        self._is_cancelled = False
        self._waiting: queue.Queue[tuple[str, Job] | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def begin(self, fresh: RegistrationTurn, job: Job) -> None:
        """Begin a registration, whose id is fresh and unguessable. PassRefusedError TURN_BUSY."""
        with self._changed:
            turn = self._turn
            if turn is not None and turn.state in (*UNHURT, TurnState.SIGNING):
                if turn.owner != fresh.owner or turn.state not in UNHURT:
                    raise PassRefusedError(PassCode.TURN_BUSY)
                self._end()
                self._changed.wait_for(lambda: self._turn is None or self._turn.state not in UNHURT, _END_SECONDS)
            self._turn, self._cancel, self._is_cancelled = fresh, None, False
            if self._thread is None:
                # This thread stays: the store keeps one connection for each thread that has read it.
                self._thread = threading.Thread(target=self._run, name="registrations", daemon=True)
                self._thread.start()
        self._waiting.put((fresh.turn_id, job))

    def find(self, turn_id: str, owner: int) -> RegistrationTurn | None:
        """How it stands; None if it is not here any more, or somebody else's."""
        with self._changed:
            turn = self._turn
            return turn if turn is not None and (turn.turn_id, turn.owner) == (turn_id, owner) else None

    def cancel(self, turn_id: str, owner: int) -> None:
        """Wait for no PIN any more."""
        if self.find(turn_id, owner) is not None:
            with self._changed:
                self._end()

    def wait_beyond(self, *states: TurnState) -> None:
        """Return when the newest registration has left these states."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn is None or self._turn.state not in states)

    def stop(self) -> None:
        """End what waits; before the store is closed."""
        with self._changed:
            self._end()
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(_END_SECONDS)

    def may_cancel(self, cancel: Callable[[], None]) -> None:
        """From now on it can be cancelled; if somebody has done so already, it ends now."""
        with self._changed:
            self._cancel = cancel
            if self._is_cancelled:
                cancel()

    def change(self, state: TurnState, *, desk: ShownDesk | None = None) -> None:
        """It goes on to another state."""
        self._put(lambda turn: replace(turn, state=state, desk=desk))

    def _put(self, changed: Callable[[RegistrationTurn], RegistrationTurn]) -> None:
        with self._changed:
            assert self._turn is not None
            self._turn = changed(self._turn)
            self._changed.notify_all()

    def _end(self) -> None:
        """Cancel it; the caller holds the lock."""
        if self._turn is not None and self._turn.state in UNHURT:
            self._is_cancelled = True
            if self._cancel is not None:
                self._cancel()

    def _run(self) -> None:
        while (order := self._waiting.get()) is not None:
            turn_id, job = order
            with self._changed:
                is_newest = self._turn is not None and self._turn.turn_id == turn_id
            if is_newest:
                self._do(job)

    def _do(self, job: Job) -> None:
        asked, state, code, problem = None, TurnState.DONE, "", None
        try:
            if self._is_cancelled:
                raise TokenError(TokenCode.PIN_CANCELLED)
            asked = job(_Screen(self))
        except (TokenError, PassRefusedError, ProtocolError, RefusedError, StoreError) as error:
            state = TurnState.FAILED
            code, problem = error_words(error)
            if code == TokenCode.PIN_CANCELLED:
                state = TurnState.CANCELLED
        except Exception as error:  # noqa: BLE001
            # A bug of ours must not end the thread; its text may hold what a person typed, so its place alone is told.
            _LOG.error("unexpected %s in a turn\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))
            state, code, problem = TurnState.FAILED, _BUG_CODE, BUG_WORDS
        self._put(lambda turn: replace(turn, state=state, desk=None, asked=asked, code=code, problem=problem))


class _Screen(DeskScreen):
    """What the thread of a registration tells of it."""

    def __init__(self, turns: RegistrationTurns) -> None:
        self._turns = turns

    def begin(self, cancel: Callable[[], None]) -> None:
        self._turns.may_cancel(cancel)

    def show(self, desk: ShownDesk) -> None:
        self._turns.change(TurnState.PIN, desk=desk)

    def taken(self) -> None:
        self._turns.change(TurnState.SIGNING)


def install(app: Flask) -> RegistrationTurns:
    """Give an application its registrations; whoever closes the store stops them first."""
    found = RegistrationTurns()
    app.extensions[_KEY] = found
    return found


def registration_turns(app: Flask | None = None) -> RegistrationTurns:
    """Those of this application, or of the current one."""
    return cast("RegistrationTurns", (app or current_app).extensions[_KEY])

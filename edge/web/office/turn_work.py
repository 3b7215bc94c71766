"""The turns at the token: one at a time, in a thread of its own, since a turn waits for a person.

A turn belongs to the user who began it. It goes on when the page is closed, but it signs nothing that nobody typed a
PIN for: the form with the PIN goes to the signer process, and all that comes here is that somebody has typed.
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
from edge.store.users import UserId
from edge.web.frame.long_work import BUG_WORDS
from edge.web.frame.problems import error_words
from edge.web.office.turn_order import TurnOrder
from edge.workflow.sign_pass import SealedPass
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.at_desk import DeskScreen, ShownDesk
from sync_protocol.signers.token_errors import TokenCode, TokenError

MOST_KEPT: Final = 20
BUG_CODE: Final = "http-500"
_END_SECONDS: Final = 10.0
_KEY: Final = "hcvx-signing-turns"
_LOG: Final = logging.getLogger(__name__)


class TurnState(StrEnum):
    """Where a turn stands."""

    READING = "reading"
    PIN = "pin"
    SIGNING = "signing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


GOING_ON: Final = frozenset({TurnState.READING, TurnState.PIN, TurnState.SIGNING})
# A person is waited for, or not even that yet: nothing is lost when the turn ends here.
UNHURT: Final = frozenset({TurnState.READING, TurnState.PIN})


@dataclass(frozen=True, slots=True, repr=False)
class Turn:
    """A turn as it stands.

    Attributes:
        order: what it signs.
        desk: where the form with the PIN goes, while it is waited for.
        sealed: the passes that are signed.
        code, problem: why it failed.
    """

    turn_id: str
    owner: UserId
    order: TurnOrder
    state: TurnState = TurnState.READING
    desk: ShownDesk | None = None
    sealed: tuple[SealedPass, ...] = ()
    code: str = ""
    problem: Words | None = None

    @property
    def doses(self) -> int:
        """How many doses are signed."""
        return sum(one.doses for one in self.sealed)


class TurnScreen(DeskScreen):
    """What the thread of a turn tells of it."""

    def __init__(self, turns: SigningTurns, turn_id: str) -> None:
        self._turns = turns
        self._turn_id = turn_id

    def begin(self, cancel: Callable[[], None]) -> None:
        """Somebody will be waited for."""
        self._turns.may_cancel(self._turn_id, cancel)

    def show(self, desk: ShownDesk) -> None:
        """The form may be shown."""
        self._turns.change(self._turn_id, state=TurnState.PIN, desk=desk)

    def taken(self) -> None:
        """Somebody has typed."""
        self._turns.change(self._turn_id, state=TurnState.SIGNING, desk=None)

    def seal(self, one: SealedPass) -> None:
        """One more pass is signed."""
        self._turns.add_sealed(self._turn_id, one)


# Signs, and tells how far it is.
Job: TypeAlias = Callable[[TurnScreen], None]


@dataclass(slots=True)
class _Kept:
    turn: Turn
    job: Job
    cancel: Callable[[], None] | None = None
    is_cancelled: bool = False


class SigningTurns:
    """The turns of a running node, safe to use from all threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[str, _Kept] = {}
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def begin(self, order: TurnOrder, job: Job, *, turn_id: str, owner: UserId) -> str:
        """Begin a turn and give its id; the same order of the same user is begun once.

        One's own turn that still waits for the PIN gives way to another.

        Args:
            turn_id: fresh and unguessable.

        Raises:
            PassRefusedError: TURN_BUSY.
        """
        with self._changed:
            for kept in self._kept.values():
                turn = kept.turn
                if turn.state not in GOING_ON or kept.is_cancelled:
                    continue
                if turn.owner == owner and turn.order.key == order.key:
                    return turn.turn_id
                if turn.owner != owner or turn.state not in UNHURT:
                    raise PassRefusedError(PassCode.TURN_BUSY)
                _end(kept)
            over = [one for one, kept in self._kept.items() if kept.turn.state not in GOING_ON]
            for one in over[: max(0, len(self._kept) + 1 - MOST_KEPT)]:
                del self._kept[one]
            self._kept[turn_id] = _Kept(Turn(turn_id, owner, order), job)
            if self._thread is None:
                # This thread stays: the store keeps one connection for each thread that has read it.
                self._thread = threading.Thread(target=self._run, name="signing-turns", daemon=True)
                self._thread.start()
        self._waiting.put(turn_id)
        return turn_id

    def is_busy(self) -> bool:
        """Whether somebody's turn goes on."""
        with self._changed:
            return any(kept.turn.state in GOING_ON for kept in self._kept.values())

    def find(self, turn_id: str, owner: UserId) -> Turn:
        """How a turn stands. PassRefusedError TURN_GONE if it is not here, or somebody else's."""
        found = self.get(turn_id, owner)
        if found is None:
            raise PassRefusedError(PassCode.TURN_GONE)
        return found

    def get(self, turn_id: str, owner: UserId) -> Turn | None:
        """As `find`, None for none."""
        with self._changed:
            kept = self._kept.get(turn_id)
            return None if kept is None or kept.turn.owner != owner else kept.turn

    def find_key(self, key: str, owner: UserId) -> Turn | None:
        """The newest turn of a user with this order's key that is going on or done."""
        with self._changed:
            for kept in reversed(self._kept.values()):
                turn = kept.turn
                if (turn.owner, turn.order.key) == (owner, key) and not kept.is_cancelled:
                    return turn if turn.state in (*GOING_ON, TurnState.DONE) else None
        return None

    def cancel(self, turn_id: str, owner: UserId) -> None:
        """End a turn that still waits for the PIN. PassRefusedError TURN_GONE as `find`."""
        self.find(turn_id, owner)
        with self._changed:
            _end(self._kept[turn_id])

    def wait_beyond(self, turn_id: str, *states: TurnState) -> Turn:
        """Return when a turn has left these states."""
        with self._changed:
            self._changed.wait_for(lambda: self._kept[turn_id].turn.state not in states)
            return self._kept[turn_id].turn

    def stop(self) -> None:
        """End what waits and let what signs come to its end; before the store is closed."""
        with self._changed:
            for kept in self._kept.values():
                _end(kept)
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(_END_SECONDS)

    def may_cancel(self, turn_id: str, cancel: Callable[[], None]) -> None:
        """From now on a turn can be cancelled; if somebody has done so already, it ends now."""
        with self._changed:
            kept = self._kept[turn_id]
            kept.cancel = cancel
            if kept.is_cancelled:
                cancel()

    def change(self, turn_id: str, *, state: TurnState, desk: ShownDesk | None) -> None:
        """A turn goes on to another state."""
        self._put(turn_id, lambda turn: replace(turn, state=state, desk=desk))

    def add_sealed(self, turn_id: str, one: SealedPass) -> None:
        """One more pass of a turn is signed."""
        self._put(turn_id, lambda turn: replace(turn, sealed=(*turn.sealed, one)))

    def _put(self, turn_id: str, changed: Callable[[Turn], Turn]) -> None:
        with self._changed:
            kept = self._kept[turn_id]
            kept.turn = changed(kept.turn)
            self._changed.notify_all()

    def _run(self) -> None:
        while (turn_id := self._waiting.get()) is not None:
            with self._changed:
                kept = self._kept.get(turn_id)
            if kept is not None:
                self._do(turn_id, kept)

    def _do(self, turn_id: str, kept: _Kept) -> None:
        state, code, problem = TurnState.DONE, "", None
        try:
            if kept.is_cancelled:
                raise TokenError(TokenCode.PIN_CANCELLED)
            kept.job(TurnScreen(self, turn_id))
        except (TokenError, PassRefusedError, ProtocolError, RefusedError, StoreError) as error:
            state = TurnState.FAILED
            code, problem = error_words(error)
            if code == TokenCode.PIN_CANCELLED:
                state = TurnState.CANCELLED
        except Exception as error:  # noqa: BLE001
            # A bug of ours must not end the thread; its text may hold what a person typed, so its place alone is told.
            _LOG.error("unexpected %s in a turn\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))
            state, code, problem = TurnState.FAILED, BUG_CODE, BUG_WORDS
        self._put(turn_id, lambda turn: replace(turn, state=state, desk=None, code=code, problem=problem))


def _end(kept: _Kept) -> None:
    """Cancel a turn; the caller holds the lock."""
    if kept.turn.state in UNHURT:
        kept.is_cancelled = True
        if kept.cancel is not None:
            kept.cancel()


def install(app: Flask) -> SigningTurns:
    """Give an application its turns; whoever closes the store stops them first."""
    found = SigningTurns()
    app.extensions[_KEY] = found
    return found


def signing_turns(app: Flask | None = None) -> SigningTurns:
    """The turns of this application, or of the current one."""
    return cast("SigningTurns", (app or current_app).extensions[_KEY])

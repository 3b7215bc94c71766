"""The turns at the PIN desk: whatever a PIN is typed for, one at a time, in a thread that waits for a person.

A turn belongs to the user who began it. It goes on when the page is closed, but nothing is signed that nobody typed a
PIN for: the form with the PIN goes to the signer process, and all that comes here is that somebody has typed. A node
has one desk: while something waits for its PIN nothing else begins, so that nobody types a PIN for what they do not
see. One's own turn that still waits gives way to another of the same use.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from traceback import format_tb
from typing import Any, Final, Generic, cast

from flask import Flask, current_app

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import RefusedError
from edge.store.errors import StoreError
from edge.store.users import UserId
from edge.web.frame.desk_states import GOING_ON, UNHURT, DeskUse, MadeT, OrderT, Turn, TurnState
from edge.web.frame.long_work import BUG_WORDS
from edge.web.frame.problems import error_words
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.at_desk import DeskScreen, ShownDesk
from sync_protocol.signers.token_errors import TokenCode, TokenError

MOST_KEPT: Final = 20
BUG_CODE: Final = "http-500"
_END_SECONDS: Final = 10.0
_KEY: Final = "hcvx-desk-turns"
_LOG: Final = logging.getLogger(__name__)


class TurnScreen(DeskScreen, Generic[MadeT]):
    """What the thread of a turn tells of it."""

    def __init__(self, turns: DeskTurns, turn_id: str) -> None:
        self._turns = turns
        self._turn_id = turn_id

    def begin(self, cancel: Callable[[], None]) -> None:
        """Somebody will be waited for."""
        self._turns.may_cancel(self._turn_id, cancel)

    def show(self, desk: ShownDesk) -> None:
        """The form may be shown."""
        self._turns.change(self._turn_id, lambda turn: replace(turn, state=TurnState.PIN, desk=desk))

    def taken(self) -> None:
        """Somebody has typed."""
        self._turns.change(self._turn_id, lambda turn: replace(turn, state=TurnState.SIGNING, desk=None))

    def add(self, one: MadeT) -> None:
        """One more thing is made."""
        self._turns.change(self._turn_id, lambda turn: replace(turn, made=(*turn.made, one)))


# Of which use a turn is says what its order is, and what it makes: `TurnsOf` knows it.
_AnyTurn = Turn[Any, Any]
_AnyJob = Callable[[TurnScreen[Any]], None]


@dataclass(slots=True)
class _Kept:
    turn: _AnyTurn
    job: _AnyJob
    cancel: Callable[[], None] | None = None
    is_cancelled: bool = False


class DeskTurns:
    """The turns of a running node, of all uses, safe to use from all threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[str, _Kept] = {}
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def begin(self, fresh: _AnyTurn, job: _AnyJob) -> str:
        """Begin a turn and give its id, or the id of the same user's that goes on with the same key.

        Raises:
            PassRefusedError: TURN_BUSY where a signing goes on, DESK_BUSY where something else does.
        """
        with self._changed:
            for kept in self._kept.values():
                turn = kept.turn
                if turn.state not in GOING_ON or kept.is_cancelled:
                    continue
                is_alike = (turn.owner, turn.use) == (fresh.owner, fresh.use)
                if is_alike and turn.key == fresh.key:
                    return turn.turn_id
                if not is_alike or turn.state not in UNHURT:
                    is_signing = turn.use is DeskUse.SIGNING
                    raise PassRefusedError(PassCode.TURN_BUSY if is_signing else PassCode.DESK_BUSY)
                _end(kept)
            over = [one for one, kept in self._kept.items() if kept.turn.state not in GOING_ON]
            for one in over[: max(0, len(self._kept) + 1 - MOST_KEPT)]:
                del self._kept[one]
            self._kept[fresh.turn_id] = _Kept(fresh, job)
            if self._thread is None:
                # This thread stays: the store keeps one connection for each thread that has read it. It is the only
                # one, so a turn that gives way has come to its end before the next one opens the token.
                self._thread = threading.Thread(target=self._run, name="desk-turns", daemon=True)
                self._thread.start()
        self._waiting.put(fresh.turn_id)
        return fresh.turn_id

    def get(self, turn_id: str) -> _AnyTurn | None:
        """How a turn stands; None if it is not here."""
        with self._changed:
            kept = self._kept.get(turn_id)
            return None if kept is None else kept.turn

    def newest(self) -> list[_AnyTurn]:
        """Every turn that was not cancelled, the newest first."""
        with self._changed:
            return [kept.turn for kept in reversed(self._kept.values()) if not kept.is_cancelled]

    def cancel(self, turn_id: str) -> None:
        """End a turn that still waits for the PIN."""
        with self._changed:
            if turn_id in self._kept:
                _end(self._kept[turn_id])

    def leave(self, owner: UserId) -> None:
        """End what still waits for the PIN of somebody who has left: it is nobody's to see, and keeps others away."""
        with self._changed:
            for kept in self._kept.values():
                if kept.turn.owner == owner:
                    _end(kept)

    def wait_beyond(self, turn_id: str, *states: TurnState) -> _AnyTurn:
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

    def change(self, turn_id: str, changed: Callable[[_AnyTurn], _AnyTurn]) -> None:
        """A turn goes on."""
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
        self.change(turn_id, lambda turn: replace(turn, state=state, desk=None, code=code, problem=problem))


def _end(kept: _Kept) -> None:
    """Cancel a turn; the caller holds the lock."""
    if kept.turn.state in UNHURT:
        kept.is_cancelled = True
        if kept.cancel is not None:
            kept.cancel()


class TurnsOf(Generic[OrderT, MadeT]):
    """The turns of one use, each user's own."""

    def __init__(self, use: DeskUse, turns: DeskTurns) -> None:
        self._use = use
        self._turns = turns

    def begin(
        self, order: OrderT, job: Callable[[TurnScreen[MadeT]], None], *, key: str, turn_id: str, owner: UserId
    ) -> str:
        """Begin a turn and give its id; the same order of the same user is begun once.

        Args:
            job: does it, and tells how far it is.
            key: the same for the same order.
            turn_id: fresh and unguessable.

        Raises:
            PassRefusedError: TURN_BUSY, DESK_BUSY.
        """
        return self._turns.begin(Turn(turn_id, owner, self._use, key, order), job)

    def find(self, turn_id: str, owner: UserId) -> Turn[OrderT, MadeT]:
        """How a turn stands. PassRefusedError TURN_GONE if it is not here, or somebody else's."""
        found = self.get(turn_id, owner)
        if found is None:
            raise PassRefusedError(PassCode.TURN_GONE)
        return found

    def get(self, turn_id: str, owner: UserId) -> Turn[OrderT, MadeT] | None:
        """As `find`, None for none."""
        found = self._turns.get(turn_id)
        return None if found is None or (found.owner, found.use) != (owner, self._use) else found

    def find_key(self, key: str, owner: UserId) -> Turn[OrderT, MadeT] | None:
        """The newest turn of a user with this order's key, if it is going on or done."""
        for turn in self._turns.newest():
            if (turn.owner, turn.use, turn.key) == (owner, self._use, key):
                return turn if turn.state in (*GOING_ON, TurnState.DONE) else None
        return None

    def cancel(self, turn_id: str, owner: UserId) -> None:
        """End a turn that still waits for the PIN; one that is not here, or somebody else's, is left alone."""
        if self.get(turn_id, owner) is not None:
            self._turns.cancel(turn_id)

    def wait_beyond(self, turn_id: str, *states: TurnState) -> Turn[OrderT, MadeT]:
        """Return when a turn has left these states."""
        return self._turns.wait_beyond(turn_id, *states)


def install(app: Flask) -> DeskTurns:
    """Give an application its turns; whoever closes the store stops them first."""
    found = DeskTurns()
    app.extensions[_KEY] = found
    return found


def desk_turns(app: Flask | None = None) -> DeskTurns:
    """The turns of this application, or of the current one."""
    return cast("DeskTurns", (app or current_app).extensions[_KEY])

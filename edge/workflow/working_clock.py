"""The clock that every workflow sees: the machine's time, a person's override over it, and never before the floor.

It reads no clock itself: `bootstrap` hands in the machine's and the steady one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from edge.domain.clock_sanity import ClockFinding, Look, find_jump
from edge.store import clock_marks
from edge.store.database import Database
from edge.workflow.keep_clock import Held, clock_findings, end_clock, note_look, set_clock

# So often a look is kept without a cause: what a restart after a power cut compares with.
LOOK_SECONDS: Final = 60


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        ...


class WorkingClock:
    """Time as the node writes it down; safe to share between threads.

    Args:
        database: the node's store, at the newest schema.
        machine: the machine's clock.
        elapsed: seconds that only run on, whatever somebody does to the machine's clock; None where there are none.
    """

    def __init__(self, database: Database, machine: Clock, elapsed: Callable[[], float] | None = None) -> None:
        self._database = database
        self._machine = machine
        self._elapsed = elapsed
        self._lock = threading.Lock()
        # One reference is replaced as a whole, so a reader sees one look or the next, never half of each.
        self._held: Held | None = None

    def now(self) -> int:
        """The working time, epoch seconds UTC; the machine's before the first look."""
        seen, held = self._seen(), self._held
        return seen.machine_at if held is None else held.working(seen)

    def machine(self) -> int:
        """The machine's time, epoch seconds UTC: shown beside the working time, never written down as one."""
        return self._machine.now()

    def steady(self) -> int:
        """Seconds that run on whatever happens to the clock: how long somebody was away. Compare only with its own."""
        return self._machine.now() if self._elapsed is None else int(self._elapsed())

    def look(self) -> None:
        """Compare the clock with the latest look; keep it if a minute has passed or something is odd.

        A person may have set the time in another process of this node: that holds here from this look on.

        Not inside a transaction. Raises StoreError; what is held stays as it was.
        """
        with self._lock:
            seen, held = self._seen(), self._held
            if held is not None and not self._is_due(held.look, seen) and not self._is_told(held):
                return
            with self._database.write_transaction() as tables:
                self._held = note_look(tables, seen, before=held)

    def look_again(self) -> None:
        """As `look`, at once: the centre has just answered. Raises StoreError."""
        with self._lock, self._database.write_transaction() as tables:
            self._held = note_look(tables, self._seen(), before=self._held)

    def findings(self) -> tuple[ClockFinding, ...]:
        """Everything that is to be said of the clock, by the latest look. Raises StoreError."""
        with self._database.read() as tables:
            return clock_findings(tables)

    def set(self, wanted: int, *, reason: str, by: str) -> None:
        """Go by another time from now on; arguments and errors as `keep_clock.set_clock`."""
        with self._lock:
            self._held = set_clock(self._database, self._seen(), wanted, reason=reason, by=by)

    def end(self, *, by: str) -> bool:
        """Go by the machine's own time again; False where no override was in force. Errors as `end_clock`."""
        with self._lock:
            held = end_clock(self._database, self._seen(), by=by)
            self._held = held or self._held
        return held is not None

    def _seen(self) -> Look:
        return Look(self._machine.now(), None if self._elapsed is None else self._elapsed())

    def _is_due(self, before: Look, seen: Look) -> bool:
        passed = seen.machine_at - before.machine_at
        return not 0 <= passed < LOOK_SECONDS or find_jump(before, seen, same_run=True) is not None

    def _is_told(self, held: Held) -> bool:
        with self._database.read() as tables:
            return clock_marks.words(tables) != held.words

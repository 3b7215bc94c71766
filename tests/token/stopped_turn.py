"""Run in a process of its own by a test: a node whose turn at the PIN desk has come so far, and that is stopped."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Final

from edge.store.database import Database
from edge.web.frame import desk_turn
from edge.web.frame.desk_states import TurnState
from edge.web.frame.desk_turn import desk_turns
from tests.browser.signing_desk import desk, preview, signing
from tests.browser.visitor import ADDRESS, make_node, visit
from tests.edge.station import DATA_KEY, TickingClock
from tests.simulator import SimulatedCentre
from tests.typist import give

# The state in which a turn stays, and the call of the driver that keeps it there.
STATES: Final = {"reading": "C_GetSlotList", "waiting": "", "typed": "C_Login", "prepared": "C_Sign"}


def run(directory: Path, uri: str, *, calls: Path, state: str, pin: str) -> None:
    """Begin a turn over what waits in this store; tells the signer process's number and the desk's address."""
    # As the command line does it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What hangs is not waited for long.
    desk_turn._END_SECONDS = 0.5  # type: ignore[misc]
    clock = TickingClock()
    database = Database(directory / "node.db", DATA_KEY)
    node = make_node(directory, database, clock)
    visitor = visit(replace(node, config=replace(node.config, signer=uri)), SimulatedCentre(clock.now))
    try:
        preview(visitor)
        visitor.post("/sign/run", signing(visitor))
        action = ""
        if state != "reading":
            action = desk(visitor)
            if state != "waiting":
                give(action, pin, origin=ADDRESS)
                turns, turn_id = desk_turns(visitor.client.application), visitor.place.rpartition("/")[2]
                turns.wait_beyond(turn_id, TurnState.READING, TurnState.PIN)
        while not active_children():
            threading.Event().wait(0.01)
        while STATES[state] not in (calls.read_text() if calls.exists() else ""):
            threading.Event().wait(0.01)
        print(active_children()[0].pid, action, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    finally:
        database.close()


if __name__ == "__main__":
    folder, uri, shim, state = sys.argv[1:]
    run(Path(folder), uri, calls=Path(shim, "calls"), state=state, pin=sys.stdin.readline().rstrip("\n"))

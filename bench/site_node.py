"""The node of a large site as a process of its own on one core, with nothing loaded that a real node does not load.

Only the clock differs from `hcvx-edge run`: it stands at the afternoon of the store's last day.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from edge.app import create_app, make_server, settle
from edge.bootstrap import Node, SystemEntropy
from edge.config import Config
from edge.store.database import Database
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.working_clock import WorkingClock


@dataclass(frozen=True, slots=True)
class StandingClock:
    """A clock that stands still."""

    at: int

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return self.at


def main() -> None:
    """Answer until the process is ended; the port is the first line of standard output.

    Arguments: the node's directory, its data key in hexadecimal digits, the time, the processor's core or -1.
    """
    directory, key, at, core = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if core >= 0:
        # Before any thread is there, so that all of them stay on this core.
        os.sched_setaffinity(0, {core})
    database = Database(directory / "node.db", key)
    clock = WorkingClock(database, StandingClock(at))
    node = Node(Config(directory), database, clock, SystemEntropy(), CatalogueShelf(database))
    app = create_app(node)
    server = make_server(node, "127.0.0.1", 0, app=app)
    sys.stdout.write(f"{server.effective_port}\n")  # type: ignore[union-attr]
    sys.stdout.flush()
    settle(app)
    server.run()


if __name__ == "__main__":
    main()

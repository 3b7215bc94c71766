"""Run in a process of its own by a test: the node signs with the token, and is killed without warning.

The shim kills it around the signature; before and after that a statement of the store, or the end, does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.store.database import Database
from edge.workflow.plan_passes import plan_passes
from edge.workflow.sign_pass import resume_pass, sign_pass
from sync_protocol.signers.opening import open_signer
from tests.builders import SeededEntropy
from tests.edge.station import AFTERNOON, DATA_KEY, OFFICER
from tests.simulator import POLICY

AT_THE_END: Final = "the end"


@dataclass(slots=True)
class _Killer:
    """Kills this process when a statement of the store begins with the chosen words."""

    moment: str

    def statement(self, sql: str, _parameters: Sequence[Any] | dict[str, Any] | None = None) -> None:
        if self.moment and sql.startswith(self.moment):
            os.kill(os.getpid(), signal.SIGKILL)


def run(path: Path, uri: str, *, pin: str, moment: str) -> None:
    """Finish what is open, or sign what waits in this store; die at the moment, if the token does not come first."""
    killer = _Killer(moment)
    database = Database(path, DATA_KEY, tracer=killer.statement)
    entropy = SeededEntropy(99)
    with open_signer(uri, lambda _question: pin) as signer:
        if resume_pass(database, signer, now=AFTERNOON, entropy=entropy) is None:
            planned = plan_passes(database, POLICY, now=AFTERNOON).passes[0]
            sign_pass(database, planned, signer, officer=OFFICER, now=AFTERNOON, entropy=entropy)
        # From here on the bundle is durable, and nobody was told so.
        killer.statement(AT_THE_END)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], pin=sys.stdin.readline().rstrip("\n"), moment=sys.argv[3])

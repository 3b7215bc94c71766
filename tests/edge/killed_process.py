"""Run in a process of its own by a test: signs, and kills itself without warning at a chosen moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.store.database import Database
from edge.workflow.plan_passes import plan_passes
from edge.workflow.sign_pass import resume_pass, sign_pass
from tests.builders import SeededEntropy
from tests.edge.power_cut import Fuse, FusedSigner
from tests.edge.station import AFTERNOON, DATA_KEY, OFFICER, organisation_signer
from tests.simulator import POLICY


@dataclass(slots=True)
class _Killer(Fuse):
    """Kills this process when an event begins with the chosen words."""

    moment: str = ""

    def event(self, what: str) -> None:
        if what.startswith(self.moment):
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, sql: str, _parameters: Sequence[Any] | dict[str, Any] | None = None) -> None:
        self.event(sql)


def run(path: Path, moment: str) -> None:
    """Sign what waits in this store, or finish what is open, and die at the moment."""
    killer = _Killer(moment=moment)
    database = Database(path, DATA_KEY, tracer=killer.statement)
    signer = FusedSigner(organisation_signer(), killer)
    entropy = SeededEntropy(99)
    if resume_pass(database, signer, now=AFTERNOON, entropy=entropy) is None:
        planned = plan_passes(database, POLICY, now=AFTERNOON).passes[0]
        sign_pass(database, planned, signer, officer=OFFICER, now=AFTERNOON, entropy=entropy)

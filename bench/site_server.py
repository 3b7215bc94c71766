"""Starts the node of a large site as a process on one core, leaves that core to it, and asks what memory it holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.edge.station import AFTERNOON, DATA_KEY

_ROOT: Final = Path(__file__).parents[1]


@contextmanager
def served(directory: Path) -> Iterator[tuple[int, int]]:
    """The process with the server: its id and its port. The caller's own threads stay off its core."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    core = cores[0] if cores else -1
    command = [sys.executable, "-W", "ignore", "-m", "bench.site_node", str(directory.absolute()), DATA_KEY.hex()]
    with subprocess.Popen(
        [*command, str(AFTERNOON), str(core)], cwd=_ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            _stay_on(cores[1:])
            yield process.pid, port
        finally:
            process.terminate()
            process.wait()
            _stay_on(cores)


def resident_bytes(process: int) -> int:
    """The resident memory of a process, 0 where the system does not say."""
    path = Path(f"/proc/{process}/status")
    if not path.exists():
        return 0
    line = next(line for line in path.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def processor_seconds(process: int) -> float:
    """Processor time of a process so far, 0 where the system does not say. It does not grow while others work."""
    path = Path(f"/proc/{process}/stat")
    if not path.exists():
        return 0.0
    # The name in brackets may hold anything; user and system time are fields 14 and 15.
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stay_on(cores: list[int]) -> None:
    if cores:
        os.sched_setaffinity(0, set(cores))

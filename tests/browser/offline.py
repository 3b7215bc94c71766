"""The node as it is installed, `hcvx-edge run` in a process of its own, with no way off this machine.

Two walls, of which each alone would do. Where the machine lets us make one, node and browser live in a network of
their own in which there is nothing but loopback. And everywhere the node runs under `no_way_out`, which refuses and
writes down every address that is not loopback.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Final

from playwright.sync_api import Browser

from tests.browser.chrome import CHROMIUM, started_chromium
from tests.browser.visitor import make_node
from tests.demo.processes import free_port
from tests.demo.story import StoryClock
from tests.edge.clinic import NOW, PASSPHRASE, Clinic

_ROOT: Final = Path(__file__).parents[2]
_ISLAND: Final = ("unshare", "--user", "--map-root-user", "--net")
_LOOPBACK_UP: Final = "ip link set lo up && echo up && exec cat"


@dataclass(slots=True)
class OfflineNode:
    """A node that runs, is killed and runs again on the same port; its time is the story's.

    Attributes:
        way: what stands before a command that is to run on the island; nothing where there is none.
        signer: the setting; "" for the file that `make_node` leaves in the directory.
        said: what the node has written to its standard error, as far as it was read.
    """

    directory: Path
    way: Sequence[str]
    clock: StoryClock
    port: int = field(default_factory=free_port)
    signer: str = ""
    said: str = ""
    _process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        """The number of the node's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def attempts(self) -> list[str]:
        """Every way off this machine that the node tried."""
        return (self.directory / "attempts").read_text().splitlines()

    def start(self) -> None:
        """Run the node and wait until it says where it is."""
        line = [sys.executable, "-m", "tests.browser.no_way_out", self.directory / "attempts", self.clock.file]
        self._process = subprocess.Popen(
            [*self.way, *map(str, line), "--directory", str(self.directory), "run", "--port", str(self.port)],
            cwd=_ROOT,
            env={
                **os.environ,
                "HCVX_EDGE_PASSPHRASE": PASSPHRASE,
                "HCVX_EDGE_SIGNER": self.signer or f"software:{self.directory / 'signer.p12'}",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self.said = ""
        while self.address not in self.said:
            line_said = self._process.stderr.readline()
            assert line_said, f"the node ended: {self.said}"
            self.said += line_said

    def interfaces(self) -> list[str]:
        """The network interfaces that the node's process sees."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/net/dev").read_text().splitlines()[2:]
        return [line.partition(":")[0].strip() for line in lines]

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process: told to stop, or killed as by a power cut."""
        if self._process is not None:
            self._process.send_signal(how)
            self.said += self._process.communicate(timeout=30)[1]
            self._process = None


@contextmanager
def island() -> Iterator[Sequence[str]]:
    """What to put before a command, so that it runs where there is no network but loopback; nothing if that cannot be.

    The island is there as long as the block.
    """
    try:
        holder = subprocess.Popen(
            [*_ISLAND, "sh", "-c", _LOOPBACK_UP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    except FileNotFoundError:
        yield ()
        return
    assert holder.stdout is not None
    is_up = holder.stdout.readline() == "up\n"
    enter = ("nsenter", "--target", str(holder.pid), "--user", "--net", "--preserve-credentials", "--")
    is_reached = is_up and subprocess.run([*enter, "true"], capture_output=True, check=False).returncode == 0
    try:
        yield enter if is_reached else ()
    finally:
        holder.communicate()


@contextmanager
def offline(clinic: Clinic, directory: Path) -> Iterator[tuple[OfflineNode, Browser]]:
    """The clinic's node, running, and a Chromium beside it, at the clinic's time."""
    make_node(directory, clinic.database)
    with island() as way:
        clock = StoryClock(directory / "clock")
        clock.set_to(NOW)
        node = OfflineNode(directory, way, clock)
        node.start()
        chromium = directory / "chromium"
        chromium.write_text(f'#!/bin/sh\nexec {" ".join(map(quote, [*way, CHROMIUM]))} "$@"\n')
        chromium.chmod(0o700)
        try:
            with started_chromium(str(chromium)) as browser:
                yield node, browser
        finally:
            node.end()

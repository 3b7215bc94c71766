"""The actors of the demo as real processes: each site's program, the centre's program, and the line between them.

A site's work at one hour is one process that runs several verbs. If that process dies in the middle, as a laptop
does when its battery is empty, it is started again with the same verbs: everything it does can be done again.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.demo.story import StoryClock

_ROOT = Path(__file__).parent.parent.parent
_TRIES = 60
_ANSWER_SECONDS = 120
NOT_FINISHED = 3
# A verb of a command line with its arguments.
Verb = Sequence[str | Path]


class StepFailedError(Exception):
    """A process of the demo ended in a way that the plot does not foresee."""


def _no_watch(_process: subprocess.Popen[str]) -> None:
    """The usual watcher: looks on."""


@dataclass(slots=True)
class Program:
    """One program with its directory.

    Attributes:
        name: "edge" or "central".
        directory: where the node or the centre lives.
        secrets: environment variables with the demo's passwords; no argument list shows them.
        clock: the story's.
        watch: sees each process right after its start; the kill test kills it there.
        restarts: how often a process died and was started again.
    """

    name: str
    directory: Path
    secrets: dict[str, str]
    clock: StoryClock
    watch: Callable[[subprocess.Popen[str]], None] = _no_watch
    restarts: int = field(default=0, init=False)

    def run(
        self,
        at: int,
        *verbs: Verb,
        answers: str = "",
        settings: dict[str, str] | None = None,
        expect: Sequence[int] = (0,),
    ) -> list[dict[str, Any]]:
        """Runs verbs one after the other at a time of the story; returns the JSON that each one printed.

        Args:
            at: epoch seconds, UTC, in the story.
            verbs: each with its arguments; `--json` is added.
            answers: standard input, for PINs.
            settings: environment variables over the program's settings.
            expect: exit codes that the plot foresees.

        Raises:
            StepFailedError: another exit code.
        """
        self.clock.set_to(at)
        for _ in range(_TRIES):
            process = self.start(*verbs, settings=settings)
            self.watch(process)
            out, err = process.communicate(answers, timeout=_ANSWER_SECONDS)
            if process.returncode in expect:
                return _documents(out)
            if process.returncode != -signal.SIGKILL:
                raise StepFailedError(f"{self.name} ended with {process.returncode}:\n{out}\n{err}")
            self.restarts += 1
        raise StepFailedError(f"{self.name} died {_TRIES} times")

    def start(self, *verbs: Verb, settings: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts the verbs without waiting for them."""
        line: list[str] = []
        for verb in verbs:
            line += ["THEN"] if line else []
            line += ["--directory", str(self.directory), *map(str, verb)]
            if verb[0] != "run":
                line.append("--json")
        return subprocess.Popen(
            [sys.executable, "-m", "tests.demo.program", self.name, str(self.clock.file), *line],
            cwd=_ROOT,
            env={**os.environ, **self.secrets, **(settings or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents that stand one after the other in a text."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        document, place = decoder.raw_decode(text, place)
        found.append(document)
    return found


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    """Waits until a server listens.

    Raises:
        StepFailedError: its process ended, or it does not listen after half a minute.
    """
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise StepFailedError(f"the server ended: {process.stderr.read() if process.stderr else ''}")
        threading.Event().wait(0.1)
    raise StepFailedError("the server does not listen")


class LossyLine:
    """A line to the centre that swallows the first answer: the request arrives, nobody hears of it.

    Use it as a context manager; `port` is where it listens, `lost_bytes` how long the lost answer was.
    """

    def __init__(self, target_port: int) -> None:
        self.lost_bytes = 0
        line = self

        class Relay(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", target_port)) as upstream:
                    threading.Thread(target=_pump, args=(self.request, upstream), daemon=True).start()
                    while answer := upstream.recv(65_536):
                        if not line.lost_bytes:
                            line.lost_bytes = len(answer)
                            self.request.shutdown(socket.SHUT_RDWR)
                            return
                        self.request.sendall(answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> LossyLine:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        # The line was cut on the other side; that is what it is for.
        return

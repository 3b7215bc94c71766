"""A day's doses over bad links: two private networks joined by an emulated link, a real node and a real centre in them.

The emulator is the tool `sync_link.py` beside the test data: real TCP over a link with rate, delay, loss and cuts. It
needs root, `ip` and /dev/net/tun; where that is missing each line says so and carries no value.

Everything is in the figures: connecting, HTTP heads, the signed request, receipts with their verification, the commits
on both sides, and the question for news. The peers' figures are those of the project's design notes, measured with the
same emulator on the same doses.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.link_ends import ADDRESS, PORT, prepare
from tests.central.template import Template
from tests.testdata import testdata_path

Line = dict[str, object]

_ROOT: Final = Path(__file__).parents[1]
_DAY: Final = 3_000
# Bytes that the emulated modem holds for each direction.
_QUEUE_BYTES: Final = 64_000
_RUNS: Final = 3


class NoLinkError(Exception):
    """This machine cannot make the two networks; the text says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A link: bits a second, seconds of a round trip, share of packets lost; cuts as the emulator names them."""

    rate: float
    round_trip: float
    loss: float = 0.0
    cut_every: float = 0.0
    cut_seconds: float = 0.0
    cut_at_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What one exchange took.

    Attributes:
        seconds: until the last receipt was verified and committed.
        with_news: until the answer to the question for news as well.
        processor: processor seconds of the node's process, its start included.
        tries: of the outbox.
        up_payload, down_payload, up_bytes, down_bytes: TCP payload and IP bytes of each direction.
        connections: TCP connections that were begun.
    """

    seconds: float
    with_news: float
    processor: float
    tries: int
    up_payload: int
    down_payload: int
    up_bytes: int
    down_bytes: int
    connections: int


_2G: Final = Shape(50e3, 0.6, 0.02)
_1M: Final = Shape(1e6, 0.1)
_FLAPPING: Final = Shape(50e3, 0.6, 0.02, cut_every=6, cut_seconds=4)


def measure(only: str | None = None) -> Iterator[Line]:
    """Yields the lines of `link_2g`, `link_1m`, `link_flap`, `resend_cut`, `link_single` and `idle_contact`.

    Args:
        only: the one that is asked for; the others are not measured then.
    """
    metrics = [metric for metric in _TARGETS if only in (None, metric)]
    try:
        emulator = _emulator()
        _try_networks(emulator)
    except NoLinkError as error:
        for metric in metrics:
            yield {"metric": metric, "value": None, "skipped": str(error), "target": _TARGETS[metric], "met": None}
        return
    with tempfile.TemporaryDirectory() as name:
        made = _Bench(emulator, Path(name))
        for metric in metrics:
            yield made.line(metric)


_TARGETS: Final = {
    "link_2g": 10.0,
    "link_1m": 1.2,
    "link_flap": 17.0,
    "resend_cut": 8_192.0,
    "link_single": 3.0,
    "idle_contact": 1_024.0,
}


class _Bench:
    def __init__(self, emulator: Any, directory: Path) -> None:
        self._emulator = emulator
        self._directory = directory
        template = Template.make(directory / "template")
        for name, count in (("day", _DAY), ("single", 1), ("idle", 0)):
            (directory / name).mkdir()
            prepare(directory / name, template, count=count)

    def line(self, metric: str) -> Line:
        """One line; those in seconds are the median of a few runs with other losses."""
        match metric:
            case "link_2g":
                peer: dict[str, object] = {"JSON gzip": 33, "FHIR gzip": 57, "PouchDB": 433}
                return self._line(metric, self._runs("day", _2G), limit=8.3, peer=peer)
            case "link_1m":
                return self._line(metric, self._runs("day", _1M), limit=None, peer=None)
            case "link_flap":
                peer = {"one POST": "never ends", "plain resumable PUT": 24}
                return self._line(metric, self._runs("day", _FLAPPING), limit=12.0, peer=peer)
            case "resend_cut":
                return self._resent()
            case "link_single":
                return self._line(metric, self._runs("single", _2G), limit=3 * _2G.round_trip, peer=None)
            case _:
                return self._idle()

    def _line(self, metric: str, runs: list[Run], *, limit: float | None, peer: object) -> Line:
        value = statistics.median(run.seconds for run in runs)
        return {
            "metric": metric,
            "value": round(value, 2),
            "unit": "s until the last receipt is verified and committed",
            "limit": limit,
            "ratio": None if limit is None else round(value / limit, 3),
            "peer": peer,
            "target": _TARGETS[metric],
            "met": value <= _TARGETS[metric],
            "runs": [round(run.seconds, 2) for run in runs],
            "with_news": [round(run.with_news, 2) for run in runs],
            "up": [run.up_payload for run in runs],
            "connections": [run.connections for run in runs],
        }

    def _resent(self) -> Line:
        # A link that loses nothing by itself: what TCP sends again for lost packets is no matter of a cut.
        clean = Shape(_2G.rate, _2G.round_trip)
        base = self._run("day", clean, seed=1)
        cuts = [base.up_bytes * share // 8 for share in range(1, 8)]
        found = []
        for at in cuts:
            cut = self._run("day", Shape(clean.rate, clean.round_trip, cut_at_bytes=at, cut_seconds=3), seed=1)
            found.append(cut.up_payload - base.up_payload)
        value = max(found)
        return {
            "metric": "resend_cut",
            "value": value,
            "unit": "B of TCP payload more than without the cut, requests included, the worst of seven places",
            "limit": 0,
            "ratio": None,
            "peer": {"tus-style": 20_000, "one POST": "55 %"},
            "target": _TARGETS["resend_cut"],
            "met": value <= _TARGETS["resend_cut"],
            "runs": found,
        }

    def _idle(self) -> Line:
        runs = self._runs("idle", Shape(_2G.rate, _2G.round_trip), runs=1)
        value = runs[0].up_payload + runs[0].down_payload
        return {
            "metric": "idle_contact",
            "value": value,
            "unit": "B of HTTP in both directions, one contact without news",
            "limit": None,
            "ratio": None,
            "peer": None,
            "target": _TARGETS["idle_contact"],
            "met": value <= _TARGETS["idle_contact"],
            "ip_bytes": runs[0].up_bytes + runs[0].down_bytes,
            "up": runs[0].up_payload,
            "down": runs[0].down_payload,
        }

    def _runs(self, name: str, shape: Shape, *, runs: int = _RUNS) -> list[Run]:
        return [self._run(name, shape, seed=seed) for seed in range(1, runs + 1)]

    def _run(self, name: str, shape: Shape, *, seed: int) -> Run:
        ends = self._directory / "ends"
        shutil.rmtree(ends, ignore_errors=True)
        shutil.copytree(self._directory / name, ends)
        link = _link(self._emulator, shape, seed)
        processes: list[subprocess.Popen[str]] = []
        try:
            link.up()
            processes.append(_inside(link.ns[0], "serve", str(ends)))
            if not self._emulator.wait_port(link.ns[0], PORT):
                raise NoLinkError("the centre did not listen in its network")
            sender = _inside(link.ns[1], "send", str(ends), f"http://{ADDRESS}:{PORT}")
            processes.append(sender)
            return _measured(link, shape, sender)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            link.tearDown()


def _measured(link: Any, shape: Shape, sender: subprocess.Popen[str]) -> Run:
    assert sender.stdin is not None
    assert sender.stdout is not None
    if sender.stdout.readline().strip() != "ready":
        raise RuntimeError("the node did not start")
    # The link's own time begins with the exchange: the first cut comes when it has been up for so long.
    link.next_cut = time.monotonic() + shape.cut_every if shape.cut_every else None
    sender.stdin.write("go\n")
    sender.stdin.flush()
    found = json.loads(sender.stdout.readline())
    if found["unsent"]:
        raise RuntimeError(f"the exchange did not end: {found['problem']}")
    # What is still on its way belongs to it.
    time.sleep(2 * shape.round_trip)
    down, up = link.stat
    return Run(
        found["seconds"],
        found["with_news"],
        found["processor"],
        found["tries"],
        up_payload=up["payload"],
        down_payload=down["payload"],
        up_bytes=up["bytes"],
        down_bytes=down["bytes"],
        connections=link.syn,
    )


def _link(emulator: Any, shape: Shape, seed: int) -> Any:
    made = emulator.Link(
        f"hb{os.getpid() & 0xFFFFF:x}",
        shape.rate,
        shape.round_trip,
        shape.loss,
        _QUEUE_BYTES,
        seed,
        shape.cut_at_bytes,
        shape.cut_seconds,
        "cubic",
        shape.cut_every,
    )
    made.next_cut = None
    return made


def _emulator() -> Any:
    path = testdata_path().parent / "tools" / "sync_link.py"
    spec = importlib.util.spec_from_file_location("sync_link", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NoLinkError("the emulator sync_link.py does not lie beside the test data")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _try_networks(emulator: Any) -> None:
    """Raises NoLinkError where two networks cannot be made."""
    link = _link(emulator, _1M, 1)
    try:
        link.up()
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoLinkError(f"no network namespaces on this machine ({type(error).__name__})") from error
    finally:
        link.tearDown()


def _inside(network: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["ip", "netns", "exec", network, sys.executable, "-W", "ignore", "-m", "bench.link_ends", *arguments],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

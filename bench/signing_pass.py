"""Everything around the token for one signing pass, a pass that is taken up again after a crash, and slips out of it.

`pass_around` is the whole turn in the site's store, from the planned doses to the sealed bundle, on an encrypted disk:
fixed rows and their read-back, the statement, the signature's verification, the seal, with the signer's own time taken
off. It is processor time of one core, user and system; the wall clock, with its waits for the disk and for whatever
else the machine does, stands beside. `resume_pass` is a program of its own, the fastest of three by the wall clock,
from its start to its end: Python, the store, the pass, the sealed bundle; typing the passphrase and the PIN is not in
it. `slip_proof` is one slip out of a pass of 3,000, from the store to the QR's text; the first one of a pass makes all
its leaves again, and drawing the picture stands beside.

`limit` of `pass_around` is encoding each dose once and two hashes for it, which nobody can leave out.
"""

from __future__ import annotations

import hashlib
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.domain.signing_pass import PlannedPass
from edge.store import passes
from edge.web.desks.slip import draw_proof
from edge.workflow.prepare_pass import prepare_pass
from edge.workflow.prove_slip import SlipState, make_slip
from edge.workflow.sign_pass import sign_pass
from sync_protocol.dose import Dose, encode_dose
from tests.builders import PassingSigner, SeededEntropy, rsa_key
from tests.edge.station import AFTERNOON, DATA_KEY, OFFICER, Station, make_station
from tests.protocol.slips import registered

SIZES: Final = (300, 900, 3_000)
AROUND_TARGET: Final = 1.5
RESUME_TARGET: Final = 2.0
SLIP_TARGET: Final = 100.0
_DOSES_EACH: Final = 3
_RUNS: Final = 3
_SLIPS: Final = 60

Line = dict[str, object]


@dataclass
class TimedSigner(PassingSigner):
    """Notes how long the signer itself took."""

    seconds: float = field(default=0.0)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        started = time.perf_counter()
        signed = super().sign_many(messages)
        self.seconds += time.perf_counter() - started
        return signed


@dataclass
class CutEntropy:
    """Draws the batch secret; at the seal the program ends."""

    calls: int = 0

    def token(self, size: int) -> bytes:
        self.calls += 1
        if self.calls > 1:
            raise KeyboardInterrupt
        return bytes(range(size))


def measure(sizes: tuple[int, ...] = SIZES) -> Iterator[Line]:
    """Yields `pass_around`, `resume_pass` and `slip_proof`; the largest size stands for the last two."""
    # Not the system's temporary directory, which may be memory, where an fsync costs nothing.
    cache = Path(".cache")
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        yield from _around(Path(name), sizes)
        for state in ("prepared", "signed"):
            yield _resumed(Path(name) / state, max(sizes), state=state)
        yield from _slips(Path(name) / "slips", max(sizes))


def _around(directory: Path, sizes: tuple[int, ...]) -> Iterator[Line]:
    medians: list[float] = []
    for size in sizes:
        seconds, walls, tokens, limits, operations = [], [], [], [], 0
        for run in range(_RUNS):
            station, planned = _planned(directory / f"{size}-{run}", size)
            limits.append(_least(planned.doses))
            signer = TimedSigner(registered(rsa_key(), "Trạm Y tế xã"))
            processor, wall = time.process_time(), time.perf_counter()
            sign_pass(station.database, planned, signer, officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
            # A key in memory keeps this processor busy; a token would keep its own.
            seconds.append(time.process_time() - processor - signer.seconds)
            walls.append(time.perf_counter() - wall - signer.seconds)
            tokens.append(signer.seconds)
            operations = signer.operations
            station.database.close()
        medians.append(statistics.median(seconds))
        line = _line(f"pass_around.{size}", medians[-1], unit="s", target=AROUND_TARGET, limit=min(limits))
        yield {
            **line,
            "wall": round(statistics.median(walls), 3),
            "token_seconds": round(statistics.median(tokens), 4),
            "token_operations": operations,
        }
    growth = math.log(medians[-1] / medians[0]) / math.log(sizes[-1] / sizes[0])
    yield _line("pass_around.slope", growth, unit="power of the number of doses", target=1.1)


def _resumed(directory: Path, size: int, *, state: str) -> Line:
    walls, processors = [], []
    for run in range(_RUNS):
        place = directory / str(run)
        station, planned = _planned(place, size)
        _leave(station, planned, state=state)
        station.database.close()
        program = [sys.executable, "-m", "bench.resumed_pass", str(place.absolute()), DATA_KEY.hex(), str(AFTERNOON)]
        before, started = _children_seconds(), time.perf_counter()
        subprocess.run(program, check=True, cwd=Path(__file__).parents[1])
        walls.append(time.perf_counter() - started)
        processors.append(_children_seconds() - before)
    suffix = "" if state == "prepared" else f".{state}"
    line = _line(f"resume_pass.{size}{suffix}", min(walls), unit=f"s, left {state}", target=RESUME_TARGET)
    return {**line, "processor": round(statistics.median(processors), 3)}


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _leave(station: Station, planned: PlannedPass, *, state: str) -> None:
    """Leave the pass as a cut of the power would."""
    if state == "prepared":
        prepare_pass(station.database, planned, officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
        return
    try:
        sign_pass(station.database, planned, station.signer, officer=OFFICER, now=AFTERNOON, entropy=CutEntropy())
    except KeyboardInterrupt:
        with station.database.read() as tables:
            found = passes.open_pass(tables)
        assert found is not None
        assert found.state == state


def _slips(directory: Path, size: int) -> Iterator[Line]:
    station, planned = _planned(directory, size)
    signer = registered(rsa_key(), "Trạm Y tế xã")
    sign_pass(station.database, planned, signer, officer=OFFICER, now=AFTERNOON, entropy=SeededEntropy(size))
    seconds, drawing, characters = [], [], 0
    for place in range(_SLIPS):
        sequence = planned.sequences[place * len(planned.sequences) // _SLIPS]
        started = time.perf_counter()
        with station.database.read() as tables:
            slip = make_slip(tables, sequence)
        seconds.append(time.perf_counter() - started)
        assert slip.state is SlipState.PROVEN
        started = time.perf_counter()
        modules = draw_proof(slip.text).size
        drawing.append(time.perf_counter() - started)
        characters = max(characters, len(slip.text))
    station.database.close()
    median = statistics.median(seconds) * 1e3
    line = _line(f"slip_proof.{size}", median, unit="ms, store to the QR's text", target=SLIP_TARGET)
    yield {**line, "characters": characters, "modules": modules}
    yield _line(f"slip_proof.{size}.first", seconds[0] * 1e3, unit="ms, the first of its pass", target=None)
    yield _line(f"slip_proof.{size}.picture", statistics.median(drawing) * 1e3, unit="ms, drawing the QR", target=None)


def _planned(directory: Path, size: int) -> tuple[Station, PlannedPass]:
    """A fresh station with so many doses, three of each person, in one planned pass."""
    directory.mkdir(parents=True)
    station = make_station(directory)
    station.record(size // _DOSES_EACH, per_person=_DOSES_EACH)
    [planned] = station.plan()
    return station, planned


def _least(doses: Sequence[Dose]) -> float:
    """Seconds for encoding each dose once, and hashing its leaf and a node above it."""
    started = time.process_time()
    for dose in doses:
        leaf = hashlib.sha256(encode_dose(dose)).digest()
        hashlib.sha256(leaf + leaf).digest()
    return time.process_time() - started


def _line(metric: str, value: float, *, unit: str, target: float | None, limit: float | None = None) -> Line:
    return {
        "metric": metric,
        "value": round(value, 3),
        "unit": unit,
        "limit": None if limit is None else round(limit, 3),
        "ratio": None if limit is None else round(value / limit, 3),
        "peer": None,
        "target": target,
        "met": None if target is None else value <= target,
    }

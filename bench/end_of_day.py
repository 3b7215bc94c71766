"""The end of the day: stored doses to stored certificates and passports, beside raw P-256 signing of OpenSSL.

Both figures are per second of processor time on one core: `openssl speed` counts user time, so the run counts user and
system time; the wall clock stands beside it.
"""

from __future__ import annotations

import gc
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from central.workflow.run_day import run_day
from sync_protocol.dose import Sex
from tests.builders import SeededEntropy
from tests.central.day_store import DayStore, Someone, make_day_store
from tests.demo.people import Population

SIZES: Final = (1_000, 10_000, 50_000)
TARGET: Final = 0.25
_BATCH: Final = 3_000
_RATE: Final = re.compile(r"ecdsa \(nistp256\)\s+\S+\s+\S+\s+([0-9.]+)")


def measure(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, object]]:
    """Yields one line for each number of doses."""
    for size in sizes:
        # The processor's clock wanders: its speed is taken before and after.
        before = raw_signing_rate()
        rate, wall_rate = _issue(size)
        raw = (before + raw_signing_rate()) / 2
        yield {
            "metric": f"end_of_day.{size // 1_000}k",
            "value": round(rate),
            "unit": "certificates/s per core, stored doses to stored certificates",
            "limit": round(raw),
            "ratio": round(rate / raw, 3),
            "peer": "openssl speed ecdsap256",
            "target": TARGET,
            "met": rate / raw >= TARGET,
            "wall": round(wall_rate),
        }


def raw_signing_rate() -> float:
    """Signatures of OpenSSL in one second of one core."""
    done = subprocess.run(
        ["openssl", "speed", "-seconds", "1", "ecdsap256"], capture_output=True, text=True, check=True
    )
    found = _RATE.search(done.stdout)
    if found is None:
        raise RuntimeError("openssl speed printed no figure for nistp256")
    return float(found[1])


def _issue(size: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as directory:
        store = filled_store(Path(directory), size)
        # Filling the store left rubbish that is not the run's to collect.
        gc.collect()
        gc.freeze()
        processor, wall = time.process_time(), time.perf_counter()
        result = run_day(
            store.engine, signer=store.signer, registry=store.registry, entropy=SeededEntropy(1), now=store.at
        )
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        gc.unfreeze()
        store.engine.dispose()
    if result.issued != size:
        raise RuntimeError(f"{result.issued} of {size} doses were certified")
    return size / processor, size / wall


def filled_store(directory: Path, size: int) -> DayStore:
    """A centre with so many admitted doses of as many people, from one site."""
    store = make_day_store(directory)
    store.add_site("19001", "Trạm Y tế phường Mẫu")
    population = Population(seed=size)
    everybody = []
    for _ in range(size):
        person = population.villager(["Xóm 1"]).registered
        everybody.append(Someone(person.name, person.number, person.birth_date, Sex(person.sex)))
    store.register(everybody)
    for start in range(0, size, _BATCH):
        store.admit([store.dose(person, "19001") for person in everybody[start : start + _BATCH]])
    return store

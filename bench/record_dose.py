"""One dose recorded with person, audit entry and identity check: fsyncs, and the share of the raw fdatasync rate.

The limit is measured in the same run on the same disk: writing one 4 KB page in place into a file of fixed length and
fdatasync, the least that any durable write costs. Blocks of both alternate, and the median of their ratios counts,
since a disk is not equally fast from one second to the next. Fsyncs are counted by strace where there is one, else by
the commits that the WAL holds.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.store import audit, doses, people
from edge.store.database import Database
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.record_dose import Submission, record_dose
from sync_protocol.identity import IdentityState
from tests.edge.clinic import NOW, NURSE, facts, make_clinic, open_database, villager

SIZES: Final = (1_000, 10_000, 100_000)
TARGET: Final = 0.5
_BLOCKS: Final = 9
_BLOCK_DOSES: Final = 60
_TRACED_DOSES: Final = 300
_PAGE_BYTES: Final = 4_096
_FILL_ROWS: Final = 5_000


def measure(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, object]]:
    """Yields one line for each number of doses that the store holds already."""
    # Not the system's temporary directory, which may be memory, where an fsync costs nothing.
    cache = Path(".cache")
    cache.mkdir(exist_ok=True)
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=cache) as name:
            directory = Path(name) / "node"
            clinic = make_clinic(directory)
            clinic.give_pack(villager(number) for number in range(1_000))
            _fill(clinic.database, size)
            rate, raw, ratio = _rates(clinic.database, Path(name), size)
            clinic.database.close()
            fsyncs, counted_by = _fsyncs(directory, size + 10_000)
        yield {
            "metric": f"record_dose.{size // 1_000}k",
            "value": round(rate),
            "unit": "doses/s, encrypted, on disk when the call returns, one thread",
            "limit": round(raw),
            "ratio": round(ratio, 3),
            "peer": "write of one page and fdatasync",
            "target": TARGET,
            "met": ratio >= TARGET and fsyncs < 1.1,
            "fsyncs": round(fsyncs, 3),
            "counted_by": counted_by,
        }


def record_many(database: Database, first: int, count: int) -> None:
    """Record so many doses of so many new people, numbered from `first`."""
    catalogue = CatalogueShelf(database).catalogue()
    for number in range(first, first + count):
        submission = Submission(f"bench-{number:08d}", villager(number), facts())
        record_dose(database, submission, catalogue=catalogue, at=NOW, by=NURSE)


def _rates(database: Database, directory: Path, size: int) -> tuple[float, float, float]:
    """Doses in a second, raw synced writes in a second, median of the ratios of neighbouring blocks."""
    ours: list[float] = []
    limits: list[float] = []
    record_many(database, size, _BLOCK_DOSES)
    for block in range(_BLOCKS):
        limits.append(_raw_rate(directory / "raw"))
        start = time.perf_counter()
        record_many(database, size + (block + 1) * _BLOCK_DOSES, _BLOCK_DOSES)
        ours.append(_BLOCK_DOSES / (time.perf_counter() - start))
    ratios = [own / limit for own, limit in zip(ours, limits, strict=True)]
    return statistics.median(ours), statistics.median(limits), statistics.median(ratios)


def _raw_rate(path: Path) -> float:
    pages = 256
    if not path.exists():
        path.write_bytes(bytes(pages * _PAGE_BYTES))
    page = bytes(range(256)) * (_PAGE_BYTES // 256)
    with path.open("r+b", buffering=0) as file:
        os.fsync(file.fileno())
        start = time.perf_counter()
        for number in range(_BLOCK_DOSES):
            file.seek(number % pages * _PAGE_BYTES)
            file.write(page)
            os.fdatasync(file.fileno())
        return _BLOCK_DOSES / (time.perf_counter() - start)


def _fsyncs(directory: Path, first: int) -> tuple[float, str]:
    """Fsyncs a dose: those of a run with doses less those of a run without, by the number of doses."""
    if shutil.which("strace") is None:
        return _wal_commits(directory, first), "WAL commits"
    none, some = _traced(directory, first, 0), _traced(directory, first, _TRACED_DOSES)
    return (some - none) / _TRACED_DOSES, "strace"


def _traced(directory: Path, first: int, count: int) -> int:
    trace = directory / "trace"
    program = (
        "from pathlib import Path; from bench.record_dose import record_many; "
        "from tests.edge.clinic import open_database; "
        f"database = open_database(Path({str(directory)!r})); record_many(database, {first}, {count}); database.close()"
    )
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(trace), sys.executable, "-c", program]
    subprocess.run(command, check=True)
    return sum("sync(" in line for line in trace.read_text().splitlines())


def _wal_commits(directory: Path, first: int) -> float:
    """Each commit frame of the WAL was synced once; the checkpoint between is not seen by this."""
    database = open_database(directory)
    record_many(database, first, 20)
    wal = Path(f"{database.path}-wal").read_bytes()
    frames = [wal[start : start + 24] for start in range(32, len(wal) - 24, 24 + _PAGE_BYTES)]
    salt = wal[16:24]
    commits = sum(frame[8:16] == salt and frame[4:8] != bytes(4) for frame in frames)
    database.close()
    return commits / 20


def _fill(database: Database, size: int) -> None:
    for start in range(0, size, _FILL_ROWS):
        with database.write_transaction() as tables:
            acts: list[audit.Act] = []
            for number in range(start, min(start + _FILL_ROWS, size)):
                person_id = people.add(tables, villager(number), state=IdentityState.WAITING, at=NOW, by=NURSE)
                sequence = doses.add(tables, person_id, facts(), at=NOW, by=NURSE, submission=f"fill-{number:08d}")
                acts.append((audit.Action.DOSE_RECORDED, f"dose:{sequence}", f"person:{person_id}"))
            audit.append_many(tables, acts, actor=NURSE, at=NOW)

"""How fast the centre takes in full bundles: 1,000 people with 3 doses each, from sealed bytes to receipt.

The peer is what no admission can beat on this store: the same rows inserted in bulk, and nothing else done.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from central.store.database import open_engine, read_transaction, write_transaction
from central.store.tables import doses as dose_table
from central.store.tables import verdicts as verdict_table
from sync_protocol.days import DAY_SECONDS
from sync_protocol.dose import Dose
from sync_protocol.manifest import Purpose
from tests.central.postgres import running_postgres
from tests.central.scenario import Site, World
from tests.central.template import Template, fill_store

_BUNDLES: Final = 4
_PEOPLE: Final = 1_000
_DOSES_EACH: Final = 3
# Bundles a second and core that the evening rush of a whole country asks for.
_TARGET: Final = 25.0


def measure() -> Iterator[dict[str, object]]:
    """Yields the metrics `ingest.sqlite` and `ingest.postgresql`."""
    with tempfile.TemporaryDirectory() as directory:
        template = Template.make(Path(directory) / "template")
        yield _measure(template.copy(Path(directory) / "centre"), "ingest.sqlite")
        with running_postgres() as url:
            engine = open_engine(url)
            fill_store(template.directory, engine)
            yield _measure(template.world(template.directory, engine), "ingest.postgresql")


def _measure(world: World, metric: str) -> dict[str, object]:
    site = world.site()
    sealed = list(_sealed_bundles(world, site))
    started = time.perf_counter()
    for bundle in sealed:
        world.offer(bundle)
    seconds = time.perf_counter() - started
    value = len(sealed) / seconds
    limit = _insert_rate(world.centre.engine)
    world.centre.engine.dispose()
    return {
        "metric": metric,
        "value": round(value, 2),
        "unit": "bundles of 3,000 doses/s",
        "limit": round(limit, 2),
        "ratio": round(value / limit, 3),
        "peer": "the same rows inserted in bulk",
        "target": _TARGET,
        "met": value >= _TARGET,
    }


def _sealed_bundles(world: World, site: Site) -> Iterable[bytes]:
    for number in range(_BUNDLES):
        first = number * _PEOPLE
        doses = [
            _given_before(site.dose(person), place)
            for person in range(first, first + _PEOPLE)
            for place in range(_DOSES_EACH)
        ]
        world.know(doses[::_DOSES_EACH])
        inner = site.inner(doses, purpose=Purpose.BACKLOG)
        site.moved(inner)
        yield site.seal(inner)


def _given_before(dose: Dose, place: int) -> Dose:
    days = (_DOSES_EACH - place) * 100
    return replace(
        dose,
        dose_number=place + 1,
        dose_total=_DOSES_EACH,
        given_at=dose.given_at - days * DAY_SECONDS,
        recorded_at=dose.recorded_at - days * DAY_SECONDS,
    )


def _insert_rate(engine: Engine) -> float:
    with read_transaction(engine) as connection:
        doses = [dict(row) for row in connection.execute(dose_table.select()).mappings()]
        verdicts = [dict(row) for row in connection.execute(verdict_table.select()).mappings()]
    shift = max(row["id"] for row in doses)
    moved = max(row["sequence"] for row in doses)
    for row in doses:
        row.update(id=row["id"] + shift, sequence=row["sequence"] + moved)
    for row in verdicts:
        row["dose"] += shift
    started = time.perf_counter()
    size = _PEOPLE * _DOSES_EACH
    for start in range(0, len(doses), size):
        with write_transaction(engine) as connection:
            connection.execute(dose_table.insert(), doses[start : start + size])
            connection.execute(verdict_table.insert(), verdicts[start : start + size])
    return len(doses) / size / (time.perf_counter() - started)

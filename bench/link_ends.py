"""The two ends of the bad link, each a process of its own: a real centre, and a node with signed doses that sends them.

`prepare` makes both in a directory; `serve` and `send` are run inside the two networks. Both keys and doses come from
seeds, so each run sends the same bytes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from central.app import create_app, open_desk
from central.store.database import open_engine
from central.store.demo_authorities import ORGANISATION_AUTHORITY, read_authority
from central.store.key_store import open_key_ring
from central.web.streaming import StreamingServer
from edge.bootstrap import Node
from edge.clients.http_central import HttpCentral
from edge.config import Config
from edge.domain.dosing import DoseFacts
from edge.jobs import exchange_once
from edge.store import bundles, doses, identity_checks, people
from edge.store.database import Database, Tables
from edge.store.identity_checks import CheckResult
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.working_clock import WorkingClock
from sync_protocol.api import NetworkError
from sync_protocol.dose import Dose, EvidenceSource, IdentityState
from sync_protocol.endpoints import TRANSFERS
from tests.builders import SeededEntropy
from tests.central.scenario import EVENING, PASSWORD, SetClock
from tests.central.template import Template
from tests.edge.station import DATA_KEY, TickingClock
from tests.protocol.synthetic import generate_doses
from tests.system.test_answers_end_to_end import make_node

ADDRESS: Final = "198.51.100.1"
PORT: Final = 8480
# After the last dose that the generator makes.
NIGHT: Final = EVENING + 5 * 3_600
# After this many tries of the outbox the link is called dead.
_TRIES: Final = 60


def prepare(directory: Path, template: Template, *, count: int) -> None:
    """A centre, and a node that is enrolled there, has recorded so many doses and signed all of them.

    Args:
        directory: gets `centre` and `node`.
        template: what the centre is a copy of.
        count: doses of as many people, as the generator makes a day.
    """
    world = template.copy(directory / "centre")
    node = make_node(world, directory / "node")
    station = node.station
    made = generate_doses(max(count, 1))[:count]
    with station.database.write_transaction() as tables:
        sequences = [_record(tables, dose) for dose in made]
    with station.database.read() as tables:
        world.know(doses.assemble(tables, sequences))
    station.clock.at = world.clock.at = NIGHT
    while planned := station.plan():
        station.sign(planned[0])
    station.database.close()
    world.centre.engine.dispose()


def _record(tables: Tables, dose: Dose) -> int:
    person_id = people.add(tables, dose.recipient, state=IdentityState.MATCHED, at=dose.given_at, by="Y tá")
    person = people.get(tables, person_id)
    assert person is not None
    facts = DoseFacts(
        product=dose.product,
        lot=dose.lot,
        lot_expiry=dose.lot_expiry,
        dose_number=dose.dose_number,
        dose_total=dose.dose_total,
        given_at=dose.given_at,
        vaccinator=dose.vaccinator,
        station=dose.station,
        reaction="",
        late_reason="",
    )
    at = dose.given_at + 60
    sequence = doses.add(tables, person_id, facts, at=at, by=dose.recorded_by, submission=str(dose.sequence))
    result = CheckResult(person, IdentityState.MATCHED, EvidenceSource.PACK, "pack-3")
    identity_checks.add_many(tables, [result], at=at, by="Y tá")
    return sequence


def serve(directory: Path) -> None:
    """Serve the centre until the process ends."""
    place = directory / "centre"
    ring = open_key_ring(place / "keys", password=PASSWORD)
    authority = read_authority(place / "keys" / ORGANISATION_AUTHORITY, password=PASSWORD)
    centre = Template(place, ring, authority).world(place, open_engine(f"sqlite:///{place / 'centre.db'}")).centre
    centre = replace(
        centre, config=replace(centre.config, public_url=f"http://{ADDRESS}:{PORT}"), clock=SetClock(NIGHT)
    )
    desk = open_desk(centre)
    server = StreamingServer(
        create_app(centre, desk), desk, host=ADDRESS, port=PORT, threads=4, body_bytes=TRANSFERS.request_bytes
    )
    server.run()


class _Watched(HttpCentral):
    """Knows when the last receipt was committed: then the node asks for news."""

    news_at: float | None = None

    def feed(self, request: bytes) -> Iterator[bytes]:
        self.news_at = time.perf_counter()
        return super().feed(request)


def send(directory: Path, url: str) -> None:
    """Wait for a line on standard input, exchange until nothing is unsent, print what that took."""
    database = Database(directory / "node" / "node.db", DATA_KEY)
    clock = WorkingClock(database, TickingClock(NIGHT))
    node = Node(Config(directory / "node"), database, clock, SeededEntropy(9), CatalogueShelf(database))
    central = _Watched(url)
    node.shelf.catalogue()
    print("ready", flush=True)
    sys.stdin.readline()
    begun, tries, taken, problem = time.perf_counter(), 0, 0, ""
    for tries in range(1, _TRIES + 1):  # noqa: B007
        try:
            result = exchange_once(node, central)
        except NetworkError as error:
            problem = str(error)
            continue
        taken, problem = taken + result.taken, result.problem
        if result.problem or not result.unsent:
            break
    ended = time.perf_counter()
    with database.read() as tables:
        unsent = bundles.unsent(tables)
    database.close()
    told = {
        "seconds": (central.news_at or ended) - begun,
        "with_news": ended - begun,
        "processor": time.process_time(),
        "tries": tries,
        "unsent": unsent,
        "taken": taken,
        "problem": problem,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    {"serve": lambda: serve(Path(sys.argv[2])), "send": lambda: send(Path(sys.argv[2]), sys.argv[3])}[sys.argv[1]]()

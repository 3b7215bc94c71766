"""Machines with one node key: a node of the real centre, copies of its store, and what an auditor finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from central.store.database import read_transaction
from central.store.node_epochs import waiting_requests
from central.store.tables import doses as central_doses
from central.store.tables import ledger_entries, verdicts
from central.workflow.check_centre import check_centre
from central.workflow.decide_epoch import decide_epoch
from central.workflow.lost_history import keep_proofs
from central.workflow.take_epoch import take_epoch
from central.workflow.take_shown_epoch import take_shown_epoch
from edge.store import bundles, dose_numbers, doses, node_epochs
from edge.store.database import Database
from edge.store.node_epochs import SignKind, StoredAsk
from edge.workflow.begin_epoch import begin_epoch
from edge.workflow.check_store import check_store
from edge.workflow.exchange import ExchangeResult
from edge.workflow.renumber_dose import renumber_all
from edge.workflow.take_feed import fetch_feed
from sync_protocol.api import NetworkError, encode_problem, parse_problem
from sync_protocol.errors import ProtocolError
from sync_protocol.node_epoch import EpochReason
from tests.builders import SeededEntropy
from tests.central.scenario import World
from tests.edge.station import DATA_KEY, Station
from tests.system.test_answers_end_to_end import Node, Way

# Each machine writes down people of its own.
PEOPLE_APART = 10_000


@dataclass(slots=True)
class EpochWay(Way):
    """The way to the real centre, with the call for a new epoch; `lost` answers to it never arrive."""

    lost: int = 0

    def begin_epoch(self, request: bytes) -> bytes:
        centre = self.world.centre
        try:
            answer = take_epoch(
                request, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now()
            )
        except ProtocolError as error:
            head = getattr(error, "head", None)
            raise parse_problem(encode_problem(error.code, rule=error.rule, head=head)) from None
        if self.lost:
            self.lost -= 1
            raise NetworkError("cut", try_again=True)
        return answer

    def feed(self, request: bytes) -> Iterator[bytes]:
        try:
            return Way.feed(self, request)
        except ProtocolError as error:
            raise parse_problem(encode_problem(error.code, rule=error.rule)) from None

    def show_epochs(self, showing: bytes) -> bytes:
        centre = self.world.centre
        try:
            return take_shown_epoch(
                showing, engine=centre.engine, keys=centre.keys, entropy=centre.entropy, now=centre.clock.now()
            )
        except ProtocolError as error:
            raise parse_problem(encode_problem(error.code, rule=error.rule)) from None

    def show_receipts(self, receipts: bytes) -> bytes:
        centre = self.world.centre
        return keep_proofs(receipts, engine=centre.engine, keys=centre.keys, now=centre.clock.now())


@dataclass(slots=True)
class Machine(Node):
    """A node's machine; several may hold copies of one store."""

    way: EpochWay

    @property
    def database(self) -> Database:
        return self.station.database

    def sync(self) -> ExchangeResult:
        """An exchange; the feed too where the centre answers it."""
        result = self.run()
        try:
            fetch_feed(self.database, self.way, now=self.station.clock.now, entropy=self.station.entropy)
        except ProtocolError as error:
            return replace(result, problem=result.problem or error.code.value)
        return result

    def ask(self, reason: EpochReason = EpochReason.RESTORED) -> StoredAsk:
        station = self.station
        return begin_epoch(
            station.database, self.way, reason, entropy=station.entropy, at=station.clock.now(), by="Trạm trưởng"
        )

    def sign_kind(self) -> SignKind | None:
        with self.database.read() as tables:
            epoch = int(tables.execute("SELECT epoch FROM node").fetchone()[0])
            found = node_epochs.sign(tables, epoch)
        return None if found is None else found.kind

    def renumber(self) -> int:
        return len(renumber_all(self.database, at=self.station.clock.now(), by="Y tá"))

    def to_record_again(self) -> int:
        with self.database.read() as tables:
            return dose_numbers.count_to_record_again(tables)

    def unsent(self) -> int:
        with self.database.read() as tables:
            return bundles.unsent(tables)

    def recorded(self) -> list[tuple[str, int]]:
        """The doses that count here, as (name's number, instant): the same event in any store."""
        with self.database.read() as tables:
            rows = tables.execute("SELECT sequence FROM live_doses ORDER BY sequence").fetchall()
            found = doses.assemble(tables, [int(row[0]) for row in rows])
        return [(dose.recipient.number, dose.given_at) for dose in found]

    def findings(self) -> tuple[object, ...]:
        return check_store(self.database).findings

    def copy(self, directory: Path, *, apart: int) -> Machine:
        """Another machine with a copy of this store as it is now."""
        directory.mkdir()
        self.database.copy_to(directory / "node.db")
        old = self.station
        station = Station(
            Database(directory / "node.db", DATA_KEY),
            old.centre,
            replace(old.clock),
            entropy=SeededEntropy(1_000 + apart),
            signer=old.signer,
            people=old.people + apart * PEOPLE_APART,
        )
        return Machine(station, EpochWay(self.way.world))


def machine_of(node: Node) -> Machine:
    """The machine on which a node was enrolled."""
    return Machine(node.station, EpochWay(node.way.world))


def decide(world: World, digest: bytes, *, is_granted: bool = True) -> None:
    """A person at the centre decides."""
    centre = world.centre
    decide_epoch(
        digest,
        is_granted=is_granted,
        by="Lê Thị Vân",
        why="máy đang dùng tại bàn tiêm",
        engine=centre.engine,
        keys=centre.keys,
        entropy=centre.entropy,
        now=centre.clock.now(),
    )


def waiting(world: World) -> list[bytes]:
    """The digests of what waits for a person."""
    with read_transaction(world.centre.engine) as connection:
        return [one.digest for one in waiting_requests(connection)]


def at_centre(world: World) -> Counter[tuple[str, int]]:
    """How often the ledger holds each event: person and instant."""
    with read_transaction(world.centre.engine) as connection:
        rows = connection.execute(select(central_doses.c.number, central_doses.c.given_at))
        return Counter((row[0], row[1]) for row in rows)


def admitted(world: World) -> int:
    """How many doses are admitted."""
    joined = central_doses.join(verdicts, verdicts.c.dose == central_doses.c.id)
    with read_transaction(world.centre.engine) as connection:
        rows = connection.execute(select(verdicts.c.state).select_from(joined)).scalars()
        return sum(state == "admitted" for state in rows)


def entries(world: World) -> int:
    """How many bundles the ledger holds."""
    with read_transaction(world.centre.engine) as connection:
        return len(connection.execute(select(ledger_entries.c.idx)).all()) - 1


def audit(world: World, *machines: Machine) -> None:
    """Both sides re-verify everything from its bytes."""
    assert check_centre(world.centre.engine).findings == ()
    for machine in machines:
        assert machine.findings() == ()


def finish(machine: Machine) -> None:
    """Everything that this machine knows goes up: taken numbers are recorded again, open doses signed, bundles sent."""
    machine.renumber()
    station = machine.station
    for _ in range(4):
        station.clock.at += 60
        machine.way.world.clock.at = max(machine.way.world.clock.at, station.clock.at)
        with machine.database.read() as tables:
            rows = tables.execute("SELECT sequence FROM standings WHERE stage = ''").fetchall()
            machine.way.world.know(doses.assemble(tables, [int(row[0]) for row in rows]))
        if station.plan():
            station.sign()
    machine.sync()

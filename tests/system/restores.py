"""A centre whose database is copied and put back, and real nodes that sync with it in any order."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import select

from central.store import ledger
from central.store.database import read_transaction
from central.store.tables import batches
from central.workflow.begin_ledger_epoch import BegunEpoch, begin_ledger_epoch
from central.workflow.check_centre import check_centre
from central.workflow.decide_shown_epoch import decide_shown_epoch
from edge.domain.outbox import DELIVERED
from edge.store import bundles, receipts
from edge.store.bundles import StoredBundle
from edge.workflow.check_store import check_store
from edge.workflow.show_epochs import fetch_or_show
from sync_protocol.errors import ProtocolError
from sync_protocol.ledger_entry import OWN_KINDS, LedgerEntry, parse_entry
from sync_protocol.receipt import verify_inclusion
from tests.central.scenario import Site, World
from tests.system.copied_nodes import Machine, machine_of
from tests.system.test_answers_end_to_end import Node, make_node

_ENDINGS: Final = ("", "-wal", "-shm")
# More rounds than any history of these tests needs until everything is delivered.
_ROUNDS: Final = 6


@dataclass(slots=True)
class Restores:
    """A centre with nodes, and the copies that were taken of its database, by name."""

    world: World
    directory: Path
    nodes: list[Node] = field(default_factory=list)
    copies: dict[str, Path] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.world.centre.config.directory / "centre.db"

    def node(self, number: int) -> Machine:
        """One more enrolled node; call it before the copies that are put back."""
        facility = f"1900{number}"
        directory = self.directory / facility
        made = machine_of(make_node(self.world, directory, facility=facility, code=f"{facility}A"))
        self.nodes.append(made)
        return made

    def copy(self, name: str) -> None:
        """Copies the database as a backup does that waits for writers."""
        self.world.centre.engine.dispose()
        self.copies[name] = self.directory / f"copy-{name}.db"
        shutil.copyfile(self.store, self.copies[name])

    def restore(self, name: str) -> None:
        """Puts a copy in the place of the database; the program starts anew."""
        self.world.centre.engine.dispose()
        for ending in _ENDINGS:
            self.store.with_name(f"{self.store.name}{ending}").unlink(missing_ok=True)
        shutil.copyfile(self.copies[name], self.store)
        self.world.centre.ledger.forget()

    def begin(self, **options: object) -> BegunEpoch:
        """The operator declares an epoch."""
        centre = self.world.centre
        options = {"without_evidence": True, "reason": "Khôi phục từ bản sao", **options}
        return begin_ledger_epoch(
            engine=centre.engine,
            keys=centre.keys,
            now=centre.clock.now(),
            **options,  # type: ignore[arg-type]
        )

    def decide_shown(self, digest: bytes, *, is_taken: bool) -> None:
        """The operator takes a showing up, or refuses it."""
        centre = self.world.centre
        decide_shown_epoch(
            digest,
            is_taken=is_taken,
            by="Lê Thị Vân",
            why="máy ở bàn tiêm",
            engine=centre.engine,
            keys=centre.keys,
            now=centre.clock.now(),
        )

    def tick(self, seconds: int = 60) -> None:
        """Time goes by for everybody."""
        self.world.clock.at += seconds
        for node in self.nodes:
            node.station.clock.at = max(node.station.clock.at + seconds, self.world.clock.at)

    def settle(self, order: Sequence[int] | None = None) -> None:
        """Lets all nodes sync, in this order, until nothing is due."""
        for _ in range(_ROUNDS):
            for place in range(len(self.nodes)) if order is None else order:
                self.tick(5)
                sync(self.nodes[place])

    def entries(self) -> list[LedgerEntry]:
        """The ledger's entries of chains."""
        with read_transaction(self.world.centre.engine) as connection:
            found = [parse_entry(stored.entry) for stored in ledger.all_entries(connection)]
        return [entry for entry in found if entry.kind not in OWN_KINDS]

    def other_site(self, facility: str, node: str) -> Site:
        """A site of the scenario, as a holder of certificates."""
        return Site(self.world, facility, node, officer="Trần Thị Ánh")

    def windows(self, node: str) -> list[int]:
        """The lower bound of when each batch of a node was signed, in the order of the ledger."""
        with read_transaction(self.world.centre.engine) as connection:
            found = select(batches.c.not_before).where(batches.c.node == node).order_by(batches.c.ledger_index)
            return list(connection.execute(found).scalars())


def open_evidence(node: Node) -> int:
    """How many words of the centre contradict each other without an epoch that explains it."""
    with node.station.database.read() as tables:
        return receipts.evidence_count(tables)


def first_due(node: Node) -> StoredBundle:
    """The first bundle without a receipt."""
    with node.station.database.read() as tables:
        found = bundles.due(tables)
    assert found is not None
    return found


def sync(node: Node) -> str:
    """What the program does at each contact; gives the code that ended it, or ""."""
    problem = node.run().problem
    try:
        station = node.station
        fetch_or_show(station.database, node.way, now=station.clock.now, entropy=station.entropy, problem=problem)
    except ProtocolError as error:
        return error.code.value
    return problem


def wrong(made: Restores, *, is_settled: bool = True) -> list[str]:
    """Everything in the artefacts of both sides that must not be."""
    found = [
        f"centre: {one.invariant} {one.place}: {one.rule}" for one in check_centre(made.world.centre.engine).findings
    ]
    entries = {entry.digest: entry for entry in made.entries()}
    if len(entries) != len(made.entries()):
        found.append("I5: a digest is in the ledger twice")
    keys = [made.world.centre.keys.ledger.public_key]
    for node in made.nodes:
        database = node.station.database
        found += [f"node: {one.subject}: {one.what}" for one in check_store(database).findings]
        with database.read() as tables:
            for epoch, sequence in bundles.chain(tables):
                bundle = bundles.find(tables, epoch, sequence)
                assert bundle is not None
                receipt = receipts.find(tables, epoch, sequence)
                if is_settled and (bundle.state not in DELIVERED or bundle.digest not in entries):
                    found.append(f"I11: bundle {sequence} is {bundle.state}, in the ledger: {bundle.digest in entries}")
                if receipt is None:
                    continue
                entry = verify_inclusion(receipt.answer, ledger_keys=keys).entry
                if is_settled and entries.get(bundle.digest) != entry:
                    found.append(f"I9: the receipt of bundle {sequence} is for an entry that the ledger has not")
    return found

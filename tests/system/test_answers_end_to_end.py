"""A real node and the real centre, with a liar on the way: what the node believes, keeps and says.

Answers are made by the centre's own admission and changed in between; those that only a dishonest centre could give are
signed with the centre's own ledger key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from central.store import ledger
from central.store.database import read_transaction
from central.store.facilities import Facility
from central.workflow.accept_enrolment import accept_enrolment
from central.workflow.check_centre import check_centre
from central.workflow.enrol_facility import enrol_facility
from central.workflow.give_feed import give_feed
from edge.domain.outbox import BundleState
from edge.store import bundles, doses, receipts
from edge.store.database import Database
from edge.store.schema import migrate
from edge.workflow.check_store import check_store
from edge.workflow.enrol import enrol
from edge.workflow.exchange import ExchangeResult, exchange
from sync_protocol import cbor, limits
from sync_protocol.api import encode_problem, parse_problem
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_entry import LedgerEntry, entry_leaf, genesis_entry, parse_entry
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt, verify_inclusion
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import VerdictState
from tests.builders import SeededEntropy, ec_key
from tests.central.scenario import EVENING, Site, World
from tests.edge.station import DATA_KEY, Station, TickingClock
from tests.simulator import SimulatedCentre
from tests.transfers import Spool, take_transfer

OFFICER: Final = "Trần Thị Ánh"
Answers = Callable[[bytes], bytes]


@dataclass(slots=True)
class Way:
    """Implements `CentralApi` upon the real centre; `changed` is done to each answer to a bundle."""

    world: World
    changed: Answers = field(default=lambda answer: answer)
    answers: list[bytes] = field(default_factory=list)
    spool: Spool = field(default_factory=dict)

    def offer(self, sealed: bytes) -> bytes:
        try:
            answer = self.world.offer(sealed)
        except ProtocolError as error:
            # As it travels: the node learns what the problem's body says, no more.
            head = getattr(error, "head", None)
            raise parse_problem(encode_problem(error.code, rule=error.rule, head=head)) from None
        self.answers.append(answer)
        return self.changed(answer)

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        return take_transfer(ticket + content, self.spool, self.offer)

    def enrol(self, request: bytes) -> bytes:
        centre = self.world.centre
        return accept_enrolment(request, engine=centre.engine, keys=centre.keys, now=centre.clock.now())

    def tree_head(self) -> bytes:
        raise AssertionError("an exchange asks for no sets")

    trust_list = catalogue = tree_head

    def feed(self, request: bytes) -> Iterator[bytes]:
        centre = self.world.centre
        pages = give_feed(
            request,
            engine=centre.engine,
            keys=centre.keys,
            tree=centre.ledger,
            entropy=centre.entropy,
            now=centre.clock.now(),
        )
        return iter(pages)


@dataclass(slots=True)
class Node:
    """A node that enrolled with the real centre, and the way between them."""

    station: Station
    way: Way

    def sign(self, count: int = 2) -> None:
        """Records and signs doses of people whom the registry knows."""
        station = self.station
        sequences = station.record(count)
        with station.database.read() as tables:
            self.way.world.know(doses.assemble(tables, sequences))
        station.clock.at += 60
        self.way.world.clock.at = max(self.way.world.clock.at, station.clock.at)
        station.sign()

    def run(self) -> ExchangeResult:
        return exchange(self.station.database, self.way, now=self.station.clock.now, entropy=self.station.entropy)

    def states(self) -> list[BundleState]:
        with self.station.database.read() as tables:
            return [line.state for line in sorted(bundles.lines(tables), key=lambda line: line.sequence)]

    def believed(self) -> list[frozenset[tuple[object, ...]]]:
        """Everything that counts as the centre's word in the store."""
        with self.station.database.read() as tables:
            return [
                frozenset(tuple(row) for row in tables.execute(f"SELECT * FROM {table}"))
                for table in ("receipts", "verdicts", "pass_leaves", "passes")
            ]

    def evidence(self) -> int:
        with self.station.database.read() as tables:
            return receipts.evidence_count(tables)


def make_node(
    world: World,
    directory: Path,
    *,
    facility: str = "19001",
    code: str = "19001A",
    is_registered: bool = True,
    seed: int = 5,
) -> Node:
    """A node in an encrypted store, enrolled over the real calls, with a certificate that is registered unless said."""
    centre = world.centre
    ticket = enrol_facility(
        Facility(facility, f"Trạm y tế {facility}", ("05413",)),
        code,
        engine=centre.engine,
        keys=centre.keys,
        public_url="http://127.0.0.1:8480",
        good_seconds=3_600,
        entropy=centre.entropy,
        now=world.clock.now(),
    )
    assert ticket.file is not None
    directory.mkdir()
    database = Database.create(directory / "node.db", DATA_KEY)
    migrate(database, at=EVENING)
    way = Way(world)
    enrol(
        database, way, ticket.file, spoken=ticket.fingerprint, entropy=SeededEntropy(seed), at=EVENING, by="Trạm trưởng"
    )
    holder = Site(world, facility, code, officer=OFFICER)
    certificate = world.certificate(holder, seed=f"organisation {code}")
    if is_registered:
        world.register(facility, certificate, officer=OFFICER)
    signer = KeySigner(holder.organisation_key, certificate=certificate)
    clock = TickingClock(EVENING)
    station = Station(database, SimulatedCentre(clock.now), clock, entropy=SeededEntropy(6), signer=signer)
    return Node(station, way)


@pytest.fixture
def node(world: World, tmp_path: Path) -> Node:
    return make_node(world, tmp_path / "node")


def entries_of(world: World) -> list[LedgerEntry]:
    with read_transaction(world.centre.engine) as connection:
        return [parse_entry(stored.entry) for stored in ledger.all_entries(connection)]


def signed_anew(
    world: World, answer: bytes, history: Sequence[LedgerEntry], *, known: int, by: KeySigner | None = None
) -> bytes:
    """A receipt over another history whose last entry is that of the answer, by the true ledger key unless said."""
    true = verify_inclusion(answer, ledger_keys=[world.centre.keys.ledger.public_key])
    return build_receipt(
        history[-1],
        Tree([entry_leaf(entry) for entry in history]),
        epoch=true.head.epoch,
        at=true.head.at,
        known_head_size=known,
        ledger_signer=by or world.centre.keys.ledger,
        verdicts=true.verdicts,
    )


def test_a_day_with_the_real_centre_ends_with_receipts_on_both_sides(node: Node, world: World) -> None:
    node.sign()
    node.sign(3)
    result = node.run()
    assert (result.admitted, result.refused, result.unsent, result.problem) == (2, 0, 0, "")
    assert check_store(node.station.database).findings == ()
    assert check_centre(world.centre.engine).findings == ()
    with read_transaction(world.centre.engine) as connection:
        assert ledger.ledger_size(connection) == 3


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ("forged", Code.SIGNER_UNKNOWN),
        ("of another node", Code.RECEIPT_MISMATCH),
        ("rolled back", Code.RECEIPT_MISMATCH),
        ("truncated", Code.NOT_CBOR),
        ("extended", Code.NOT_CBOR),
        ("other verdicts", Code.RECEIPT_MISMATCH),
        ("nothing", Code.NOT_CBOR),
        ("rewritten", Code.HEAD_INCONSISTENT),
        ("shortened", Code.HEAD_INCONSISTENT),
    ],
)
def test_no_lie_about_a_bundle_is_believed(node: Node, world: World, tmp_path: Path, lie: str, code: Code) -> None:
    other = make_node(world, tmp_path / "other", facility="19002", code="19002A")
    other.station.people = 500
    other.sign()
    other.run()
    node.sign()
    node.run()
    earlier = node.way.answers[-1]
    history = entries_of(world)
    known = len(history)

    def changed(answer: bytes) -> bytes:
        mine = parse_entry(_field(answer, 1))
        match lie:
            case "forged":
                thief = KeySigner(ec_key("thief"))
                return signed_anew(world, answer, [*history, mine], known=known, by=thief)
            case "of another node":
                return other.way.answers[-1]
            case "rolled back":
                return earlier
            case "truncated":
                return answer[: len(answer) // 2]
            case "extended":
                return answer + b"\x00"
            case "other verdicts":
                return cbor.encode({**_fields(answer), 4: _field(earlier, 4)})
            case "nothing":
                return b""
            case "rewritten":
                past = genesis_entry(history[0].admitted_at - 1)
                return signed_anew(world, answer, [past, *history[1:], mine], known=known)
            case _:
                return signed_anew(world, answer, [history[0], replace(mine, index=1)], known=1)

    node.sign(3)
    node.way.changed = changed
    before, entries = node.believed(), len(entries_of(world))
    result = node.run()
    assert (result.problem, result.admitted) == (code, 0)
    assert node.believed() == before
    assert (node.states(), node.evidence()) == ([BundleState.RECEIPTED, BundleState.OFFERED], 1)
    assert len(entries_of(world)) == entries + 1
    # The truth is taken afterwards, and nothing was doubled by the second offer.
    node.way.changed = lambda answer: answer
    assert node.run().admitted == 1
    assert len(entries_of(world)) == entries + 1
    assert check_store(node.station.database).findings == ()


def test_an_answer_cut_at_any_byte_is_not_believed(node: Node) -> None:
    node.sign()
    before = node.believed()
    for end in range(0, 340, 17):
        node.way.changed = lambda answer, end=end: answer[:end]  # type: ignore[misc]
        result = node.run()
        assert (result.problem, result.unsent) == (Code.NOT_CBOR, 1)
        assert node.believed() == before
    node.way.changed = lambda answer: answer
    assert node.run().admitted == 1


def test_a_batch_that_the_centre_refuses_comes_back_and_is_signed_again(node: Node, world: World) -> None:
    world.register("19001", _certificate(node), officer="Người khác")
    node.sign()
    result = node.run()
    assert (result.admitted, result.refused) == (0, 1)
    assert node.states() == [BundleState.REFUSED]
    world.register("19001", _certificate(node), officer=OFFICER)
    node.station.clock.at += 60
    world.clock.at = node.station.clock.at
    node.station.sign()
    assert node.run().admitted == 1
    assert check_store(node.station.database).findings == ()
    assert check_centre(world.centre.engine).findings == ()


def test_identities_that_the_registry_does_not_know_come_back_as_waiting(node: Node) -> None:
    node.station.record(2)
    node.station.sign()
    node.run()
    with node.station.database.read() as tables:
        rows = tables.execute("SELECT DISTINCT state, code FROM verdicts").fetchall()
    assert [tuple(row) for row in rows] == [(VerdictState.QUARANTINED, Code.IDENTITY_EVIDENCE)]


def test_a_problem_of_a_stranger_stops_the_run_and_nothing_else(node: Node) -> None:
    # Problems are not signed: whoever sits on the way may send any of them, and then the truth.
    node.sign()
    before = node.believed()
    for code in Code:

        def problem(_: bytes, code: Code = code) -> bytes:
            raise parse_problem(encode_problem(code, rule="stranger"))

        node.way.changed = problem
        assert node.run().problem == code
        assert node.believed() == before
    node.way.changed = lambda answer: answer
    assert node.run().admitted == 1
    assert check_store(node.station.database).findings == ()


def _certificate(node: Node) -> Certificate:
    assert node.station.signer.certificate is not None
    return node.station.signer.certificate


def _fields(answer: bytes) -> dict[int, object]:
    value = cbor.decode(answer, max_bytes=limits.MESSAGE_BYTES)
    assert isinstance(value, dict)
    return {int(key): item for key, item in value.items()}


def _field(answer: bytes, key: int) -> bytes:
    found = _fields(answer)[key]
    assert isinstance(found, bytes)
    return found

"""From an empty directory to an enrolled node."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.bootstrap import init_node, open_node
from edge.store import audit, node_identity, sets
from edge.store.database import Database
from edge.store.errors import StoreCode, StoreError
from edge.store.sets import StoredSetKind
from edge.workflow.enrol import begin_enrolment, enrol, finish_enrolment
from edge.workflow.init_node import init_node as init_node_workflow
from sync_protocol.api import NetworkError
from sync_protocol.enrolment_file import parse_enrolment_file
from sync_protocol.errors import Code, ProtocolError
from tests.builders import SeededEntropy
from tests.edge.clinic import CHEAP, FACILITY, NODE, NOW, NURSE, PASSPHRASE, open_database
from tests.simulator import EPOCH, SimulatedCentre


@dataclass(slots=True)
class CutCentre(SimulatedCentre):
    """A centre whose next answers get lost: before it heard the request, or after."""

    lose_request: bool = False
    lose_answer: bool = False

    def enrol(self, request: bytes) -> bytes:
        if self.lose_request:
            self.lose_request = False
            raise NetworkError("unreached", try_again=True)
        answer = SimulatedCentre.enrol(self, request)
        if self.lose_answer:
            self.lose_answer = False
            raise NetworkError("cut", try_again=True)
        return answer


@pytest.fixture
def centre() -> CutCentre:
    return CutCentre(lambda: NOW)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    init_node_workflow(tmp_path / "node", PASSPHRASE, entropy=SeededEntropy(), at=NOW, by=NURSE, stretching=CHEAP)
    return open_database(tmp_path / "node")


def _file(centre: SimulatedCentre, node: str = NODE) -> tuple[bytes, str]:
    file = centre.enrolment_file(node, facility=FACILITY, facility_name="Trạm", centre_url="http://127.0.0.1:9")
    return file, parse_enrolment_file(file).fingerprint


def _enrol(database: Database, centre: SimulatedCentre, file: bytes, spoken: str) -> node_identity.NodeIdentity:
    return enrol(database, centre, file, spoken=spoken, entropy=SeededEntropy(3), at=NOW, by=NURSE)


def test_init_makes_a_directory_that_only_its_owner_reads(tmp_path: Path) -> None:
    directory = tmp_path / "node"
    init_node(directory, PASSPHRASE, by=NURSE, stretching=CHEAP)
    assert {path.name for path in directory.iterdir()} == {"node.toml", "node.key.json", "node.db"}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "node.db").stat().st_mode) == 0o600
    node = open_node(directory, PASSPHRASE, environment={})
    assert node.database.quick_check() == []
    with node.database.read() as tables:
        assert [entry.action for entry in audit.entries(tables)] == [audit.Action.INITIALISED]
    assert abs(node.clock.now() - NOW) > 0
    assert len(node.entropy.token(16)) == 16
    node.close()


def test_a_second_init_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    init_node(tmp_path, PASSPHRASE, by=NURSE, stretching=CHEAP)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StoreError) as caught:
        init_node(tmp_path, "một mật khẩu khác", by=NURSE, stretching=CHEAP)
    assert caught.value.code is StoreCode.EXISTS
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@dataclass(slots=True)
class SlowEntropy(SeededEntropy):
    """Draws the first bytes when it is told to; says when it was asked."""

    is_asked: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def token(self, size: int) -> bytes:
        self.is_asked.set()
        assert self.may_go_on.wait(60)
        return SeededEntropy.token(self, size)


def test_of_two_inits_at_once_one_is_refused_and_the_other_makes_a_node_that_opens(tmp_path: Path) -> None:
    entropy, other = SlowEntropy(), "một mật khẩu khác"
    first = threading.Thread(
        target=init_node,
        args=(tmp_path, PASSPHRASE),
        kwargs={"by": NURSE, "stretching": CHEAP, "entropy": entropy},
    )
    first.start()
    assert entropy.is_asked.wait(60)
    with pytest.raises(StoreError) as caught:
        init_node(tmp_path, other, by=NURSE, stretching=CHEAP)
    assert (caught.value.code, caught.value.try_again) == (StoreCode.BUSY, True)
    entropy.may_go_on.set()
    first.join()
    open_node(tmp_path, PASSPHRASE, environment={}).close()
    # The lock went with whoever held it.
    with pytest.raises(StoreError) as caught:
        init_node(tmp_path, other, by=NURSE, stretching=CHEAP)
    assert caught.value.code is StoreCode.EXISTS


def test_an_init_that_was_cut_off_goes_on_with_the_same_passphrase(tmp_path: Path) -> None:
    init_node(tmp_path, PASSPHRASE, by=NURSE, stretching=CHEAP)
    (tmp_path / "node.db").rename(tmp_path / "node.db.new")
    (tmp_path / "node.db.new-wal").write_bytes(b"left over")
    with pytest.raises(StoreError) as caught:
        init_node(tmp_path, "một mật khẩu khác", by=NURSE, stretching=CHEAP)
    assert caught.value.code is StoreCode.PASSPHRASE
    init_node(tmp_path, PASSPHRASE, by=NURSE, stretching=CHEAP)
    open_node(tmp_path, PASSPHRASE, environment={}).close()


def test_opening_with_another_passphrase_is_refused(tmp_path: Path) -> None:
    init_node(tmp_path, PASSPHRASE, by=NURSE, stretching=CHEAP)
    with pytest.raises(StoreError) as caught:
        open_node(tmp_path, "một mật khẩu khác", environment={})
    assert caught.value.code is StoreCode.PASSPHRASE


def test_opening_where_there_is_no_node_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_node(tmp_path, PASSPHRASE, environment={})
    assert caught.value.code is StoreCode.MISSING
    assert list(tmp_path.iterdir()) == []


def test_an_enrolled_node_has_codes_keys_and_sets(database: Database, centre: CutCentre) -> None:
    identity = _enrol(database, centre, *_file(centre))
    assert (identity.node, identity.facility, identity.epoch) == (NODE, FACILITY, EPOCH)
    assert identity.node_key.public_key() == centre.nodes[NODE]
    assert identity.request_digest == centre.heads[NODE].digest
    with database.read() as tables:
        assert node_identity.codes(tables) == node_identity.NodeCodes(NODE, FACILITY)
        for kind in StoredSetKind:
            assert sets.newest_version(tables, kind) == 1
        audit.verify(tables)


def test_a_lost_request_or_answer_is_made_up_by_the_same_bytes(database: Database, centre: CutCentre) -> None:
    file, spoken = _file(centre)
    centre.lose_request, centre.lose_answer = True, False
    with pytest.raises(NetworkError):
        _enrol(database, centre, file, spoken)
    with database.read() as tables:
        asked = node_identity.find(tables)
        # From the request on the node has a code, so that it can record doses; it can sign nothing yet.
        assert node_identity.codes(tables).node == NODE
        with pytest.raises(StoreError) as caught:
            node_identity.get(tables)
    assert caught.value.code is StoreCode.NOT_ENROLLED
    centre.lose_answer = True
    with pytest.raises(NetworkError):
        finish_enrolment(database, centre, at=NOW, by=NURSE)
    identity = enrol(database, centre, file, spoken=spoken, entropy=SeededEntropy(99), at=NOW + 60, by=NURSE)
    assert asked is not None
    assert identity.request_digest == asked.request_digest
    assert len(centre.enrolments) == 1
    # And once more, long after: nothing happens.
    assert _enrol(database, centre, file, spoken).request_digest == asked.request_digest


def test_an_enrolled_node_takes_no_second_file(database: Database, centre: CutCentre) -> None:
    _enrol(database, centre, *_file(centre))
    with pytest.raises(StoreError) as caught:
        _enrol(database, centre, *_file(centre, "19001B"))
    assert caught.value.code is StoreCode.ENROLLED


def test_a_node_that_waits_for_an_answer_may_take_another_file(database: Database, centre: CutCentre) -> None:
    centre.lose_request = True
    with pytest.raises(NetworkError):
        _enrol(database, centre, *_file(centre))
    assert _enrol(database, centre, *_file(centre, "19001B")).node == "19001B"


def test_a_file_with_another_fingerprint_or_any_flipped_bit_is_refused(database: Database, centre: CutCentre) -> None:
    file, spoken = _file(centre)
    with pytest.raises(ProtocolError) as caught:
        _enrol(database, centre, file, "0000 " * 8)
    assert caught.value.code is Code.ENROLMENT_INVALID
    for place in range(0, len(file), 31):
        changed = bytearray(file)
        changed[place] ^= 1
        with pytest.raises(ProtocolError):
            _enrol(database, centre, bytes(changed), spoken)
    with database.read() as tables:
        assert node_identity.find(tables) is None
        assert sets.newest_version(tables, StoredSetKind.CATALOGUE) == 0


def test_an_answer_that_somebody_else_signed_is_refused(database: Database, centre: CutCentre) -> None:
    file, spoken = _file(centre)
    impostor = SimulatedCentre(lambda: NOW, publisher=centre.ledger, codes=dict(centre.codes))
    with pytest.raises(ProtocolError) as caught:
        _enrol(database, impostor, file, spoken)
    assert caught.value.code is Code.SIGNATURE_INVALID
    with database.read() as tables, pytest.raises(StoreError):
        node_identity.get(tables)


def test_the_key_file_costs_what_it_should(tmp_path: Path) -> None:
    init_node(tmp_path, PASSPHRASE, by=NURSE)
    assert json.loads((tmp_path / "node.key.json").read_text())["memory_kibibytes"] == 65_536


def test_an_answer_that_comes_after_another_file_was_read_confirms_nothing(
    database: Database, centre: CutCentre
) -> None:
    first, second = _file(centre), _file(centre, "19001B")

    class Slow(CutCentre):
        def enrol(self, request: bytes) -> bytes:
            answer = centre.enrol(request)
            begin_enrolment(database, second[0], spoken=second[1], entropy=SeededEntropy(4), at=NOW, by=NURSE)
            return answer

    begin_enrolment(database, first[0], spoken=first[1], entropy=SeededEntropy(3), at=NOW, by=NURSE)
    with pytest.raises(StoreError) as caught:
        finish_enrolment(database, Slow(lambda: NOW), at=NOW, by=NURSE)
    assert caught.value.code is StoreCode.NOT_ENROLLED
    with database.read() as tables:
        found = node_identity.find(tables)
    assert found is not None
    assert (found.node, found.enrolled_at) == ("19001B", None)
    assert finish_enrolment(database, centre, at=NOW, by=NURSE).node == "19001B"

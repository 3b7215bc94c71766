"""The outbox over the real store, walked at random: exchanges, lost and false answers, sticks, backups put back.

The model is the table of `edge.domain.outbox`: in each step a bundle may only have gone where the events of that step
lead. What the centre has signed is what the store calls delivered, after every step.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.domain.outbox import DELIVERED, TRANSITIONS, BundleEvent, BundleState
from edge.store import bundles, node_identity, receipts
from edge.store.bundles import StoredBundle
from edge.store.database import Database
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.settle_bundle import settle_bundle, verify_answer
from sync_protocol.api import NetworkError, RemoteProblem
from sync_protocol.bundle import parse_bundle
from sync_protocol.errors import Code, ProtocolError
from tests.edge.station import DATA_KEY, make_station
from tests.simulator import Fault

_MOST_BUNDLES: Final = 5
_BY_NETWORK: Final = frozenset(BundleEvent) - {BundleEvent.CENTRE_RESTORED, BundleEvent.EXPORTED}
_BY_STICK: Final = frozenset({BundleEvent.RECEIPT, BundleEvent.REFUSAL_RECEIPT, BundleEvent.TURNED_AWAY})
_Place = tuple[int, int]


def reachable(state: BundleState, events: Collection[BundleEvent]) -> set[BundleState]:
    """Where any number of these events lead by the table."""
    found, new = {state}, {state}
    while new:
        new = {TRANSITIONS[at, by] for at in new for by in events if (at, by) in TRANSITIONS} - found
        found |= new
    return found


class StoreWalk(RuleBasedStateMachine):
    """A station, a centre that really signs, and answers that may come late, twice, wrong or never."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="hcvx-outbox-"))
        self.station = make_station(self.directory)
        self.seen: dict[_Place, StoredBundle] = {}
        self.on_stick: list[tuple[_Place, bytes]] = []
        self.copy: Path | None = None

    def teardown(self) -> None:
        self.station.database.close()
        shutil.rmtree(self.directory)

    @precondition(lambda self: len(self.seen) < _MOST_BUNDLES)
    @rule(refused=st.booleans())
    def sign(self, refused: bool) -> None:
        self.station.clock.at += 60
        self.station.record(1)
        self.station.sign()
        if refused:
            self.station.centre.refuse = [Code.TIME_WINDOW]
        self.moved(())

    @rule(faults=st.lists(st.sampled_from([None, *Fault]), max_size=3))
    def send(self, faults: list[Fault | None]) -> None:
        centre = self.station.centre
        # Another bundle's receipt needs one that was given, and a history can be rewritten for those who know of one.
        unlikely = {Fault.OTHER_RECEIPT: not centre.kept, Fault.HISTORY_REWRITTEN: not self.all_name_a_head()}
        centre.faults = [one for one in faults if one is None or not unlikely.get(one, False)]
        with suppress(NetworkError):
            exchange(self.station.database, centre, now=self.station.clock.now, entropy=self.station.entropy)
        centre.faults = []
        self.moved(_BY_NETWORK)

    @rule(code=st.sampled_from([Code.NOT_NEXT, Code.FORKED, Code.NODE_DENIED, Code.EPOCH]))
    def meet_a_stranger(self, code: Code) -> None:
        centre = self.station.centre
        centre.problems = [code]
        exchange(self.station.database, centre, now=self.station.clock.now, entropy=self.station.entropy)
        centre.problems = []
        self.moved(_BY_NETWORK)

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def carry_to_the_centre(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self.seen)))
        with suppress(RemoteProblem):
            self.on_stick.append((place, self.station.centre.offer(self.seen[place].sealed)))
        self.moved(())

    @precondition(lambda self: self.on_stick)
    @rule(data=st.data(), flipped=st.booleans())
    def bring_back(self, data: st.DataObject, flipped: bool) -> None:
        place, answer = data.draw(st.sampled_from(self.on_stick))
        database, at = self.station.database, self.station.clock.now()
        with database.read() as tables:
            identity, due = node_identity.get(tables), bundles.find(tables, *place)
        if due is None:
            return
        given = bytes([answer[0], answer[1] ^ 1]) + answer[2:] if flipped else answer
        with suppress(ProtocolError):
            receipt = verify_answer(database, due, given, identity=identity, at=at)
            with database.write_transaction() as tables:
                settle_bundle(tables, due, receipt, answer=given, at=at, actor="stick")
        self.moved(_BY_STICK)

    @rule()
    def back_up(self) -> None:
        self.copy = self.directory / "copy.db"
        self.copy.unlink(missing_ok=True)
        self.station.database.copy_to(self.copy)

    @precondition(lambda self: self.copy is not None)
    @rule()
    def put_the_backup_back(self) -> None:
        assert self.copy is not None
        path = self.station.database.path
        self.station.database.close()
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self.copy, path)
        self.station.database = Database(path, DATA_KEY)
        # Nothing of what was known of it counts: the store knows what it knew then.
        self.seen = {}
        self.seen = self.stored()

    @invariant()
    def the_store_holds_what_its_check_asks(self) -> None:
        assert check_store(self.station.database).findings == ()

    @invariant()
    def delivered_is_what_the_centre_has_signed_for(self) -> None:
        centre = self.station.centre
        for place, bundle in self.stored().items():
            with self.station.database.read() as tables:
                receipt = receipts.find(tables, *place)
            if bundle.state in DELIVERED:
                assert receipt is not None
                assert receipt.answer == centre.kept[bundle.digest].receipt
            else:
                assert receipt is None

    def moved(self, events: Collection[BundleEvent]) -> None:
        """Looks at every bundle: it went where the table leads, and its bytes are the ones of its sealing."""
        after = self.stored()
        assert self.seen.keys() <= after.keys()
        for place, bundle in self.seen.items():
            assert after[place].state in reachable(bundle.state, events)
            assert (after[place].sealed, after[place].inner) == (bundle.sealed, bundle.inner)
        self.seen = after

    def all_name_a_head(self) -> bool:
        unsent = [one for one in self.stored().values() if one.state not in DELIVERED]
        return all(parse_bundle(one.inner).claimed.known_head is not None for one in unsent)

    def stored(self) -> dict[_Place, StoredBundle]:
        with self.station.database.read() as tables:
            found = [bundles.find(tables, *place) for place in bundles.chain(tables)]
        return {(one.epoch, one.sequence): one for one in found if one is not None}


# A step costs some milliseconds of SQLCipher and signatures: fewer walks than of a table, each a long one.
_WALKS: Final = 400 if os.environ.get("HCVX_CAMPAIGN") == "full" else 20
StoreWalk.TestCase.settings = settings(max_examples=_WALKS, stateful_step_count=18)
TestStoreWalk = StoreWalk.TestCase

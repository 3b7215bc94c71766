"""The exchange against a simulated centre that loses, forges, rewrites, refuses and turns away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.outbox import DELIVERED, BundleState
from edge.domain.pass_journal import PassState
from edge.store import bundles, link, passes, receipts, verdicts
from edge.store.database import Database
from edge.workflow.check_store import check_store
from edge.workflow.day_status import day_status
from edge.workflow.exchange import ExchangeResult, exchange
from sync_protocol.api import NetworkError
from sync_protocol.chain_head import ChainHead
from sync_protocol.dose import Dose
from sync_protocol.errors import Code
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.edge.power_cut import Fuse, PowerCutError
from tests.edge.station import DATA_KEY, Station, make_station
from tests.simulator import POLICY, Fault
from tests.transfers import Spool, take_transfer


def sign_bundles(station: Station, count: int, *, doses: int = 2) -> None:
    """That many bundles in the outbox."""
    for _ in range(count):
        station.record(doses)
        station.sign()


def run(station: Station) -> ExchangeResult:
    """One exchange."""
    return exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def states(station: Station) -> list[BundleState]:
    """The states of the chain, in order."""
    with station.database.read() as tables:
        return [line.state for line in sorted(bundles.lines(tables), key=lambda line: line.sequence)]


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


def test_bundles_go_in_the_order_of_the_chain_and_are_receipted(station: Station) -> None:
    sign_bundles(station, 3)
    assert run(station) == ExchangeResult(admitted=3, unsent=0, bytes_sent=_sealed_bytes(station))
    assert states(station) == [BundleState.RECEIPTED] * 3
    assert [entry.sequence for entry in station.centre.entries[1:]] == [1, 2, 3]
    assert check_store(station.database).findings == ()


def test_with_nothing_due_the_centre_is_not_asked(station: Station) -> None:
    assert run(station) == ExchangeResult()
    assert station.centre.offers == 0


def test_an_unreached_centre_leaves_everything_due_and_the_page_can_say_since_when(station: Station) -> None:
    sign_bundles(station, 2)
    station.centre.faults = [Fault.UNREACHED]
    with pytest.raises(NetworkError):
        run(station)
    assert states(station) == [BundleState.OFFERED] * 2
    with station.database.read() as tables:
        state = link.state(tables)
    assert (state.failing_since, state.failures, state.code) == (station.clock.at, 1, "network")
    assert state.next_try_at is not None
    assert station.clock.at < state.next_try_at < station.clock.at + 60
    assert run(station).admitted == 2
    with station.database.read() as tables:
        assert link.state(tables).failing_since is None


def test_the_centre_may_ask_for_a_longer_pause(station: Station) -> None:
    sign_bundles(station, 1)
    station.centre.faults = [Fault.LATER]
    with pytest.raises(NetworkError):
        run(station)
    with station.database.read() as tables:
        next_try_at = link.state(tables).next_try_at
    assert next_try_at is not None
    # Not before, and not all at once.
    assert station.clock.at + 3_600 <= next_try_at <= station.clock.at + 3_660


def test_a_lost_answer_costs_nothing_the_repeat_gets_the_first_receipt(station: Station) -> None:
    sign_bundles(station, 2)
    station.centre.faults = [Fault.ANSWER_LOST]
    with pytest.raises(NetworkError):
        run(station)
    first = next(kept.receipt for kept in station.centre.kept.values())
    station.clock.at += 60
    assert run(station).admitted == 2
    with station.database.read() as tables:
        stored = receipts.find(tables, 1, 1)
    assert stored is not None
    assert stored.answer == first
    assert station.centre.admitted_doses == [f"19001A-{number:06d}" for number in range(1, 5)]
    assert check_store(station.database).findings == ()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.FORGED_KEY, Code.SIGNER_UNKNOWN),
        (Fault.FLIPPED_BIT, None),
        (Fault.NONSENSE, None),
        (Fault.OTHER_RECEIPT, Code.RECEIPT_MISMATCH),
        (Fault.HISTORY_REWRITTEN, Code.HEAD_INCONSISTENT),
    ],
)
def test_nothing_is_delivered_without_a_receipt_that_verifies(
    station: Station, fault: Fault, code: Code | None
) -> None:
    sign_bundles(station, 1)
    run(station)
    sign_bundles(station, 1)
    station.centre.faults = [fault]
    result = run(station)
    assert result.problem
    assert code is None or result.problem == code.value
    assert result.unsent == 1
    assert states(station) == [BundleState.RECEIPTED, BundleState.OFFERED]
    with station.database.read() as tables:
        assert receipts.evidence_count(tables) == 1
        assert receipts.find(tables, 1, 2) is None
    # The true centre answers again: the first receipt is there, nothing was doubled.
    assert run(station).admitted == 1
    assert len(station.centre.entries) == 3
    assert check_store(station.database).findings == ()


def test_the_store_itself_refuses_delivered_without_a_receipt(station: Station) -> None:
    sign_bundles(station, 1)
    with pytest.raises(Exception, match="without a receipt"), station.database.write_transaction() as tables:
        tables.execute("UPDATE bundles SET state = 'receipted'")


def test_the_same_answer_kept_as_evidence_twice_is_one_row(station: Station) -> None:
    sign_bundles(station, 1)
    station.centre.faults = [Fault.NONSENSE, Fault.NONSENSE]
    run(station)
    run(station)
    with station.database.read() as tables:
        assert receipts.evidence_count(tables) == 1


def test_verdicts_are_kept_dose_by_dose_and_shown_with_their_codes(station: Station) -> None:
    def judge(dose: Dose) -> Verdict:
        match dose.sequence:
            case 1:
                return Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE)
            case 3:
                return Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED)
        return ADMITTED

    station.centre.judge = judge
    sign_bundles(station, 1, doses=4)
    run(station)
    with station.database.read() as tables:
        found = [(one.first, one.state, one.code) for one in verdicts.returned(tables, named=8)]
    assert found == [
        ((3,), VerdictState.REFUSED, "lot-expired"),
        ((1,), VerdictState.QUARANTINED, "dose-duplicate"),
    ]
    figures = day_status(station.database, POLICY, now=station.clock.at).figures
    assert (figures.admitted, figures.quarantined, figures.refused) == (2, 1, 1)
    assert figures.waiting == {"dose-duplicate": 1, "lot-expired": 1}


def test_a_refused_bundle_gives_its_doses_back_and_does_not_block_the_next(station: Station) -> None:
    sign_bundles(station, 2)
    station.centre.refuse = [Code.CERTIFICATE_UNREGISTERED]
    result = run(station)
    assert (result.admitted, result.refused, result.unsent) == (1, 1, 0)
    assert states(station) == [BundleState.REFUSED, BundleState.RECEIPTED]
    with station.database.read() as tables:
        stored = passes.find(tables, 1)
        assert stored is not None
        assert stored.state is PassState.RELEASED
        assert passes.unsigned(tables) == [1, 2]
    assert check_store(station.database).findings == ()
    # The doses are signed again, in a batch of their own, and arrive once.
    station.clock.at += 60
    assert station.sign().batch_number == 3
    run(station)
    assert sorted(station.centre.admitted_doses) == [f"19001A-{number:06d}" for number in range(1, 5)]
    assert check_store(station.database).findings == ()


def test_a_problem_stops_the_run_and_keeps_the_bundle(station: Station) -> None:
    sign_bundles(station, 2)
    station.centre.problems = [Code.NODE_DENIED]
    result = run(station)
    assert (result.problem, result.unsent) == (Code.NODE_DENIED.value, 2)
    with station.database.read() as tables:
        assert bundles.lines(tables)[-1].problem == Code.NODE_DENIED.value
    assert run(station).unsent == 0


def test_a_fork_is_shown_and_offered_again_until_a_person_decides(station: Station) -> None:
    sign_bundles(station, 1)
    station.centre.problems = [Code.FORKED]
    assert run(station).problem == Code.FORKED.value
    assert states(station) == [BundleState.FORKED]
    assert run(station).admitted == 1


def test_a_centre_that_lost_what_it_signed_for_is_caught(station: Station) -> None:
    sign_bundles(station, 2)
    run(station)
    sign_bundles(station, 1)
    # The centre is put back to an old copy: it asks for a bundle that it has signed a receipt for.
    centre = station.centre
    first = centre.entries[1]
    centre.heads["19001A"] = ChainHead(1, 1, first.digest)
    result = run(station)
    assert result.problem == Code.NOT_NEXT.value
    assert states(station) == [BundleState.RECEIPTED, BundleState.RECEIPTED, BundleState.OFFERED]
    with station.database.read() as tables:
        assert receipts.evidence_count(tables) == 1


class _ExchangeBeside:
    """A way to the centre on which, while the first offer waits for its answer, another exchange runs to its end."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._began = False
        self.spool: Spool = {}

    def offer(self, sealed: bytes) -> bytes:
        if not self._began:
            self._began = True
            run(self._station)
        return self._station.centre.offer(sealed)

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        return take_transfer(ticket + content, self.spool, self.offer)

    def enrol(self, request: bytes) -> bytes:
        return self._station.centre.enrol(request)

    def tree_head(self) -> bytes:
        return self._station.centre.tree_head()

    def trust_list(self) -> bytes:
        return self._station.centre.trust_list()

    def catalogue(self) -> bytes:
        return self._station.centre.catalogue()

    def feed(self, request: bytes) -> Iterator[bytes]:
        return self._station.centre.feed(request)


def test_two_exchanges_side_by_side_deliver_once(station: Station) -> None:
    sign_bundles(station, 2)

    beside = _ExchangeBeside(station)
    result = exchange(station.database, beside, now=station.clock.now, entropy=station.entropy)
    assert result.unsent == 0
    assert len(station.centre.entries) == 3
    assert check_store(station.database).findings == ()


def test_cut_at_every_statement_everything_arrives_once(tmp_path: Path) -> None:
    total = _events_of_one_exchange(tmp_path / "count")
    assert total > 20
    for blows_at in range(1, total + 1):
        directory = tmp_path / str(blows_at)
        directory.mkdir()
        fuse = Fuse()
        station = make_station(directory, tracer=fuse.statement)
        sign_bundles(station, 2)
        fuse.events, fuse.blows_at = 0, blows_at
        with pytest.raises(PowerCutError):
            run(station)
        station.database.close()
        fuse.blows_at = None
        after = replace(station, database=Database(station.database.path, DATA_KEY))
        _assert_honest(after)
        run(after)
        assert states(after) == [BundleState.RECEIPTED] * 2
        assert station.centre.admitted_doses == [f"19001A-{number:06d}" for number in range(1, 5)]
        assert check_store(after.database).findings == ()
        after.database.close()


def _assert_honest(station: Station) -> None:
    """What the node calls delivered is in the ledger."""
    in_ledger = {entry.sequence for entry in station.centre.entries[1:]}
    with station.database.read() as tables:
        lines = bundles.lines(tables)
    assert {line.sequence for line in lines if line.state in DELIVERED} <= in_ledger


def test_the_harness_sees_a_node_that_believes_without_a_receipt(station: Station) -> None:
    # The planted fault: a bundle is called delivered although nothing came back.
    sign_bundles(station, 1)
    with station.database.write_transaction() as tables:
        tables.execute("DROP TRIGGER bundles_delivered")
        tables.execute("UPDATE bundles SET state = 'receipted'")
    with pytest.raises(AssertionError):
        _assert_honest(station)
    assert [finding.subject for finding in check_store(station.database).findings] == ["receipt:1/1"]


def _events_of_one_exchange(directory: Path) -> int:
    directory.mkdir()
    fuse = Fuse()
    station = make_station(directory, tracer=fuse.statement)
    sign_bundles(station, 2)
    fuse.events = 0
    run(station)
    return fuse.events


def _sealed_bytes(station: Station) -> int:
    with station.database.read() as tables:
        return sum(line.size_bytes for line in bundles.lines(tables))

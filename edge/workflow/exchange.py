"""Bring every due bundle to the centre, in the order of the chain, and keep what the centre signs for it.

For each run of bundles that are due, one after the other:

1. OFFERED is committed before the first byte leaves: after that the centre may have it, whatever happens here.
2. The same sealed bytes are offered, all of the run in one transfer; the answers are only bytes.
3. Each answer is verified as the receipt of exactly this bundle, from the head that the bundle names.
4. Receipt, verdicts and RECEIPTED (or REFUSED, which gives the doses back) are committed together.

Offering again is always harmless: the digest is the idempotency key. A cut, a crash or a second exchange at the
same time costs nothing but bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.domain.outbox import DELIVERED, DUE, BundleEvent, BundleState
from edge.store import audit, bundles, exchanges, link, node_identity, receipts
from edge.store.audit import Action
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.store.node_identity import NodeIdentity
from edge.workflow.exchange_progress import OnItsWay, Watch, phase_of
from edge.workflow.notice_copy import note_copy
from edge.workflow.send_bundles import sending_of
from edge.workflow.settle_bundle import settle_bundle, subject_of, verify_answer
from sync_protocol import limits
from sync_protocol.api import CentralApi, NetworkError, RemoteProblem, encode_problem, parse_problem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.receipt import VerifiedReceipt
from sync_protocol.sealing import Entropy
from sync_protocol.transfer import Answered, PartAnswer, TurnedAway

ACTOR: Final = "exchange"
# What one transfer carries at most: a few days of a site; its receipts come at the end of all of it.
_RUN_BYTES: Final = 256 * 1024
# A centre that is busy is not asked by everybody at the end of the same pause.
_SPREAD_SECONDS: Final = 60
_FULL_SCALE: Final = 2**16


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """What one run brought.

    Attributes:
        admitted, refused: bundles that got their signed receipt in this run.
        unsent: bundles that still have none.
        bytes_sent: sealed bytes that were answered by a receipt.
        problem: the code of the answer that stopped the run, or "".
        taken: items of the node's feed that came.
    """

    admitted: int = 0
    refused: int = 0
    unsent: int = 0
    bytes_sent: int = 0
    problem: str = ""
    taken: int = 0

    def and_then(self, later: ExchangeResult) -> ExchangeResult:
        """Return what both runs brought together, as it stands after the later one."""
        return ExchangeResult(
            self.admitted + later.admitted,
            self.refused + later.refused,
            later.unsent,
            self.bytes_sent + later.bytes_sent,
            later.problem,
            self.taken + later.taken,
        )


def exchange(
    database: Database,
    central: CentralApi,
    *,
    now: Callable[[], int],
    entropy: Entropy,
    watch: Watch | None = None,
) -> ExchangeResult:
    """Offer everything that is due.

    Args:
        central: the centre, by whatever way.
        now: the clock; epoch seconds UTC.
        entropy: draws the jitter of the next try.
        watch: told how far the run of bundles that is being sent has come.

    Returns:
        What was delivered; `problem` is set when the centre turned a bundle away, or answered what does not verify.

    Raises:
        NetworkError: the centre was not reached; the link's state is kept, the rest stays due.
        StoreError: the store; nothing is lost, the next run finds out.
    """
    result = ExchangeResult()
    with database.read() as tables:
        identity = node_identity.get(tables)
    begun = set[bytes]()
    # What is still due after an answer without a problem waits for the next exchange: this one does not go in circles.
    while not result.problem and (run := _next(database)) and run[0].digest not in begun:
        begun.add(run[0].digest)
        answers = _offer(database, central, run, identity=identity, now=now, entropy=entropy, watch=watch)
        for offered, found in zip(run, answers, strict=True):
            result = _take(database, offered, found, identity=identity, at=now(), result=result)
            if result.problem:
                break
    if result.problem:
        with database.write_transaction() as tables:
            link.note_failed(tables, at=now(), code=result.problem, jitter=jitter(entropy))
    with database.read() as tables:
        return replace(result, unsent=bundles.unsent(tables))


def _next(database: Database) -> list[StoredBundle]:
    with database.read() as tables:
        return bundles.due_run(tables, most=limits.TRANSFER_BUNDLES, most_bytes=_RUN_BYTES)


def _offer(
    database: Database,
    central: CentralApi,
    run: Sequence[StoredBundle],
    *,
    identity: NodeIdentity,
    now: Callable[[], int],
    entropy: Entropy,
    watch: Watch | None,
) -> Sequence[PartAnswer | RemoteProblem]:
    # (1) Commit point: from here on the centre may have the bundles. One that has its receipt from an exchange beside
    # this one is offered all the same; nothing comes of it.
    with database.write_transaction() as tables:
        for due in run:
            if bundles.state(tables, due) not in DUE:
                continue
            bundles.note_offer(tables, due, at=now())
            if due.state is BundleState.SEALED:
                audit.append(tables, Action.BUNDLE_SENT, subject_of(due), actor=ACTOR, at=now())

    def tell(reached: Sequence[int]) -> None:
        if watch is not None:
            places = [
                OnItsWay(due.epoch, due.sequence, done, len(due.sealed)) for due, done in zip(run, reached, strict=True)
            ]
            watch(phase_of(places), places)

    tell([0] * len(run))
    sending = sending_of(run, central, identity=identity, progress=tell)
    try:
        # (2)
        return sending.send(is_new=all(due.state is BundleState.SEALED for due in run))
    except NetworkError as error:
        _note_network(database, run, error, at=now(), entropy=entropy)
        raise
    except RemoteProblem as problem:
        # The transfer as such: said of the first bundle, and the run ends there.
        return [problem] * len(run)
    finally:
        with database.write_transaction() as tables:
            link.count_bytes(tables, sent=sending.bytes_sent, received=0)
            for due, reached in zip(run, sending.reached, strict=False):
                exchanges.note_progress(tables, due, reached_bytes=reached)


def _take(
    database: Database,
    offered: StoredBundle,
    found: PartAnswer | RemoteProblem,
    *,
    identity: NodeIdentity,
    at: int,
    result: ExchangeResult,
) -> ExchangeResult:
    """What came of one bundle; `problem` of the result says that the rest is left for another time."""
    try:
        match found:
            case Answered(answer):
                # (3)
                receipt = verify_answer(database, offered, answer, identity=identity, at=at)
            case TurnedAway(problem):
                raise parse_problem(problem)
            case RemoteProblem():
                raise found
            case _:
                # Held behind one that was turned away: it stays due.
                return result
    except RemoteProblem as problem:
        _turned_away(database, offered, problem, at=at)
        return replace(result, problem=problem.code.value)
    except ProtocolError as error:
        # What answered is not what signed the ledger; nothing is called delivered because of it.
        return replace(result, problem=error.code.value)
    state = _settle(database, offered, receipt, answer=answer, at=at)
    return replace(
        result,
        bytes_sent=result.bytes_sent + len(offered.sealed),
        admitted=result.admitted + (state is BundleState.RECEIPTED),
        refused=result.refused + (state is BundleState.REFUSED),
    )


def _settle(database: Database, due: StoredBundle, receipt: VerifiedReceipt, *, answer: bytes, at: int) -> BundleState:
    """(4) Commit point: before it the bundle is offered, after it the centre's promise is in the store."""
    with database.write_transaction() as tables:
        link.note_reached(tables, at=at)
        link.count_bytes(tables, sent=0, received=len(answer))
        return settle_bundle(tables, due, receipt, answer=answer, at=at, actor=ACTOR)


def _turned_away(database: Database, due: StoredBundle, problem: RemoteProblem, *, at: int) -> None:
    """Keep why the centre turned the bundle away. It stays due, in its place of the chain.

    A problem is not signed: nothing is given up because of one. The chain is offered from its first due link on, so a
    head that lies further back asks for a bundle whose receipt is here: the centre has lost what it signed for.
    """
    head = problem.head
    with database.write_transaction() as tables:
        if bundles.state(tables, due) not in DUE:
            return
        note_copy(tables, problem, at=at)
        event = BundleEvent.OTHER_DIGEST if problem.code is Code.FORKED else BundleEvent.TURNED_AWAY
        bundles.move(tables, due, event, problem=problem.code.value)
        if problem.code is Code.NOT_NEXT and head is not None and head.epoch == due.epoch:
            wanted = bundles.find(tables, due.epoch, head.sequence + 1)
            if wanted is not None and wanted.state in DELIVERED:
                said = encode_problem(problem.code, rule=problem.rule, head=head)
                receipts.keep_evidence(tables, wanted, code=Code.HEAD_INCONSISTENT.value, answer=said, at=at)


def _note_network(
    database: Database, run: Sequence[StoredBundle], error: NetworkError, *, at: int, entropy: Entropy
) -> None:
    with database.write_transaction() as tables:
        for due in run:
            if bundles.state(tables, due) in DUE:
                bundles.move(tables, due, BundleEvent.ANSWER_LOST, problem=error.fault.value)
        note_unreached(tables, error, at=at, entropy=entropy)


def note_unreached(tables: Tables, error: NetworkError, *, at: int, entropy: Entropy) -> None:
    """Keep why the centre was not reached, and when to try again: not before it asked to, and not all at once."""
    spread = jitter(entropy)
    asked = error.retry_after_seconds or 0
    not_before = at + asked + int(min(asked, _SPREAD_SECONDS) * spread)
    link.note_failed(tables, at=at, code=error.fault.value, jitter=spread, not_before=not_before)


def jitter(entropy: Entropy) -> float:
    """Where in its span the pause before the next try ends: 0 … 1, so that nodes do not all come back at once."""
    return int.from_bytes(entropy.token(2)) / _FULL_SCALE

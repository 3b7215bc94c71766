"""Go on in a new epoch that the centre has granted, without doubling or losing anything.

1. Receipts of this store's own bundles that it never got are verified and kept, as if they had come by the exchange.
2. One transaction, after which the old keys sign nothing any more:
   the doses without an answer are sorted out against what the centre holds (`epoch_plan`); bundles without a receipt
   are left behind; the numbers that are taken are reserved; the fresh keys and the new chain begin; what was left is
   sealed again where it names no epoch (batches as the token signed them, sheets of closed days), and given back to the
   people at the site where it does (handovers, doses handed back, requests for registration).

A crash before the commit of (2) leaves the request open: the same answer comes again, and does the same.
"""

from __future__ import annotations

from typing import Final

from edge.domain.epoch_plan import DosePlan, is_sealed_again, sort_out
from edge.domain.outbox import DUE
from edge.domain.pass_journal import PassState
from edge.store import audit, bundles, dose_numbers, doses, hub_passes, node_epochs, node_identity, passes
from edge.store.audit import Action
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.store.node_epochs import AskState, LeftBundle, StoredAsk
from edge.workflow.hand_over import take_back_refused
from edge.workflow.seal_bundle import seal_bundle
from edge.workflow.settle_bundle import settle_bundle, subject_of, verify_answer
from edge.workflow.sign_delegated import wait_again
from sync_protocol.bundle import BundleKind, parse_bundle
from sync_protocol.node_epoch import VerifiedEpochRequest
from sync_protocol.node_epoch_answer import EpochGrant, dose_mark, missing_runs
from sync_protocol.sealing import Entropy

# Their bodies name no epoch: they mean in the new one what they meant in the old one.
_SEALED_AGAIN: Final = frozenset({BundleKind.BATCH.value, BundleKind.CLOSING.value, BundleKind.REPORT.value})
_LEFT: Final = "epoch-ended"
_CHUNK: Final = 2_000


def go_on(
    database: Database,
    asked: StoredAsk,
    request: VerifiedEpochRequest,
    grant: EpochGrant,
    *,
    sealed: bytes,
    entropy: Entropy,
    at: int,
) -> None:
    """Begin the granted epoch; harmless where it has begun already.

    Args:
        asked: the request as stored, with its fresh keys.
        request: the same, verified.
        grant: from the verified answer to it.
        sealed: that answer as it came.
        entropy: seals what is sealed again.
        at: epoch seconds UTC.

    Raises:
        ProtocolError: a receipt inside does not verify; nothing has begun.
        StoreError: nothing has begun.
    """
    by = asked.asked_by
    # (1)
    _take_receipts(database, asked, grant, at=at)
    # (2) Commit point: from here on this store signs and opens with the fresh keys alone.
    with database.write_transaction() as tables:
        identity = node_identity.get(tables)
        now = node_epochs.open_ask(tables)
        if now is None or now.request_id != asked.request_id or identity.epoch != asked.epoch:
            return
        left = _unsent(tables, asked.epoch)
        for bundle in left:
            # Whoever handed doses over, or back, hears that it did not arrive, before their doses are sorted out.
            take_back_refused(tables, bundle, actor=by, at=at, code=_LEFT)
            wait_again(tables, bundle, actor=by, at=at, code=_LEFT)
        plan = _sort_out(tables, grant)
        kept = _end_passes(tables, left, plan, by=by, at=at)
        for sequence, verdict in plan.held.items():
            dose_numbers.hold(tables, sequence, verdict, epoch=grant.epoch)
        for sequence in sorted(plan.taken):
            dose_numbers.take(tables, sequence, epoch=grant.epoch, at=at)
        dose_numbers.reserve(tables, grant.first_dose, epoch=grant.epoch, at=at)
        node_identity.begin_epoch(
            tables,
            identity,
            epoch=grant.epoch,
            node_key=asked.node_key,
            opening_key=asked.opening_key,
            predecessor=grant.previous,
            at=at,
        )
        for bundle in left:
            _leave(tables, bundle, pass_id=kept.get(bundle.sequence), entropy=entropy, by=by, at=at)
        missing = missing_runs(grant, last_dose=request.request.last_dose)
        node_epochs.end(tables, asked.request_id, AskState.GRANTED, answer=sealed, at=at, missing=missing)
        details = (
            f"epoch {grant.epoch}, doses from {grant.first_dose}; at the centre already {len(plan.held)}, "
            f"number taken {len(plan.taken)}, not in this store {sum(run.last - run.first + 1 for run in missing)}"
        )
        subject = f"epoch-request:{asked.request_id}"
        audit.append(tables, Action.EPOCH_BEGUN, subject, actor=by, at=at, details=details)


def _take_receipts(database: Database, asked: StoredAsk, grant: EpochGrant, *, at: int) -> None:
    for sequence, answer in grant.receipts:
        with database.read() as tables:
            identity = node_identity.get(tables)
            due = bundles.find(tables, asked.epoch, sequence)
        if due is None or due.state not in DUE:
            continue
        receipt = verify_answer(database, due, answer, identity=identity, at=at)
        with database.write_transaction() as tables:
            settle_bundle(tables, due, receipt, answer=answer, at=at, actor=asked.asked_by)


def _unsent(tables: Tables, epoch: int) -> list[StoredBundle]:
    found = [bundles.find(tables, epoch, sequence) for sequence, _ in node_epochs.unsent_of(tables, epoch)]
    return [bundle for bundle in found if bundle is not None and bundle.state in DUE]


def _sort_out(tables: Tables, grant: EpochGrant) -> DosePlan:
    # What is with a hub by a handover that arrived is the hub's to answer for.
    handed = dose_numbers.are_handed(tables)
    wanted = [sequence for sequence in dose_numbers.open_sequences(tables) if sequence not in handed]
    marks: dict[int, bytes] = {}
    replaces: dict[int, int] = {}
    for begin in range(0, len(wanted), _CHUNK):
        for dose in doses.assemble(tables, wanted[begin : begin + _CHUNK]):
            marks[dose.sequence] = dose_mark(dose)
            if dose.replaces is not None:
                replaces[dose.sequence] = dose.replaces
    return sort_out(marks, grant.held, replaces=replaces)


def _end_passes(tables: Tables, left: list[StoredBundle], plan: DosePlan, *, by: str, at: int) -> dict[int, int | None]:
    """Give up the batches that cannot travel on; returns which pass each left bundle carries on, by its sequence."""
    kept: dict[int, int | None] = {}
    for bundle in left:
        if bundle.pass_id is None:
            continue
        is_own = not hub_passes.is_delegated(tables, bundle.pass_id)
        if is_own and not is_sealed_again(passes.leaves(tables, bundle.pass_id), plan):
            _give_back(tables, bundle.pass_id, PassState.RELEASED, by=by, at=at)
        else:
            kept[bundle.sequence] = bundle.pass_id
    waiting = passes.open_pass(tables)
    is_own = waiting is not None and not hub_passes.is_delegated(tables, waiting.pass_id)
    if waiting is not None and is_own and not is_sealed_again(passes.leaves(tables, waiting.pass_id), plan):
        _give_back(tables, waiting.pass_id, PassState.ABANDONED, by=by, at=at)
    return kept


def _give_back(tables: Tables, pass_id: int, state: PassState, *, by: str, at: int) -> None:
    passes.give_back(tables, pass_id, state=state, at=at)
    audit.append(tables, Action.PASS_ABANDONED, f"pass:{pass_id}", actor=by, at=at, details=_LEFT)


def _leave(tables: Tables, bundle: StoredBundle, *, pass_id: int | None, entropy: Entropy, by: str, at: int) -> None:
    is_batch = bundle.kind == BundleKind.BATCH.value
    place = None
    if bundle.kind in _SEALED_AGAIN and (pass_id is not None or not is_batch):
        # The row of the old bundle gives the pass free before the new one takes it.
        body = parse_bundle(bundle.inner).claimed.body
        newest = bundles.newest(tables, node_identity.get(tables).epoch)
        place = (node_identity.get(tables).epoch, 1 if newest is None else newest.sequence + 1)
    node_epochs.leave(tables, LeftBundle(bundle.epoch, bundle.sequence, bundle.pass_id, place), at=at)
    details = "to be done anew" if place is None else f"bundle {place[0]}/{place[1]}"
    audit.append(tables, Action.BUNDLE_LEFT, subject_of(bundle), actor=by, at=at, details=details)
    if place is not None:
        seal_bundle(tables, BundleKind(bundle.kind), body, pass_id=pass_id, now=at, entropy=entropy)

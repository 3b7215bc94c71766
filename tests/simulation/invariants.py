"""What must hold when a world has come to rest, read from the artefacts alone: both stores, the ledger, the answers."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import select

from central.store import bundles as archive
from central.store import feed as centre_feed
from central.store import ledger, ledger_epochs
from central.store.database import read_transaction
from central.store.tables import bundle_seals, doses, forks, health_certificates, registry_people, verdicts
from central.workflow.check_centre import check_centre
from edge.domain.outbox import DELIVERED
from edge.store import audit, bundles, feed, node_epochs, passes, receipts
from edge.workflow.check_store import check_store
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import BundleKind, parse_batch_body, parse_bundle
from sync_protocol.ledger_entry import ADMITTED, parse_entry
from sync_protocol.sealing import sealed_digest
from sync_protocol.verdict import VerdictState
from tests.simulation.disasters import lots_of
from tests.simulation.finale import could_be_signed
from tests.simulation.link import inner_digest
from tests.simulation.machines import NodeMachine
from tests.simulation.remembered import unpacked
from tests.simulation.world import World


def findings(world: World) -> list[str]:
    """Everything that does not hold, each with the invariant that it breaks."""
    return [f"{name}: {what}" for name, check in _CHECKS.items() for what in check(world)]


def _stores(world: World) -> Iterator[str]:
    for node in world.nodes.values():
        report = check_store(node.database)
        yield from (f"{node.code} {finding.subject} {finding.what}" for finding in report.findings)


def _centre(world: World) -> Iterator[str]:
    for finding in check_centre(world.centre.engine).findings:
        yield f"centre {finding}"


def _recorded_doses(world: World) -> Iterator[str]:
    """I1: what was acknowledged is somewhere; I3: nothing else is."""
    stored = set[str]().union(*(lots_of(node.database) for node in world.nodes.values()))
    sent = {lot for lot, _ in sent_lots(world)}
    for lot in sorted(world.kept.keys() - stored - sent - world.gone):
        yield f"lot {lot} was acknowledged and is nowhere"
    for lot in sorted((stored | sent) - world.tried):
        yield f"lot {lot} was never submitted"


def _admitted_once(world: World) -> Iterator[str]:
    """I4, I5: a version of a dose is in one admitted batch, and has a positive verdict once."""
    sent = Counter(lot for lot, code in sent_lots(world, outcome=ADMITTED) if code not in world.torn)
    if world.was_restored:
        # A centre that lost its refusal of a batch may admit it, after its doses were signed again: they count once.
        sent.clear()
    yield from (f"lot {lot} is in {count} admitted batches" for lot, count in sorted(sent.items()) if count > 1)
    with read_transaction(world.centre.engine) as connection:
        joined = doses.join(verdicts, verdicts.c.dose == doses.c.id)
        rows = connection.execute(
            select(doses.c.lot).select_from(joined).where(verdicts.c.state == VerdictState.ADMITTED.value)
        )
        counted = Counter(rows.scalars())
    yield from (f"lot {lot} is admitted {count} times" for lot, count in sorted(counted.items()) if count > 1)


def _audited(world: World) -> Iterator[str]:
    """I2: each dose has its line in the audit trail, and each line its dose."""
    kinds = {audit.Action.DOSE_RECORDED, audit.Action.DOSE_CORRECTED, audit.Action.DOSE_RENUMBERED}
    for node in world.nodes.values():
        with node.database.read() as tables:
            stored = Counter(str(row[0]) for row in tables.execute("SELECT 'dose:' || sequence FROM doses"))
            lines = Counter(one.subject for one in audit.entries(tables, limit=100_000) if one.action in kinds)
        yield from (
            f"{node.code} {subject} and its audit line are not both there, once"
            for subject in sorted(stored.keys() | lines.keys())
            if stored[subject] != lines[subject]
        )


def _answers(world: World) -> Iterator[str]:
    """I5: the first answer, byte for byte; I9: what a node holds as a receipt is what the centre keeps."""
    yield from (f"sealed bytes {digest.hex()[:8]} got two answers" for digest in world.seen.changed)
    with read_transaction(world.centre.engine) as connection:
        kept = {(stored.digest, stored.answer) for stored in archive.all_bundles(connection)}
        # What was answered anew after the centre's disk was put back is kept beside the first answer.
        kept |= {(digest, answer) for digest, _, answer in ledger_epochs.all_later_answers(connection)}
        seals = Counter(connection.execute(select(bundle_seals.c.digest)).scalars())
    yield from (f"bundle {digest.hex()[:8]} came in {count} envelopes" for digest, count in seals.items() if count > 1)
    for node in world.nodes.values():
        for bundle in _chain(node):
            with node.database.read() as tables:
                receipt = receipts.find(tables, bundle.epoch, bundle.sequence)
            if receipt is not None and (bundle.digest, receipt.answer) not in kept:
                yield f"{node.code} bundle {bundle.sequence}: its receipt is not the one that the centre keeps"


def _histories(world: World) -> Iterator[str]:
    """I7: of two histories both are kept; I10: what left a node is still there, or at the centre."""
    with read_transaction(world.centre.engine) as connection:
        kept = {stored.digest for stored in archive.all_bundles(connection)}
        kept |= set(connection.execute(select(forks.c.digest)).scalars())
    sealed = {bundle.sealed for node in world.nodes.values() for bundle in _chain(node)}
    whole = {sealed_digest(one): one for one in [*sealed, *(parcel.sealed for parcel in world.parcels)]}
    for digest, came in world.seen.forked.items():
        one = came or whole.get(digest)
        if one is not None and inner_digest(world, one) not in kept:
            yield "a bundle that came second is not kept"
    for parcel in world.exported:
        if parcel.code not in world.torn and parcel.sealed not in sealed:
            yield f"{parcel.code}: a bundle that was exported is gone from the store"


def _finished(world: World) -> Iterator[str]:
    """I11: everything ends in a receipt or a signed refusal."""
    for node in world.nodes.values():
        with node.database.read() as tables:
            # What an epoch left behind was sealed again in the next one, or given back to the people at the site.
            left = {(one.epoch, one.sequence) for one in node_epochs.all_left(tables)}
        yield from (
            f"{node.code} bundle {one.epoch}/{one.sequence} is still {one.state}"
            for one in _chain(node)
            if one.state not in DELIVERED and (one.epoch, one.sequence) not in left
        )
        with node.database.read() as tables:
            if passes.open_pass(tables) is not None:
                yield f"{node.code} has a pass that is not finished"
        if count := could_be_signed(world, node.code):
            yield f"{node.code} has {count} doses that could be signed"


def _feeds(world: World) -> Iterator[str]:
    """I22: each node has its whole feed, as the centre made it."""
    with read_transaction(world.centre.engine) as connection:
        made = [(code, one.number, one.item) for code, one in centre_feed.all_items(connection)]
    for node in world.nodes.values():
        with node.database.read() as tables:
            taken = feed.all_items(tables)
        mine = [(number, item) for code, number, item in made if code == node.code]
        # Of a history that was lost, items stay in the node's store; the newest ones are those of the one that holds.
        if (taken[-1:] != mine[-1:]) if world.was_restored else (taken != mine):
            yield f"{node.code} has {len(taken)} items of its feed, not those that the centre made"


def _certificates(world: World) -> Iterator[str]:
    """I14: who has a certificate is known to the registry under this number and name."""
    with read_transaction(world.centre.engine) as connection:
        joined = health_certificates.join(doses, doses.c.id == health_certificates.c.dose)
        rows = connection.execute(select(doses.c.id, doses.c.number, doses.c.name).select_from(joined)).all()
        known = {tuple(row) for row in connection.execute(select(registry_people.c.number, registry_people.c.name))}
    yield from (f"dose {row[0]} has a certificate without a match" for row in rows if (row[1], row[2]) not in known)


def _chain(node: NodeMachine) -> list[bundles.StoredBundle]:
    with node.database.read() as tables:
        found = [bundles.find(tables, epoch, sequence) for epoch, sequence in bundles.chain(tables)]
    return [one for one in found if one is not None]


def sent_lots(world: World, *, outcome: str = "") -> Iterator[tuple[str, str]]:
    """The lots in all batches that ever came, with their nodes; second histories too, unless an outcome is asked."""
    with read_transaction(world.centre.engine) as connection:
        entries = {one.index: parse_entry(one.entry) for one in ledger.all_entries(connection)}
        stored = list(archive.all_bundles(connection))
        second = list(connection.execute(select(forks.c.inner)).scalars())
    inner = [one.inner for one in stored if outcome in ("", entries[one.ledger_index].outcome)]
    for one in inner if outcome else inner + second:
        yield from _lots_of_batch(one)


@functools.lru_cache(maxsize=2_000)
def _lots_of_batch(inner: bytes) -> tuple[tuple[str, str], ...]:
    bundle = parse_bundle(inner).claimed
    if bundle.kind is not BundleKind.BATCH:
        return ()
    body = parse_batch_body(bundle.body)
    manifest = parse_batch(body.statement).statement.manifest
    found = unpacked(body.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    return tuple((dose.lot, bundle.node) for dose in found)


_CHECKS: Final[dict[str, Callable[[World], Iterator[str]]]] = {
    "check of the nodes": _stores,
    "check of the centre": _centre,
    "I1, I3": _recorded_doses,
    "I2": _audited,
    "I4, I5": _admitted_once,
    "I5, I9": _answers,
    "I7, I10": _histories,
    "I11": _finished,
    "I14": _certificates,
    "I22": _feeds,
}

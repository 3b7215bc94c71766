"""The bundles themselves: what was signed, what was answered, under which envelopes it came; and forks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from central.domain.node import NodeState
from central.store.database import insert_on
from central.store.tables import bundle_seals, bundles, forks, nodes
from sync_protocol.bundle import VerifiedBundle


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """An archived bundle: its place in the ledger, the inner message, the first answer, its arrival."""

    digest: bytes
    ledger_index: int
    inner: bytes
    answer: bytes
    received_at: int


def answer_to_sealed(connection: Connection, sealed_digest: bytes) -> bytes | None:
    """The first answer to these sealed bytes, or None; None too for a node that is locked out and gets nothing."""
    joined = bundle_seals.join(bundles, bundle_seals.c.digest == bundles.c.digest)
    joined = joined.join(nodes, nodes.c.code == bundles.c.node)
    return connection.execute(
        select(bundles.c.answer)
        .select_from(joined)
        .where(bundle_seals.c.sealed_digest == sealed_digest, nodes.c.state != NodeState.DENIED.value)
    ).scalar()


def answer_to_inner(connection: Connection, digest: bytes) -> bytes | None:
    """The first answer to this inner message, or None."""
    return connection.execute(select(bundles.c.answer).where(bundles.c.digest == digest)).scalar()


def put_bundle(
    connection: Connection, verified: VerifiedBundle, *, ledger_index: int, answer: bytes, received_at: int
) -> None:
    """Archives a bundle with its answer."""
    connection.execute(
        bundles.insert(),
        {
            "digest": verified.digest,
            "ledger_index": ledger_index,
            "node": verified.bundle.node,
            "inner": verified.inner,
            "answer": answer,
            "received_at": received_at,
        },
    )


def put_seal(connection: Connection, sealed_digest: bytes, *, digest: bytes) -> None:
    """Notes under which sealed bytes an archived bundle came."""
    connection.execute(
        insert_on(connection, bundle_seals).on_conflict_do_nothing(),
        {"sealed_digest": sealed_digest, "digest": digest},
    )


# Whoever holds a node's key could otherwise fill the disk with second histories of up to 4 MB each.
FORKS_KEPT: Final = 50


def put_fork(connection: Connection, verified: VerifiedBundle, *, received_at: int) -> None:
    """Keeps a bundle of a second history, once; at most so many of one node, which are evidence enough."""
    bundle = verified.bundle
    kept = select(func.count()).select_from(forks).where(forks.c.node == bundle.node)
    if connection.execute(kept).scalar_one() >= FORKS_KEPT:
        return
    connection.execute(
        insert_on(connection, forks).on_conflict_do_nothing(),
        {
            "digest": verified.digest,
            "node": bundle.node,
            "epoch": bundle.epoch,
            "sequence": bundle.sequence,
            "inner": verified.inner,
            "received_at": received_at,
        },
    )


def all_bundles(connection: Connection) -> Iterator[StoredBundle]:
    """Every archived bundle in the ledger's order."""
    columns = (bundles.c.digest, bundles.c.ledger_index, bundles.c.inner, bundles.c.answer, bundles.c.received_at)
    for row in connection.execute(select(*columns).order_by(bundles.c.ledger_index)):
        yield StoredBundle(*row)


def inner_at(connection: Connection, ledger_index: int) -> bytes | None:
    """The inner message at a place in the ledger, or None."""
    return connection.execute(select(bundles.c.inner).where(bundles.c.ledger_index == ledger_index)).scalar()


def count_forks(connection: Connection) -> int:
    """How many bundles of second histories are kept."""
    return connection.execute(select(func.count()).select_from(forks)).scalar_one()

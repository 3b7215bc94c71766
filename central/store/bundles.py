"""The bundles themselves: what was signed, what was answered, under which envelopes it came; and forks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from central.domain.node import NodeState
from central.store.database import insert_on
from central.store.tables import bundle_seals, bundles, fork_overflows, forks, later_answers, nodes
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
    digest = connection.execute(
        select(bundles.c.digest)
        .select_from(joined)
        .where(bundle_seals.c.sealed_digest == sealed_digest, nodes.c.state != NodeState.DENIED.value)
    ).scalar()
    return None if digest is None else answer_to_inner(connection, digest)


def answer_to_inner(connection: Connection, digest: bytes) -> bytes | None:
    """The first answer to this inner message, or the one made anew where an epoch superseded its head; or None."""
    table = later_answers
    later = select(table.c.answer).where(table.c.digest == digest).order_by(table.c.epoch.desc()).limit(1)
    found: bytes | None = connection.execute(later).scalar()
    if found is not None:
        return found
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
    """Keeps a bundle of a second history, once; at most so many of one node, which are evidence enough.

    Beyond that the bytes stay at the site, and how many offers were turned away is counted.
    """
    bundle = verified.bundle
    kept = select(func.count()).select_from(forks).where(forks.c.node == bundle.node)
    if connection.execute(kept).scalar_one() >= FORKS_KEPT:
        is_kept = select(forks.c.digest).where(forks.c.digest == verified.digest)
        if connection.execute(is_kept).scalar() is None:
            _count_overflow(connection, bundle.node, at=received_at)
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


def _count_overflow(connection: Connection, node: str, *, at: int) -> None:
    statement = insert_on(connection, fork_overflows).values(node=node, turned_away=1, latest_at=at)
    more = {"turned_away": fork_overflows.c.turned_away + 1, "latest_at": at}
    connection.execute(statement.on_conflict_do_update(index_elements=["node"], set_=more))


def all_bundles(connection: Connection) -> Iterator[StoredBundle]:
    """Every archived bundle in the ledger's order."""
    columns = (bundles.c.digest, bundles.c.ledger_index, bundles.c.inner, bundles.c.answer, bundles.c.received_at)
    for row in connection.execute(select(*columns).order_by(bundles.c.ledger_index)):
        yield StoredBundle(*row)


def bundles_from(connection: Connection, index: int) -> list[StoredBundle]:
    """The archived bundles from a place in the ledger on, in its order."""
    columns = (bundles.c.digest, bundles.c.ledger_index, bundles.c.inner, bundles.c.answer, bundles.c.received_at)
    found = select(*columns).where(bundles.c.ledger_index >= index).order_by(bundles.c.ledger_index)
    return [StoredBundle(*row) for row in connection.execute(found)]


def inner_at(connection: Connection, ledger_index: int) -> bytes | None:
    """The inner message at a place in the ledger, or None."""
    return connection.execute(select(bundles.c.inner).where(bundles.c.ledger_index == ledger_index)).scalar()


def count_forks(connection: Connection) -> int:
    """How many bundles of second histories are kept."""
    return connection.execute(select(func.count()).select_from(forks)).scalar_one()

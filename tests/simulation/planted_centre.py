"""Planted faults of the centre; `planted` says what they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

from sqlalchemy import Connection, Engine

from central.store import bundles as archive
from central.store import feed as centre_feed
from central.store import ledger
from central.store.database import StoreError, write_transaction
from central.workflow import admit_bundle, append_bundle
from sync_protocol.bundle import parse_bundle
from sync_protocol.ledger_entry import entry_leaf, parse_entry
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt, verify_inclusion
from tests.simulation.changed import changed
from tests.simulation.fuse import Crash
from tests.simulation.template import template


def receipt_before_the_commit() -> AbstractContextManager[object]:
    """The answer is on its way when the commit fails."""

    @contextmanager
    def hasty(engine: Engine) -> Iterator[Connection]:
        with suppress(StoreError, Crash), write_transaction(engine) as connection:
            yield connection

    return changed(append_bundle, "write_transaction", hasty)


def new_receipt_for_a_repeat() -> AbstractContextManager[object]:
    """A bundle that comes again gets a receipt of today."""
    answer_to = archive.answer_to_sealed

    def anew(connection: Connection, digest: bytes) -> bytes | None:
        first = answer_to(connection, digest)
        if first is None:
            return None
        keys = template().centre.centre.keys
        true = verify_inclusion(first, ledger_keys=[keys.ledger.public_key])
        history = Tree([entry_leaf(parse_entry(stored.entry)) for stored in ledger.all_entries(connection)])
        inner = archive.inner_at(connection, true.entry.index)
        newest = ledger.newest_head(connection)
        assert inner is not None
        assert newest is not None
        known = parse_bundle(inner).claimed.known_head
        return build_receipt(
            true.entry,
            history,
            epoch=true.head.epoch,
            at=newest.head.at,
            known_head_size=None if known is None else known.size,
            ledger_signer=keys.ledger,
            verdicts=true.verdicts,
        )

    return changed(archive, "answer_to_sealed", anew)


def feed_leaves_one_out() -> AbstractContextManager[object]:
    """The centre goes on one too far behind the number that a node names."""
    items_after = centre_feed.items_after

    def too_far(connection: Connection, node: str, number: int, **given: int) -> list[bytes]:
        return items_after(connection, node, number + 1 if number else 0, **given)

    return changed(centre_feed, "items_after", too_far)


def second_history_dropped() -> AbstractContextManager[object]:
    """Of two bundles for one place the centre keeps the first one only."""
    return changed(admit_bundle, "_keep_fork", lambda *_, **__: None)


BUGS: Final[dict[str, Callable[[], AbstractContextManager[object]]]] = {
    "receipt-before-the-commit": receipt_before_the_commit,
    "new-receipt-for-a-repeat": new_receipt_for_a_repeat,
    "feed-leaves-one-out": feed_leaves_one_out,
    "second-history-dropped": second_history_dropped,
}

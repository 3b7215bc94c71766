"""Tells nodes which verdicts have changed since their receipts: each change once, whatever is interrupted."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine

from central.store import feed
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.store.tellings import Telling, note_told, told_until
from central.store.verdict_changes import changes_after
from sync_protocol.feed import FeedKind
from sync_protocol.verdict_changes import VerdictChanges, encode_changes, in_items

# How many changes one transaction tells, and to how many nodes: short enough for admissions not to wait.
_MOST: Final = 3_000
_MOST_TOLD: Final = 50


def tell_verdicts(engine: Engine, *, keys: KeyRing, now: int) -> int:
    """Puts what has changed into the feeds of the nodes that recorded or signed the doses; gives how many items.

    Items and the note of how far it has been told are one transaction, so that a change is told once even where this
    is stopped in the middle, or called by two at a time.

    Args:
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Raises:
        StoreError, TokenError: what is left is told by the next call.
    """
    told = 0
    while (items := _tell_some(engine, keys=keys, now=now)) is not None:
        told += items
    return told


def _tell_some(engine: Engine, *, keys: KeyRing, now: int) -> int | None:
    with read_transaction(engine) as connection:
        before = told_until(connection, Telling.VERDICTS)
        found = changes_after(connection, before, limit=_MOST, most_told=_MOST_TOLD)
    if not found:
        return None
    # Numbered changes stay as they are, so what is said of them is encoded without the lock.
    said = [
        (concerned.told, encode_changes(VerdictChanges(concerned.node, tuple(part))))
        for concerned, changes in found.items()
        for part in in_items(changes)
    ]
    with write_transaction(engine) as connection:
        # The numbers of a feed follow one another: whoever adds to it does so alone.
        lock_ledger(connection)
        if told_until(connection, Telling.VERDICTS) != before:
            # Somebody else is at it too, and was faster.
            return 0
        for node, body in said:
            feed.put_item(connection, node, FeedKind.VERDICTS, body, keys=keys, at=now)
        note_told(connection, Telling.VERDICTS, max(change.number for part in found.values() for change in part))
    # From here on every node concerned has these changes in its feed.
    return len(said)

"""Gives the nodes that recorded the doses the health certificates of a run, and tells them what was withdrawn.

After the run, not inside it: the run's commit says that passports are issued, and giving them out can be repeated. A
node's items of a run and the note that it has them are one transaction; between the nodes bundles are admitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine

from central.store import feed, tellings, withdrawals
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.store.tellings import Telling
from sync_protocol.feed import FeedKind
from sync_protocol.passports import IssuedCertificate, Passports, encode_passports, in_items

# How many withdrawals one transaction tells: each may concern another node.
_MOST_WITHDRAWN: Final = 50


def tell_passports(engine: Engine, *, keys: KeyRing, now: int) -> int:
    """Gives out what is issued, renewed or withdrawn since the last call; gives how many certificates.

    Args:
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Raises:
        StoreError, TokenError: the nodes that are left get theirs by the next call.
    """
    told = 0
    with read_transaction(engine) as connection:
        runs = tellings.runs_to_tell(connection)
    for run in runs:
        with read_transaction(engine) as connection:
            nodes = tellings.nodes_to_tell(connection, run)
        for node in nodes:
            told += _tell_node(engine, run, node, keys=keys, now=now)
        with write_transaction(engine) as connection:
            lock_ledger(connection)
            # Somebody else may be at it too, and further than this.
            if tellings.told_until(connection, Telling.PASSPORTS) < run:
                tellings.close_telling(connection, run)
    while withdrawn := _tell_withdrawals(engine, keys=keys, now=now):
        told += withdrawn
    return told


def _tell_node(engine: Engine, run: int, node: str, *, keys: KeyRing, now: int) -> int:
    with read_transaction(engine) as connection:
        # What was issued does not change any more, so it is read and packed without the lock.
        issued = tellings.certificates_of_run(connection, run, node)
    bodies = [_body(node, part) for part in in_items(issued)]
    with write_transaction(engine) as connection:
        # The numbers of a feed follow one another: whoever adds to it does so alone.
        lock_ledger(connection)
        is_over = tellings.told_until(connection, Telling.PASSPORTS) >= run
        if is_over or tellings.has_been_told(connection, run, node):
            return 0
        _put(connection, node, bodies, keys=keys, now=now)
        tellings.note_node_told(connection, run, node)
    return len(issued)


def _tell_withdrawals(engine: Engine, *, keys: KeyRing, now: int) -> int:
    with read_transaction(engine) as connection:
        before = tellings.told_until(connection, Telling.WITHDRAWALS)
        _, found = withdrawals.withdrawals_after(connection, before, limit=1)
    if not found:
        return 0
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        # Somebody else may be at it too, and further than this.
        before = tellings.told_until(connection, Telling.WITHDRAWALS)
        last, found = withdrawals.withdrawals_after(connection, before, limit=_MOST_WITHDRAWN)
        for node, certificates in found.items():
            _put(connection, node, [_body(node, part) for part in in_items(certificates)], keys=keys, now=now)
        if found:
            tellings.note_told(connection, Telling.WITHDRAWALS, last)
    return sum(len(certificates) for certificates in found.values())


def _body(node: str, part: Sequence[IssuedCertificate]) -> bytes:
    return encode_passports(Passports(node, tuple(part)))


def _put(connection: Connection, node: str, bodies: Sequence[bytes], *, keys: KeyRing, now: int) -> None:
    for body in bodies:
        feed.put_item(connection, node, FeedKind.PASSPORTS, body, keys=keys, at=now)

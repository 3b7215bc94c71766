"""Tells the sites what has become of their certificates: after a revocation, and after authorities' new lists."""

from __future__ import annotations

from sqlalchemy import Engine

from central.store import facilities
from central.store.database import read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.workflow.tell_registrations import is_told, tell_registrations
from central.workflow.tell_verdicts import tell_verdicts


def tell_revocations(engine: Engine, *, keys: KeyRing, now: int, serial: str | None = None) -> int:
    """Puts what has changed into the feeds of the facilities concerned; gives how many nodes got a list.

    Doses that are held back because of it are told first. Each facility is a transaction of its own, and one of which
    nothing has changed takes no lock, so that bundles are admitted in between.

    Args:
        engine, keys: of the centre.
        now: epoch seconds, UTC.
        serial: upper hex; the facilities for which this number is registered, instead of all.

    Raises:
        StoreError, TokenError: those that come later are told by the next call.
    """
    tell_verdicts(engine, keys=keys, now=now)
    with read_transaction(engine) as connection:
        codes = facilities.facilities_with_registrations(connection, serial=serial)
    told = 0
    for facility in codes:
        with read_transaction(engine) as connection:
            if is_told(connection, facility, now=now):
                continue
        with write_transaction(engine) as connection:
            told += tell_registrations(connection, facility, keys=keys, now=now)
    return told

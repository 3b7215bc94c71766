"""The centre lacks a head that it signed, or says less than it said before: show it receipts of its own.

A head that a node only names may be invented; one that the centre's own keys signed is proof that history was lost, and
from where an operator may let the ledger go on. What is shown is the newest statement of a contact, the newest receipt,
and others each twice as far back.
"""

from __future__ import annotations

from typing import Final

from edge.store import contacts, node_identity, receipts
from edge.store.database import Database, Tables
from sync_protocol import cbor, limits
from sync_protocol.api import ShownApi
from sync_protocol.errors import Code
from sync_protocol.sealing import Entropy, seal

_LOST: Final = frozenset({Code.LEDGER_EPOCH.value, Code.HEAD_INCONSISTENT.value, Code.SET_OLDER.value})
# Signed and sealed, all of them stay below what the call takes.
_BYTES: Final = limits.SHOWN_RECEIPTS_BYTES // 2


def show_receipts(database: Database, central: object, problem: str, *, entropy: Entropy) -> int:
    """Show receipts where a code says that the centre may have gone back; gives how many were shown.

    Args:
        central: the centre; one that cannot be shown anything is left alone.
        problem: the code with which an exchange or a feed ended, or "".
        entropy: seals them.

    Raises:
        NetworkError: the centre was not reached.
        RemoteProblem: the centre turns them away.
        StoreError: the store.
    """
    if not isinstance(central, ShownApi):
        return 0
    with database.read() as tables:
        if not _may_have_lost(tables, problem):
            return 0
        identity = node_identity.get(tables)
        said = contacts.newest(tables)
        held = sorted(receipts.all_receipts(tables), key=lambda one: (one.head.epoch, one.head.size), reverse=True)
    places = [0, *(2**step for step in range(limits.SHOWN_RECEIPTS - 2))]
    shown = [] if said is None else [said.signed]
    shown += [held[place].answer for place in places if place < len(held)]
    while sum(map(len, shown)) > _BYTES:
        shown.pop()
    if shown:
        central.show_receipts(seal(cbor.encode(shown), recipient=identity.sealing_key, entropy=entropy))
    return len(shown)


def _may_have_lost(tables: Tables, problem: str) -> bool:
    # The centre asks for another link than the next one also of a store that was put back, and then nothing speaks
    # against the centre. It does where the link is one that it has signed for, or where it declared an epoch that goes
    # on from a head which is not the one that it showed.
    return problem in _LOST or (problem == Code.NOT_NEXT.value and receipts.evidence_count(tables) > 0)

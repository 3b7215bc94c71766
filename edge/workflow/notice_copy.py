"""Notice from the centre's words that this store is an older copy, or one of two: they are shown, and nothing else.

No problem is signed, so nothing is given up because of one. What ends an epoch is a signed answer alone.
"""

from __future__ import annotations

from edge.store import bundles, node_epochs, node_identity
from edge.store.database import Database, Tables
from edge.store.node_epochs import SignKind
from sync_protocol.api import RemoteProblem
from sync_protocol.chain_head import ChainHead
from sync_protocol.errors import Code, ProtocolError


def note_copy(tables: Tables, problem: RemoteProblem, *, at: int) -> None:
    """Keep what a problem says of this store, if it says something (`at`: epoch seconds UTC)."""
    identity = node_identity.get(tables)
    head = problem.head
    kind = None
    if problem.code is Code.FORKED:
        kind = SignKind.FORKED
    elif problem.code is Code.EPOCH and (head is None or head.epoch > identity.epoch):
        kind = SignKind.ENDED
    elif problem.code is Code.NOT_NEXT and head is not None and is_beyond(tables, head, epoch=identity.epoch):
        kind = SignKind.BEHIND
    if kind is not None:
        node_epochs.note_sign(tables, kind, epoch=identity.epoch, head=head, at=at)


def note_refusal(database: Database, error: ProtocolError, *, at: int) -> None:
    """As `note_copy`, where a whole call was refused; other errors say nothing of this store."""
    if isinstance(error, RemoteProblem):
        with database.write_transaction() as tables:
            note_copy(tables, error, at=at)


def note_head(tables: Tables, head: ChainHead, *, at: int) -> None:
    """Keep that the centre's head of this chain lies beyond what this store has, if it does."""
    identity = node_identity.get(tables)
    if head.epoch > identity.epoch:
        node_epochs.note_sign(tables, SignKind.ENDED, epoch=identity.epoch, head=head, at=at)
    elif is_beyond(tables, head, epoch=identity.epoch):
        node_epochs.note_sign(tables, SignKind.BEHIND, epoch=identity.epoch, head=head, at=at)


def is_beyond(tables: Tables, head: ChainHead, *, epoch: int) -> bool:
    """Whether the centre holds a link that this store never made: it is behind its own chain."""
    if head.epoch != epoch or head.sequence == 0:
        return False
    own = bundles.find(tables, head.epoch, head.sequence)
    return own is None or own.digest != head.digest

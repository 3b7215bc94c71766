"""What shows that this ledger has lost history: heads that nodes name, and that it never had or has no more.

A database that was put back to an older copy knows nothing of that. The next node that comes names a head from after
the copy. Its bundle is turned away, which costs nothing, and the head is kept until an operator declares an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine

from central.store import ledger, ledger_epochs, trust
from central.store.database import read_transaction, write_transaction
from central.store.key_store import KeyRing, KeyRole
from central.store.ledger_epochs import LostHead
from sync_protocol import cbor
from sync_protocol.bundle import Bundle
from sync_protocol.contact import verify_said
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_epoch import superseding
from sync_protocol.limits import SHOWN_RECEIPTS, SHOWN_RECEIPTS_BYTES
from sync_protocol.manifest import Checkpoint
from sync_protocol.receipt import verify_inclusion
from sync_protocol.sealing import open_sealed

# After a restore other nodes, and the operator, bring back what a bundle needs: those that are heard within a day.
AWAITED_SECONDS: Final = 86_400
_AWAITED: Final = frozenset({Code.HANDOVER, Code.DELEGATION, Code.CERTIFICATE_UNREGISTERED})


@dataclass(frozen=True, slots=True)
class ShownLoss:
    """A head that is missing here: its epoch and size, when it was signed (epoch seconds UTC), whose word it is."""

    epoch: int
    size: int
    at: int
    node: str
    is_proven: bool


def provable_head(connection: Connection, named: Checkpoint) -> Checkpoint | None:
    """The head of this ledger from which consistency is proven to somebody who names one.

    It is the head itself where the ledger had just this one, and the base of an epoch for a head that this epoch
    superseded; None where neither is so. A head that is only claimed may be invented; it then gives what naming no head
    at all gives, an older bound.
    """
    step = superseding(named, ledger_epochs.steps(connection))
    if step is not None:
        return step.base
    stored = ledger.head_of_size(connection, named.size)
    return named if stored is not None and stored.head.checkpoint == named else None


def check_provable(connection: Connection, named: Checkpoint) -> Checkpoint:
    """As `provable_head`.

    Raises:
        ProtocolError: LEDGER_EPOCH for a head beyond this ledger, by size or by epoch, as after a restore that nobody
            has declared; HEAD_INCONSISTENT for one of another history.
    """
    found = provable_head(connection, named)
    if found is not None:
        return found
    if named.epoch > ledger_epochs.current(connection) or named.size > ledger.ledger_size(connection):
        raise ProtocolError(Code.LEDGER_EPOCH, "head: lies beyond this ledger, which may have lost history")
    raise ProtocolError(Code.HEAD_INCONSISTENT, "head: is none of this ledger")


def check_not_awaited(engine: Engine, bundle: Bundle, refusal: Code, *, now: int) -> None:
    """Holds a refusal back for a while where it may come from a loss that others are still making good.

    A bundle from before an epoch is offered again, in whatever order nodes come: a hub's signature may be here before
    the doses that it was given for.

    Raises:
        ProtocolError: LATER, by which nothing is decided.
    """
    if refusal not in _AWAITED:
        return
    with read_transaction(engine) as connection:
        steps = ledger_epochs.steps(connection)
    if steps and bundle.created_at <= steps[-1].at and now < steps[-1].at + AWAITED_SECONDS:
        raise ProtocolError(Code.LATER, f"bundle: {refusal} may be for what is sent again after a restore")


def keep_claim(engine: Engine, named: Checkpoint, *, node: str, at: int) -> None:
    """Keeps a head that a node's signed message names and that is not this ledger's.

    Args:
        named: the head.
        node: whose signature was verified.
        at: epoch seconds, UTC.
    """
    with read_transaction(engine) as connection:
        if provable_head(connection, named) is not None:
            return
    with write_transaction(engine) as connection:
        if provable_head(connection, named) is None:
            ledger_epochs.put_lost_head(connection, named, node=node, receipt=None, at=at)


def keep_proof(engine: Engine, receipt: bytes, *, at: int) -> bool:
    """Takes a receipt of our own that somebody shows, or what we said of our head at a contact; says whether it proves
    that history was lost.

    Whoever brings it needs no name: the ledger key, or the publisher key, has signed it.

    Raises:
        ProtocolError: what `verify_inclusion` raises; nothing was kept.
    """
    # Nothing is locked meanwhile: whoever shows what is not ours, or what is here, costs the store one reading.
    with read_transaction(engine) as connection:
        head, node = _shown_head(connection, receipt)
        if _is_ours(connection, head):
            return False
    with write_transaction(engine) as connection:
        if _is_ours(connection, head):
            return False
        ledger_epochs.put_lost_head(connection, head, node=node, receipt=receipt, at=at)
        return True


def _shown_head(connection: Connection, shown: bytes) -> tuple[Checkpoint, str]:
    """The head that a receipt or a statement of ours shows, and whose it is. Raises ProtocolError."""
    for key in trust.centre_public_keys(connection, KeyRole.PUBLISHER):
        try:
            statement = verify_said(shown, key)
        except ProtocolError:
            # It is no statement, or another key's: then it has to be a receipt.
            continue
        return statement.head, statement.node
    verified = verify_inclusion(shown, ledger_keys=trust.centre_public_keys(connection, KeyRole.LEDGER))
    return verified.head, verified.entry.node


def keep_proofs(sealed: bytes, *, engine: Engine, keys: KeyRing, now: int) -> bytes:
    """Takes receipts that a node shows, sealed; gives how many of them prove that history was lost, as CBOR.

    Args:
        sealed: the body as received, unverified.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: codes of form, FIELD_INVALID, or what `keep_proof` raises for the first receipt that is not ours.
        StoreError: the store is away or busy.
    """
    shown = cbor.decode(
        open_sealed(sealed, keys.sealing, max_bytes=SHOWN_RECEIPTS_BYTES), max_bytes=SHOWN_RECEIPTS_BYTES
    )
    receipts = [item for item in shown if isinstance(item, bytes)] if isinstance(shown, list) else []
    if not isinstance(shown, list) or not 0 < len(receipts) <= SHOWN_RECEIPTS or len(receipts) != len(shown):
        raise ProtocolError(Code.FIELD_INVALID, f"shown receipts: a list of 1 to {SHOWN_RECEIPTS}")
    return cbor.encode(sum(keep_proof(engine, receipt, at=now) for receipt in receipts))


def open_losses(connection: Connection) -> list[LostHead]:
    """The heads that were shown and that no declared epoch explains, the largest first."""
    found = ledger_epochs.all_lost_heads(connection)
    return [lost for lost in found if provable_head(connection, lost.head) is None]


def shown_losses(connection: Connection) -> tuple[ShownLoss, ...]:
    """The same for people."""
    return tuple(
        ShownLoss(lost.head.epoch, lost.head.size, lost.head.at, lost.node, is_proven=lost.is_proven)
        for lost in open_losses(connection)
    )


def _is_ours(connection: Connection, head: Checkpoint) -> bool:
    if provable_head(connection, head) is not None:
        return True
    # An answer that was made anew shows the newest size once more, at another instant.
    stored = ledger.head_of_size(connection, head.size)
    return stored is not None and stored.head.root == head.root and stored.head.epoch == head.epoch

"""A person takes up an epoch that a node showed after a restore, or refuses it; and what they need to see for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.domain.decision import decided_by
from central.domain.node import NodeState
from central.domain.shown_epoch import CONFIRMABLE, ShownStanding
from central.store import ledger_epochs, node_epochs, nodes, shown_epochs, trust
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing, KeyRole
from central.store.shown_epochs import StoredShowing
from central.workflow.take_shown_epoch import standing_of
from central.workflow.take_up_epoch import take_up
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.shown_epoch import verify_showing
from sync_protocol.shown_epoch_answer import ShownState


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A node that showed an epoch which is not known here.

    Attributes:
        stored: what it showed, and what came of it.
        facility, facility_name: where it stands, by what is known here, else by its enrolment file; "" where nothing
            says.
        is_known: whether this centre knows the node.
        epoch_here: in which it stands here; 0 before the first.
        said_at: epoch seconds, UTC, when this centre had said so; None where only the node says it.
        may_confirm: whether one act takes it up: an epoch of the ledger is declared, and no other machine has this one.
    """

    stored: StoredShowing
    facility: str
    facility_name: str
    is_known: bool
    epoch_here: int
    said_at: int | None
    may_confirm: bool

    @property
    def short(self) -> str:
        """The first letters of the digest, by which a person names it."""
        return self.stored.digest.hex()[:12]


@dataclass(frozen=True, slots=True)
class ShownCases:
    """What waits, and what was decided last."""

    waiting: Sequence[ShownCase]
    decided: Sequence[StoredShowing]


def shown_cases(engine: Engine, *, decided: int = 20) -> ShownCases:
    """Everything about shown epochs. Raises StoreError."""
    with read_transaction(engine) as connection:
        return ShownCases(waiting=waiting_cases(connection), decided=shown_epochs.decided(connection, limit=decided))


def waiting_cases(connection: Connection) -> tuple[ShownCase, ...]:
    """What waits for a person or for a declaration, the oldest first."""
    publisher_keys = trust.centre_public_keys(connection, KeyRole.PUBLISHER)
    is_declared = bool(ledger_epochs.steps(connection))
    cases = []
    for stored in shown_epochs.waiting(connection):
        shown, row = verify_showing(stored.showing, publisher_keys), nodes.find_node(connection, stored.node)
        cases.append(
            ShownCase(
                stored,
                facility=row.facility if row is not None else shown.file.facility if shown.file is not None else "",
                facility_name="" if shown.file is None else shown.file.facility_name,
                is_known=row is not None,
                epoch_here=0 if row is None else row.epoch,
                said_at=shown.newest.at,
                may_confirm=is_declared and standing_of(connection, shown) in CONFIRMABLE,
            )
        )
    return tuple(cases)


def waiting_showing(engine: Engine, short: str) -> bytes | None:
    """The digest of the one waiting showing that begins with these hexadecimal digits, or None."""
    with read_transaction(engine) as connection:
        found = [one.digest for one in shown_epochs.waiting(connection)]
    named = [digest for digest in found if len(short) >= 8 and digest.hex().startswith(short.lower())]
    return named[0] if len(named) == 1 else None


def decide_shown_epoch(
    digest: bytes, *, is_taken: bool, by: str, why: str, engine: Engine, keys: KeyRing, now: int
) -> StoredShowing:
    """Takes a showing up, or refuses it.

    Args:
        digest: of the request with which the newest epoch that it shows began, 32 bytes.
        is_taken: whether the node goes on in that epoch.
        by: name of the person who decides.
        why: for what reason, in words; kept here.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Returns:
        The showing as it is decided.

    Raises:
        ProtocolError: FIELD_INVALID without name or reason; EPOCH_MISMATCH where none of this digest waits;
            LEDGER_EPOCH where no epoch of the ledger is declared yet; EPOCH where another machine has the epoch;
            NODE_DENIED where one that is locked out is to be taken up. Nothing is decided.
        StoreError, TokenError: nothing is decided.
    """
    by, why = decided_by(by, why)
    with write_transaction(engine) as connection:
        lock_ledger(connection)
        stored = shown_epochs.find(connection, digest)
        if stored is None or stored.state is not ShownState.WAITING:
            raise ProtocolError(Code.EPOCH_MISMATCH, "shown epoch: none of this digest waits for a decision")
        row = nodes.find_node(connection, stored.node)
        if is_taken:
            if row is not None and row.state is NodeState.DENIED:
                raise ProtocolError(Code.NODE_DENIED, "shown epoch: the node is locked out")
            shown = verify_showing(stored.showing, trust.centre_public_keys(connection, KeyRole.PUBLISHER))
            if not ledger_epochs.steps(connection):
                raise ProtocolError(Code.LEDGER_EPOCH, "shown epoch: declare an epoch of the ledger first")
            if standing_of(connection, shown) is ShownStanding.TAKEN:
                raise ProtocolError(Code.EPOCH, "shown epoch: another machine has it; enrol this one anew")
            take_up(connection, shown, keys=keys, at=now, by=by, why=why)
        else:
            since = 0 if row is None else row.epoch
            shown_epochs.decide(connection, digest, ShownState.REFUSED, since=since, at=now, by=by, why=why)
            if row is not None and row.state is NodeState.FORKED and is_quiet(connection, row.code, epoch=row.epoch):
                # Nothing contradicts the ledger any more: the node goes on as it did.
                nodes.set_state(connection, row.code, NodeState.ENROLLED)
        decided = shown_epochs.find(connection, digest)
        assert decided is not None
    return decided


def is_quiet(connection: Connection, node: str, *, epoch: int) -> bool:
    """Whether nobody asks for a node's epoch, and nothing contradicts it."""
    return not (
        node_epochs.waiting_requests(connection, node)
        or node_epochs.second_histories(connection, node, epoch=epoch)
        or any(one.standing is ShownStanding.TAKEN for one in shown_epochs.waiting(connection, node))
    )

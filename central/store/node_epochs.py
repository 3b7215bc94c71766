"""Requests of nodes for new epochs, and what the centre holds of a node's history in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from central.domain.node_epoch import EpochStanding
from central.store.tables import (
    batches,
    bundles,
    doses,
    epoch_requests,
    fork_overflows,
    forks,
    handover_doses,
    ledger_entries,
    node_epochs,
    nodes,
    verdicts,
)
from sync_protocol.errors import Code
from sync_protocol.ledger_entry import ADMITTED as ENTRY_ADMITTED
from sync_protocol.node_epoch import EpochReason
from sync_protocol.node_epoch_answer import EpochState, HeldDose, mark_of_columns
from sync_protocol.verdict import Verdict, VerdictState

_MARKED: Final = (
    *("sequence", "given_at", "recorded_at", "recorded_by", "product", "lot", "dose_number", "vaccinator"),
    *("station", "replaces", "name", "birth_date", "number"),
)


class Side(StrEnum):
    """Of which history a bundle is."""

    LEDGER = "ledger"
    SECOND = "second"


@dataclass(frozen=True, slots=True, repr=False)
class StoredEpochRequest:
    """A request as it was taken; `answer` is None while it waits."""

    digest: bytes
    node: str
    epoch: int
    reason: EpochReason
    standing: EpochStanding
    known_until: int
    request: bytes
    received_at: int
    state: EpochState
    answer: bytes | None
    decided_at: int | None
    decided_by: str
    decided_why: str


@dataclass(frozen=True, slots=True)
class HistoryLink:
    """A bundle of one of the histories of an epoch.

    Attributes:
        received_at: epoch seconds, UTC.
        outcome: "admitted" or a code; "" where it is in no ledger.
        officer: who signed the batch, as the statement names them; "" where it is no batch or was refused.
    """

    side: Side
    sequence: int
    digest: bytes
    kind: str
    received_at: int
    doses: int
    outcome: str
    officer: str


@dataclass(frozen=True, slots=True)
class Overflow:
    """Offers of second histories beyond what is kept."""

    turned_away: int
    latest_at: int


def put_request(connection: Connection, new: StoredEpochRequest) -> None:
    """Keeps a request."""
    connection.execute(
        epoch_requests.insert(),
        {
            "digest": new.digest,
            "node": new.node,
            "epoch": new.epoch,
            "reason": new.reason.value,
            "standing": new.standing.value,
            "known_until": new.known_until,
            "request": new.request,
            "received_at": new.received_at,
            "state": new.state.value,
            "answer": new.answer,
            "decided_at": new.decided_at,
            "decided_by": new.decided_by,
            "decided_why": new.decided_why,
        },
    )


def find_request(connection: Connection, digest: bytes) -> StoredEpochRequest | None:
    """The request with this digest, or None."""
    row = connection.execute(select(epoch_requests).where(epoch_requests.c.digest == digest)).mappings().one_or_none()
    return None if row is None else _request(row)


def decide(
    connection: Connection, digest: bytes, state: EpochState, *, answer: bytes, at: int, by: str, why: str
) -> None:
    """Writes the decision and the answer beside a request that waits."""
    connection.execute(
        update(epoch_requests)
        .where(epoch_requests.c.digest == digest, epoch_requests.c.state == EpochState.WAITING.value)
        .values(state=state.value, answer=answer, decided_at=at, decided_by=by, decided_why=why)
    )


def waiting_requests(connection: Connection, node: str = "") -> list[StoredEpochRequest]:
    """What waits for a decision, of one node or of all, the oldest first; not where the epoch is over by now."""
    joined = epoch_requests.join(nodes, nodes.c.code == epoch_requests.c.node)
    statement = (
        select(epoch_requests)
        .select_from(joined)
        .where(epoch_requests.c.state == EpochState.WAITING.value, epoch_requests.c.epoch == nodes.c.epoch)
    )
    if node:
        statement = statement.where(epoch_requests.c.node == node)
    ordered = statement.order_by(epoch_requests.c.received_at, epoch_requests.c.digest)
    return [_request(row) for row in connection.execute(ordered).mappings()]


def decided_requests(connection: Connection, *, limit: int) -> list[StoredEpochRequest]:
    """What was decided, by a person or at once, the newest first."""
    statement = select(epoch_requests).where(epoch_requests.c.state != EpochState.WAITING.value)
    ordered = statement.order_by(epoch_requests.c.decided_at.desc(), epoch_requests.c.digest).limit(limit)
    return [_request(row) for row in connection.execute(ordered).mappings()]


def all_requests(connection: Connection) -> list[StoredEpochRequest]:
    """Every request, by node and epoch."""
    statement = select(epoch_requests).order_by(epoch_requests.c.node, epoch_requests.c.epoch, epoch_requests.c.digest)
    return [_request(row) for row in connection.execute(statement).mappings()]


def granted_since(connection: Connection, node: str, at: int) -> int:
    """How many epochs the node was granted since this instant (epoch seconds, UTC)."""
    table = epoch_requests
    statement = select(func.count()).where(
        table.c.node == node, table.c.state == EpochState.GRANTED.value, table.c.decided_at >= at
    )
    return connection.execute(statement).scalar_one()


def links(connection: Connection, node: str, *, epoch: int, first: int) -> dict[int, bytes]:
    """The digests of the node's links in the ledger from `first` on, by sequence; at 0 what link 1 names."""
    table = ledger_entries
    statement = select(table.c.sequence, table.c.digest).where(
        table.c.node == node, table.c.epoch == epoch, table.c.sequence >= first
    )
    found = {int(row[0]): bytes(row[1]) for row in connection.execute(statement)}
    begun = select(node_epochs.c.enrolment_digest).where(node_epochs.c.node == node, node_epochs.c.epoch == epoch)
    return found | {0: connection.execute(begun).scalar_one()}


def second_histories(connection: Connection, node: str, *, epoch: int) -> int:
    """How many bundles of another history are kept for an epoch."""
    statement = select(func.count()).where(forks.c.node == node, forks.c.epoch == epoch)
    return connection.execute(statement).scalar_one()


def overflow(connection: Connection, node: str) -> Overflow | None:
    """How much of second histories came that is not kept, or None."""
    row = connection.execute(select(fork_overflows).where(fork_overflows.c.node == node)).one_or_none()
    return None if row is None else Overflow(row.turned_away, row.latest_at)


def forked_nodes(connection: Connection) -> list[tuple[str, int]]:
    """Nodes and epochs of which a second history is kept, as (node, epoch)."""
    statement = select(forks.c.node, forks.c.epoch).distinct().order_by(forks.c.node, forks.c.epoch)
    return [(row[0], row[1]) for row in connection.execute(statement)]


def ledger_links(connection: Connection, node: str, *, epoch: int, after: int, limit: int) -> list[HistoryLink]:
    """The node's links in the ledger behind `after`, in order."""
    table = ledger_entries
    joined = table.outerjoin(batches, batches.c.ledger_index == table.c.idx)
    columns = (table.c.sequence, table.c.digest, table.c.kind, table.c.admitted_at, table.c.doses, table.c.outcome)
    statement = (
        select(*columns, func.coalesce(batches.c.signer_name, ""))
        .select_from(joined)
        .where(table.c.node == node, table.c.epoch == epoch, table.c.sequence > after)
    )
    rows = connection.execute(statement.order_by(table.c.sequence).limit(limit))
    return [HistoryLink(Side.LEDGER, *row) for row in rows]


def kept_forks(connection: Connection, node: str, *, epoch: int | None = None) -> Iterator[tuple[bytes, int, bytes]]:
    """Bundles of second histories as (digest, arrival, inner message), by epoch, place and arrival."""
    statement = select(forks.c.digest, forks.c.received_at, forks.c.inner).where(forks.c.node == node)
    if epoch is not None:
        statement = statement.where(forks.c.epoch == epoch)
    ordered = statement.order_by(forks.c.epoch, forks.c.sequence, forks.c.received_at, forks.c.digest)
    for row in connection.execute(ordered):
        yield row[0], row[1], row[2]


def refused_inner(connection: Connection, node: str) -> Iterator[bytes]:
    """The archived bundles of a node that hold their place refused."""
    joined = bundles.join(ledger_entries, ledger_entries.c.idx == bundles.c.ledger_index)
    statement = select(bundles.c.inner).select_from(joined)
    refused = statement.where(ledger_entries.c.node == node, ledger_entries.c.outcome != ENTRY_ADMITTED)
    yield from connection.execute(refused).scalars()


def highest_stored_dose(connection: Connection, node: str) -> int:
    """The highest dose number of a node that stands in a table: admitted, handed over, or reserved by an epoch."""
    reserved = select(func.max(node_epochs.c.first_dose) - 1).where(node_epochs.c.node == node)
    stored = select(func.max(doses.c.sequence)).where(doses.c.node == node)
    handed = select(func.max(handover_doses.c.sequence)).where(handover_doses.c.node == node)
    return max(connection.execute(statement).scalar() or 0 for statement in (reserved, stored, handed))


def held_doses(connection: Connection, node: str, *, first: int) -> Iterator[HeldDose]:
    """The node's doses at the centre from this number on, in order, each with its mark and verdict."""
    columns = [doses.c[name] for name in _MARKED]
    statement = (
        select(*columns, verdicts.c.state, verdicts.c.code)
        .select_from(doses.join(verdicts, verdicts.c.dose == doses.c.id))
        .where(doses.c.node == node, doses.c.sequence >= first)
        .order_by(doses.c.sequence)
    )
    for row in connection.execute(statement).mappings():
        state = VerdictState(row["state"])
        verdict = Verdict(state, None if state is VerdictState.ADMITTED else Code(row["code"]))
        yield HeldDose(row["sequence"], mark_of_columns({name: row[name] for name in _MARKED}), verdict)


def _request(row: Mapping[Any, Any]) -> StoredEpochRequest:
    return StoredEpochRequest(
        digest=row["digest"],
        node=row["node"],
        epoch=row["epoch"],
        reason=EpochReason(row["reason"]),
        standing=EpochStanding(row["standing"]),
        known_until=row["known_until"],
        request=row["request"],
        received_at=row["received_at"],
        state=EpochState(row["state"]),
        answer=row["answer"],
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        decided_why=row["decided_why"],
    )

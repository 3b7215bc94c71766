"""Epochs of nodes that this centre has lost and nodes showed it, with what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update

from central.domain.shown_epoch import ShownStanding
from central.store.tables import shown_epochs
from sync_protocol.shown_epoch_answer import ShownState

# Waiting showings of nodes that this database does not know, and of one that it knows: the first ones tell the story.
UNKNOWN_KEPT: Final = 200
OF_A_NODE_KEPT: Final = 10


@dataclass(frozen=True, slots=True, repr=False)
class StoredShowing:
    """A showing as it was verified and judged; `digest` is that of the request that the newest epoch began with."""

    digest: bytes
    node: str
    epoch: int
    since: int
    standing: ShownStanding
    showing: bytes
    state: ShownState
    shown_at: int
    decided_at: int | None = None
    decided_by: str = ""
    decided_why: str = ""


def find(connection: Connection, digest: bytes) -> StoredShowing | None:
    """The showing of the epoch that began with this request, or None."""
    row = connection.execute(select(shown_epochs).where(shown_epochs.c.digest == digest)).mappings().one_or_none()
    return None if row is None else _showing(row)


def has_room(connection: Connection, node: str, *, is_known: bool, is_proven: bool) -> bool:
    """Whether one more showing that waits may be kept.

    Whoever found an enrolment file can make any number of showings of it: those that no word of ours proves fill half
    the room, so that they keep nobody out who was given an epoch.
    """
    table, share = shown_epochs, 1 if is_proven else 2
    waiting = select(func.count()).where(table.c.state == ShownState.WAITING.value)
    of_node = connection.execute(waiting.where(table.c.node == node)).scalar_one()
    if of_node >= OF_A_NODE_KEPT // share:
        return False
    return is_known or connection.execute(waiting).scalar_one() < UNKNOWN_KEPT // share


def put(connection: Connection, new: StoredShowing) -> None:
    """Keeps a showing in the place of the one before of the same epoch, unless that one was decided."""
    table = shown_epochs
    connection.execute(delete(table).where(table.c.digest == new.digest, table.c.state == ShownState.WAITING.value))
    connection.execute(
        table.insert(),
        {
            "digest": new.digest,
            "node": new.node,
            "epoch": new.epoch,
            "since": new.since,
            "standing": new.standing.value,
            "showing": new.showing,
            "state": new.state.value,
            "shown_at": new.shown_at,
            "decided_at": new.decided_at,
            "decided_by": new.decided_by,
            "decided_why": new.decided_why,
        },
    )


def decide(connection: Connection, digest: bytes, state: ShownState, *, since: int, at: int, by: str, why: str) -> None:
    """Writes the decision beside a showing that waits (`at`: epoch seconds, UTC)."""
    connection.execute(
        update(shown_epochs)
        .where(shown_epochs.c.digest == digest, shown_epochs.c.state == ShownState.WAITING.value)
        .values(state=state.value, since=since, decided_at=at, decided_by=by, decided_why=why)
    )


def waiting(connection: Connection, node: str = "") -> list[StoredShowing]:
    """What waits, of one node or of all, the oldest first."""
    statement = select(shown_epochs).where(shown_epochs.c.state == ShownState.WAITING.value)
    if node:
        statement = statement.where(shown_epochs.c.node == node)
    ordered = statement.order_by(shown_epochs.c.shown_at, shown_epochs.c.digest)
    return [_showing(row) for row in connection.execute(ordered).mappings()]


def taken(connection: Connection, node: str = "") -> list[StoredShowing]:
    """What was taken up, of one node or of all, by node and epoch."""
    statement = select(shown_epochs).where(shown_epochs.c.state == ShownState.TAKEN.value)
    if node:
        statement = statement.where(shown_epochs.c.node == node)
    ordered = statement.order_by(shown_epochs.c.node, shown_epochs.c.epoch)
    return [_showing(row) for row in connection.execute(ordered).mappings()]


def decided(connection: Connection, *, limit: int) -> list[StoredShowing]:
    """What was taken up or refused, the newest first."""
    statement = select(shown_epochs).where(shown_epochs.c.state != ShownState.WAITING.value)
    ordered = statement.order_by(shown_epochs.c.decided_at.desc(), shown_epochs.c.digest).limit(limit)
    return [_showing(row) for row in connection.execute(ordered).mappings()]


def _showing(row: Mapping[Any, Any]) -> StoredShowing:
    return StoredShowing(
        digest=row["digest"],
        node=row["node"],
        epoch=row["epoch"],
        since=row["since"],
        standing=ShownStanding(row["standing"]),
        showing=row["showing"],
        state=ShownState(row["state"]),
        shown_at=row["shown_at"],
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        decided_why=row["decided_why"],
    )

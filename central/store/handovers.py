"""Unsigned doses that sites handed over: which ones, to whom, and what became of each.

The doses themselves stand in the archived bundle. Here is one row for each with the digest of its encoding, so that a
hub's batch is compared with what was handed over, byte for byte, without unpacking anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, func, select, update

from central.domain.delegation import content_digest
from central.store.database import insert_many, rows_in_chunks
from central.store.tables import handover_doses, handovers
from sync_protocol.dose import Dose

_CHUNK: Final = 3_000
_HANDED: Final = handover_doses.join(handovers, handovers.c.digest == handover_doses.c.handover)


class HandedState(StrEnum):
    """What became of one dose: not answered yet, signed by the hub (whatever the verdict), or handed back."""

    WAITING = "waiting"
    SIGNED = "signed"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class HandedDose:
    """One dose of a handover: the digest of its encoding, what became of it, and the hub's bundle that says so."""

    content: bytes
    state: HandedState
    answered_in: int | None


@dataclass(frozen=True, slots=True)
class StoredHandover:
    """One handover.

    Attributes:
        digest: 32 bytes, of the site's DOSES bundle.
        ledger_index: its entry; None while only the hub has brought it.
        site, node: whose doses.
        hub: who is to sign them.
        delegation: by which it was let pass.
        taken_at: epoch seconds, UTC.
    """

    digest: bytes
    ledger_index: int | None
    site: str
    node: str
    hub: str
    delegation: int
    first_day: str
    last_day: str
    people: int
    doses: int
    taken_at: int


def put_handover(connection: Connection, handover: StoredHandover, doses: Sequence[Dose]) -> None:
    """Keeps a handover whose doses all wait."""
    connection.execute(
        handovers.insert(),
        {
            "digest": handover.digest,
            "ledger_index": handover.ledger_index,
            "site": handover.site,
            "node": handover.node,
            "hub": handover.hub,
            "delegation": handover.delegation,
            "first_day": handover.first_day,
            "last_day": handover.last_day,
            "people": handover.people,
            "doses": handover.doses,
            "taken_at": handover.taken_at,
        },
    )
    insert_many(
        connection,
        handover_doses,
        [
            {
                "handover": handover.digest,
                "sequence": dose.sequence,
                "node": dose.node,
                "content": content_digest(dose),
                "state": HandedState.WAITING.value,
                "answered_in": None,
            }
            for dose in doses
        ],
    )


def put_in_ledger(connection: Connection, digest: bytes, *, ledger_index: int) -> None:
    """Notes that a handover which the hub had brought now came from the site itself."""
    connection.execute(update(handovers).where(handovers.c.digest == digest).values(ledger_index=ledger_index))


def find_handover(connection: Connection, digest: bytes) -> StoredHandover | None:
    """The handover with this digest, or None."""
    row = connection.execute(select(handovers).where(handovers.c.digest == digest)).mappings().one_or_none()
    return None if row is None else StoredHandover(**row)


def all_handovers(connection: Connection) -> list[StoredHandover]:
    """Every handover, in the order in which they were taken."""
    order = (handovers.c.taken_at, handovers.c.digest)
    return [StoredHandover(**row) for row in connection.execute(select(handovers).order_by(*order)).mappings()]


def handed_contents(
    connection: Connection, node: str, *, hub: str, sequences: Iterable[int]
) -> dict[int, frozenset[bytes]]:
    """What a hub got of these doses of a node and did not hand back: by sequence the digests of their contents."""
    table = handover_doses
    found: dict[int, set[bytes]] = defaultdict(set)
    for chunk in rows_in_chunks(sequences, _CHUNK):
        statement = (
            select(table.c.sequence, table.c.content)
            .select_from(_HANDED)
            .where(
                table.c.node == node,
                table.c.sequence.in_(chunk),
                table.c.state != HandedState.BACK.value,
                handovers.c.hub == hub,
            )
        )
        for sequence, content in connection.execute(statement):
            found[sequence].add(content)
    return {sequence: frozenset(contents) for sequence, contents in found.items()}


def answer_doses(
    connection: Connection, contents: Mapping[int, bytes], *, node: str, hub: str, ledger_index: int
) -> list[bytes]:
    """Marks doses as signed in every handover of theirs that waits for the hub; gives those handovers' digests.

    Args:
        contents: digests of the signed doses, by sequence.
        node: the site's node.
        hub: who signed.
        ledger_index: of the hub's bundle.
    """
    table = handover_doses
    concerned: dict[bytes, list[int]] = defaultdict(list)
    for chunk in rows_in_chunks(contents, _CHUNK):
        statement = (
            select(table.c.handover, table.c.sequence, table.c.content)
            .select_from(_HANDED)
            .where(
                table.c.node == node,
                table.c.sequence.in_(chunk),
                table.c.state == HandedState.WAITING.value,
                handovers.c.hub == hub,
            )
        )
        for handover, sequence, content in connection.execute(statement):
            if contents[sequence] == content:
                concerned[handover].append(sequence)
    for handover, sequences in concerned.items():
        _set_state(connection, handover, sequences, state=HandedState.SIGNED, ledger_index=ledger_index)
    return sorted(concerned)


def hand_back(connection: Connection, digest: bytes, sequences: Iterable[int], *, ledger_index: int) -> None:
    """Marks doses of a handover as handed back by the bundle at a ledger index."""
    _set_state(connection, digest, sequences, state=HandedState.BACK, ledger_index=ledger_index)


def handed_doses(connection: Connection, digest: bytes) -> dict[int, HandedDose]:
    """Every dose of a handover by its sequence, for `check`."""
    table = handover_doses
    columns = (table.c.sequence, table.c.content, table.c.state, table.c.answered_in)
    rows = connection.execute(select(*columns).where(table.c.handover == digest).order_by(table.c.sequence))
    return {row[0]: HandedDose(row[1], HandedState(row[2]), row[3]) for row in rows}


def states_of(connection: Connection, digest: bytes) -> dict[int, HandedState]:
    """What became of each dose of a handover, by sequence."""
    table = handover_doses
    rows = connection.execute(select(table.c.sequence, table.c.state).where(table.c.handover == digest))
    return {row[0]: HandedState(row[1]) for row in rows}


def count_states(connection: Connection) -> dict[int, dict[HandedState, int]]:
    """For each delegation by number: how many doses handed over by it stand in which state."""
    statement = (
        select(handovers.c.delegation, handover_doses.c.state, func.count())
        .select_from(_HANDED)
        .group_by(handovers.c.delegation, handover_doses.c.state)
    )
    found: dict[int, dict[HandedState, int]] = defaultdict(dict)
    for number, state, count in connection.execute(statement):
        found[number][HandedState(state)] = count
    return dict(found)


def _set_state(
    connection: Connection, digest: bytes, sequences: Iterable[int], *, state: HandedState, ledger_index: int
) -> None:
    table = handover_doses
    for chunk in rows_in_chunks(sequences, _CHUNK):
        connection.execute(
            update(table)
            .where(table.c.handover == digest, table.c.sequence.in_(chunk), table.c.state == HandedState.WAITING.value)
            .values(state=state.value, answered_in=ledger_index)
        )

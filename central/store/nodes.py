"""Nodes: their state, the keys of each epoch, the head of their chain, and their enrolments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from central.domain.node import KnownNode, NodeState
from central.store.tables import enrolments, node_epochs, nodes
from sync_protocol import keys
from sync_protocol.chain_head import ChainHead
from sync_protocol.keys import PublicKey
from sync_protocol.trust_list import NodeKey

_NO_DIGEST = bytes(32)
_ROWS: Final = select(
    nodes.c.code, nodes.c.facility, nodes.c.state, nodes.c.epoch, nodes.c.last_sequence, nodes.c.last_heard_at
)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as it is listed, enrolled or not."""

    code: str
    facility: str
    state: NodeState
    epoch: int
    last_sequence: int
    last_heard_at: int | None


@dataclass(frozen=True, slots=True)
class NewestKeys:
    """The keys of a node's newest epoch: with the one it signs, to the other the centre seals."""

    node_key: NodeKey
    sealing_key: PublicKey


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """One enrolment file that was given out; `answer` is what its first use got, or None."""

    code_digest: bytes
    node: str
    expires_at: int
    request_digest: bytes | None
    answer: bytes | None


def add_node(connection: Connection, code: str, *, facility: str, at: int) -> None:
    """Creates a node that waits for its enrolment."""
    connection.execute(
        nodes.insert(),
        {
            "code": code,
            "facility": facility,
            "state": NodeState.WAITING.value,
            "epoch": 0,
            "last_sequence": 0,
            "last_digest": _NO_DIGEST,
            "created_at": at,
            "last_heard_at": None,
        },
    )


def list_nodes(connection: Connection) -> Sequence[NodeRow]:
    """Every node, by code."""
    return [_row(row) for row in connection.execute(_ROWS.order_by(nodes.c.code))]


def nodes_of(connection: Connection, facility: str) -> Sequence[NodeRow]:
    """Every node of a facility, by code."""
    found = _ROWS.where(nodes.c.facility == facility).order_by(nodes.c.code)
    return [_row(row) for row in connection.execute(found)]


def find_node(connection: Connection, code: str) -> NodeRow | None:
    """The node with this code, or None."""
    row = connection.execute(_ROWS.where(nodes.c.code == code)).one_or_none()
    return None if row is None else _row(row)


def count_nodes(connection: Connection) -> int:
    """How many nodes there are, in whatever state."""
    return int(connection.execute(select(func.count()).select_from(nodes)).scalar_one())


def states_of(connection: Connection, codes: Iterable[str]) -> dict[str, NodeState]:
    """The states of these nodes, by code."""
    rows = connection.execute(select(nodes.c.code, nodes.c.state).where(nodes.c.code.in_(list(codes))))
    return {row[0]: NodeState(row[1]) for row in rows}


def known_node(connection: Connection, code: str, *, epoch: int) -> KnownNode | None:
    """A node that has been enrolled, with the key of the epoch that a bundle claims (else of the current one)."""
    row = connection.execute(select(nodes).where(nodes.c.code == code)).mappings().one_or_none()
    if row is None or row["epoch"] == 0:
        return None
    held = select(node_epochs.c.epoch, node_epochs.c.signing_key).where(node_epochs.c.node == code)
    by_epoch = {found.epoch: found.signing_key for found in connection.execute(held)}
    return KnownNode(
        code=code,
        facility=row["facility"],
        state=NodeState(row["state"]),
        signing_key=keys.load_public_key(by_epoch.get(epoch, by_epoch[row["epoch"]])),
        head=ChainHead(epoch=row["epoch"], sequence=row["last_sequence"], digest=row["last_digest"]),
    )


def move_head(connection: Connection, code: str, *, epoch: int, sequence: int, digest: bytes, at: int) -> None:
    """Notes the newest link of a node's chain; a link of an epoch that has ended does not move its head."""
    connection.execute(update(nodes).where(nodes.c.code == code).values(last_heard_at=at))
    connection.execute(
        update(nodes)
        .where(nodes.c.code == code, nodes.c.epoch == epoch)
        .values(last_sequence=sequence, last_digest=digest)
    )


def set_state(connection: Connection, code: str, state: NodeState) -> None:
    """Marks a node as forked, denied or enrolled again."""
    connection.execute(update(nodes).where(nodes.c.code == code).values(state=state.value))


def start_epoch(
    connection: Connection,
    code: str,
    *,
    epoch: int,
    signing_key: PublicKey,
    sealing_key: PublicKey,
    enrolment_digest: bytes,
    first_dose: int,
    at: int,
) -> None:
    """Begins an epoch with new keys: the chain starts anew behind the digest of the request (32 bytes)."""
    connection.execute(
        node_epochs.insert(),
        {
            "node": code,
            "epoch": epoch,
            "signing_key": keys.encode_public_key(signing_key),
            "sealing_key": keys.encode_public_key(sealing_key),
            "enrolment_digest": enrolment_digest,
            "enrolled_at": at,
            "first_dose": first_dose,
        },
    )
    connection.execute(
        update(nodes)
        .where(nodes.c.code == code)
        .values(
            state=NodeState.ENROLLED.value,
            epoch=epoch,
            last_sequence=0,
            last_digest=enrolment_digest,
            last_heard_at=at,
        )
    )


def node_keys(connection: Connection) -> list[NodeKey]:
    """The signing keys of all nodes in all epochs, for auditors."""
    table = node_epochs
    rows = connection.execute(
        select(table.c.node, table.c.epoch, table.c.signing_key).order_by(table.c.node, table.c.epoch)
    )
    return [NodeKey(node=row[0], epoch=row[1], key=keys.load_public_key(row[2])) for row in rows]


def newest_keys(connection: Connection, code: str) -> NewestKeys:
    """The keys of a node that has been enrolled."""
    table = node_epochs
    statement = select(table.c.epoch, table.c.signing_key, table.c.sealing_key).where(table.c.node == code)
    epoch, signing_key, sealing_key = connection.execute(statement.order_by(table.c.epoch.desc()).limit(1)).one()
    return NewestKeys(NodeKey(code, epoch, keys.load_public_key(signing_key)), keys.load_public_key(sealing_key))


def by_enrolment(connection: Connection) -> list[str]:
    """The codes of enrolled nodes, the last one enrolled at the end."""
    table = node_epochs
    statement = select(table.c.node).group_by(table.c.node).order_by(func.max(table.c.enrolled_at), table.c.node)
    return list(connection.execute(statement).scalars())


def enrolment_digests(connection: Connection) -> dict[tuple[str, int], bytes]:
    """What the first link of each node's epoch names as its predecessor."""
    table = node_epochs
    rows = connection.execute(select(table.c.node, table.c.epoch, table.c.enrolment_digest))
    return {(row[0], row[1]): row[2] for row in rows}


def sealing_key_of(connection: Connection, code: str) -> PublicKey | None:
    """The key to which the centre seals for a node now, or None before its enrolment."""
    table = node_epochs
    statement = select(table.c.sealing_key).where(table.c.node == code).order_by(table.c.epoch.desc()).limit(1)
    found = connection.execute(statement).scalar()
    return None if found is None else keys.load_public_key(found)


def add_enrolment(connection: Connection, code_digest: bytes, *, node: str, issued_at: int, expires_at: int) -> None:
    """Notes a one-time code by its SHA-256; older unused ones of the node end."""
    connection.execute(enrolments.delete().where(enrolments.c.node == node, enrolments.c.accepted_at.is_(None)))
    connection.execute(
        enrolments.insert(),
        {"code_digest": code_digest, "node": node, "issued_at": issued_at, "expires_at": expires_at},
    )


def find_enrolment(connection: Connection, code_digest: bytes) -> Enrolment | None:
    """The enrolment with this code, or None."""
    row = connection.execute(select(enrolments).where(enrolments.c.code_digest == code_digest)).mappings().one_or_none()
    if row is None:
        return None
    return Enrolment(
        code_digest=row["code_digest"],
        node=row["node"],
        expires_at=row["expires_at"],
        request_digest=row["request_digest"],
        answer=row["answer"],
    )


def use_enrolment(connection: Connection, code_digest: bytes, *, request_digest: bytes, answer: bytes, at: int) -> None:
    """Uses a code up and keeps the answer for a repeated request."""
    connection.execute(
        update(enrolments)
        .where(enrolments.c.code_digest == code_digest, enrolments.c.accepted_at.is_(None))
        .values(request_digest=request_digest, answer=answer, accepted_at=at)
    )


def end_enrolment(connection: Connection, code_digest: bytes) -> None:
    """Ends a code that was not used here, by its SHA-256."""
    connection.execute(
        enrolments.delete().where(enrolments.c.code_digest == code_digest, enrolments.c.accepted_at.is_(None))
    )


def _row(row: Sequence[Any]) -> NodeRow:
    return NodeRow(row[0], row[1], NodeState(row[2]), row[3], row[4], row[5])

"""Versioned, signed sets as they were published; nothing of them is ever changed. And which every node was told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, and_, func, or_, select

from central.store.database import insert_on
from central.store.tables import nodes, published_sets, set_tellings


class PublishedKind(StrEnum):
    """Which set."""

    CATALOGUE = "catalogue"
    TRUST_LIST = "trust-list"
    POPULATION = "population"


_FOR_EVERYBODY: Final = (PublishedKind.CATALOGUE.value, PublishedKind.TRUST_LIST.value)


@dataclass(frozen=True, slots=True, repr=False)
class PublishedSet:
    """One version of a set.

    Attributes:
        scope: "" for everybody, or the node that a population pack is sealed to.
        version: grows within kind and scope, from 1.
        issued_at, expires_at: epoch seconds, UTC.
        content: the signed bytes.
    """

    kind: PublishedKind
    scope: str
    version: int
    issued_at: int
    expires_at: int
    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class DueSet:
    """A set that a node may hold an older version of; `told` is the version that was put into its feed, or None."""

    kind: PublishedKind
    version: int
    content: bytes
    told: int | None


def put_set(connection: Connection, published: PublishedSet) -> None:
    """Publishes a new version."""
    connection.execute(
        published_sets.insert(),
        {
            "kind": published.kind.value,
            "scope": published.scope,
            "version": published.version,
            "issued_at": published.issued_at,
            "expires_at": published.expires_at,
            "content": published.content,
        },
    )


def newest_set(connection: Connection, kind: PublishedKind, *, scope: str = "") -> PublishedSet | None:
    """The newest version, or None before the first."""
    table = published_sets
    statement = (
        select(table.c.version, table.c.issued_at, table.c.expires_at, table.c.content)
        .where(table.c.kind == kind.value, table.c.scope == scope)
        .order_by(table.c.version.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else PublishedSet(kind, scope, row[0], row[1], row[2], row[3])


def newest_versions(connection: Connection, node: str) -> dict[str, int]:
    """The newest version of each set that is made for everybody or for this node, by kind."""
    table = published_sets
    # Kinds are named so that the key finds the rows, among all packs of all nodes.
    here = (table.c.kind.in_([kind.value for kind in PublishedKind]), table.c.scope.in_(("", node)))
    statement = select(table.c.kind, func.max(table.c.version)).where(*here)
    return {row[0]: int(row[1]) for row in connection.execute(statement.group_by(table.c.kind))}


def due_sets(connection: Connection, node: str) -> list[DueSet]:
    """The newest sets for everybody that were not put into this node's feed, in the order of their publication.

    A node that was made after a publication has that version, or a later one, from its enrolment file; one that waits
    for its enrolment may have an older one there, so it is due as well.
    """
    table = published_sets
    newest = (
        select(table.c.kind, func.max(table.c.version).label("version"))
        # Kinds are named so that the key finds the rows: packs, which are many, are passed over.
        .where(table.c.kind.in_(_FOR_EVERYBODY), table.c.scope == "")
        .group_by(table.c.kind)
    ).subquery()
    here = and_(set_tellings.c.node == nodes.c.code, set_tellings.c.kind == table.c.kind)
    statement = (
        select(table.c.kind, table.c.version, table.c.content, set_tellings.c.version)
        .select_from(
            newest.join(table, and_(table.c.kind == newest.c.kind, table.c.version == newest.c.version))
            .join(nodes, nodes.c.created_at <= table.c.issued_at)
            .outerjoin(set_tellings, here)
        )
        .where(table.c.scope == "", nodes.c.code == node)
        .where(or_(set_tellings.c.version.is_(None), set_tellings.c.version < table.c.version))
        .order_by(table.c.issued_at, table.c.kind)
    )
    return [DueSet(PublishedKind(row[0]), row[1], row[2], row[3]) for row in connection.execute(statement)]


def note_told(connection: Connection, node: str, due: DueSet) -> None:
    """Notes that a node's feed holds this version, in the transaction of its item."""
    statement = insert_on(connection, set_tellings)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["node", "kind"], set_={"version": statement.excluded.version}),
        {"node": node, "kind": due.kind.value, "version": due.version},
    )


def told_sets(connection: Connection) -> list[tuple[str, PublishedKind, bytes]]:
    """Every set that a node's feed should hold as the newest of its kind: node, kind, content; for `check`."""
    table, told = published_sets, set_tellings
    same = and_(table.c.kind == told.c.kind, table.c.version == told.c.version, table.c.scope == "")
    found = select(told.c.node, told.c.kind, table.c.content).select_from(told.join(table, same))
    rows = connection.execute(found.order_by(told.c.node, told.c.kind))
    return [(row[0], PublishedKind(row[1]), row[2]) for row in rows]

"""Versioned, signed sets as they were published; nothing of them is ever changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, func, select

from central.store.tables import published_sets


class PublishedKind(StrEnum):
    """Which set."""

    CATALOGUE = "catalogue"
    TRUST_LIST = "trust-list"
    POPULATION = "population"


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
    statement = select(table.c.kind, func.max(table.c.version)).where(table.c.scope.in_(("", node)))
    return {row[0]: int(row[1]) for row in connection.execute(statement.group_by(table.c.kind))}

"""Signed sets that come down: catalogue and trust list. Each version is kept; the newest one holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.store.database import Tables


class StoredSetKind(StrEnum):
    """Which set; stored."""

    CATALOGUE = "catalogue"
    TRUST_LIST = "trust-list"


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A set whose signature was verified before it was stored. Instants are epoch seconds UTC."""

    kind: StoredSetKind
    version: int
    cose: bytes
    expires_at: int
    imported_at: int


def newest(tables: Tables, kind: StoredSetKind) -> StoredSet | None:
    """The set that holds, if there is one."""
    row = tables.execute(
        "SELECT version, cose, expires_at, imported_at FROM signed_sets WHERE kind = ? ORDER BY version DESC LIMIT 1",
        (kind,),
    ).fetchone()
    return None if row is None else StoredSet(kind, row[0], cose=row[1], expires_at=row[2], imported_at=row[3])


def newest_version(tables: Tables, kind: StoredSetKind) -> int:
    """The version that holds, or 0: what a new set must exceed."""
    row = tables.execute("SELECT coalesce(max(version), 0) FROM signed_sets WHERE kind = ?", (kind,)).fetchone()
    return int(row[0])


def newest_end(tables: Tables, kind: StoredSetKind) -> int | None:
    """Until when the set that holds is good (epoch seconds UTC), or None without one."""
    row = tables.execute(
        "SELECT expires_at FROM signed_sets WHERE kind = ? ORDER BY version DESC LIMIT 1", (kind,)
    ).fetchone()
    return None if row is None else int(row[0])


def add(tables: Tables, new: StoredSet) -> bool:
    """Store a newer version; return False, with nothing written, if the store has this one or a later one."""
    if new.version <= newest_version(tables, new.kind):
        return False
    tables.execute(
        "INSERT INTO signed_sets VALUES (?, ?, ?, ?, ?)",
        (new.kind, new.version, new.cose, new.expires_at, new.imported_at),
    )
    return True

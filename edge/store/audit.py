"""The audit trail: who did what and when, append-only, each entry hashed over its predecessor.

Entries name things by their ids ("dose:12", "person:7") and say what kind of act it was. What a person was before a
change stands in `person_versions`, so that the trail itself can be shown without anybody's data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from edge.store.database import Tables
from edge.store.errors import StoreCode, StoreError
from sync_protocol import cbor

# What the first entry names as its predecessor.
BEGINNING: Final = bytes(32)


class Action(StrEnum):
    """What was done; stored, so a word is never given another meaning."""

    INITIALISED = "initialised"
    ENROLMENT_REQUESTED = "enrolment-requested"
    ENROLLED = "enrolled"
    SET_IMPORTED = "set-imported"
    PACK_IMPORTED = "pack-imported"
    LIST_IMPORTED = "list-imported"
    PERSON_ADDED = "person-added"
    PERSON_CHANGED = "person-changed"
    DOSE_RECORDED = "dose-recorded"
    DOSE_CORRECTED = "dose-corrected"
    IDENTITY_CHECKED = "identity-checked"
    IDENTITY_VOUCHED = "identity-vouched"
    PASS_PREPARED = "pass-prepared"  # noqa: S105
    PASS_SIGNED = "pass-signed"  # noqa: S105
    PASS_SEALED = "pass-sealed"  # noqa: S105
    PASS_ABANDONED = "pass-abandoned"  # noqa: S105
    BUNDLE_SENT = "bundle-sent"
    BUNDLE_RECEIPTED = "bundle-receipted"
    BUNDLE_REFUSED = "bundle-refused"


# What was done, to what (by id), and figures: an entry before it has its place in the chain.
Act: TypeAlias = tuple[Action, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `digest` is SHA-256 over all other fields and the predecessor's digest, 32 bytes."""

    entry: int
    at: int
    actor: str
    action: str
    subject: str
    details: str
    previous: bytes
    digest: bytes


def append(tables: Tables, action: Action, subject: str, *, actor: str, at: int, details: str = "") -> Entry:
    """Write the next entry in the caller's write transaction: act and entry are kept together or not at all.

    Args:
        tables: of a write transaction.
        action: what was done.
        subject: what it was done to, by id: "dose:12".
        actor: the user's name at the node.
        at: epoch seconds UTC.
        details: figures and ids, never a person's data.
    """
    return append_many(tables, [(action, subject, details)], actor=actor, at=at)[-1]


def append_many(tables: Tables, acts: Sequence[Act], *, actor: str, at: int) -> list[Entry]:
    """Write the next entries in order."""
    number, previous = head(tables)
    entries: list[Entry] = []
    for action, subject, details in acts:
        number += 1
        digest = _digest(number, at, actor=actor, action=action, subject=subject, details=details, previous=previous)
        entries.append(Entry(number, at, actor, action, subject, details, previous, digest))
        previous = digest
    tables.conn.executemany(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(e.entry, e.at, e.actor, e.action, e.subject, e.details, e.previous, e.digest) for e in entries],
    )
    return entries


def head(tables: Tables) -> tuple[int, bytes]:
    """The number and digest of the newest entry; (0, BEGINNING) while there is none."""
    row = tables.execute("SELECT entry, digest FROM audit ORDER BY entry DESC LIMIT 1").fetchone()
    return (0, BEGINNING) if row is None else (int(row[0]), bytes(row[1]))


def entries(tables: Tables, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
    """Entries in order, from the one after number `after`."""
    rows = tables.execute("SELECT * FROM audit WHERE entry > ? ORDER BY entry LIMIT ?", (after, limit))
    return [Entry(*row) for row in rows]


def verify(tables: Tables) -> tuple[int, bytes]:
    """Recompute the whole chain and return its head.

    Raises:
        StoreError: DAMAGED, naming the first entry that does not follow from its predecessor.
    """
    number, previous = 0, BEGINNING
    for entry in _all(tables):
        number += 1
        digest = _digest(
            number,
            entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            details=entry.details,
            previous=previous,
        )
        if entry.entry != number or entry.previous != previous or entry.digest != digest:
            raise StoreError(StoreCode.DAMAGED, f"audit entry {number} does not follow from the one before")
        previous = digest
    return number, previous


def _all(tables: Tables) -> Iterator[Entry]:
    for row in tables.execute("SELECT * FROM audit ORDER BY entry"):
        yield Entry(*row)


def _digest(number: int, at: int, *, actor: str, action: str, subject: str, details: str, previous: bytes) -> bytes:
    return hashlib.sha256(cbor.encode([number, at, actor, str(action), subject, details, previous])).digest()

"""The audit trail: who did what and when, append-only, each entry hashed over its predecessor.

Entries name things by their ids ("dose:12", "person:7") and say what kind of act it was. What a person was before a
change stands in `person_versions`, so that the trail itself can be shown without anybody's data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from edge.store.database import Tables
from edge.store.errors import StoreCode, StoreError
from sync_protocol import cbor

# What the first entry names as its predecessor.
BEGINNING: Final = bytes(32)
_TOLD_EVERY: Final = 1_000
_ABOVE_ALL: Final = 2**62


class Action(StrEnum):
    """What was done; stored, so a word is never given another meaning."""

    INITIALISED = "initialised"
    ENROLMENT_REQUESTED = "enrolment-requested"
    ENROLLED = "enrolled"
    SET_IMPORTED = "set-imported"
    PACK_IMPORTED = "pack-imported"
    PACK_MISSED = "pack-missed"
    LIST_IMPORTED = "list-imported"
    LIST_EXPORTED = "list-exported"
    CORRECTIONS_IMPORTED = "corrections-imported"
    PERSON_ADDED = "person-added"
    PERSON_CHANGED = "person-changed"
    VISIT_OPENED = "visit-opened"
    VISIT_CANCELLED = "visit-cancelled"
    ROSTER_IMPORTED = "roster-imported"
    DOSE_RECORDED = "dose-recorded"
    DOSE_CORRECTED = "dose-corrected"
    VIAL_OPENED = "vial-opened"
    VIAL_CLOSED = "vial-closed"
    VIAL_REOPENED = "vial-reopened"
    VIAL_WITHDRAWN = "vial-withdrawn"
    VISIT_OBSERVED = "visit-observed"
    VISIT_HANDED_OVER = "visit-handed-over"
    VISIT_LEFT = "visit-left"
    VISIT_RETURNED = "visit-returned"
    IDENTITY_CHECKED = "identity-checked"
    IDENTITY_VOUCHED = "identity-vouched"
    IDENTITY_ASKED = "identity-asked"
    IDENTITY_ANSWERED = "identity-answered"
    PASS_PREPARED = "pass-prepared"  # noqa: S105
    PASS_SIGNED = "pass-signed"  # noqa: S105
    PASS_SEALED = "pass-sealed"  # noqa: S105
    PASS_ABANDONED = "pass-abandoned"  # noqa: S105
    PIN_REFUSED = "pin-refused"
    PIN_TAKEN = "pin-taken"
    APPROVAL_ASKED = "approval-asked"
    APPROVAL_GIVEN = "approval-given"
    APPROVAL_REFUSED = "approval-refused"
    APPROVAL_WITHDRAWN = "approval-withdrawn"
    APPROVAL_USED = "approval-used"
    EPOCH_ASKED = "epoch-asked"
    EPOCH_BEGUN = "epoch-begun"
    EPOCH_REFUSED = "epoch-refused"
    BUNDLE_LEFT = "bundle-left"
    DOSE_RENUMBERED = "dose-renumbered"
    BUNDLE_SENT = "bundle-sent"
    BUNDLE_RECEIPTED = "bundle-receipted"
    BUNDLE_REFUSED = "bundle-refused"
    REGISTRATION_ASKED = "registration-asked"
    STICK_EXPORTED = "stick-exported"
    STICK_IMPORTED = "stick-imported"
    CARRIED_DROPPED = "carried-dropped"
    FEED_TAKEN = "feed-taken"
    FEED_UNREADABLE = "feed-unreadable"
    LEDGER_EPOCH_TAKEN = "ledger-epoch-taken"
    LEDGER_CONTRADICTED = "ledger-contradicted"
    VERDICTS_CHANGED = "verdicts-changed"
    PASSPORTS_TAKEN = "passports-taken"
    DOSES_HANDED = "doses-handed"
    HANDOVER_SIGNED = "handover-signed"
    HANDOVER_RETURNED = "handover-returned"
    HANDOVER_TAKEN = "handover-taken"
    DOSES_HANDED_BACK = "doses-handed-back"
    LAN_CERTIFICATE_MADE = "lan-certificate-made"
    DEVICE_ASKED = "device-asked"
    DEVICE_ADMITTED = "device-admitted"
    DEVICE_REFUSED = "device-refused"
    DEVICE_WITHDRAWN = "device-withdrawn"
    EXPORT = "exported"
    DAY_CLOSED = "day-closed"
    USER_ADDED = "user-added"
    USER_CHANGED = "user-changed"
    USER_CLOSED = "user-closed"
    USER_REOPENED = "user-reopened"
    PASSWORD_RESET = "password-reset"  # noqa: S105
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    ACCOUNT_LOCKED = "account-locked"
    SETTING_CHANGED = "setting-changed"
    CLOCK_JUMPED = "clock-jumped"
    CLOCK_SET = "clock-set"
    CLOCK_CONFIRMED = "clock-confirmed"
    CLOCK_RELEASED = "clock-released"
    OFFLINE_REASON_GIVEN = "offline-reason-given"


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries somebody looks for; "" and 0 ask for nothing.

    Attributes:
        action, actor: as they stand in the entry.
        since, until: instants, epoch seconds, from the first to before the second.
    """

    action: str = ""
    actor: str = ""
    since: int = 0
    until: int = 0


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


def listed(tables: Tables, wanted: Wanted, *, before: int, limit: int) -> list[Entry]:
    """Entries that are wanted, the newest first, from the one below number `before`; 0 for the newest of all."""
    where = ["entry < ?"]
    values: list[object] = [before or _ABOVE_ALL]
    for column, value in (("action", wanted.action), ("actor", wanted.actor)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if wanted.until:
        where.append("at >= ? AND at < ?")
        values += [wanted.since, wanted.until]
    rows = tables.execute(
        f"SELECT * FROM audit WHERE {' AND '.join(where)} ORDER BY entry DESC LIMIT ?", (*values, limit)
    )
    return [Entry(*row) for row in rows]


def verify(tables: Tables, tell: Callable[[int], None] | None = None) -> tuple[int, bytes]:
    """Recompute the whole chain and return its head.

    Args:
        tables: a snapshot; entries that follow later are not looked at.
        tell: is told now and then how many entries are done.

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
        if tell is not None and number % _TOLD_EVERY == 0:
            tell(number)
    return number, previous


def _all(tables: Tables) -> Iterator[Entry]:
    for row in tables.execute("SELECT * FROM audit ORDER BY entry"):
        yield Entry(*row)


def _digest(number: int, at: int, *, actor: str, action: str, subject: str, details: str, previous: bytes) -> bytes:
    return hashlib.sha256(cbor.encode([number, at, actor, str(action), subject, details, previous])).digest()

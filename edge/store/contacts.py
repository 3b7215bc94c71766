"""What the centre said of itself at the latest contact, and what of it this node does not hold yet.

Only a statement that was verified comes in here. One row is kept, the newest: what the centre says never goes back, and
the schema refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge.store.database import Tables
from edge.store.receipts import EVIDENCE_ROWS
from sync_protocol.contact import Statement
from sync_protocol.manifest import Checkpoint

# What `Missing.what` says of the feed itself; the others are kinds of sets.
ITEMS: Final = "items"


@dataclass(frozen=True, slots=True)
class StoredContact:
    """The newest statement that was verified. Instants are epoch seconds UTC.

    Attributes:
        centre_at: by the centre's clock.
        node_at: by the node's own clock, when the statement was verified.
        is_answer: whether it answered a request of this node just then; else it came in a file and may be old, and says
            of the node's clock no more than that `centre_at` is past.
        newest_item: the number of the last item of this node's feed.
        head: the newest head of the ledger that was verified when it came; the statement's own if that could be
            followed from what was known.
        versions: the newest version of each set made for this node, by kind.
        signed: the statement as it came.
    """

    centre_at: int
    node_at: int
    is_answer: bool
    newest_item: int
    head: Checkpoint
    versions: Mapping[str, int]
    signed: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the centre says there is and that has not come.

    Attributes:
        what: ITEMS, or the kind of a set.
        said: the number of the last item, or the version, that there is.
        since: epoch seconds UTC, by the node's clock, since when it is known and missing.
    """

    what: str
    said: int
    since: int


def newest(tables: Tables) -> StoredContact | None:
    """The newest statement, or None before the first contact."""
    row = tables.execute(
        "SELECT centre_at, node_at, is_answer, newest_item, head_epoch, head_size, head_root, head_at, statement"
        " FROM contacts"
    ).fetchone()
    if row is None:
        return None
    versions = tables.execute("SELECT kind, version FROM contact_versions")
    return StoredContact(
        centre_at=row[0],
        node_at=row[1],
        is_answer=bool(row[2]),
        newest_item=row[3],
        head=Checkpoint(epoch=row[4], size=row[5], root=bytes(row[6]), at=row[7]),
        versions=MappingProxyType({str(kind): int(version) for kind, version in versions}),
        signed=bytes(row[8]),
    )


def time_by_centre(tables: Tables, at: int) -> int:
    """The time by which the end of a set is judged (epoch seconds UTC): the centre's, where it has answered this node.

    A laptop's clock is a claim, and a set that is refused comes no second time: a dead battery must not cost it. What
    has gone by since the answer, as on the way to a stick, is counted by the node's clock.

    Args:
        at: epoch seconds UTC, by the node's clock.
    """
    found = newest(tables)
    return at if found is None or not found.is_answer else found.centre_at + max(0, at - found.node_at)


def keep(tables: Tables, statement: Statement, signed: bytes, *, head: Checkpoint, at: int, is_answer: bool) -> None:
    """Put a verified statement in place of the one before.

    Args:
        head: the newest head that was verified, the statement's own or an earlier one.
        at: epoch seconds UTC, by the node's clock.
        is_answer: whether it came at once over the network, so that both clocks stood so at the same time.
    """
    tables.execute(
        "INSERT INTO contacts (only, centre_at, node_at, is_answer, newest_item, head_epoch, head_size, head_root,"
        " head_at, statement) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (only) DO UPDATE SET"
        " centre_at = excluded.centre_at, node_at = excluded.node_at, is_answer = excluded.is_answer,"
        " newest_item = excluded.newest_item, head_epoch = excluded.head_epoch, head_size = excluded.head_size,"
        " head_root = excluded.head_root, head_at = excluded.head_at, statement = excluded.statement",
        (
            statement.at,
            at,
            int(is_answer),
            statement.newest_item,
            head.epoch,
            head.size,
            head.root,
            head.at,
            signed,
        ),
    )
    tables.execute("DELETE FROM contact_versions")
    for kind, version in statement.versions.items():
        tables.execute("INSERT INTO contact_versions VALUES (?, ?)", (kind, version))


def forget(tables: Tables) -> None:
    """Take out what the centre said before it was restored: it speaks of a ledger and of sets that were lost."""
    for table in ("contacts", "contact_versions", "contact_missing"):
        tables.execute(f"DELETE FROM {table}")


def note_missing(tables: Tables, *, said: Mapping[str, int], held: Mapping[str, int], at: int) -> None:
    """Compare what there is with what has come: what is missing is noted once, with the time, until it comes.

    Args:
        said: the number of the last item under ITEMS, and the newest version of each set, as the centre says.
        held: the same as this node has them; what is not in it is no business of this node.
        at: epoch seconds UTC, by the node's clock.
    """
    noted = {one.what: one for one in missing(tables)}
    for what in said.keys() & held.keys():
        before = noted.get(what)
        if held[what] >= said[what]:
            tables.execute("DELETE FROM contact_missing WHERE what = ?", (what,))
        elif before is None or before.said <= held[what]:
            tables.execute("INSERT OR REPLACE INTO contact_missing VALUES (?, ?, ?)", (what, said[what], at))
        else:
            tables.execute("UPDATE contact_missing SET said = ? WHERE what = ?", (said[what], what))


def missing(tables: Tables) -> list[Missing]:
    """What the centre says there is and this node does not hold: a feed that stands still is seen by it."""
    return [Missing(*row) for row in tables.execute("SELECT what, said, since FROM contact_missing ORDER BY what")]


def keep_evidence(tables: Tables, answer: bytes, *, epoch: int, code: str, at: int) -> None:
    """Keep a statement that contradicts what the centre signed before, for a person to look at.

    It stands beside the answers to bundles, with the number 0, which no bundle has.

    Args:
        answer: the statement with its path, and the one that was held.
        epoch: of this node.
        code: why it was refused.
    """
    tables.execute(
        "INSERT INTO evidence (at, epoch, sequence, code, answer) SELECT ?, ?, 0, ?, ?"
        " WHERE (SELECT count(*) FROM evidence) < ?"
        " AND NOT EXISTS (SELECT 1 FROM evidence WHERE sequence = 0 AND answer = ?)",
        (at, epoch, code, answer, EVIDENCE_ROWS, answer),
    )

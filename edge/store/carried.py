"""Files of other nodes that this one carries: sealed ones on their way up, and what the centre answered, down.

Nothing here can be read or altered by this node: a row is bytes and their digest. What is kept is bounded in number, in
bytes and in age, so that no stick fills the store; whoever is turned away here still has its own copy.

Age is what passes between two times that the centre has signed: this machine's clock may jump by years, and what it
lets go of may be the last copy on its way. Without a contact nothing grows old; number and bytes bound it then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from edge.store import contacts
from edge.store.database import Tables
from sync_protocol.stick import UPWARD, StickFile, StickKind

CARRIED_FILES: Final = 1_000
CARRIED_BYTES: Final = 64 * 1024 * 1024
CARRIED_SECONDS: Final = 30 * 86_400
# Before what could not be taken is offered again, and before what found no network is.
PAUSE_SECONDS: Final = 1_800
_NETWORK_PAUSE_SECONDS: Final = 60
NETWORK: Final = "network"
_UP: Final = ", ".join(f"'{kind}'" for kind in sorted(UPWARD))


class Kept(Enum):
    """What became of a file that is to be carried."""

    NEW = auto()
    KNOWN = auto()
    NO_ROOM = auto()


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file that is carried, without its bytes; `is_new` where it was never offered."""

    digest: bytes
    kind: StickKind
    place: int
    size_bytes: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """How much is carried.

    Attributes:
        waiting: sealed files that the centre has not answered.
        turned_away: those of them that it did not take at the last try.
        answers: what came back and is for others, not yet written to a stick.
        size_bytes: all of it.
        oldest_at: when the oldest of it was taken, or None.
    """

    waiting: int
    turned_away: int
    answers: int
    size_bytes: int
    oldest_at: int | None


def state(tables: Tables) -> Carried:
    """What is carried now."""
    row = tables.execute(
        f"SELECT coalesce(sum(kind IN ({_UP})), 0),"
        f" coalesce(sum(kind IN ({_UP}) AND code NOT IN ('', '{NETWORK}')), 0),"
        f" coalesce(sum(kind NOT IN ({_UP}) AND written_at IS NULL), 0), coalesce(sum(size_bytes), 0), min(taken_at)"
        " FROM carried WHERE content IS NOT NULL"
    ).fetchone()
    return Carried(*row)


def take(tables: Tables, file: StickFile, content: bytes, *, place: int, at: int, answers: bytes | None = None) -> Kept:
    """Keep a file once.

    A file that was answered and comes again shows that its answer has not arrived: the answer goes to the next stick
    once more.

    Args:
        place: what its name told of its order, or 0.
        at: epoch seconds UTC.
        answers: the digest of the file that the centre answered with this one, if it did.
    """
    if tables.execute("SELECT 1 FROM carried WHERE digest = ?", (file.digest,)).fetchone() is not None:
        tables.execute("UPDATE carried SET written_at = NULL WHERE answers = ?", (file.digest,))
        return Kept.KNOWN
    # What was answered keeps its row without its bytes for a while; these rows are counted too.
    count, weight = tables.execute("SELECT count(*), coalesce(sum(length(content)), 0) FROM carried").fetchone()
    if count >= CARRIED_FILES or weight + len(content) > CARRIED_BYTES:
        return Kept.NO_ROOM
    tables.execute(
        "INSERT INTO carried (digest, kind, place, size_bytes, content, answers, taken_at, known_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (file.digest, file.kind, place, len(content), content, answers, at, _signed_at(tables)),
    )
    return Kept.NEW


def waiting(tables: Tables, *, at: int, most: int, is_asked: bool = False) -> list[CarriedFile]:
    """What is to be offered now: what was never tried first, then by the order that the names told.

    Args:
        at: epoch seconds UTC.
        most: how many.
        is_asked: whether a person asks, so that no pause is kept.
    """
    rows = tables.execute(
        f"SELECT digest, kind, place, size_bytes, tried_at IS NULL FROM carried WHERE kind IN ({_UP})"
        " AND content IS NOT NULL"
        " AND (? OR tried_at IS NULL OR tried_at > ? OR tried_at <= ? - CASE code WHEN ? THEN ? ELSE ? END)"
        " ORDER BY tried_at IS NOT NULL, place, taken_at, digest LIMIT ?",
        (is_asked, at, at, NETWORK, _NETWORK_PAUSE_SECONDS, PAUSE_SECONDS, most),
    )
    return [_file(row) for row in rows]


def for_stick(tables: Tables) -> list[CarriedFile]:
    """What goes to the next stick: what waits, for another carrier may have a network, and answers not yet written."""
    rows = tables.execute(
        f"SELECT digest, kind, place, size_bytes, tried_at IS NULL FROM carried WHERE content IS NOT NULL"
        f" AND (kind IN ({_UP}) OR written_at IS NULL) ORDER BY kind, place, taken_at, digest"
    )
    return [_file(row) for row in rows]


def content(tables: Tables, digest: bytes) -> bytes | None:
    """The bytes of a file, or None if they are not here any more."""
    row = tables.execute("SELECT content FROM carried WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else row[0]


def note_tried(tables: Tables, digest: bytes, *, at: int, code: str) -> None:
    """The centre did not take a file, or was not reached: `code` says why."""
    tables.execute("UPDATE carried SET tried_at = ?, code = ? WHERE digest = ?", (at, code, digest))


def note_answered(tables: Tables, digest: bytes, *, at: int) -> None:
    """The centre's answer is here: the bytes are let go, the row says for a while that they were answered."""
    tables.execute(
        "UPDATE carried SET content = NULL, code = '', tried_at = ?, answered_at = ? WHERE digest = ?", (at, at, digest)
    )


def note_written(tables: Tables, digests: Sequence[bytes], *, at: int) -> None:
    """These files were read back from a stick."""
    tables.conn.executemany("UPDATE carried SET written_at = ? WHERE digest = ?", [(at, digest) for digest in digests])


def drop_old(tables: Tables) -> int:
    """Let go of what is too old by what the centre has signed; returns how many files."""
    signed_at = _signed_at(tables)
    # The first time that was signed after a file came: it is at least as old as what has passed since.
    tables.execute("UPDATE carried SET aged_from = ? WHERE aged_from IS NULL AND known_at < ?", (signed_at, signed_at))
    return int(tables.execute("DELETE FROM carried WHERE aged_from <= ?", (signed_at - CARRIED_SECONDS,)).rowcount)


def is_waiting(tables: Tables, *, at: int) -> bool:
    """Whether something is to be offered now."""
    return bool(waiting(tables, at=at, most=1))


def drop_all(tables: Tables) -> int:
    """Let go of everything; returns how many files. Each node still has its own."""
    return int(tables.execute("DELETE FROM carried").rowcount)


def _signed_at(tables: Tables) -> int:
    """The newest time that the centre has signed for this node, by the centre's clock; 0 before the first contact."""
    contact = contacts.newest(tables)
    return 0 if contact is None else contact.centre_at


def _file(row: Sequence[object]) -> CarriedFile:
    digest, kind, place, size_bytes, is_new = row
    assert isinstance(digest, bytes)
    assert isinstance(place, int)
    assert isinstance(size_bytes, int)
    return CarriedFile(digest, StickKind(str(kind)), place, size_bytes, is_new=bool(is_new))

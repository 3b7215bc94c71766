"""What the store knows of the machine's clock: the latest look, jumps, the centre's time, and what people said.

`floor` is the newest time that this store or the centre has signed for; `hard_floor` is the part of it that no person
can go below, since the centre would refuse what claims to be earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.clock_sanity import Anchor
from edge.store import contacts, passes, receipts
from edge.store.database import Tables

# The pictures and lists show so much.
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest look at the clock. `is_behind`: the working time was held up by the floor alone."""

    machine_at: int
    working_at: int
    is_behind: bool


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump of the machine's clock.

    Attributes:
        seen_at: working time.
        before_at, after_at: the machine's time at the look before and at this one.
        seconds: negative for a jump back.
    """

    number: int
    seen_at: int
    before_at: int
    after_at: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Override:
    """What a person has said what time it is.

    Attributes:
        set_at: the working time from then on.
        seconds: what is added to the machine's time; 0 where it was confirmed as it stands.
        jumps: how many jumps were known then; they are settled by it.
        ended_at: None while it is in force; `ended_by` is "" where an answer of the centre ended it.
    """

    number: int
    set_at: int
    machine_at: int
    seconds: int
    set_by: str
    reason: str
    jumps: int
    ended_at: int | None = None
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """The newest anchor, and how many jumps were known when it came: after a further one it says nothing any more."""

    anchor: Anchor
    jumps: int


def mark(tables: Tables) -> Mark | None:
    """The latest look, or None before the first."""
    row = tables.execute("SELECT machine_at, working_at, is_behind FROM clock_mark").fetchone()
    return None if row is None else Mark(row[0], row[1], bool(row[2]))


def put_mark(tables: Tables, new: Mark) -> None:
    """Keep a look in the place of the one before."""
    tables.execute(
        "INSERT OR REPLACE INTO clock_mark VALUES (1, ?, ?, ?)", (new.machine_at, new.working_at, int(new.is_behind))
    )


def floor(tables: Tables) -> int:
    """The newest time that was recorded here or signed for by the centre; 0 in an empty store.

    What was recorded is read from the audit trail, whose newest entry stands for it: a person's override is an entry,
    too, so that a time which was written by mistake does not hold the clock for ever.
    """
    row = tables.execute("SELECT at FROM audit ORDER BY entry DESC LIMIT 1").fetchone()
    return max(hard_floor(tables), 0 if row is None else int(row[0]))


def hard_floor(tables: Tables) -> int:
    """The newest time of a statement that the centre may admit, or of a head or statement that the centre signed."""
    head, contact = receipts.known_head(tables), contacts.newest(tables)
    return max(passes.latest_claim(tables), 0 if head is None else head.at, 0 if contact is None else contact.centre_at)


def words(tables: Tables) -> int:
    """Grows with each word of a person about the clock, and with its end: whoever goes by an older one asks anew."""
    return int(tables.execute("SELECT count(*) + count(ended_at) FROM clock_overrides").fetchone()[0])


def add_jump(tables: Tables, *, seen_at: int, before_at: int, after_at: int, seconds: int) -> Jump:
    """Keep a jump."""
    row = tables.execute(
        "INSERT INTO clock_jumps (seen_at, before_at, after_at, seconds) VALUES (?, ?, ?, ?) RETURNING number",
        (seen_at, before_at, after_at, seconds),
    ).fetchone()
    return Jump(int(row[0]), seen_at, before_at, after_at, seconds)


def jumps(tables: Tables, *, limit: int = _SHOWN) -> list[Jump]:
    """The newest jumps, newest first."""
    rows = tables.execute("SELECT * FROM clock_jumps ORDER BY number DESC LIMIT ?", (limit,))
    return [Jump(*row) for row in rows]


def last_jump(tables: Tables) -> Jump | None:
    """The newest jump, if there is one."""
    return next(iter(jumps(tables, limit=1)), None)


def unsettled(tables: Tables) -> tuple[int, int]:
    """The sum of the jumps that neither a person nor a right anchor has settled, and when the newest was seen."""
    row = tables.execute(
        "SELECT coalesce(sum(seconds), 0), coalesce(max(seen_at), 0) FROM clock_jumps WHERE number > max("
        "(SELECT coalesce(max(jumps), 0) FROM clock_overrides),"
        # An answer that may be old says nothing of a clock that is ahead of it.
        " (SELECT coalesce(max(jumps), 0) FROM clock_anchor WHERE high IS NOT NULL))"
    ).fetchone()
    return int(row[0]), int(row[1])


def anchor(tables: Tables) -> StoredAnchor | None:
    """The newest anchor, if there is one."""
    row = tables.execute("SELECT centre_at, machine_at, low, high, jumps FROM clock_anchor").fetchone()
    return None if row is None else StoredAnchor(Anchor(*row[:4]), row[4])


def put_anchor(tables: Tables, new: Anchor, *, jumps: int) -> None:
    """Keep an anchor in the place of the one before."""
    tables.execute(
        "INSERT OR REPLACE INTO clock_anchor VALUES (1, ?, ?, ?, ?, ?)",
        (new.centre_at, new.machine_at, new.low, new.high, jumps),
    )


def override(tables: Tables) -> Override | None:
    """The override that is in force, if there is one."""
    return _one(tables.execute("SELECT * FROM clock_overrides WHERE ended_at IS NULL ORDER BY number DESC").fetchone())


def overrides(tables: Tables, *, limit: int = _SHOWN) -> list[Override]:
    """The newest overrides and confirmations, newest first."""
    rows = tables.execute("SELECT * FROM clock_overrides ORDER BY number DESC LIMIT ?", (limit,))
    return [Override(*row) for row in rows]


def add_override(tables: Tables, new: Override) -> int:
    """Keep what a person said; gives its number (that of the argument is not used)."""
    row = tables.execute(
        "INSERT INTO clock_overrides (set_at, machine_at, seconds, set_by, reason, jumps, ended_at, ended_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (new.set_at, new.machine_at, new.seconds, new.set_by, new.reason, new.jumps, new.ended_at, new.ended_by),
    ).fetchone()
    return int(row[0])


def end_override(tables: Tables, number: int, *, at: int, by: str) -> None:
    """End an override; `by` is "" where an answer of the centre ends it. IntegrityError (our bug) if it has ended."""
    tables.execute("UPDATE clock_overrides SET ended_at = ?, ended_by = ? WHERE number = ?", (at, by, number))


def _one(row: Sequence[Any] | None) -> Override | None:
    return None if row is None else Override(*row)

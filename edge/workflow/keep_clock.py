"""The node's clock: look at it, keep what was seen, let a person say what time it is.

`note_look` is called at the start and every minute; it is the one place where jumps, the centre's time and the end of
an override are found. What was recorded before keeps its time, whatever is found: only what is written from then on
goes by another one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from edge.domain.clock_sanity import (
    TYPED_SECONDS,
    Anchor,
    ClockFacts,
    ClockFinding,
    Look,
    anchor_of,
    find_jump,
    is_behind,
    judge_clock,
    working_time,
)
from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, clock_marks, contacts
from edge.store.audit import Action
from edge.store.clock_marks import Mark, Override
from edge.store.database import Database, Tables
from sync_protocol.limits import INSTANT, LONG_CHARS

ACTOR: Final = "clock"


@dataclass(frozen=True, slots=True)
class Held:
    """What the running program goes by until the next look.

    Attributes:
        look: the latest one.
        offset: of the override that is in force, or 0.
        floor: the working time is not before this, and from the look on it runs with the steady time.
        is_behind: whether it is the floor that holds the working time up.
        words: what people had said of the clock by then, as `clock_marks.words` counts it.
    """

    look: Look
    offset: int
    floor: int
    is_behind: bool
    words: int

    def working(self, now: Look) -> int:
        """The working time at a later moment of the same run."""
        passed = 0 if now.steady is None or self.look.steady is None else int(now.steady - self.look.steady)
        return working_time(now.machine_at, offset=self.offset, floor=self.floor + max(0, passed))


def note_look(tables: Tables, seen: Look, *, before: Held | None) -> Held:
    """Keep a look at the clock, in the caller's write transaction; gives what the program goes by from now on.

    Args:
        seen: the look.
        before: what this run of the program went by, or None at its start.
    """
    # (1) What has run on since the floor was read is not lost while nothing but the floor is known: not what a person
    # has said meanwhile, perhaps in another process of this node.
    is_alone = before is not None and before.is_behind and before.words == clock_marks.words(tables)
    carried = before.floor + _passed(before.look, seen) if before is not None and is_alone else 0
    in_force = clock_marks.override(tables)
    offset = 0 if in_force is None else in_force.seconds
    floor = max(clock_marks.floor(tables), carried)
    working = working_time(seen.machine_at, offset=offset, floor=floor)
    # (2)
    _note_jump(tables, seen, before=before, working=working)
    # (3)
    _note_anchor(tables, seen, before=before)
    # (4) The centre says that the machine's own clock is right again.
    anchor = _anchor(tables)
    is_right = anchor is not None and anchor.says_right
    if in_force is not None and anchor is not None and is_right and anchor.machine_at > in_force.machine_at:
        _end(tables, in_force, at=max(seen.machine_at, clock_marks.hard_floor(tables)), by="")
        offset, floor = 0, clock_marks.floor(tables)
    return _mark(tables, seen, offset=offset, floor=floor)


def clock_findings(tables: Tables) -> tuple[ClockFinding, ...]:
    """Everything that is to be said of the clock, by the latest look."""
    mark = clock_marks.mark(tables)
    if mark is None:
        return ()
    jumped, jumped_at = clock_marks.unsettled(tables)
    in_force = clock_marks.override(tables)
    return judge_clock(
        ClockFacts(
            mark.machine_at,
            offset=0 if in_force is None else in_force.seconds,
            # Only a working time that was held up by it says what the floor is.
            floor=mark.working_at if mark.is_behind else 0,
            jumped=jumped,
            jumped_at=jumped_at,
            anchor=_anchor(tables),
            override_at=None if in_force is None else in_force.set_at,
        )
    )


def set_clock(database: Database, seen: Look, wanted: int, *, reason: str, by: str) -> Held:
    """A person says what time it is: from now on the node goes by it. Gives what the program goes by.

    Args:
        seen: the machine's clock at this moment.
        wanted: the time that the person has confirmed, epoch seconds UTC; within a minute of the machine's own it
            confirms that clock, and nothing is added.
        reason: why, in words.
        by: the name of the manager or signer.

    Raises:
        RefusedError: REASON_MISSING; CLOCK_EARLY for a time before what the centre has signed or may admit;
            nothing was stored.
        StoreError: nothing was stored.
    """
    reason = " ".join(unicodedata.normalize("NFC", reason).split())[:LONG_CHARS]
    if not reason:
        raise refuse(EdgeCode.REASON_MISSING, "reason")
    seconds = wanted - seen.machine_at
    if abs(seconds) <= TYPED_SECONDS:
        seconds = 0
    working = seen.machine_at + seconds
    with database.write_transaction() as tables:
        hard_floor = clock_marks.hard_floor(tables)
        # A minute is what a person types; less than that below the floor is the floor itself.
        if not hard_floor - TYPED_SECONDS <= working <= INSTANT:
            raise refuse(EdgeCode.CLOCK_EARLY, "time")
        working = max(working, hard_floor)
        before = clock_marks.override(tables)
        if before is not None:
            clock_marks.end_override(tables, before.number, at=working, by=by)
        last = clock_marks.last_jump(tables)
        number = clock_marks.add_override(
            tables,
            Override(
                number=0,
                set_at=working,
                machine_at=seen.machine_at,
                seconds=seconds,
                set_by=by,
                reason=reason,
                jumps=0 if last is None else last.number,
                # What is only confirmed is not in force: there is nothing to end.
                ended_at=None if seconds else working,
                ended_by="" if seconds else by,
            ),
        )
        action = Action.CLOCK_SET if seconds else Action.CLOCK_CONFIRMED
        audit.append(tables, action, f"clock:{number}", actor=by, at=working, details=f"{seconds:+d} s")
        return _mark(tables, seen, offset=seconds, floor=working)


def end_clock(database: Database, seen: Look, *, by: str) -> Held | None:
    """A person ends the override: the machine's own clock holds again. None where none was in force.

    Raises:
        RefusedError: CLOCK_EARLY where the machine's clock is behind what the centre has signed or may admit: another
            time has to be set instead; nothing was stored.
        StoreError: nothing was stored.
    """
    with database.write_transaction() as tables:
        found = clock_marks.override(tables)
        if found is None:
            return None
        if seen.machine_at < clock_marks.hard_floor(tables) - TYPED_SECONDS:
            raise refuse(EdgeCode.CLOCK_EARLY, "time")
        working = max(seen.machine_at, clock_marks.hard_floor(tables))
        _end(tables, found, at=working, by=by)
        return _mark(tables, seen, offset=0, floor=working)


def _note_jump(tables: Tables, seen: Look, *, before: Held | None, working: int) -> None:
    if before is not None:
        compared = before.look
    elif (mark := clock_marks.mark(tables)) is not None:
        compared = Look(mark.machine_at)
    else:
        return
    size = find_jump(compared, seen, same_run=before is not None)
    if size is None:
        return
    last = clock_marks.last_jump(tables)
    if last is not None and abs(last.after_at - seen.machine_at) <= TYPED_SECONDS and last.seconds * size > 0:
        # Another process of this node has seen the same jump.
        return
    # Said of the time that it would be without a jump ahead: an entry of a wrong time would hold the floor up there.
    at = max(clock_marks.floor(tables), working - max(0, size))
    jump = clock_marks.add_jump(
        tables, seen_at=at, before_at=compared.machine_at, after_at=seen.machine_at, seconds=size
    )
    details = f"{size:+d} s"
    audit.append(tables, Action.CLOCK_JUMPED, f"clock-jump:{jump.number}", actor=ACTOR, at=at, details=details)


def _note_anchor(tables: Tables, seen: Look, *, before: Held | None) -> None:
    contact = contacts.newest(tables)
    if contact is None:
        return
    known = clock_marks.anchor(tables)
    if known is not None and contact.centre_at <= known.anchor.centre_at:
        return
    # The answer came a moment ago, by the time that this run went by then: what has passed since by the working clock
    # has passed by the machine's, too. Of an answer that another run got nobody knows how long ago it came.
    passed = 0 if before is None else max(0, before.working(seen) - contact.node_at)
    is_fresh = contact.is_answer and before is not None
    last = clock_marks.last_jump(tables)
    anchor = anchor_of(centre_at=contact.centre_at, machine_at=seen.machine_at - passed, is_fresh=is_fresh)
    clock_marks.put_anchor(tables, anchor, jumps=0 if last is None else last.number)


def _anchor(tables: Tables) -> Anchor | None:
    """The newest anchor, unless the clock has jumped since it came."""
    found, last = clock_marks.anchor(tables), clock_marks.last_jump(tables)
    return None if found is None or (last is not None and last.number > found.jumps) else found.anchor


def _end(tables: Tables, found: Override, *, at: int, by: str) -> None:
    clock_marks.end_override(tables, found.number, at=at, by=by)
    audit.append(tables, Action.CLOCK_RELEASED, f"clock:{found.number}", actor=by or ACTOR, at=at)


def _mark(tables: Tables, seen: Look, *, offset: int, floor: int) -> Held:
    behind = is_behind(ClockFacts(seen.machine_at, offset=offset, floor=floor))
    working = working_time(seen.machine_at, offset=offset, floor=floor)
    clock_marks.put_mark(tables, Mark(seen.machine_at, working, behind))
    return Held(seen, offset, floor, behind, clock_marks.words(tables))


def _passed(before: Look, seen: Look) -> int:
    return 0 if before.steady is None or seen.steady is None else max(0, int(seen.steady - before.steady))

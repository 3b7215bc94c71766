"""Is the machine's clock to be believed? Jumps between two looks, what the centre's time says, and what follows.

Three times are told apart. The *machine's time* is what the operating system says. The *steady time* only runs on
while the machine is on, and nobody can set it. The *working time* is what the node writes down: the machine's time with
the offset that a person has set, never before the *floor*, which is the newest time that this store or the centre has
signed for. All times are seconds; instants are epoch seconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol.limits import CLOCK_AHEAD_SECONDS

# What the centre lets a claimed time run ahead is what a clock may be wrong.
TOLERANCE_SECONDS: Final = CLOCK_AHEAD_SECONDS
# A station that works once a month turns its machine on once a month.
AWAY_SECONDS: Final = 45 * 86_400
# An answer of the centre is under way for at most so long: by so much an anchor is uncertain.
ANCHOR_DELAY_SECONDS: Final = 120
# A person who confirms the time has typed it to the minute.
TYPED_SECONDS: Final = 60


class ClockCode(StrEnum):
    """What is to be said of the clock; stable."""

    BEHIND = "clock-behind"
    JUMPED_BACK = "clock-jumped-back"
    JUMPED_AHEAD = "clock-jumped-ahead"
    SLOW = "clock-slow"
    FAST = "clock-fast"
    OVERRIDDEN = "clock-overridden"


@dataclass(frozen=True, slots=True)
class Look:
    """The machine's time at one moment, and the steady time of the same run of the program; None where it has none."""

    machine_at: int
    steady: float | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """What an answer of the centre says of the machine's clock.

    Attributes:
        centre_at: the centre's time in it.
        machine_at: the machine's time when it came.
        low, high: true time less the machine's time lies between these; `high` is None where the answer may be old.
    """

    centre_at: int
    machine_at: int
    low: int
    high: int | None

    @property
    def says_right(self) -> bool:
        """Whether the machine's own clock is right by it."""
        return self.high is not None and self.low <= TOLERANCE_SECONDS and self.high >= -TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """What is known at one look.

    Attributes:
        machine_at: the machine's time.
        offset: what a person's override adds to it; 0 without one.
        floor: the working time is not before this.
        jumped: the sum of the jumps that nobody has looked at and no anchor has settled; 0 if there are none.
        jumped_at: the working time at which the newest of them was seen.
        anchor: the newest one since the newest jump.
        override_at: since when an override is in force.
    """

    machine_at: int
    offset: int = 0
    floor: int = 0
    jumped: int = 0
    jumped_at: int = 0
    anchor: Anchor | None = None
    override_at: int | None = None


@dataclass(frozen=True, slots=True)
class ClockFinding:
    """One thing to say: `seconds` is by how much, `since` the instant from which on it is known."""

    code: ClockCode
    seconds: int
    since: int


def find_jump(before: Look, now: Look, *, same_run: bool) -> int | None:
    """By how many seconds the machine's clock has jumped between two looks; None if it has just run on.

    Args:
        same_run: whether both looks are of one run of the program, so that the steady times can be compared. Across two
            runs any time may have passed: a jump back is seen, a jump ahead only where it is longer than a pause is.
    """
    passed = now.machine_at - before.machine_at
    if same_run and before.steady is not None and now.steady is not None:
        size = passed - round(now.steady - before.steady)
        return size if abs(size) > TOLERANCE_SECONDS else None
    return passed if passed < -TOLERANCE_SECONDS or passed > AWAY_SECONDS else None


def working_time(machine_at: int, *, offset: int, floor: int) -> int:
    """What the node writes down: the machine's time with the override's offset, never before the floor."""
    return max(machine_at + offset, floor)


def anchor_of(*, centre_at: int, machine_at: int, is_fresh: bool) -> Anchor:
    """What an answer says that came at `machine_at`; `is_fresh` where the centre made it for this very request."""
    low = centre_at - machine_at
    return Anchor(centre_at, machine_at, low, low + ANCHOR_DELAY_SECONDS if is_fresh else None)


def judge_clock(facts: ClockFacts) -> tuple[ClockFinding, ...]:
    """Everything that is to be said of the clock; nothing while it is believed."""
    return tuple(_found(facts))


def is_doubtful(findings: Sequence[ClockFinding]) -> bool:
    """Whether a person should confirm the day: an override that is in force is a confirmation."""
    return any(finding.code is not ClockCode.OVERRIDDEN for finding in findings)


def is_behind(facts: ClockFacts) -> bool:
    """Whether the working time is only held up by the floor: what day it is, nobody knows."""
    return facts.machine_at + facts.offset < facts.floor - TOLERANCE_SECONDS


def _found(facts: ClockFacts) -> Iterator[ClockFinding]:
    if is_behind(facts):
        yield ClockFinding(ClockCode.BEHIND, facts.floor - facts.machine_at - facts.offset, facts.floor)
    if abs(facts.jumped) > TOLERANCE_SECONDS:
        code = ClockCode.JUMPED_BACK if facts.jumped < 0 else ClockCode.JUMPED_AHEAD
        yield ClockFinding(code, abs(facts.jumped), facts.jumped_at)
    if facts.anchor is not None:
        low = facts.anchor.low - facts.offset
        high = None if facts.anchor.high is None else facts.anchor.high - facts.offset
        if low > TOLERANCE_SECONDS:
            yield ClockFinding(ClockCode.SLOW, low, facts.anchor.centre_at)
        elif high is not None and high < -TOLERANCE_SECONDS:
            yield ClockFinding(ClockCode.FAST, -high, facts.anchor.centre_at)
    if facts.override_at is not None:
        yield ClockFinding(ClockCode.OVERRIDDEN, facts.offset, facts.override_at)

"""What is said of a piece of long work: its state, its steps and its pace, and the file that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from edge.domain.refusals import Words


class WorkState(StrEnum):
    """Where a piece of work stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """A file for the browser."""

    data: bytes
    file_name: str
    media_type: str


# What work calls with the number of steps done so far; raises StoppedError when nobody wants the rest.
Tell: TypeAlias = Callable[[int], None]
Job: TypeAlias = Callable[[Tell], Result]


class StoppedError(Exception):
    """The work was cancelled, or the program ends."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A piece of work as it stands.

    Attributes:
        label: what it makes, in words.
        done, total: steps, such as rows.
        seconds: how long it has been running.
        size_bytes: of the result, or 0.
        problem: why it failed, or None.
    """

    work_id: str
    label: str
    state: WorkState
    done: int
    total: int
    seconds: int
    size_bytes: int
    problem: Words | None

    @property
    def percent(self) -> int:
        """How much is done: 100 only when everything is."""
        return 100 if self.state is WorkState.DONE else min(99, 100 * self.done // max(self.total, 1))

    @property
    def is_going_on(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in (WorkState.QUEUED, WorkState.RUNNING)

    @property
    def rate(self) -> int:
        """Steps in a second, so far; 0 while nobody can say."""
        return self.done // self.seconds if self.seconds else 0

    @property
    def left_seconds(self) -> int | None:
        """How long it will take at this rate; None while nobody can say."""
        return -(-(self.total - self.done) // self.rate) if self.rate else None

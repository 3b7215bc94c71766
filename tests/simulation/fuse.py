"""The plug: pulled before or after a commit that was chosen beforehand, or a disk that is full at that moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Crash(BaseException):
    """The machine stops here; what was not committed is gone."""


class Blow(StrEnum):
    """What happens at the chosen commit."""

    BEFORE = "before the commit"
    AFTER = "after the commit"
    FULL = "full disk"


@dataclass(slots=True)
class Fuse:
    """Counts the commits of a store down.

    Attributes:
        full: the error of a full disk, as the store's own library raises it.
        left: commits until it blows; 0 for never.
        blow: what happens then.
        blown: how many times it has.
    """

    full: Callable[[], BaseException]
    left: int = 0
    blow: Blow = Blow.BEFORE
    blown: int = 0

    def arm(self, left: int, blow: Blow) -> None:
        """Sets it to blow at the commit of this number, counted from 1."""
        self.left, self.blow = left, blow

    def disarm(self) -> None:
        """From here on nothing happens."""
        self.left = 0

    def before_commit(self) -> None:
        """To be called when everything of a transaction is written and nothing is committed."""
        if self.left == 1 and self.blow is not Blow.AFTER:
            self.left, self.blown = 0, self.blown + 1
            raise Crash if self.blow is Blow.BEFORE else self.full()

    def after_commit(self) -> None:
        """To be called when the commit is done."""
        if not self.left:
            return
        self.left -= 1
        if not self.left:
            self.blown += 1
            raise Crash

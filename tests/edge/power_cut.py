"""Cuts the power at the n-th event: a statement of the store, or a use of the token, before or after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.builders import PassingSigner


class PowerCutError(BaseException):
    """The process is gone: nothing of ours catches this."""


@dataclass(slots=True)
class Fuse:
    """Counts events and blows at one of them; after that every event fails, as in a dead process."""

    blows_at: int | None = None
    events: int = 0
    seen: list[str] = field(default_factory=list)

    def event(self, what: str) -> None:
        """Something happens; raises PowerCutError from the chosen event on."""
        self.events += 1
        self.seen.append(what)
        if self.blows_at is not None and self.events >= self.blows_at:
            raise PowerCutError(what)

    def statement(self, sql: str, _parameters: Sequence[Any] | dict[str, Any] | None = None) -> None:
        """Called by the store before each statement."""
        # The pragma behind each COMMIT is an event too: that is where something failed *but was kept*.
        self.event(sql)


@dataclass
class FusedSigner(PassingSigner):
    """A signer that loses power before or after it signs; keeps every signature it ever made."""

    fuse: Fuse
    made: list[bytes] = field(default_factory=list)

    def sign(self, message: bytes) -> bytes:
        self.fuse.event("token asked")
        signature = self.inner.sign(message)
        self.made.append(message)
        self.fuse.event("token answered")
        return signature

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        return [self.sign(message) for message in messages]

"""When a batch was signed, as far as it can be proven, and how that lies against an instant.

A laptop's clock is a claim. Proven is the head of the ledger inside the statement (not signed before it) and the
arrival (not signed after it). The end of a certificate, of its registration, or a revocation, at time R is judged by
that window: wholly before R the signature stands, wholly after R it is refused, and a window around R leaves a doubt
that a person decides (THREATS, "Bounding the signing time"). A beginning is judged
the other way round, and by the claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Against(Enum):
    """How a window lies against an instant."""

    BEFORE = auto()
    AFTER = auto()
    AROUND = auto()


@dataclass(frozen=True, slots=True)
class SigningWindow:
    """Both bounds in epoch seconds, UTC; `not_before` is 0 where the statement names no head."""

    not_before: int
    not_after: int

    def against(self, end: int) -> Against:
        """Compares the window with the first instant at which signing was no longer allowed."""
        # The table of THREATS: "arrived at or before R" proves a signature before R.
        if self.not_after <= end:
            return Against.BEFORE
        return Against.AFTER if self.not_before >= end else Against.AROUND

    def against_start(self, start: int, *, claimed_at: int) -> Against:
        """Compares the window with the first instant at which signing was allowed.

        Args:
            start: epoch seconds, UTC.
            claimed_at: by the statement itself. For a beginning it is believed, however old the head is that the
                statement names: the signature covers the digest of the certificate, so it was not made before there
                was one, and nobody gains by signing early what he may sign later.
        """
        if self.not_after <= start:
            return Against.BEFORE
        return Against.AFTER if max(self.not_before, claimed_at) >= start else Against.AROUND

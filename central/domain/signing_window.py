"""When a batch was signed, as far as it can be proven, and what that means for a certificate that came to its end.

A laptop's clock is a claim. Proven is the head of the ledger inside the statement (not signed before it) and the
arrival (not signed after it). An end of validity, of registration or a revocation at time R is judged by that window:
wholly before R the signature stands, wholly after R it is refused, and a window around R leaves a doubt that a person
decides (THREATS, "Bounding the signing time").
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

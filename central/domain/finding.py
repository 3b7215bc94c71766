"""What `check` finds wrong in the stored artefacts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise.

    Attributes:
        invariant: its number in the list of invariants, "I6".
        place: where, by index or code; never a person.
        rule: what does not hold.
    """

    invariant: str
    place: str
    rule: str

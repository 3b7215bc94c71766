"""The newest link of a node's chain, as the centre states it: in a problem, and at each contact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest link of a node's chain that the centre holds: what a 409 answers, and a contact says.

    Attributes:
        epoch: the node's epoch.
        sequence: of the newest link; 0 when the centre holds none of this epoch.
        digest: 32 bytes, that link's digest.
    """

    epoch: int
    sequence: int
    digest: bytes

"""A node as the centre knows it: which keys, which state, where its chain stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sync_protocol.api import ChainHead
from sync_protocol.keys import PublicKey


class NodeState(StrEnum):
    """Waiting for its first contact; enrolled; two histories were seen; locked out."""

    WAITING = "waiting"
    ENROLLED = "enrolled"
    FORKED = "forked"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class KnownNode:
    """One enrolled node.

    Attributes:
        code: its code.
        facility: the facility that it stands in.
        signing_key: verifies its bundles in this epoch.
        head: the newest link of its chain that holds a place in the ledger.
    """

    code: str
    facility: str
    state: NodeState
    signing_key: PublicKey
    head: ChainHead

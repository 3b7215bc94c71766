"""Whether a restored or copied store may go on: its chain beside the ledger's, and which dose number is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.domain.node import NodeState
from sync_protocol.node_epoch import ChainPart, EpochReason

# A laptop is not restored more often; whoever holds a node's key could otherwise begin epochs for ever.
GRANTS_A_DAY: Final = 3
# Requests of one node that may wait at the same time: two machines, and tries that were begun anew.
WAITING_KEPT: Final = 10
# Doses that the lost machine had given slips for and never sent have numbers behind everything that is known here, so
# the next free number is that of the next thousand.
_ROOM: Final = 1_000


class EpochStanding(StrEnum):
    """How the chain of a store stands to the ledger's. Stored; the words are stable."""

    # Every link of the store is in the ledger: it is an older copy of the same history.
    OLDER = "older"
    # Everything in the ledger is in the store, which has more.
    AHEAD = "ahead"
    # They part: two machines have worked on.
    OTHER = "other"
    # It cannot be told: the store has more links than it could name, or receipts for what is not in the ledger.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result, and the newest link that is known to be the same on both sides (0: where the epoch begins)."""

    standing: EpochStanding
    known_until: int


def compare(chain: ChainPart, ledger: Mapping[int, bytes], *, head: int) -> Comparison:
    """Compare a store's chain with the ledger's, in one epoch.

    Args:
        chain: what the store says it has.
        ledger: digests of the node's links by sequence, at least from `chain.delivered` on; what link 1 names at 0.
        head: the newest link of the ledger.
    """
    own = {chain.delivered: chain.digest}
    own |= {chain.delivered + place: link for place, link in enumerate(chain.links, start=1)}
    known_until = 0
    for sequence in sorted(own):
        if sequence > head:
            break
        if ledger.get(sequence) != own[sequence]:
            return Comparison(EpochStanding.OTHER, known_until)
        known_until = sequence
    if chain.delivered > head:
        # The store holds receipts for links that this ledger does not have: it is the ledger that went back.
        return Comparison(EpochStanding.UNKNOWN, known_until)
    if chain.newest <= head:
        return Comparison(EpochStanding.OLDER, known_until)
    is_named = chain.newest == chain.delivered + len(chain.links)
    return Comparison(EpochStanding.AHEAD if is_named or known_until == head else EpochStanding.UNKNOWN, known_until)


def may_grant_at_once(
    found: Comparison, reason: EpochReason, *, state: NodeState, second_histories: int, granted_lately: int
) -> bool:
    """Whether nobody has to decide: a plain restore, with nothing that contradicts the ledger.

    Args:
        state: the node's, now.
        second_histories: bundles of another history that are kept for this epoch.
        granted_lately: epochs that were granted to the node within a day.
    """
    is_plain = found.standing in (EpochStanding.OLDER, EpochStanding.AHEAD) and reason is EpochReason.RESTORED
    is_quiet = state is NodeState.ENROLLED and not second_histories and granted_lately < GRANTS_A_DAY
    return is_plain and is_quiet


def lowest_free_dose(highest: int) -> int:
    """The lowest dose number that is free to use, above the highest that is known; 1 where there was none."""
    return 1 if not highest else (highest // _ROOM + 1) * _ROOM + 1

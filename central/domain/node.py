"""A node as the centre knows it: which keys, which state, where its chain stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sync_protocol.chain_head import ChainHead
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import PublicKey

_Verified = TypeVar("_Verified")


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

    def verified(self, epoch: int, verify: Callable[[PublicKey], _Verified]) -> _Verified:
        """What this verification gives with the node's key.

        Args:
            epoch: of the node, as the message claims it.
            verify: raises ProtocolError where the signature is not good.

        Raises:
            ProtocolError: as `verify`; LEDGER_EPOCH where the signature is not good and the epoch is later than any
                that this centre began: after a restore it has lost the epoch and its key, and nobody else is at fault.
        """
        try:
            return verify(self.signing_key)
        except ProtocolError as error:
            if error.code is Code.SIGNATURE_INVALID and epoch > self.head.epoch:
                rule = "node: an epoch that this centre never began, or has lost"
                raise ProtocolError(Code.LEDGER_EPOCH, rule) from error
            raise


def require_in(node: KnownNode | None, *, what: str) -> KnownNode:
    """The node, where it is one that may speak: enrolled, also with two histories, of which a person decides.

    Args:
        node: as the store knows it, or None.
        what: the message that names it, for the rule: "feed request".

    Raises:
        ProtocolError: NODE_UNKNOWN for one that was never enrolled, NODE_DENIED for one that is locked out.
    """
    if node is None or node.state is NodeState.WAITING:
        raise ProtocolError(Code.NODE_UNKNOWN, f"{what}: no node of this code is enrolled")
    if node.state is NodeState.DENIED:
        raise ProtocolError(Code.NODE_DENIED, f"{what}: the node is locked out")
    return node

"""The ledger's signed size and root at one instant, and the rule by which heads follow each other.

A head is a promise: everything that was in the ledger at this size stays in it, in this place. A
node keeps the newest head it has seen and takes only heads that grow out of it; `check_follows` is
the one place where that is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, contexts, cose, keys, merkle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.manifest import Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.signers.signer import Signer

# A signed head weighs about 200 bytes with ES256 and 400 with RSA.
TREE_HEAD_BYTES: Final = 2_048


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The ledger at one instant.

    Attributes:
        epoch: the ledger's epoch; it grows when the centre is restored from a backup.
        size: number of entries, the genesis entry counted, so at least 1.
        root: 32 bytes, RFC 9162 root over all entries.
        at: epoch seconds, UTC, at which the head was signed.
    """

    epoch: int
    size: int
    root: bytes
    at: int

    @property
    def checkpoint(self) -> Checkpoint:
        """The same four values as they stand in a batch manifest and in a bundle."""
        return Checkpoint(epoch=self.epoch, size=self.size, root=self.root, at=self.at)


def sign_tree_head(head: TreeHead, signer: Signer) -> bytes:
    """Sign a head with the ledger key; returns a tagged COSE_Sign1.

    Raises:
        TokenError: the signer cannot sign now.
    """
    return cose.sign1(
        cbor.encode(checkpoint_map(head.checkpoint)),
        signer=signer,
        content_type=contexts.TREE_HEAD.content_type,
        context=contexts.TREE_HEAD.aad,
        protected={cose.KID: keys.key_id(signer.public_key)},
    )


def verify_tree_head(data: bytes, ledger_keys: Sequence[keys.PublicKey]) -> TreeHead:
    """Check a head's signature, then read it. Whether it follows a known one is `check_follows`.

    Args:
        data: the COSE_Sign1 as received.
        ledger_keys: the ledger keys that the trust list names.

    Raises:
        ProtocolError: `SIGNER_UNKNOWN`, `SIGNATURE_INVALID`, `ALGORITHM`, `CONTENT_TYPE`, or a code of
            form (`TOO_LARGE`, `NOT_COSE`, `FIELD_…`).
    """
    message = cose.parse_sign1(data, max_bytes=TREE_HEAD_BYTES)
    context = contexts.TREE_HEAD
    key = ledger_key_for(message, ledger_keys)
    payload = cose.verify_sign1(message, key, context=context.aad, content_type=context.content_type)
    head = read_checkpoint(Fields(cbor.decode(payload, max_bytes=TREE_HEAD_BYTES), what="tree head"))
    return TreeHead(epoch=head.epoch, size=head.size, root=head.root, at=head.at)


def ledger_key_for(message: cose.Sign1, ledger_keys: Sequence[keys.PublicKey]) -> keys.PublicKey:
    """Choose the trusted ledger key that the protected key id (header 4) names.

    Raises:
        ProtocolError: `SIGNER_UNKNOWN` if it names none of them.
    """
    key_id = message.header(cose.KID)
    for key in ledger_keys:
        if keys.key_id(key) == key_id:
            return key
    raise ProtocolError(Code.SIGNER_UNKNOWN, "ledger signature: key id (4) is of no trusted ledger key")


def check_follows(head: Checkpoint, known: Checkpoint, *, path: Sequence[bytes]) -> None:
    """Check that a verified head grows out of a head known before: same history, nothing taken away.

    1. neither the ledger's epoch nor its clock goes back;
    2. the size does not go back (rollback, truncation);
    3. at equal size the root is the same (another root is evidence of two histories);
    4. at greater size the consistency path leads from the known root to the new one.

    Args:
        head: the new head, its signature verified.
        known: the head verified before.
        path: consistency path of RFC 9162, 2.1.4, from `known.size` to `head.size`; empty at equal size.

    Raises:
        ProtocolError: `HEAD_INCONSISTENT`. Both heads are signed, so the caller keeps both as evidence.
    """
    # (1)
    if head.epoch < known.epoch or head.at < known.at:
        raise ProtocolError(Code.HEAD_INCONSISTENT, "tree head: epoch or time lies before that of the known head")
    # (2)
    if head.size < known.size:
        raise ProtocolError(Code.HEAD_INCONSISTENT, "tree head: the ledger is shorter than the known head")
    # (3)
    if head.size == known.size:
        if head.root != known.root or path:
            raise ProtocolError(Code.HEAD_INCONSISTENT, "tree head: equal size, another root")
        return
    # (4) RFC 9162, 2.1.4.2
    try:
        merkle.verify_consistency(
            old_size=known.size, new_size=head.size, old_root=known.root, new_root=head.root, path=path
        )
    except ProtocolError as error:
        raise ProtocolError(
            Code.HEAD_INCONSISTENT, "tree head: the consistency path does not lead from the known head"
        ) from error

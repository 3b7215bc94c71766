"""The centre's promise that a bundle is in the ledger, and what it says of each dose.

An answer holds the ledger entry, a COSE Receipt (RFC 9942: inclusion proof over RFC9162_SHA256, the root as
detached payload, signed by the ledger key), the consistency path from the head that the node knew, and the
verdicts. The protected header also states the tree head (CWT claims, RFC 9597), so a receipt is a signed head too.

The same receipt is given for a bundle that is refused but holds its place in its chain: the entry's outcome is then
the problem code, and the next bundle goes on behind it.

A node deletes nothing without a `VerifiedReceipt`; only `verify_receipt` makes one for a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, contexts, cose, keys, limits, merkle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.ledger_entry import ENTRY_BYTES, LedgerEntry, encode_entry, entry_leaf, parse_entry
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.signers.signer import Signer
from sync_protocol.tree_head import check_follows, ledger_key_for
from sync_protocol.verdict import VERDICTS_BYTES, Verdict, decode_verdicts, encode_verdicts, verdicts_digest

# An entry, a signature, two paths, and at most 3,000 verdicts that are exceptions.
RECEIPT_BYTES: Final = 64 * 1024
COSE_RECEIPT_BYTES: Final = 8 * 1024
ISSUER: Final = "hcvx-ledger"

# RFC 9942: the tree's kind (header 395, protected) and the label of its inclusion proofs (in header 396, unprotected).
VDS_RFC9162_SHA256: Final = 1
VDP_INCLUSION: Final = -1
# RFC 9597 and RFC 8392; the two private claims state the tree head.
CWT_CLAIMS: Final = 15
CLAIM_ISSUER: Final = 1
CLAIM_ISSUED_AT: Final = 6
CLAIM_EPOCH: Final = -65_537
CLAIM_SIZE: Final = -65_538

_WHAT: Final = "receipt"


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt whose entry is in the ledger, by the word of a trusted ledger key.

    Attributes:
        entry: the ledger entry.
        head: the signed head in which the entry is included.
        verdicts: one for each dose of the bundle, in its order; empty where the whole bundle is refused.
    """

    entry: LedgerEntry
    head: Checkpoint
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    entry: bytes
    receipt: bytes
    consistency: tuple[bytes, ...] | None
    verdicts: bytes


def build_receipt(
    entry: LedgerEntry,
    tree: Tree,
    *,
    epoch: int,
    at: int,
    known_head_size: int | None,
    ledger_signer: Signer,
    verdicts: Sequence[Verdict],
) -> bytes:
    """Make the answer to one bundle, after the commit that made its entry durable.

    Args:
        entry: the bundle's entry, already in the tree.
        tree: the ledger as it is committed.
        epoch: the ledger's epoch.
        at: epoch seconds, UTC, of the head; not before the entry's own time.
        known_head_size: size of the head that the bundle names as known to the node, or None.
        ledger_signer: the ledger key.
        verdicts: one for each dose, as `entry.verdicts_digest` binds them.

    Raises:
        TokenError: the ledger key cannot sign now. The entry stays in the ledger; the offer is repeated.
    """
    encoded = encode_verdicts(verdicts)
    if entry.verdicts_digest != verdicts_digest(encoded) or entry.doses != len(verdicts) or at < entry.admitted_at:
        raise ValueError("entry, verdicts and time of the head do not belong together")
    path = tree.path(entry.index)
    if merkle.root_from_path(entry_leaf(entry), index=entry.index, size=tree.size, path=path) != tree.root:
        raise ValueError("the entry is not in the tree")
    claims: dict[int | str, cbor.Value] = {
        CLAIM_ISSUER: ISSUER,
        CLAIM_ISSUED_AT: at,
        CLAIM_EPOCH: epoch,
        CLAIM_SIZE: tree.size,
    }
    proof = cbor.encode([tree.size, entry.index, list(path)])
    receipt = cose.sign1(
        tree.root,
        detached=True,
        signer=ledger_signer,
        content_type=contexts.RECEIPT.content_type,
        context=contexts.RECEIPT.aad,
        protected={cose.KID: keys.key_id(ledger_signer.public_key), CWT_CLAIMS: claims, cose.VDS: VDS_RFC9162_SHA256},
        unprotected={cose.VDP: {VDP_INCLUSION: [proof]}},
    )
    answer: dict[int, object] = {1: encode_entry(entry), 2: receipt, 4: encoded}
    if known_head_size is not None:
        answer[3] = tree.consistency(known_head_size)
    return cbor.encode(answer)


def verify_receipt(
    data: bytes,
    *,
    ledger_keys: Sequence[keys.PublicKey],
    node: str,
    epoch: int,
    sequence: int,
    digest: bytes,
    known_head: Checkpoint | None,
) -> VerifiedReceipt:
    """Check everything a node must know before it calls a bundle delivered.

    1. the entry is in the ledger, signed by a trusted ledger key, and binds the verdicts (`verify_inclusion`);
    2. the entry names this bundle;
    3. the head grows out of the head that the bundle named as known;
    4. the entry is younger than that head, as its bundle is: in place and in time.

    Args:
        data: the answer as received.
        ledger_keys: the ledger keys that the trust list names.
        node: this node's code.
        epoch: the bundle's node epoch.
        sequence: the bundle's place in the chain.
        digest: 32 bytes, SHA-256 of the inner bundle.
        known_head: the head that stands in the bundle as known, or None if it names none. Not a newer one: a
            repeated offer gets the first receipt byte for byte, and its path starts at the bundle's head.

    Raises:
        ProtocolError: those of `verify_inclusion`; `RECEIPT_MISMATCH` for a receipt of another node or bundle, or
            an older one; `HEAD_INCONSISTENT` for a ledger that went back or has another history. The bundle stays
            undelivered and the answer is kept as evidence.
    """
    answer = _parse_answer(data)
    # (1)
    verified = _verify_inclusion(answer, ledger_keys)
    entry, head = verified.entry, verified.head
    # (2)
    if (entry.node, entry.epoch, entry.sequence, entry.digest) != (node, epoch, sequence, digest):
        raise ProtocolError(Code.RECEIPT_MISMATCH, f"{_WHAT}: the entry names another bundle")
    if known_head is None:
        if answer.consistency:
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.3: a path although no head was known")
        return verified
    # (3) At equal size the path is empty; a missing one counts as empty, which fails for every greater size.
    check_follows(head, known_head, path=answer.consistency or ())
    # (4)
    if entry.index < known_head.size or entry.admitted_at < known_head.at:
        raise ProtocolError(Code.RECEIPT_MISMATCH, f"{_WHAT}: the entry is older than the head that its bundle knew")
    return verified


def verify_inclusion(data: bytes, *, ledger_keys: Sequence[keys.PublicKey]) -> VerifiedReceipt:
    """Check a receipt as such, for someone who has no bundle to compare it with.

    The entry is read only to be hashed until the signature over the root it leads to is verified.

    Raises:
        ProtocolError: a code of form; `PROOF_INVALID`, `SIGNER_UNKNOWN`, `SIGNATURE_INVALID`, `ALGORITHM`,
            `CONTENT_TYPE`; `RECEIPT_MISMATCH` where the verdicts are not those that the entry binds.
    """
    return _verify_inclusion(_parse_answer(data), ledger_keys)


def claimed_entry(data: bytes) -> LedgerEntry:
    """Read which bundle an answer says it is about. Nothing is verified: it finds the bundle to verify the answer by.

    Raises:
        ProtocolError: a code of form.
    """
    return parse_entry(_parse_answer(data).entry)


def _verify_inclusion(answer: _Answer, ledger_keys: Sequence[keys.PublicKey]) -> VerifiedReceipt:
    message = cose.parse_sign1(answer.receipt, max_bytes=COSE_RECEIPT_BYTES)
    if message.payload is not None:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: the root travels detached (RFC 9942, 5.2.1)")
    size, index, path = _inclusion_proof(message)
    root = merkle.root_from_path(merkle.leaf_hash(answer.entry), index=index, size=size, path=path)
    key = ledger_key_for(message, ledger_keys)
    cose.verify_sign1(
        message, key, context=contexts.RECEIPT.aad, content_type=contexts.RECEIPT.content_type, payload=root
    )
    # From here on the entry, the root and the protected header are the ledger's own words.
    if message.header(cose.VDS) != VDS_RFC9162_SHA256:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: vds (395) is RFC9162_SHA256")
    head = _stated_head(message, size=size, root=root)
    entry = parse_entry(answer.entry)
    if entry.index != index:
        raise ProtocolError(Code.PROOF_INVALID, f"{_WHAT}: the entry's index is not that of its proof")
    if head.at < entry.admitted_at:
        raise ProtocolError(Code.RECEIPT_MISMATCH, f"{_WHAT}: the entry is younger than the head that includes it")
    if verdicts_digest(answer.verdicts) != entry.verdicts_digest:
        raise ProtocolError(Code.RECEIPT_MISMATCH, f"{_WHAT}.4: the verdicts are not those of the entry")
    verdicts = decode_verdicts(answer.verdicts, count=entry.doses)
    return VerifiedReceipt(entry, head=head, verdicts=tuple(verdicts))


def _parse_answer(data: bytes) -> _Answer:
    fields = Fields(cbor.decode(data, max_bytes=RECEIPT_BYTES), what=_WHAT)
    answer = _Answer(
        entry=fields.bytes_(1, max_bytes=ENTRY_BYTES),
        receipt=fields.bytes_(2, max_bytes=COSE_RECEIPT_BYTES),
        consistency=_path(fields.opt_list_(3, max_items=limits.PATH_HASHES)),
        verdicts=fields.bytes_(4, max_bytes=VERDICTS_BYTES),
    )
    fields.finish()
    return answer


def _inclusion_proof(message: cose.Sign1) -> tuple[int, int, tuple[bytes, ...]]:
    proofs = message.unprotected.get(cose.VDP)
    # Exactly one proof: a second one would be unsigned bytes that nobody looks at.
    if set(message.unprotected) != {cose.VDP} or not isinstance(proofs, Mapping) or set(proofs) != {VDP_INCLUSION}:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: vdp (396) holds inclusion proofs and nothing else")
    listed = proofs[VDP_INCLUSION]
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], bytes):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: vdp (396) holds one inclusion proof")
    values = cbor.decode(listed[0], max_bytes=COSE_RECEIPT_BYTES)
    if not isinstance(values, list) or len(values) != 3:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: an inclusion proof is size, index, path")
    fields = Fields(dict(enumerate(values)), what=f"{_WHAT}: inclusion proof")
    # RFC 9942, 5.2: a path has at least one hash, so the size is at least 2.
    path = _path(fields.list_(2, min_items=1, max_items=limits.PATH_HASHES))
    assert path is not None
    return fields.uint(0, max=limits.LEDGER_ENTRIES), fields.uint(1, max=limits.LEDGER_ENTRIES), path


def _stated_head(message: cose.Sign1, *, size: int, root: bytes) -> Checkpoint:
    claims = Fields(message.header(CWT_CLAIMS), what=f"{_WHAT}: CWT claims")
    issuer = claims.text(CLAIM_ISSUER, max_chars=limits.SHORT_CHARS)
    at = claims.uint(CLAIM_ISSUED_AT, max=limits.INSTANT)
    epoch = claims.uint(CLAIM_EPOCH, max=limits.COUNTER)
    stated_size = claims.uint(CLAIM_SIZE, max=limits.LEDGER_ENTRIES)
    claims.finish()
    if issuer != ISSUER:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: the issuer is '{ISSUER}'")
    if stated_size != size:
        raise ProtocolError(Code.PROOF_INVALID, f"{_WHAT}: the proof's size is not the signed one")
    return Checkpoint(epoch=epoch, size=size, root=root, at=at)


def _path(values: object) -> tuple[bytes, ...] | None:
    if values is None:
        return None
    assert isinstance(values, list)
    hashes = tuple(value for value in values if isinstance(value, bytes) and len(value) == merkle.HASH_BYTES)
    if len(hashes) != len(values):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: a path is hashes of {merkle.HASH_BYTES} bytes")
    return hashes

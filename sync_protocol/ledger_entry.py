"""One line of the centre's ledger: which bundle was taken in, when, and what was said of it.

The ledger is an append-only Merkle tree (RFC 9162) whose leaves are these entries, encoded as
deterministic CBOR. Entry 0 is the *genesis* entry: RFC 9942 cannot express an inclusion proof in a
tree of one leaf, so there is always a leaf before the first bundle. An entry that *marks an epoch*
stands where the ledger went on after it was restored; it names the statement that says so.

A bundle that is refused but holds its place in its node's chain has an entry too; `outcome` is then
the problem code, and the chain goes on behind it (THREATS, "Poison").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, limits, merkle
from sync_protocol.bundle import BundleKind
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.verdict import encode_verdicts, verdicts_digest

ADMITTED: Final = "admitted"
GENESIS: Final = "genesis"
EPOCH_MARK: Final = "ledger-epoch"
# Entries of no node's chain.
OWN_KINDS: Final = frozenset({GENESIS, EPOCH_MARK})
DIGEST_BYTES: Final = 32
ZERO_DIGEST: Final = bytes(DIGEST_BYTES)
# An entry weighs about 150 bytes; four times that is refused unparsed.
ENTRY_BYTES: Final = 600

_KINDS: Final = frozenset(kind.value for kind in BundleKind)
_OUTCOMES: Final = frozenset(code.value for code in Code) | {ADMITTED}
_WHAT: Final = "ledger entry"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger keeps of one bundle.

    Attributes:
        index: the leaf's place in the ledger; 0 is the genesis entry.
        node: code of the node whose chain the bundle belongs to; "" in entries of no chain.
        epoch: the node's epoch, as in the bundle; that of the ledger in the entry that marks it.
        sequence: the bundle's place in the node's chain, from 1; 0 in entries of no chain.
        kind: a `BundleKind` value, "genesis" or "ledger-epoch".
        digest: 32 bytes, SHA-256 of the inner (signed, unsealed) bundle, or of the statement of the ledger's epoch.
        previous: 32 bytes, the predecessor that the bundle names.
        admitted_at: epoch seconds, UTC.
        outcome: "admitted", or the code with which the whole bundle was refused.
        verdicts_digest: 32 bytes over the encoded verdicts.
        doses: how many doses have a verdict of their own; 0 where the whole bundle is refused.
    """

    index: int
    node: str
    epoch: int
    sequence: int
    kind: str
    digest: bytes
    previous: bytes
    admitted_at: int
    outcome: str
    verdicts_digest: bytes
    doses: int

    @property
    def refusal(self) -> Code | None:
        """The code with which the whole bundle was refused, or None where it was admitted."""
        return None if self.outcome == ADMITTED else Code(self.outcome)


def genesis_entry(at: int) -> LedgerEntry:
    """The entry with which every ledger starts.

    Args:
        at: epoch seconds, UTC, at which the ledger was made.
    """
    return LedgerEntry(
        index=0,
        node="",
        epoch=0,
        sequence=0,
        kind=GENESIS,
        digest=ZERO_DIGEST,
        previous=ZERO_DIGEST,
        admitted_at=at,
        outcome=ADMITTED,
        verdicts_digest=verdicts_digest(encode_verdicts(())),
        doses=0,
    )


def epoch_entry(epoch: int, digest: bytes, *, index: int, at: int) -> LedgerEntry:
    """The entry that marks an epoch of the ledger.

    Args:
        epoch: the epoch that begins, at least 2.
        digest: 32 bytes, SHA-256 of the signed statement.
        index: where it stands.
        at: epoch seconds, UTC.
    """
    return LedgerEntry(
        index=index,
        node="",
        epoch=epoch,
        sequence=0,
        kind=EPOCH_MARK,
        digest=digest,
        previous=ZERO_DIGEST,
        admitted_at=at,
        outcome=ADMITTED,
        verdicts_digest=verdicts_digest(encode_verdicts(())),
        doses=0,
    )


def encode_entry(entry: LedgerEntry) -> bytes:
    """Encode an entry as the leaf's data: deterministic CBOR, keys 1 to 11 in the order of the class."""
    return cbor.encode(
        {
            1: entry.index,
            2: entry.node,
            3: entry.epoch,
            4: entry.sequence,
            5: entry.kind,
            6: entry.digest,
            7: entry.previous,
            8: entry.admitted_at,
            9: entry.outcome,
            10: entry.verdicts_digest,
            11: entry.doses,
        }
    )


def parse_entry(data: bytes) -> LedgerEntry:
    """Read an entry strictly. Whether the ledger really holds it, only a proof says.

    Raises:
        ProtocolError: `TOO_LARGE`, `NOT_CBOR`, `NOT_DETERMINISTIC`, `FIELD_MISSING`, `FIELD_UNKNOWN`,
            `FIELD_INVALID`, or `KIND_UNKNOWN` for a bundle kind that this version does not know.
    """
    fields = Fields(cbor.decode(data, max_bytes=ENTRY_BYTES), what=_WHAT)
    entry = LedgerEntry(
        index=fields.uint(1, max=limits.LEDGER_ENTRIES),
        node=fields.text(2, max_chars=limits.NODE_CHARS, min_chars=0),
        epoch=fields.uint(3, max=limits.COUNTER),
        sequence=fields.uint(4, max=limits.COUNTER),
        kind=fields.text(5, max_chars=limits.SHORT_CHARS),
        digest=fields.bytes_(6, length=DIGEST_BYTES),
        previous=fields.bytes_(7, length=DIGEST_BYTES),
        admitted_at=fields.uint(8, max=limits.INSTANT),
        outcome=fields.text(9, max_chars=limits.SHORT_CHARS),
        verdicts_digest=fields.bytes_(10, length=DIGEST_BYTES),
        doses=fields.uint(11, max=limits.BATCH_DOSES),
    )
    fields.finish()
    _check_rules(entry)
    return entry


def entry_leaf(entry: LedgerEntry) -> bytes:
    """The 32-byte leaf hash of an entry (RFC 9162, 2.1.1)."""
    return merkle.leaf_hash(encode_entry(entry))


def _check_rules(entry: LedgerEntry) -> None:
    if entry.outcome not in _OUTCOMES:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: the outcome is neither 'admitted' nor a known code")
    if entry.outcome != ADMITTED and entry.doses:
        # Verdicts travel as exceptions from "admitted": a count here would admit refused doses silently.
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: a refused bundle has no doses with verdicts")
    if entry.kind == GENESIS:
        if entry != genesis_entry(entry.admitted_at):
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: the genesis entry names a bundle")
        return
    if entry.kind == EPOCH_MARK:
        if entry != epoch_entry(entry.epoch, entry.digest, index=entry.index, at=entry.admitted_at) or entry.epoch < 2:
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: the mark of an epoch names a bundle")
        return
    if entry.kind not in _KINDS:
        raise ProtocolError(Code.KIND_UNKNOWN, f"{_WHAT}: unknown bundle kind")
    if not is_code(entry.node) or not entry.sequence or not entry.index:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: node, sequence and index are set in every entry of a chain")

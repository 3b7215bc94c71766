"""The provisional slip: the proof of one signed dose, as the text of a QR that is verified without any network.

A proof needs the leaf hashes of the whole batch, which are made again from the packed doses: about 0.2 s for 3,000 of
them. The hashes of the last passes are kept in memory, where they say nothing of anybody: each is salted with bytes
that are not kept beside it. The dose itself is read from the store each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Final

from edge.store import delegated_signings, doses, signed_leaves, standings
from edge.store.database import Tables
from edge.store.signed_leaves import SignedLeaf
from sync_protocol import merkle
from sync_protocol.batch import leaf_hashes, parse_batch, salts
from sync_protocol.columns import unpack_doses
from sync_protocol.dose import Dose, decode_dose, encode_dose
from sync_protocol.dose_proof import DoseProof
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Manifest, Statement
from sync_protocol.slip_text import encode_slip_text
from sync_protocol.verdict import VerdictState


class SlipState(StrEnum):
    """What a slip can show of its dose."""

    UNSIGNED = "unsigned"
    PROVEN = "proven"
    # The centre refused this dose: nobody is to carry a proof of it.
    REFUSED = "refused"
    # Free texts at their caps: no QR holds the proof.
    TOO_LONG = "too-long"
    # The stored pass does not give its statement again; `check_store` says more.
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, repr=False)
class Slip:
    """What stands on the paper.

    Attributes:
        dose: as it was signed, where it was: what is read on the paper is what the QR proves. Else as it is known now.
        text: the QR's text; "" unless `state` is PROVEN.
        manifest: of the batch in which the dose was signed; None unless `state` is PROVEN or TOO_LONG.
    """

    state: SlipState
    dose: Dose
    text: str = ""
    manifest: Manifest | None = None


# Where a signed dose may be found, each with its turn; a delegated signer's statements come from elsewhere.
SOURCES: Final[Sequence[Callable[[Tables, int], SignedLeaf | None]]] = (
    signed_leaves.of_pass,
    delegated_signings.leaf_of,
)
# 3,000 hashes take 0.3 MB.
_PASSES_KEPT: Final = 4


class _LeafHashes:
    """The leaf hashes of a few batches, by the signed root over them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of_root: OrderedDict[bytes, tuple[bytes, ...]] = OrderedDict()

    def get(self, root: bytes) -> tuple[bytes, ...]:
        """The leaf hashes under this root, or nothing."""
        with self._lock:
            found = self._of_root.pop(root, ())
            if found:
                self._of_root[root] = found
            return found

    def keep(self, root: bytes, leaves: tuple[bytes, ...]) -> None:
        """Keep the leaf hashes of a batch in the place of those that were not asked for the longest time."""
        with self._lock:
            self._of_root[root] = leaves
            while len(self._of_root) > _PASSES_KEPT:
                self._of_root.popitem(last=False)


_HASHES: Final = _LeafHashes()


def make_slip(tables: Tables, sequence: int) -> Slip:
    """What the slip of this version of a dose shows.

    Raises:
        KeyError: there is no such version; a mistake of the caller.
        StoreError: NOT_ENROLLED while the node has no code.
    """
    [known] = doses.assemble(tables, [sequence])
    try:
        proof = prove_slip(tables, sequence)
        if proof is None:
            return Slip(SlipState.UNSIGNED, known)
        signed, manifest = decode_dose(proof.dose), parse_batch(proof.statement_cose).statement.manifest
    except ProtocolError:
        return Slip(SlipState.DAMAGED, known)
    if standings.verdict_state(tables, sequence) == VerdictState.REFUSED:
        return Slip(SlipState.REFUSED, known)
    try:
        return Slip(SlipState.PROVEN, signed, encode_slip_text(proof), manifest)
    except ProtocolError:
        return Slip(SlipState.TOO_LONG, signed, manifest=manifest)


def prove_slip(tables: Tables, sequence: int) -> DoseProof | None:
    """The proof that a signed batch holds this version of a dose; None while it is in none.

    Raises:
        ProtocolError: the stored pass does not give its statement again (ROOT_MISMATCH), or cannot be read.
    """
    leaf = next((found for found in (source(tables, sequence) for source in SOURCES) if found), None)
    if leaf is None:
        return None
    statement = parse_batch(leaf.statement).statement
    salt = salts(leaf.secret, leaf.index)[-1]
    leaves = _HASHES.get(statement.root)
    dose = encode_dose(doses.assemble(tables, [sequence])[0]) if leaves else b""
    # What is known of the person may have changed since; then only the packed doses have what was signed.
    if not leaves or leaves[leaf.index] != merkle.leaf_hash(salt + dose):
        dose, leaves = _read_again(leaf, statement)
        _HASHES.keep(statement.root, leaves)
    return DoseProof(
        dose=dose,
        salt=salt,
        index=leaf.index,
        path=merkle.Tree(leaves).path(leaf.index),
        statement_cose=leaf.statement,
    )


def _read_again(leaf: SignedLeaf, statement: Statement) -> tuple[bytes, tuple[bytes, ...]]:
    """The encoded dose and the leaf hashes of its batch, from the packed doses."""
    manifest = statement.manifest
    packed = unpack_doses(leaf.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    encoded = [encode_dose(dose) for dose in packed]
    leaves = tuple(leaf_hashes(manifest, encoded, leaf.secret))
    if merkle.root_of(leaves) != statement.root or leaf.index > len(encoded):
        raise ProtocolError(Code.ROOT_MISMATCH, "the stored pass does not give its statement again")
    return encoded[leaf.index - 1], leaves

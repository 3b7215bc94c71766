"""The proof that one dose stands in a signed batch: the data of the provisional slip.

It shows one dose, its salt, its path and the statement, and betrays nothing about the neighbours. Standing alone it
says: this facility signed this dose, and that can be checked without any network until the passport exists.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sync_protocol import cbor, cose, limits, merkle
from sync_protocol.batch import (
    BATCH_BYTES,
    SALT_BYTES,
    PreparedBatch,
    Statement,
    parse_batch,
    read_statement_message,
    salts,
)
from sync_protocol.certificate import Certificate
from sync_protocol.dose import Dose, decode_dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields

# 3,001 leaves need paths of 12 hashes.
_PATH_HASHES: Final = 12
DOSE_PROOF_BYTES: Final = limits.DOSE_BYTES + BATCH_BYTES + 1_024


@dataclass(frozen=True, slots=True)
class DoseProof:
    """Everything a stranger needs, unverified.

    Attributes:
        dose: the encoded dose.
        salt: 16 bytes.
        index: the leaf's place, from 1; leaf 0 is the manifest.
        path: 32-byte hashes from the leaf upwards (RFC 9162, 2.1.3).
        statement_cose: the signed statement; the certificate may be left out, x5t names it.
    """

    dose: bytes
    salt: bytes
    index: int
    path: tuple[bytes, ...]
    statement_cose: bytes


@dataclass(frozen=True, slots=True)
class VerifiedDose:
    """A dose that the certificate's holder signed as part of a batch."""

    dose: Dose
    statement: Statement
    certificate: Certificate


def prove_dose(
    prepared: PreparedBatch, index: int, *, secret: bytes, statement_cose: bytes, carry_certificate: bool = False
) -> DoseProof:
    """Takes the proof of one dose out of a signed batch.

    Args:
        prepared: the batch, made again from stored doses if need be.
        index: the leaf's place, from 1.
        secret: the batch secret.
        statement_cose: what :func:`batch.sign_batch` gave.
        carry_certificate: whether x5chain stays in the statement. A QR has no room for it.

    Raises:
        IndexError: there is no such dose.
    """
    if not 1 <= index <= len(prepared.dose_bytes):
        raise IndexError("no such dose in this batch")
    if not carry_certificate:
        # x5chain is not covered by the signature, so it can be taken off.
        message = cose.parse_sign1(statement_cose, max_bytes=BATCH_BYTES)
        statement_cose = cose.encode_sign1(replace(message, unprotected={}))
    return DoseProof(
        dose=prepared.dose_bytes[index - 1],
        salt=salts(secret, index)[-1],
        index=index,
        path=merkle.Tree(prepared.leaf_hashes).path(index),
        statement_cose=statement_cose,
    )


def encode_dose_proof(proof: DoseProof) -> bytes:
    """The proof's one encoding."""
    return cbor.encode({1: proof.dose, 2: proof.salt, 3: proof.index, 4: list(proof.path), 5: proof.statement_cose})


def parse_dose_proof(data: bytes) -> DoseProof:
    """Reads a proof strictly; verifies nothing.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=DOSE_PROOF_BYTES), what="dose proof")
    path = fields.list_(4, max_items=_PATH_HASHES)
    hashes = tuple(item for item in path if isinstance(item, bytes) and len(item) == merkle.HASH_BYTES)
    if len(hashes) != len(path):
        raise ProtocolError(Code.FIELD_INVALID, f"dose proof.4: a path holds hashes of {merkle.HASH_BYTES} bytes")
    proof = DoseProof(
        dose=fields.bytes_(1, max_bytes=limits.DOSE_BYTES),
        salt=fields.bytes_(2, length=SALT_BYTES),
        index=fields.uint(3, min=1, max=limits.BATCH_DOSES),
        path=hashes,
        statement_cose=fields.bytes_(5, max_bytes=BATCH_BYTES),
    )
    fields.finish()
    return proof


def verify_dose_proof(proof: DoseProof, *, certificate: Certificate) -> VerifiedDose:
    """Verifies that the certificate's key signed this dose as part of a batch.

    Args:
        proof: from :func:`parse_dose_proof`.
        certificate: the signer's; whether it may be trusted is the caller's business.

    Raises:
        ProtocolError: PROOF_INVALID, SIGNER_UNKNOWN, SIGNATURE_INVALID, FIELD_INVALID and those of
            :func:`batch.parse_batch` and :func:`dose.decode_dose`.
    """
    # Signature before content: the root is not worth a comparison until it is known who states it.
    statement = read_statement_message(parse_batch(proof.statement_cose), certificate)
    merkle.verify_inclusion(
        merkle.leaf_hash(proof.salt + proof.dose),
        # Leaf 0 is the manifest; `parse_dose_proof` gives no such index, and neither may anybody else.
        index=proof.index if proof.index > 0 else -1,
        size=statement.manifest.doses + 1,
        path=proof.path,
        root=statement.root,
    )
    return VerifiedDose(dose=decode_dose(proof.dose), statement=statement, certificate=certificate)

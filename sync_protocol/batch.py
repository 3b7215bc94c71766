"""Doses signed together under one root: one token operation covers up to 3,000 doses.

The tree (RFC 9162) has the manifest as leaf 0 and one salted dose in each following leaf::

    leaf 0      H(0x00 ‖ manifest)
    leaf i ≥ 1  H(0x00 ‖ salt i ‖ dose i)        salt i = the i-th 16 bytes of SHAKE256("hcvx/v1/salts" ‖ secret)

The salts come from one batch secret, which travels sealed to the centre. A proof for one dose shows that dose's salt,
path and the statement; without the other salts nobody can test a guess about a neighbour's dose.

`UnverifiedBatch` is what arrived; only :func:`verify_batch` makes a `VerifiedBatch` of it. `dose_proof` holds the proof
of a single dose.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sync_protocol import contexts, cose, limits, merkle
from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.dose import Dose, encode_doses
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import (
    STATEMENT_BYTES,
    Checkpoint,
    Manifest,
    Purpose,
    Statement,
    check_manifest,
    encode_manifest,
    encode_statement,
    parse_statement,
)
from sync_protocol.signers.signer import Signer

__all__ = [
    "Checkpoint",
    "Manifest",
    "PreparedBatch",
    "Purpose",
    "Statement",
    "UnverifiedBatch",
    "VerifiedBatch",
    "count_people",
    "leaf_hashes",
    "parse_batch",
    "prepare_batch",
    "read_statement_message",
    "salts",
    "sign_batch",
    "verify_batch",
]

SECRET_BYTES: Final = 32
SALT_BYTES: Final = 16
_SALT_CONTEXT: Final = b"hcvx/v1/salts"
# The statement, an RSA-4096 signature and a chain of certificates at their caps.
BATCH_BYTES: Final = STATEMENT_BYTES + 1_024 + (1 + limits.CERTIFICATE_CHAIN) * limits.CERTIFICATE_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class PreparedBatch:
    """A batch ready to be signed; made again from the same doses and secret it is the same, byte for byte.

    Attributes:
        statement_payload: the bytes that the organisation's key will sign (inside COSE).
        leaf_hashes: the manifest's first, then one for each dose, 32 bytes each.
        dose_bytes: the encoded doses, in leaf order.
    """

    statement_payload: bytes
    statement: Statement
    leaf_hashes: tuple[bytes, ...]
    dose_bytes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class UnverifiedBatch:
    """A signed statement as it arrived: nothing in it is true yet.

    Attributes:
        statement_cose: the COSE_Sign1 as received.
        statement: what it claims.
        thumbprint: SHA-256 of the certificate that is said to have signed (x5t, protected).
        certificates: the certificates that came along (x5chain), the signer's first; empty if none travelled.
    """

    statement_cose: bytes
    message: cose.Sign1
    statement: Statement
    thumbprint: bytes
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class VerifiedBatch:
    """A batch whose doses, root, counts and signature agree.

    Whether the certificate may be trusted, and for which facility, is judged by whoever admits the batch.

    Attributes:
        doses: in leaf order.
        leaf_hashes: the manifest's first, then one for each dose.
        digest: SHA-256 of the statement's COSE bytes, which the node's next manifest names.
    """

    statement: Statement
    certificate: Certificate
    doses: tuple[Dose, ...]
    leaf_hashes: tuple[bytes, ...]
    digest: bytes


def salts(secret: bytes, count: int) -> list[bytes]:
    """The salts of leaves 1 to `count`.

    Args:
        secret: 32 random bytes, one for each batch.
        count: the number of doses.

    Raises:
        ProtocolError: FIELD_INVALID when the secret has another length.
    """
    if len(secret) != SECRET_BYTES:
        raise ProtocolError(Code.FIELD_INVALID, f"batch: the secret has {SECRET_BYTES} bytes")
    # FIPS 202: one call gives all salts, sixteen times as fast as an HMAC for each.
    stream = hashlib.shake_256(_SALT_CONTEXT + secret).digest(SALT_BYTES * count)
    return [stream[start : start + SALT_BYTES] for start in range(0, len(stream), SALT_BYTES)]


def leaf_hashes(manifest: Manifest, dose_bytes: Sequence[bytes], secret: bytes) -> list[bytes]:
    """The hashes of all leaves: the manifest's, then one for each encoded dose.

    Raises:
        ProtocolError: FIELD_INVALID, BATCH_PEOPLE or BATCH_DOSES where manifest or secret are outside their bounds.
    """
    manifest_leaf = merkle.leaf_hash(encode_manifest(manifest))
    return [manifest_leaf, *merkle.salted_leaf_hashes(salts(secret, len(dose_bytes)), dose_bytes)]


def count_people(doses: Iterable[Dose]) -> int:
    """How many people the doses were given to.

    A person is the paper and its number; where there is no number, the name and the date of birth.
    """
    recipients = [dose.recipient for dose in doses]
    numbered = {(person.paper, person.number) for person in recipients if person.number}
    described = {(person.name, person.birth_date) for person in recipients if not person.number}
    return len(numbered) + len(described)


def prepare_batch(manifest: Manifest, doses: Sequence[Dose], secret: bytes) -> PreparedBatch:
    """Encodes the doses, builds the tree and the statement.

    Args:
        manifest: its counts must be those of the doses.
        doses: in the order of their leaves.
        secret: 32 random bytes; kept, since the same batch is prepared again after a crash.

    Raises:
        ProtocolError: BATCH_PEOPLE, BATCH_DOSES, COUNT_MISMATCH, DOSE_REPEATED; FIELD_INVALID or TOO_LARGE for a value
            outside its bounds.
    """
    _check_counts(manifest, doses)
    if len({(dose.node, dose.sequence) for dose in doses}) != len(doses):
        raise ProtocolError(Code.DOSE_REPEATED, "batch: a dose id stands in it twice")
    dose_bytes = tuple(encode_doses(doses))
    leaves = tuple(leaf_hashes(manifest, dose_bytes, secret))
    statement = Statement(manifest=manifest, root=merkle.root_of(leaves))
    return PreparedBatch(
        statement_payload=encode_statement(statement),
        statement=statement,
        leaf_hashes=leaves,
        dose_bytes=dose_bytes,
    )


def sign_batch(prepared: PreparedBatch, signer: Signer, *, carry_certificate: bool = True) -> bytes:
    """Signs the statement: one operation of the token. Gives the COSE_Sign1.

    Args:
        prepared: from :func:`prepare_batch`.
        signer: the organisation's key; it must have a certificate.
        carry_certificate: whether the certificate travels along; a centre that holds it knows it by its thumbprint.

    Raises:
        ValueError: the signer has no certificate.
        TokenError: the token cannot sign now.
    """
    certificate = signer.certificate
    if certificate is None:
        raise ValueError("a batch is signed with an organisation certificate")
    return cose.sign1(
        prepared.statement_payload,
        signer=signer,
        content_type=contexts.BATCH.content_type,
        context=contexts.BATCH.aad,
        protected={cose.X5T: cose.x5t(certificate.thumbprint)},
        unprotected={cose.X5CHAIN: certificate.der} if carry_certificate else {},
    )


def parse_batch(data: bytes) -> UnverifiedBatch:
    """Reads a signed statement strictly; verifies nothing.

    Raises:
        ProtocolError: NOT_COSE, also for x5t and x5chain, CERTIFICATE_INVALID, KEY_INVALID, and those of
            :func:`manifest.parse_statement`.
    """
    message = cose.parse_sign1(data, max_bytes=BATCH_BYTES)
    if message.payload is None:
        raise ProtocolError(Code.NOT_COSE, "batch: the statement must travel inside the message")
    certificates = tuple(parse_certificate(der) for der in cose.certificate_chain(message))
    thumbprint = cose.signer_thumbprint(message)
    if certificates and certificates[0].thumbprint != thumbprint:
        raise ProtocolError(Code.CERTIFICATE_INVALID, "batch: x5chain does not begin with the certificate of x5t")
    return UnverifiedBatch(
        statement_cose=data,
        message=message,
        statement=parse_statement(message.payload),
        thumbprint=thumbprint,
        certificates=certificates,
    )


def verify_batch(
    unverified: UnverifiedBatch, doses: Sequence[Dose], secret: bytes, *, certificate: Certificate
) -> VerifiedBatch:
    """Verifies that the certificate's key signed exactly these doses, in this order.

    1. the limits of a signing turn, on the claimed and on the real counts;
    2. the counts;
    3. the root over the manifest and the doses;
    4. the signature, under the certificate that x5t names.

    What is wrong with one dose, such as an id that stands in the batch twice, is a verdict and not said here.

    Args:
        unverified: from :func:`parse_batch`.
        doses: what the columns gave, unverified.
        secret: the batch secret that came with them, unverified.
        certificate: the signer's, from x5chain or from the register; its trust is the caller's business.

    Raises:
        ProtocolError: BATCH_PEOPLE, BATCH_DOSES, COUNT_MISMATCH, ROOT_MISMATCH, SIGNER_UNKNOWN when
            the certificate is not the one named, SIGNATURE_INVALID, ALGORITHM, KEY_INVALID, CONTENT_TYPE; FIELD_INVALID
            or TOO_LARGE for a value outside its bounds.
    """
    statement = unverified.statement
    # (1) (2) PROTOCOL, 8: limits come before anything is hashed.
    _check_counts(statement.manifest, doses)
    # (3)
    leaves = tuple(leaf_hashes(statement.manifest, encode_doses(doses), secret))
    if not hmac.compare_digest(merkle.root_of(leaves), statement.root):
        raise ProtocolError(Code.ROOT_MISMATCH, "batch: the doses are not those under the signed root")
    # (4)
    read_statement_message(unverified, certificate)
    return VerifiedBatch(
        statement=statement,
        certificate=certificate,
        doses=tuple(doses),
        leaf_hashes=leaves,
        digest=hashlib.sha256(unverified.statement_cose).digest(),
    )


def read_statement_message(unverified: UnverifiedBatch, certificate: Certificate) -> Statement:
    """Verifies the signature over a statement alone, for whoever holds no doses or only one.

    Raises:
        ProtocolError: SIGNER_UNKNOWN, SIGNATURE_INVALID, ALGORITHM, KEY_INVALID or CONTENT_TYPE.
    """
    if not hmac.compare_digest(unverified.thumbprint, certificate.thumbprint):
        raise ProtocolError(Code.SIGNER_UNKNOWN, "batch: signed with another certificate than this one (x5t)")
    payload = cose.verify_sign1(
        unverified.message,
        certificate.public_key,
        context=contexts.BATCH.aad,
        content_type=contexts.BATCH.content_type,
    )
    return parse_statement(payload)


def _check_counts(manifest: Manifest, doses: Sequence[Dose]) -> None:
    check_manifest(manifest)
    if len(doses) > limits.BATCH_DOSES:
        raise ProtocolError(Code.BATCH_DOSES, f"batch: more than {limits.BATCH_DOSES} doses")
    people = count_people(doses)
    if people > limits.BATCH_PEOPLE:
        raise ProtocolError(Code.BATCH_PEOPLE, f"batch: more than {limits.BATCH_PEOPLE} people")
    if (people, len(doses)) != (manifest.people, manifest.doses):
        raise ProtocolError(Code.COUNT_MISMATCH, "batch: the manifest counts other people or doses than there are")

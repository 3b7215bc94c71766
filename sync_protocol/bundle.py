"""One link of a node's chain: what travels up, signed by the node and naming its predecessor.

A node's bundles are numbered 1, 2, 3 … within an epoch; each names the digest of the inner message before it (the
first one names the enrolment). A bundle is signed by the node key and then sealed (`sealing`). What is chained and
archived is the inner message, and its digest is how both sides speak of it.

The body belongs to the kind; for `batch` and `doses` it is read here, for the others by their own modules.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.batch import BATCH_BYTES, SECRET_BYTES
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.manifest import DIGEST_BYTES, Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.signers.signer import Signer

BUNDLE_VERSION: Final = 1
NO_PREVIOUS: Final = bytes(DIGEST_BYTES)


class BundleKind(StrEnum):
    """What a bundle carries."""

    BATCH = "batch"
    DOSES = "doses"
    QUESTIONS = "questions"
    ANSWERS = "answers"
    CLOSING = "closing"
    REPORT = "report"
    REGISTRATION = "registration"
    HANDED_BACK = "handed-back"


# Kinds travel as their place in this tuple, so the order never changes; new ones go at the end.
_KINDS: Final = (
    BundleKind.BATCH,
    BundleKind.DOSES,
    BundleKind.QUESTIONS,
    BundleKind.ANSWERS,
    BundleKind.CLOSING,
    BundleKind.REPORT,
    BundleKind.REGISTRATION,
    BundleKind.HANDED_BACK,
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One link.

    Attributes:
        node: the node's code.
        epoch: grows when the node is restored from a backup.
        sequence: the link's place, from 1.
        previous: 32 bytes, the digest of the link before; for sequence 1 the enrolment's digest, or zeros.
        known_head: the newest head of the ledger that the node has verified, or None.
        created_at: epoch seconds, UTC, by the node's clock: a claim.
        body: encoded by the kind's own rules.
    """

    node: str
    epoch: int
    sequence: int
    previous: bytes
    kind: BundleKind
    known_head: Checkpoint | None
    created_at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class UnverifiedBundle:
    """A bundle as it arrived. `claimed` is good for finding the node's key, and for nothing else."""

    inner: bytes
    message: cose.Sign1
    claimed: Bundle


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """A bundle that the node's key signed. Its place in the chain and its body are judged by whoever admits it.

    Attributes:
        inner: the signed message, to be archived as it is.
        digest: SHA-256 of `inner`, 32 bytes.
    """

    bundle: Bundle
    inner: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, repr=False)
class BatchBody:
    """The body of a `batch` bundle.

    Attributes:
        statement: the COSE_Sign1 of the organisation.
        secret: 32 bytes from which the salts come.
        columns: the packed doses.
        carried: in a delegated batch, the site's signed DOSES bundles that came by stick and that the centre may not
            have yet: they show that the site handed these doses over.
    """

    statement: bytes
    secret: bytes
    columns: bytes
    carried: tuple[bytes, ...] = ()


def sign_bundle(bundle: Bundle, node_signer: Signer) -> bytes:
    """Signs a bundle with the node's key; gives the inner message.

    Raises:
        ProtocolError: FIELD_INVALID or TOO_LARGE where a value is outside its bounds.
        TokenError: the signer cannot sign now.
    """
    if not is_code(bundle.node) or len(bundle.previous) != DIGEST_BYTES:
        raise ProtocolError(Code.FIELD_INVALID, "bundle: node must be a code and previous a digest")
    if len(bundle.body) > limits.SEALED_BYTES // 2:
        raise ProtocolError(Code.TOO_LARGE, f"bundle: a body has at most {limits.SEALED_BYTES // 2} bytes")
    fields: dict[int, object] = {
        1: BUNDLE_VERSION,
        2: bundle.node,
        3: bundle.epoch,
        4: bundle.sequence,
        5: bundle.previous,
        6: _KINDS.index(bundle.kind),
        8: bundle.created_at,
        9: bundle.body,
    }
    if bundle.known_head is not None:
        fields[7] = checkpoint_map(bundle.known_head)
    return cose.sign1(
        cbor.encode(fields),
        signer=node_signer,
        content_type=contexts.BUNDLE.content_type,
        context=contexts.BUNDLE.aad,
    )


def parse_bundle(inner: bytes) -> UnverifiedBundle:
    """Reads a signed bundle strictly; verifies nothing.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, NOT_COSE, VERSION, KIND_UNKNOWN, FIELD_MISSING,
            FIELD_UNKNOWN or FIELD_INVALID.
    """
    message = cose.parse_sign1(inner, max_bytes=limits.SEALED_BYTES)
    if message.payload is None:
        raise ProtocolError(Code.NOT_COSE, "bundle: the content must travel inside the message")
    # The node's key is the only thing to look up; headers that could name another place to look are not ours.
    if message.unprotected:
        raise ProtocolError(Code.NOT_COSE, "bundle: has no unprotected headers")
    return UnverifiedBundle(inner=inner, message=message, claimed=_read_bundle(message.payload))


def verify_bundle(unverified: UnverifiedBundle, node_key: PublicKey) -> VerifiedBundle:
    """Verifies the node's signature.

    Args:
        unverified: from :func:`parse_bundle`.
        node_key: the key enrolled for `unverified.claimed.node` and its epoch.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, KEY_INVALID or CONTENT_TYPE.
    """
    payload = cose.verify_sign1(
        unverified.message,
        node_key,
        context=contexts.BUNDLE.aad,
        content_type=contexts.BUNDLE.content_type,
    )
    return VerifiedBundle(
        bundle=_read_bundle(payload), inner=unverified.inner, digest=hashlib.sha256(unverified.inner).digest()
    )


def encode_batch_body(body: BatchBody) -> bytes:
    """The body of a `batch` bundle."""
    fields: dict[int, object] = {1: body.statement, 2: body.secret, 3: body.columns}
    if body.carried:
        fields[4] = list(body.carried)
    return cbor.encode(fields)


def parse_batch_body(data: bytes) -> BatchBody:
    """Reads the body of a `batch` bundle strictly.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.SEALED_BYTES), what="batch body")
    body = BatchBody(
        statement=fields.bytes_(1, max_bytes=BATCH_BYTES),
        secret=fields.bytes_(2, length=SECRET_BYTES),
        columns=fields.bytes_(3, max_bytes=limits.SEALED_BYTES),
        carried=_carried(fields),
    )
    fields.finish()
    return body


def _carried(fields: Fields) -> tuple[bytes, ...]:
    found = fields.opt_list_(4, min_items=1, max_items=limits.CARRIED_HANDOVERS) or []
    carried = tuple(item for item in found if isinstance(item, bytes))
    if len(carried) != len(found):
        raise fields.invalid(4, "must be signed bundles")
    return carried


def _read_bundle(payload: bytes) -> Bundle:
    fields = Fields(cbor.decode(payload, max_bytes=limits.SEALED_BYTES), what="bundle")
    if fields.uint(1) != BUNDLE_VERSION:
        raise ProtocolError(Code.VERSION, f"bundle: this program reads version {BUNDLE_VERSION}")
    kind = fields.uint(6)
    if kind >= len(_KINDS):
        raise ProtocolError(Code.KIND_UNKNOWN, "bundle: the kind is unknown to this version")
    head = fields.opt_map_(7)
    bundle = Bundle(
        node=fields.text(2, max_chars=limits.NODE_CHARS),
        epoch=fields.uint(3, max=limits.COUNTER),
        sequence=fields.uint(4, min=1, max=limits.COUNTER),
        previous=fields.bytes_(5, length=DIGEST_BYTES),
        kind=_KINDS[kind],
        known_head=None if head is None else read_checkpoint(head),
        created_at=fields.uint(8, max=limits.INSTANT),
        body=fields.bytes_(9, max_bytes=limits.SEALED_BYTES),
    )
    fields.finish()
    if not is_code(bundle.node):
        raise ProtocolError(Code.FIELD_INVALID, "bundle: node must be a code of 2 to 12 of A-Z and 0-9")
    return bundle

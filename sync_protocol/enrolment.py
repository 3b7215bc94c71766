"""How a node becomes known, second half: its request with new keys, and the centre's signed answer.

1. The *enrolment file* gives the node a one-time code and pins the publisher key (module `enrolment_file`).
2. The node makes two keys and a *request*: the one-time code and both public keys, signed with the new node key
   (proof of possession) and sealed to the centre.
3. The centre uses the code up, registers the keys and gives a signed *answer* that names them.

The code is good once. The answer binds the digest of the request, so an answer to somebody else's request is
refused; the digest is also what makes a repeated request harmless.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import is_code
from sync_protocol.enrolment_file import ONE_TIME_CODE_BYTES
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.signers.signer import Signer

_DIGEST_BYTES: Final = 32
_KEY_BYTES: Final = 600


@dataclass(frozen=True, slots=True, repr=False)
class EnrolmentRequest:
    """A node asking to be known; its representation shows no code.

    Attributes:
        node: the node code of the file.
        one_time_code: 16 bytes of the file.
        node_key: P-256, signs the node's bundles.
        node_sealing_key: P-256, the centre seals to it.
    """

    node: str
    one_time_code: bytes
    node_key: ec.EllipticCurvePublicKey
    node_sealing_key: ec.EllipticCurvePublicKey

    def __repr__(self) -> str:
        return f"EnrolmentRequest(node={self.node!r})"


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A request whose sender holds `request.node_key`; whether the code is good, the centre's store says.

    `digest` is SHA-256 over the signed, unsealed request: 32 bytes, the idempotency key of the enrolment.
    """

    request: EnrolmentRequest
    digest: bytes


def sign_enrolment_request(request: EnrolmentRequest, node_signer: Signer) -> bytes:
    """Sign a request with the node key that it carries; it then travels sealed to the centre.

    Raises:
        TokenError: the signer cannot sign now.
    """
    if keys.key_id(request.node_key) != keys.key_id(node_signer.public_key):
        raise ValueError("an enrolment request carries the key that signs it")
    payload = cbor.encode(
        {
            1: request.node,
            2: request.one_time_code,
            3: keys.encode_public_key(request.node_key),
            4: keys.encode_public_key(request.node_sealing_key),
        }
    )
    context = contexts.ENROLMENT_REQUEST
    return cose.sign1(payload, signer=node_signer, content_type=context.content_type, context=context.aad)


def request_digest(inner: bytes) -> bytes:
    """SHA-256 of a signed, unsealed request."""
    return hashlib.sha256(inner).digest()


def verify_enrolment_request(inner: bytes) -> VerifiedRequest:
    """Check that the sender holds the node key that the request carries.

    Raises:
        ProtocolError: `SIGNATURE_INVALID`, `KEY_INVALID`, `CONTENT_TYPE`, or a code of form.
    """
    message = cose.parse_sign1(inner, max_bytes=limits.MESSAGE_BYTES)
    fields = Fields(cbor.decode(message.payload or b"", max_bytes=limits.MESSAGE_BYTES), what="enrolment request")
    request = EnrolmentRequest(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        one_time_code=fields.bytes_(2, length=ONE_TIME_CODE_BYTES),
        node_key=keys.load_ec_public_key(fields.bytes_(3, max_bytes=_KEY_BYTES)),
        node_sealing_key=keys.load_ec_public_key(fields.bytes_(4, max_bytes=_KEY_BYTES)),
    )
    fields.finish()
    if not is_code(request.node):
        raise ProtocolError(Code.FIELD_INVALID, "enrolment request.1: a node code")
    context = contexts.ENROLMENT_REQUEST
    cose.verify_sign1(message, request.node_key, context=context.aad, content_type=context.content_type)
    return VerifiedRequest(request, digest=request_digest(inner))


@dataclass(frozen=True, slots=True)
class EnrolmentAnswer:
    """The centre's word that a node is known.

    Attributes:
        node: its code.
        epoch: the node epoch with which its chain starts.
        node_key: the key registered.
        digest: 32 bytes, the digest of the request that is answered.
        at: epoch seconds, UTC.
        first_dose: the lowest free sequence for a dose: 1, unless the node had doses before it was enrolled again.
    """

    node: str
    epoch: int
    node_key: ec.EllipticCurvePublicKey
    digest: bytes
    at: int
    first_dose: int = 1


def sign_enrolment_answer(answer: EnrolmentAnswer, publisher: Signer) -> bytes:
    """Sign an answer with the publisher key.

    Raises:
        TokenError: the signer cannot sign now.
    """
    fields: dict[int, object] = {
        1: answer.node,
        2: answer.epoch,
        3: keys.encode_public_key(answer.node_key),
        4: answer.digest,
        5: answer.at,
    }
    if answer.first_dose > 1:
        fields[6] = answer.first_dose
    payload = cbor.encode(fields)
    context = contexts.ENROLMENT
    return cose.sign1(payload, signer=publisher, content_type=context.content_type, context=context.aad)


def verify_enrolment_answer(data: bytes, publisher_key: keys.PublicKey, *, request: VerifiedRequest) -> EnrolmentAnswer:
    """Check the publisher's signature, and that the answer is to this node's own request.

    Args:
        data: the COSE_Sign1 as received.
        publisher_key: pinned from the enrolment file.
        request: the node's own request, verified again from the bytes that it stored before sending.

    Raises:
        ProtocolError: `SIGNATURE_INVALID`, `CONTENT_TYPE`, a code of form, or `ENROLMENT_INVALID` where
            node, key or digest are another's.
    """
    message = cose.parse_sign1(data, max_bytes=limits.MESSAGE_BYTES)
    context = contexts.ENROLMENT
    payload = cose.verify_sign1(message, publisher_key, context=context.aad, content_type=context.content_type)
    fields = Fields(cbor.decode(payload, max_bytes=limits.MESSAGE_BYTES), what="enrolment answer")
    answer = EnrolmentAnswer(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        epoch=fields.uint(2, min=1, max=limits.COUNTER),
        node_key=keys.load_ec_public_key(fields.bytes_(3, max_bytes=_KEY_BYTES)),
        digest=fields.bytes_(4, length=_DIGEST_BYTES),
        at=fields.uint(5, max=limits.INSTANT),
        first_dose=fields.opt_uint(6, min=2, max=limits.COUNTER) or 1,
    )
    fields.finish()
    own = request.request
    if (
        answer.digest != request.digest
        or answer.node != own.node
        or keys.key_id(answer.node_key) != keys.key_id(own.node_key)
    ):
        raise ProtocolError(Code.ENROLMENT_INVALID, "enrolment answer: made for another request")
    return answer

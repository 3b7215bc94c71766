"""A site asks for an organisation certificate to be registered, and proves that it holds the certificate's key.

A request is the body of a `registration` bundle. It comes *with the certificate*, and then with a proof of possession:
the certificate's own key has signed where in the node's chain this request stands, so that the proof is good for
this request alone. Or it names a *serial number only*, typed by a person from the authority's letter; that proves
nothing, and an operator decides.

The answer comes as a list of the facility's certificates (`registration_list`).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.certificate import Certificate, parse_certificate, serial_text
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields, check_text
from sync_protocol.manifest import DIGEST_BYTES, Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.serial_number import read_serial
from sync_protocol.signers.signer import Signer

# Five certificates at their cap, and the proof.
REGISTRATION_BYTES: Final = 48 * 1024
# A proof of all fields at their caps weighs about 0.9 KB with a signature of RSA-4096.
_PROOF_BYTES: Final = 2 * 1024
_REQUEST: Final = "registration"
_PROOF: Final = "proof of possession"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands: what ties a proof to one request of one node.

    Attributes:
        facility, node, epoch: whose chain it is.
        link: 32 bytes, the digest that the request's bundle names as its predecessor.
    """

    facility: str
    node: str
    epoch: int
    link: bytes


@dataclass(frozen=True, slots=True)
class Possession:
    """What the certificate's key signs.

    Attributes:
        place: of the request.
        checkpoint: the newest head of the ledger that the node knows: not signed before it; None before the first.
        officer: name of the signing officer.
        claimed_at: epoch seconds, UTC, by the node's clock: a claim.
    """

    place: Place
    checkpoint: Checkpoint | None
    officer: str
    claimed_at: int


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """What a site asks; nothing about it is verified.

    Attributes:
        serial: upper hex, whole bytes; the number of `chain[0]` where there is one.
        officer: name of the signing officer, as batches will state it.
        chain: certificates, the one to be registered first; empty where only its number is known.
        proof: the COSE_Sign1 of the certificate's key; b"" without a chain.
    """

    serial: str
    officer: str
    chain: tuple[Certificate, ...] = ()
    proof: bytes = b""


def check_officer(name: str) -> None:
    """Checks the name of a signing officer as a request must carry it.

    Raises:
        ProtocolError: FIELD_INVALID: empty, too long, not tidy, or with signs that no name has.
    """
    if not 1 <= len(name) <= limits.NAME_CHARS or name != " ".join(name.split()):
        raise ProtocolError(Code.FIELD_INVALID, f"officer: 1 to {limits.NAME_CHARS} characters without spare blanks")
    check_text(name, what="officer")
    if not any(sign.isalpha() for sign in name):
        raise ProtocolError(Code.FIELD_INVALID, "officer: has no letter")


def sign_possession(possession: Possession, signer: Signer) -> bytes:
    """Signs a proof: one operation of the token. Gives the COSE_Sign1, which names the certificate by x5t.

    Raises:
        ValueError: the signer has no certificate.
        TokenError: the token cannot sign now.
    """
    if signer.certificate is None:
        raise ValueError("possession is proven of an organisation certificate's key")
    place = possession.place
    fields: dict[int, object] = {
        1: place.facility,
        2: place.node,
        3: place.epoch,
        4: place.link,
        6: possession.officer,
        7: possession.claimed_at,
    }
    if possession.checkpoint is not None:
        fields[5] = checkpoint_map(possession.checkpoint)
    return cose.sign1(
        cbor.encode(fields),
        signer=signer,
        content_type=contexts.REGISTRATION.content_type,
        context=contexts.REGISTRATION.aad,
        protected={cose.X5T: cose.x5t(signer.certificate.thumbprint)},
    )


def encode_registration(request: RegistrationRequest) -> bytes:
    """The body of a `registration` bundle.

    Raises:
        ProtocolError: TOO_LARGE or FIELD_INVALID, the request is none that a centre would take.
    """
    fields: dict[int, object] = {1: request.serial, 2: request.officer}
    if request.chain:
        fields |= {3: [certificate.der for certificate in request.chain], 4: request.proof}
    encoded = cbor.encode(fields)
    # The reader's rules are the only ones: what it would refuse is not written.
    parse_registration(encoded)
    return encoded


def parse_registration(data: bytes) -> RegistrationRequest:
    """Reads a request strictly; verifies nothing.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID,
            CERTIFICATE_INVALID or KEY_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=REGISTRATION_BYTES), what=_REQUEST)
    serial = read_serial(fields, 1)
    officer = fields.text(2, max_chars=limits.NAME_CHARS)
    items = fields.opt_list_(3, min_items=1, max_items=1 + limits.CERTIFICATE_CHAIN) or []
    proof = fields.opt_bytes_(4, max_bytes=_PROOF_BYTES) or b""
    fields.finish()
    check_officer(officer)
    if bool(items) != bool(proof):
        raise ProtocolError(Code.FIELD_MISSING, f"{_REQUEST}: a certificate comes with its proof, and no proof alone")
    chain = []
    for item in items:
        if not isinstance(item, bytes):
            raise ProtocolError(Code.FIELD_INVALID, f"{_REQUEST}.3: must be a list of byte strings")
        chain.append(parse_certificate(item))
    if chain and serial_text(chain[0].serial) != serial:
        raise ProtocolError(Code.FIELD_INVALID, f"{_REQUEST}.1: must be the serial number of the certificate")
    return RegistrationRequest(serial, officer, tuple(chain), proof)


def verify_possession(request: RegistrationRequest, place: Place) -> Possession:
    """Verifies that the certificate's key signed this request, for this place.

    Whether the certificate may be trusted, and when it was signed, is judged by whoever admits the request.

    Args:
        request: with a chain, from :func:`parse_registration`.
        place: where the request's bundle stands, verified.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, KEY_INVALID, CONTENT_TYPE, NOT_COSE, SIGNER_UNKNOWN where x5t names
            another certificate, a code of form, or REGISTRATION_PROOF for a proof made for another request.
    """
    message = cose.parse_sign1(request.proof, max_bytes=_PROOF_BYTES)
    if message.payload is None or message.unprotected:
        raise ProtocolError(Code.NOT_COSE, f"{_PROOF}: the content travels inside, and nothing beside it")
    certificate = request.chain[0]
    if not hmac.compare_digest(cose.signer_thumbprint(message), certificate.thumbprint):
        raise ProtocolError(Code.SIGNER_UNKNOWN, f"{_PROOF}: signed with another certificate than this one (x5t)")
    context = contexts.REGISTRATION
    payload = cose.verify_sign1(message, certificate.public_key, context=context.aad, content_type=context.content_type)
    possession = _read_possession(payload)
    if possession.place != place:
        raise ProtocolError(Code.REGISTRATION_PROOF, f"{_PROOF}: made for another place in another chain")
    if possession.officer != request.officer:
        raise ProtocolError(Code.REGISTRATION_PROOF, f"{_PROOF}: names another officer than the request")
    return possession


def _read_possession(payload: bytes) -> Possession:
    fields = Fields(cbor.decode(payload, max_bytes=_PROOF_BYTES), what=_PROOF)
    head = fields.opt_map_(5)
    possession = Possession(
        Place(
            facility=fields.text(1, max_chars=limits.NODE_CHARS),
            node=fields.text(2, max_chars=limits.NODE_CHARS),
            epoch=fields.uint(3, max=limits.COUNTER),
            link=fields.bytes_(4, length=DIGEST_BYTES),
        ),
        checkpoint=None if head is None else read_checkpoint(head),
        officer=fields.text(6, max_chars=limits.NAME_CHARS),
        claimed_at=fields.uint(7, max=limits.INSTANT),
    )
    fields.finish()
    return possession

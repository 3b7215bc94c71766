"""COSE_Sign1 messages (RFC 9052), as far as this protocol uses them.

A :class:`Sign1` is unverified by its nature; what :func:`verify_sign1` returns is the verified payload. Bytes are
verified as they were received, never as they would be encoded again. Signing verifies nothing here: a `Signer`
answers for its own signatures.

`strict` is for messages of ours: tagged, deterministic, exactly the headers' buckets that we write. Health
certificates of other countries are read with `strict=False`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import cbor2

from sync_protocol import cbor, keys, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import PublicKey

if TYPE_CHECKING:
    # Only the type: signers sit above the envelopes that they sign.
    from sync_protocol.signers.signer import Signer

Headers: TypeAlias = Mapping[int | str, cbor.Value]

ALG: Final = 1
CRIT: Final = 2
CONTENT_TYPE: Final = 3
KID: Final = 4
X5CHAIN: Final = 33
X5T: Final = 34
VDS: Final = 395
VDP: Final = 396

_SHA256: Final = -16
_UNDERSTOOD: Final = frozenset({ALG, CONTENT_TYPE, KID, X5CHAIN, X5T, VDS})
_SIGNATURE1: Final = b"\x84" + cbor.encode("Signature1")


@dataclass(frozen=True, slots=True)
class Sign1:
    """One COSE_Sign1 message; nothing in it is verified.

    Attributes:
        protected: the encoded protected header, as received; what the signature covers.
        unprotected: the unprotected header; only good for looking things up.
        payload: the content, or None when it travels apart.
        signature: raw r‖s of 64 bytes for ES256, the modulus' length for RSA.
        headers: the decoded protected header.
    """

    protected: bytes
    unprotected: Headers
    payload: bytes | None
    signature: bytes
    headers: Headers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", decode_headers(self.protected))

    def header(self, label: int) -> cbor.Value:
        """The protected header with this label; None where there is none."""
        return self.headers.get(label)


def encode_protected(headers: Headers) -> bytes:
    """The content of a protected header's byte string; empty for no headers (RFC 9052, 3)."""
    return cbor.encode(headers) if headers else b""


def sig_structure(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """The bytes that a COSE_Sign1 signature covers (RFC 9052, 4.4)."""
    if protected == b"\xa0":
        # RFC 9052, 4.4: an empty map is written as the empty string here, whatever came.
        protected = b""
    return _SIGNATURE1 + cbor.byte_string(protected) + cbor.byte_string(external_aad) + cbor.byte_string(payload)


def encode_sign1(message: Sign1, tagged: bool = True) -> bytes:
    """The message's bytes, with tag 18 unless told otherwise."""
    content: cbor.Value = [message.protected, dict(message.unprotected), message.payload, message.signature]
    return cbor.encode(cbor2.CBORTag(cbor.TAG_SIGN1, content) if tagged else content)


def sign1(
    payload: bytes,
    *,
    signer: Signer,
    content_type: str | None,
    context: bytes,
    protected: Headers | None = None,
    unprotected: Headers | None = None,
    detached: bool = False,
) -> bytes:
    """Signs a payload and gives the tagged COSE_Sign1.

    Args:
        payload: the content.
        signer: whose algorithm goes into the protected header.
        content_type: protected header 3; None only for formats of others that have none.
        context: external_aad; which kind of message this is.
        protected, unprotected: further headers.
        detached: leave the payload out; it travels apart or can be computed.

    Raises:
        TokenError: the signer could not sign.
    """
    headers: dict[int | str, cbor.Value] = {ALG: int(signer.algorithm), **(protected or {})}
    if content_type is not None:
        headers[CONTENT_TYPE] = content_type
    encoded = encode_protected(headers)
    signature = signer.sign(sig_structure(encoded, context, payload))
    return encode_sign1(Sign1(encoded, unprotected or {}, None if detached else payload, signature))


def parse_sign1(data: bytes, *, max_bytes: int, strict: bool = True) -> Sign1:
    """Reads a COSE_Sign1; nothing about it is verified.

    Args:
        data: the message.
        max_bytes: what it may weigh.
        strict: for ours. Otherwise an untagged message and one inside CWT's tag 61 are read too.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC or NOT_COSE.
    """
    value = (cbor.decode if strict else cbor.decode_foreign)(data, max_bytes=max_bytes)
    if not strict and isinstance(value, cbor2.CBORTag) and value.tag == cbor.TAG_CWT:
        value = value.value
    if isinstance(value, cbor2.CBORTag) and value.tag == cbor.TAG_SIGN1:
        value = value.value
    elif strict or isinstance(value, cbor2.CBORTag):
        raise _not_cose("the message is not tagged as COSE_Sign1")
    match value:
        case [bytes(protected), dict(unprotected), bytes() | None as payload, bytes(signature)]:
            message = Sign1(protected, unprotected, payload, signature)
        case _:
            raise _not_cose("a COSE_Sign1 has a protected and an unprotected header, a payload and a signature")
    if strict:
        check_deterministic(protected, message.headers)
        if message.headers.keys() & unprotected.keys():
            raise _not_cose("a header stands in both buckets")
    return message


def verify_sign1(
    message: Sign1, key: PublicKey, *, context: bytes, content_type: str | None, payload: bytes | None = None
) -> bytes:
    """Verifies a COSE_Sign1 under a key and gives its payload.

    Args:
        message: unverified.
        key: the signer's key, from a trusted place.
        context: external_aad that the signature must have been made for.
        content_type: what protected header 3 must say. None for formats of others that have none; there the
            algorithm may stand in the unprotected header, since it is bound to the key's kind anyway.
        payload: the content, when it travels apart from the message.

    Raises:
        ProtocolError: CONTENT_TYPE, ALGORITHM, KEY_INVALID, SIGNATURE_INVALID; NOT_COSE for a header marked
            critical that we do not understand, or a payload that is missing or there twice.
    """
    _check_critical(message)
    alg = message.header(ALG)
    if content_type is None:
        alg = message.unprotected.get(ALG) if alg is None else alg
    elif message.header(CONTENT_TYPE) != content_type:
        raise ProtocolError(Code.CONTENT_TYPE, f"the message is not of type {content_type}")
    if (message.payload is None) == (payload is None):
        raise _not_cose("the payload must be in the message or apart, once")
    content = message.payload if payload is None else payload
    assert content is not None
    keys.verify(key, alg, message.signature, sig_structure(message.protected, context, content))
    return content


def x5t(thumbprint: bytes) -> list[cbor.Value]:
    """The value of header 34: SHA-256 over the signer's certificate (RFC 9360, 2)."""
    return [_SHA256, thumbprint]


def signer_thumbprint(message: Sign1) -> bytes:
    """The certificate's thumbprint that the protected header names, 32 bytes.

    Raises:
        ProtocolError: NOT_COSE when it is missing or of another hash.
    """
    match message.header(X5T):
        case [-16, bytes(thumbprint)] if len(thumbprint) == 32:
            return thumbprint
    raise _not_cose("the protected header must name the certificate by x5t with SHA-256")


def certificate_chain(message: Sign1) -> list[bytes]:
    """The certificates in DER form that came with the message, the signer's first; empty for none (RFC 9360, 2).

    Raises:
        ProtocolError: NOT_COSE when it is anything but a few byte strings.
    """
    match message.unprotected.get(X5CHAIN):
        case None:
            return []
        case bytes(single):
            return [single]
        case [bytes(), bytes(), *_] as several if len(several) <= 1 + limits.CERTIFICATE_CHAIN:
            if all(isinstance(der, bytes) for der in several):
                return [der for der in several if isinstance(der, bytes)]
    raise _not_cose("x5chain must be one certificate or a short list of them")


def decode_headers(protected: bytes) -> Headers:
    """Decodes the content of a protected header's byte string.

    Raises:
        ProtocolError: NOT_CBOR, or NOT_COSE when it is not a map.
    """
    if not protected:
        return {}
    headers = cbor.decode_foreign(protected, max_bytes=limits.MESSAGE_BYTES)
    if not isinstance(headers, dict):
        raise _not_cose("a protected header must be a map")
    return headers


def check_deterministic(protected: bytes, headers: Headers) -> None:
    """Checks that a protected header of ours is the one encoding of what it holds.

    Raises:
        ProtocolError: NOT_DETERMINISTIC; also for floats, tags and other things that no header of ours holds.
    """
    try:
        again = encode_protected(headers)
    except TypeError:
        # Headers are decoded with the patience that foreign certificates need: they may hold more than we write.
        again = None
    if again != protected:
        raise ProtocolError(Code.NOT_DETERMINISTIC, "a protected header is not deterministic")


def _check_critical(message: Sign1) -> None:
    # RFC 9052, 3.1: each label listed must be in the protected header and be understood, or the message is refused.
    if CRIT in message.unprotected:
        raise _not_cose("crit must be protected")
    if CRIT not in message.headers:
        return
    critical = message.headers[CRIT]
    if not isinstance(critical, list) or not critical:
        raise _not_cose("crit must be a list of labels")
    for label in critical:
        if not isinstance(label, int) or label not in _UNDERSTOOD or label not in message.headers:
            raise _not_cose("a header marked critical is not understood")


def _not_cose(rule: str) -> ProtocolError:
    return ProtocolError(Code.NOT_COSE, rule)

"""Public keys, COSE algorithm identifiers, and the check of one signature.

An algorithm is never taken on trust: it is bound to the kind of key before the signature is looked at, so that a
message cannot choose how it is verified. Three algorithms exist here (RFC 9053, RFC 8812): ES256 on P-256, PS256 and
RS256 on RSA of 2,048 to 4,096 bits.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from sync_protocol.errors import Code, ProtocolError

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

KEY_ID_BYTES: Final = 8
_COORDINATE_BYTES: Final = 32
_RSA_BITS: Final = range(2048, 4097)


class Algorithm(IntEnum):
    """COSE algorithm identifiers that we sign and verify with."""

    ES256 = -7
    PS256 = -37
    RS256 = -257


SHA256: Final = hashes.SHA256()
ECDSA_SHA256: Final = ec.ECDSA(SHA256)
# RFC 8230, 2: the salt is as long as the hash.
PSS_SHA256: Final = padding.PSS(mgf=padding.MGF1(SHA256), salt_length=32)
PKCS1: Final = padding.PKCS1v15()


def check_key(key: object) -> PublicKey:
    """Gives the key back if it is one that we accept at all.

    Raises:
        ProtocolError: KEY_INVALID for other curves, other RSA sizes, other kinds of key.
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return key
        raise ProtocolError(Code.KEY_INVALID, "an elliptic-curve key must be on P-256")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size in _RSA_BITS:
            return key
        raise ProtocolError(Code.KEY_INVALID, "an RSA key must have 2,048 to 4,096 bits")
    raise ProtocolError(Code.KEY_INVALID, "a key must be P-256 or RSA")


def check_algorithm(alg: object, key: PublicKey) -> Algorithm:
    """Binds an algorithm identifier, as a message states it, to the key it is to be used with.

    Args:
        alg: the identifier, unverified.
        key: the public key, from a trusted place.

    Raises:
        ProtocolError: ALGORITHM when it is unknown or belongs to another kind of key; KEY_INVALID.
    """
    if isinstance(check_key(key), ec.EllipticCurvePublicKey):
        if alg == Algorithm.ES256:
            return Algorithm.ES256
    elif alg == Algorithm.PS256:
        return Algorithm.PS256
    elif alg == Algorithm.RS256:
        return Algorithm.RS256
    raise ProtocolError(Code.ALGORITHM, "the algorithm is unknown or does not belong to this kind of key")


def verify(key: PublicKey, alg: object, signature: bytes, message: bytes) -> None:
    """Verifies one signature.

    Args:
        key: the public key, from a trusted place.
        alg: the COSE algorithm identifier that the message states.
        signature: raw r‖s of 64 bytes for ES256, the modulus' length for RSA.
        message: the signed bytes, not yet hashed.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM or KEY_INVALID.
    """
    algorithm = check_algorithm(alg, key)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(der_from_raw(signature), message, ECDSA_SHA256)
        elif algorithm is Algorithm.PS256:
            key.verify(signature, message, PSS_SHA256, SHA256)
        else:
            key.verify(signature, message, PKCS1, SHA256)
    except InvalidSignature:
        raise ProtocolError(Code.SIGNATURE_INVALID, "the signature does not verify under this key") from None


def raw_from_der(signature: bytes) -> bytes:
    """Turns an ECDSA signature from its DER form into raw r‖s of 64 bytes.

    Raises:
        ProtocolError: SIGNATURE_INVALID when it is not one on P-256.
    """
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
    except (ValueError, OverflowError):
        raise ProtocolError(Code.SIGNATURE_INVALID, "not an ECDSA signature in DER form on P-256") from None


def der_from_raw(signature: bytes) -> bytes:
    """Turns raw r‖s of 64 bytes into the DER form.

    Raises:
        ProtocolError: SIGNATURE_INVALID when the length is another.
    """
    if len(signature) != 2 * _COORDINATE_BYTES:
        raise ProtocolError(Code.SIGNATURE_INVALID, "an ES256 signature has 64 bytes")
    return encode_dss_signature(
        int.from_bytes(signature[:_COORDINATE_BYTES]), int.from_bytes(signature[_COORDINATE_BYTES:])
    )


def encode_public_key(key: PublicKey) -> bytes:
    """The SubjectPublicKeyInfo in DER form (RFC 5280, 4.1)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_public_key(der: bytes) -> PublicKey:
    """Reads a SubjectPublicKeyInfo, and refuses one with several encodings.

    Raises:
        ProtocolError: KEY_INVALID.
    """
    try:
        key = check_key(serialization.load_der_public_key(der))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ProtocolError(Code.KEY_INVALID, "not a public key in SubjectPublicKeyInfo form") from None
    # A key's id is the hash of its bytes, so each key may have only one form (an uncompressed point).
    if encode_public_key(key) != der:
        raise ProtocolError(Code.KEY_INVALID, "the public key is not in its one DER form")
    return key


def load_ec_public_key(der: bytes) -> ec.EllipticCurvePublicKey:
    """Like :func:`load_public_key`, for places where only P-256 will do (node and sealing keys).

    Raises:
        ProtocolError: KEY_INVALID.
    """
    key = load_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ProtocolError(Code.KEY_INVALID, "this key must be on P-256")
    return key


def key_id(key: PublicKey) -> bytes:
    """The first 8 bytes of SHA-256 over the key's SubjectPublicKeyInfo: a name for looking it up, not a proof."""
    return hashlib.sha256(encode_public_key(key)).digest()[:KEY_ID_BYTES]

"""Sealing: a signed message is put into an envelope that only the centre, or one node, can open.

What is signed, chained and archived is the inner message. The sealed bytes are made once and kept, so that every
retry offers the same ones; their digest names them on the way. It names them for carriers only: a stranger can turn
sealed bytes into other ones with the same content (by the mirrored ephemeral point), so admission goes by the
digest of the inner message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import contexts, cose_encrypt, keys, limits

_CONTENT_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
# The scalar is taken from 16 bytes more than the curve's order has, so that the remainder is not biased
# (FIPS 186-5, A.2.1).
_SCALAR_BYTES: Final = 48
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Entropy(Protocol):
    """Where random bytes come from; the real one is the operating system's."""

    def token(self, size: int) -> bytes:
        """Gives `size` fresh random bytes."""
        ...


def fresh_private_key(entropy: Entropy) -> ec.EllipticCurvePrivateKey:
    """A private key on P-256 from 48 fresh bytes."""
    scalar = int.from_bytes(entropy.token(_SCALAR_BYTES)) % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def seal(
    inner: bytes,
    *,
    recipient: ec.EllipticCurvePublicKey,
    entropy: Entropy,
    context: bytes = contexts.SEALED.aad,
) -> bytes:
    """Seals a message for the holder of a key, with a fresh content key and a fresh ephemeral key.

    Args:
        inner: the signed message.
        recipient: the sealing key of the centre, or of a node.
        entropy: where the 92 fresh bytes come from.
        context: what the envelope is for.
    """
    return cose_encrypt.encrypt(
        inner,
        recipient=recipient,
        kid=keys.key_id(recipient),
        content_type=contexts.SEALED.content_type,
        context=context,
        ephemeral=fresh_private_key(entropy),
        content_key=entropy.token(_CONTENT_KEY_BYTES),
        nonce=entropy.token(_NONCE_BYTES),
    )


def open_sealed(
    sealed: bytes,
    private_keys: Mapping[bytes, ec.EllipticCurvePrivateKey],
    *,
    context: bytes = contexts.SEALED.aad,
    max_bytes: int = limits.SEALED_BYTES,
) -> bytes:
    """Opens an envelope; gives the inner message, whose signature is still to be verified.

    Args:
        sealed: the envelope.
        private_keys: the sealing keys by their `keys.key_id`; several while one is being replaced.
        context: what the envelope must be for.
        max_bytes: what it may weigh.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, NOT_COSE, CONTENT_TYPE, ALGORITHM, RECIPIENT_UNKNOWN,
            KEY_INVALID, ENVELOPE_UNREADABLE.
    """
    return cose_encrypt.decrypt(
        sealed,
        key_for=private_keys.get,
        context=context,
        content_type=contexts.SEALED.content_type,
        max_bytes=max_bytes,
    )


def sealed_digest(sealed: bytes) -> bytes:
    """SHA-256 over the sealed bytes, 32 bytes: their name on the way."""
    return hashlib.sha256(sealed).digest()

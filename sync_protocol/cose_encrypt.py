"""COSE_Encrypt envelopes for one recipient (RFC 9052, 5): ECDH-ES+A256KW on P-256, A256GCM.

An envelope says nothing about who made it; the message inside carries the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync_protocol import cbor, cose, key_wrap
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.key_wrap import KeyAgreement

IV: Final = 5
EPHEMERAL_KEY: Final = -1

_A256GCM: Final = 3
_NONCE_BYTES: Final = 12
_CONTENT_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16


def encrypt(
    plaintext: bytes,
    *,
    recipient: ec.EllipticCurvePublicKey,
    kid: bytes,
    content_type: str,
    context: bytes,
    ephemeral: ec.EllipticCurvePrivateKey,
    content_key: bytes,
    nonce: bytes,
) -> bytes:
    """Encrypts for one recipient: COSE_Encrypt with ECDH-ES+A256KW and A256GCM, tagged.

    Args:
        plaintext: the content; its length shows in the result.
        recipient, kid: the recipient's key on P-256 and its name.
        content_type, context: which kind of message this is, bound to the content.
        ephemeral: a fresh key on P-256.
        content_key: 32 fresh bytes.
        nonce: 12 bytes.
    """
    if len(content_key) != _CONTENT_KEY_BYTES or len(nonce) != _NONCE_BYTES:
        raise ValueError("A256GCM needs a key of 32 bytes and a nonce of 12")
    protected = cose.encode_protected({cose.ALG: _A256GCM, cose.CONTENT_TYPE: content_type})
    ciphertext = AESGCM(content_key).encrypt(nonce, plaintext, _enc_structure(protected, context))
    algorithm = KeyAgreement.ES_A256KW
    inner = cose.encode_protected({cose.ALG: int(algorithm)})
    wrapped = key_wrap.wrap(
        content_key, algorithm=algorithm, private_key=ephemeral, public_key=recipient, protected=inner
    )
    to = [inner, {EPHEMERAL_KEY: key_wrap.cose_key(ephemeral.public_key()), cose.KID: kid}, wrapped]
    return cbor.encode(cbor2.CBORTag(cbor.TAG_ENCRYPT, [protected, {IV: nonce}, ciphertext, [to]]))


def decrypt(
    data: bytes,
    *,
    key_for: Callable[[bytes], ec.EllipticCurvePrivateKey | None],
    context: bytes,
    content_type: str | None,
    max_bytes: int,
    strict: bool = True,
) -> bytes:
    """Opens a COSE_Encrypt with one recipient; gives the plaintext. Who encrypted it is not known thereby.

    Args:
        data: the message.
        key_for: the private key with this name, or None.
        context, content_type: which kind of message this must be; None accepts messages without a content type.
        max_bytes: what the message may weigh.
        strict: for ours; otherwise any CBOR encoding of the same is read.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, NOT_COSE, CONTENT_TYPE, ALGORITHM, RECIPIENT_UNKNOWN,
            KEY_INVALID, ENVELOPE_UNREADABLE.
    """
    value = (cbor.decode if strict else cbor.decode_foreign)(data, max_bytes=max_bytes)
    if not isinstance(value, cbor2.CBORTag) or value.tag != cbor.TAG_ENCRYPT:
        raise _not_cose("the message is not tagged as COSE_Encrypt")
    match value.value:
        case [
            bytes(protected),
            {5: bytes(nonce), **more},
            bytes(ciphertext),
            [[bytes(inner), dict(to), bytes(wrapped)]],
        ]:
            pass
        case _:
            raise _not_cose("a COSE_Encrypt here has headers, a nonce, a ciphertext and one recipient")
    headers, inner_headers = cose.decode_headers(protected), cose.decode_headers(inner)
    if more or to.keys() != {EPHEMERAL_KEY, cose.KID}:
        raise _not_cose("unknown unprotected headers")
    if strict and (headers.keys() != {cose.ALG, cose.CONTENT_TYPE} or inner_headers.keys() != {cose.ALG}):
        raise _not_cose("unknown protected headers")
    if strict:
        cose.check_deterministic(protected, headers)
        cose.check_deterministic(inner, inner_headers)
    if headers.get(cose.CONTENT_TYPE) != content_type:
        raise ProtocolError(Code.CONTENT_TYPE, f"the message is not of type {content_type}")
    if headers.get(cose.ALG) != _A256GCM or inner_headers.get(cose.ALG) != KeyAgreement.ES_A256KW:
        raise ProtocolError(Code.ALGORITHM, "envelopes are made with ECDH-ES+A256KW and A256GCM")
    kid = to[cose.KID]
    private_key = key_for(kid) if isinstance(kid, bytes) else None
    if private_key is None:
        raise ProtocolError(Code.RECIPIENT_UNKNOWN, "the message is for a key that is not here")
    content_key = key_wrap.unwrap(
        wrapped,
        algorithm=KeyAgreement.ES_A256KW,
        private_key=private_key,
        public_key=key_wrap.parse_cose_key(to[EPHEMERAL_KEY]),
        protected=inner,
    )
    if len(content_key) != _CONTENT_KEY_BYTES or len(nonce) != _NONCE_BYTES or len(ciphertext) < _TAG_BYTES:
        raise ProtocolError(Code.ENVELOPE_UNREADABLE, "key, nonce or ciphertext have the wrong length")
    try:
        return AESGCM(content_key).decrypt(nonce, ciphertext, _enc_structure(protected, context))
    except InvalidTag:
        raise ProtocolError(Code.ENVELOPE_UNREADABLE, "the content does not open") from None


def _enc_structure(protected: bytes, external_aad: bytes) -> bytes:
    """The additional data that A256GCM covers (RFC 9052, 5.3)."""
    return cbor.encode(["Encrypt", protected, external_aad])


def _not_cose(rule: str) -> ProtocolError:
    return ProtocolError(Code.NOT_COSE, rule)

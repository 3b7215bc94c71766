"""The text of a health certificate taken apart: ``HC1:`` + base45(zlib(COSE_Sign1)). Nothing is believed here.

Each step is a function of its own, so that a verifier can say which one failed.

Source: HCERT specification part 1, version 1.0.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import cbor2
import msgspec

from sync_protocol import base45, cbor, cose, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import Algorithm

PREFIX: Final = "HC1:"
# HCERT part 1, 3.3.2: ES256 or PS256, nothing else.
ALGORITHMS: Final = (Algorithm.ES256, Algorithm.PS256)
# CWT claims (RFC 8392), the claim of health certificates, and the key of the European one inside it.
CLAIM_ISSUER: Final = 1
CLAIM_EXPIRES: Final = 4
CLAIM_ISSUED: Final = 6
CLAIM_HCERT: Final = -260
HCERT_DCC: Final = 1

_NOTHING: Final[Mapping[object, object]] = {}


class UnverifiedHealthCertificate(msgspec.Struct, frozen=True, gc=False):
    """A health certificate taken apart; nothing in it is proven.

    Attributes:
        protected: the protected header as signed, encoded.
        payload: the CWT claims as signed, encoded; not to be read before the signature is verified.
        signature: raw r‖s of 64 bytes for ES256, the modulus' length for PS256.
        kid: the key id, from the protected header if it stands there, else from the unprotected one.
        algorithm: the algorithm identifier as stated; bound to the key before use.
    """

    protected: bytes
    payload: bytes
    signature: bytes
    kid: bytes
    algorithm: object


def parse_hc1(text: str) -> UnverifiedHealthCertificate:
    """Takes a text apart without believing any of it.

    Raises:
        ProtocolError: TOO_LARGE, HC1_PREFIX, HC1_BASE45, HC1_INFLATE, NOT_CBOR or NOT_COSE.
    """
    return parse_hc1_message(inflate(base45.decode(strip_prefix(text))))


def strip_prefix(text: str) -> str:
    """Returns what follows ``HC1:``.

    Raises:
        ProtocolError: TOO_LARGE, or HC1_PREFIX for other and for missing prefixes.
    """
    if len(text) > limits.HC1_CHARS:
        raise ProtocolError(Code.TOO_LARGE, f"text: more than {limits.HC1_CHARS} characters")
    if not text.startswith(PREFIX):
        raise ProtocolError(Code.HC1_PREFIX, f"text: does not begin with {PREFIX}")
    return text[len(PREFIX) :]


def inflate(data: bytes) -> bytes:
    """Returns the message inside one zlib stream of at most `limits.HC1_INFLATED_BYTES`.

    Raises:
        ProtocolError: HC1_INFLATE when it is no zlib stream, is cut, goes on after its end or inflates to more.
    """
    decompressor = zlib.decompressobj()
    try:
        message = decompressor.decompress(data, limits.HC1_INFLATED_BYTES + 1)
    except zlib.error:
        raise ProtocolError(Code.HC1_INFLATE, "text: not a zlib stream") from None
    if len(message) > limits.HC1_INFLATED_BYTES:
        raise ProtocolError(Code.HC1_INFLATE, f"text: inflates to more than {limits.HC1_INFLATED_BYTES} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ProtocolError(Code.HC1_INFLATE, "text: the zlib stream is cut or goes on after its end")
    return message


def parse_hc1_message(message: bytes) -> UnverifiedHealthCertificate:
    """Takes a COSE_Sign1 apart: tagged 18, wrapped in tag 61, or untagged, as issuing states write it.

    Raises:
        ProtocolError: NOT_CBOR or NOT_COSE.
    """
    parts = _usual_parts(message) or _parts(message)
    protected, unprotected, payload, signature = parts
    algorithm, kid = _protected_values(protected)
    # What stands in the protected header wins (HCERT part 1, 3.3).
    if algorithm is None:
        algorithm = unprotected.get(cose.ALG)
    if kid is None:
        kid = unprotected.get(cose.KID)
    if not isinstance(kid, bytes):
        raise ProtocolError(Code.NOT_COSE, "message: no key id in either header")
    return UnverifiedHealthCertificate(protected, payload, signature, kid, algorithm)


def _parts(message: bytes) -> tuple[bytes, Mapping[object, object], bytes, bytes]:
    value: object = cbor.decode_foreign(message, max_bytes=limits.HC1_INFLATED_BYTES)
    for tag in (cbor.TAG_CWT, cbor.TAG_SIGN1):
        if isinstance(value, cbor2.CBORTag) and value.tag == tag:
            value = value.value
    match value:
        case [bytes(protected), Mapping() as unprotected, bytes(payload), bytes(signature)]:
            return protected, unprotected, payload, signature
    raise ProtocolError(Code.NOT_COSE, "message: not a COSE_Sign1 array of headers, payload and signature")


def _usual_parts(message: bytes) -> tuple[bytes, Mapping[object, object], bytes, bytes] | None:
    """Cuts out the parts of the form nearly every issuer writes, or gives None; saves a third of the decoding.

    The form: tag 18, a protected header below 24 bytes, no unprotected one, a payload of 256 to 65,535 bytes, an ES256
    signature, and nothing after it.
    """
    size = len(message)
    if size < 64 or message[:2] != b"\xd2\x84" or message[2] & 0xF8 not in (0x40, 0x48, 0x50):
        return None
    end = 3 + (message[2] & 0x1F)
    if message[end : end + 2] != b"\xa0\x59":
        return None
    start = end + 4
    stop = start + (message[end + 2] << 8 | message[end + 3])
    if message[stop : stop + 2] != b"\x58\x40" or stop + 66 != size:
        return None
    return message[3:end], _NOTHING, message[start:stop], message[stop + 2 :]


# One signer writes the same protected header into each of its messages.
@lru_cache(maxsize=256)
def _protected_values(protected: bytes) -> tuple[object, object]:
    # RFC 9052, 3: an empty map may be written as an empty string.
    header = cbor.decode_foreign(protected, max_bytes=limits.MESSAGE_BYTES) if protected else {}
    if not isinstance(header, Mapping):
        raise ProtocolError(Code.NOT_COSE, "message: the protected header must be a map")
    if cose.CRIT in header:
        raise ProtocolError(Code.NOT_COSE, "message: critical headers that are not understood")
    return header.get(cose.ALG), header.get(cose.KID)

"""The text of the provisional slip's QR: ``HCVX1:`` + base45(deflated proof ‖ CRC-32). Nothing is believed here.

The proof is deflated without a header (RFC 1951) after a preset dictionary, the columns' words and what every statement
begins with; without it most slips would weigh more deflated than plain. The check is over the deflated bytes: deflate
has bits that nobody reads and distances that lead to the same letters, so without it some changed texts would be read
as the same proof.

The statement travels without its certificate, for which a QR has no room: `TrustSet.organisation_certificates` has it
by its thumbprint.
"""

from __future__ import annotations

import hmac
import re
import zlib
from dataclasses import replace
from typing import Final

from sync_protocol import base45, cose, limits
from sync_protocol.batch import BATCH_BYTES
from sync_protocol.dose_proof import DoseProof, encode_dose_proof, parse_dose_proof
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.vocabulary import PRESET

PREFIX: Final = "HCVX1:"
_ANY_VERSION: Final = re.compile(r"HCVX[0-9]{1,3}:")
# The protected header of a statement up to its digest: algorithm RS256, which tokens have, content type, x5t.
_HEADER: Final = b"\xa3\x01\x39\x01\x00\x03\x78\x1bapplication/hcvx.batch+cbor\x18\x22\x82\x2f\x58\x20"
# Part of this version of the text: changing anything in it makes a new one.
DICTIONARY: Final = PRESET + _HEADER
_CHECK_BYTES: Final = 4
_DEFLATE_RAW: Final = -zlib.MAX_WBITS
_MOST_EFFORT: Final = 9


def encode_slip_text(proof: DoseProof) -> str:
    """The text of one slip: characters of the QR alphanumeric alphabet, at most `limits.SLIP_CHARS`.

    Args:
        proof: from :func:`dose_proof.prove_dose`; a certificate that its statement carries is left out.

    Raises:
        ProtocolError: TOO_LARGE when no QR of version 40 at level M holds it: long free texts of dose and manifest;
            NOT_COSE when the statement is none.
    """
    # x5chain is not covered by the signature, so it can be taken off.
    message = cose.parse_sign1(proof.statement_cose, max_bytes=BATCH_BYTES)
    bare = replace(proof, statement_cose=cose.encode_sign1(replace(message, unprotected={})))
    deflater = zlib.compressobj(_MOST_EFFORT, zlib.DEFLATED, _DEFLATE_RAW, zdict=DICTIONARY)
    deflated = deflater.compress(encode_dose_proof(bare)) + deflater.flush()
    text = PREFIX + base45.encode(deflated + _check(deflated))
    if len(text) > limits.SLIP_CHARS:
        raise ProtocolError(Code.TOO_LARGE, f"slip: more than {limits.SLIP_CHARS} characters")
    return text


def parse_slip_text(text: str) -> DoseProof:
    """Reads the text of a slip strictly; verifies nothing.

    1. its length, and its prefix;
    2. the characters and the check, which no single changed character passes;
    3. one deflate stream, whole, of bounded size, and nothing after it;
    4. the proof, whose statement carries nothing that its signature does not cover.

    Raises:
        ProtocolError: TOO_LARGE; VERSION for another version of this text; NOT_RECOGNISED for any other text;
            SLIP_DAMAGED; NOT_COSE and those of :func:`dose_proof.parse_dose_proof`.
    """
    # (1)
    if len(text) > limits.SLIP_CHARS:
        raise ProtocolError(Code.TOO_LARGE, f"slip: more than {limits.SLIP_CHARS} characters")
    if not text.startswith(PREFIX):
        if _ANY_VERSION.match(text):
            raise ProtocolError(Code.VERSION, f"slip: this program reads {PREFIX}")
        raise ProtocolError(Code.NOT_RECOGNISED, f"slip: does not begin with {PREFIX}")
    # (2)
    try:
        data = base45.decode(text[len(PREFIX) :])
    except ProtocolError:
        raise _damaged("is not base45") from None
    deflated, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if not hmac.compare_digest(check, _check(deflated)):
        raise _damaged("its check does not fit")
    # (3) (4)
    proof = parse_dose_proof(_inflate(deflated))
    if cose.parse_sign1(proof.statement_cose, max_bytes=BATCH_BYTES).unprotected:
        raise ProtocolError(Code.NOT_COSE, "slip: the statement carries headers that are not signed")
    return proof


def _inflate(deflated: bytes) -> bytes:
    inflater = zlib.decompressobj(_DEFLATE_RAW, DICTIONARY)
    try:
        message = inflater.decompress(deflated, limits.SLIP_INFLATED_BYTES + 1)
    except zlib.error:
        raise _damaged("does not inflate") from None
    if len(message) > limits.SLIP_INFLATED_BYTES:
        raise _damaged(f"inflates to more than {limits.SLIP_INFLATED_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise _damaged("the deflate stream is cut or goes on after its end")
    return message


def _check(deflated: bytes) -> bytes:
    # A CRC-32 finds every error within 32 neighbouring bits, and a character stands for parts of 16. It is no proof of
    # anything else: that is the signature's business.
    return zlib.crc32(deflated).to_bytes(_CHECK_BYTES)


def _damaged(rule: str) -> ProtocolError:
    return ProtocolError(Code.SLIP_DAMAGED, f"slip: {rule}")

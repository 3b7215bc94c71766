"""Makes health certificates, one or a hundred thousand: in stages over a whole batch, the signing in one tight loop.

Working stage by stage keeps the curve's tables in the processor's cache while signing, and lets base45 run once over
the batch. Two shortcuts, each held to the long way by a property test: the claims are put together from pieces that
equal `cbor.encode` of the same content, and the zlib stream is one *stored* block, since a payload of 350 bytes does
not compress.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Sequence
from typing import Final

from sync_protocol import base45, cbor, cose, limits
from sync_protocol.certificate import Certificate
from sync_protocol.days import add_months, to_datetime
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_text import (
    ALGORITHMS,
    CLAIM_EXPIRES,
    CLAIM_HCERT,
    CLAIM_ISSUED,
    CLAIM_ISSUER,
    HCERT_DCC,
    PREFIX,
)
from sync_protocol.health_certificate import COUNTRY, SCHEMA_VERSION, CertifiedProduct, HealthCertificate
from sync_protocol.signers.signer import Signer

# So many certificates' bytes stay in the second-level cache between the stages.
_CHUNK: Final = 1_000
# RFC 1950: deflate, window of 32 KB, fastest. RFC 1951, 3.2.4: one last block, stored.
_STORED: Final = struct.Struct("<3sHH")
_STORED_HEAD: Final = b"\x78\x01\x01"
_TAG_SIGN1: Final = b"\xd2\x84"
_EMPTY_MAP: Final = b"\xa0"
# The head of every text that the schema allows: up to 80 characters of up to 4 bytes.
_TEXT_HEADS: Final = tuple(
    bytes((0x60 | size,)) if size < 24 else bytes((0x78, size)) if size < 256 else b"\x79" + size.to_bytes(2)
    for size in range(4 * 80 + 1)
)


def issue_hc1(
    certificate: HealthCertificate, signer: Signer, *, issued_at: int, products: Collection[CertifiedProduct]
) -> str:
    """Makes one health certificate; see `issue_many`."""
    return issue_many([certificate], signer, issued_at=issued_at, products=products)[0]


def issue_many(
    certificates: Sequence[HealthCertificate],
    signer: Signer,
    *,
    issued_at: int,
    products: Collection[CertifiedProduct],
) -> list[str]:
    """Makes health certificates that expire 12 calendar months after their issue.

    Nothing is signed unless every product is known and the signer's certificate outlives every certificate.

    Args:
        certificates: their contents.
        signer: the document signer, with its certificate; ES256 or PS256.
        issued_at: epoch seconds, UTC.
        products: what the catalogue lists; a product and a holder must stand in it as a pair.

    Returns:
        The texts of the QR codes, in order.

    Raises:
        ProtocolError: PRODUCT_UNKNOWN, ALGORITHM, SIGNER_LIFE or CERTIFICATE_NOT_YET_VALID.
        TokenError: the signer cannot sign now.
    """
    expires_at = expiry(signer.certificate, issued_at=issued_at)
    if signer.algorithm not in ALGORITHMS:
        raise ProtocolError(Code.ALGORITHM, "signer: health certificates are signed with ES256 or PS256 only")
    known = frozenset(products)
    if not known.issuperset({certificate.product for certificate in certificates}):
        raise ProtocolError(Code.PRODUCT_UNKNOWN, "product: product and holder are no pair of the catalogue")
    claims = _Claims(issued_at=issued_at, expires_at=expires_at)
    texts: list[str] = []
    for start in range(0, len(certificates), _CHUNK):
        payloads = claims.encode_many(certificates[start : start + _CHUNK])
        texts.extend(PREFIX + text for text in base45.encode_many(_sign_many(payloads, signer)))
    return texts


def expiry(signer_certificate: Certificate | None, *, issued_at: int) -> int:
    """Returns the instant at which certificates issued now expire (epoch seconds, UTC).

    Raises:
        ProtocolError: SIGNER_LIFE when the signer's certificate ends before that instant; a new one is needed.
            CERTIFICATE_NOT_YET_VALID when it has not begun.
    """
    if signer_certificate is None:
        raise ValueError("a document signer has a certificate")
    expires_at = add_months(issued_at, limits.PASSPORT_MONTHS)
    if to_datetime(issued_at) < signer_certificate.not_before:
        raise ProtocolError(Code.CERTIFICATE_NOT_YET_VALID, "signer: its certificate is not valid yet")
    if to_datetime(expires_at) > signer_certificate.not_after:
        raise ProtocolError(
            Code.SIGNER_LIFE, f"signer: its certificate must live {limits.PASSPORT_MONTHS} months from the issue"
        )
    return expires_at


def _sign_many(payloads: Sequence[bytes], signer: Signer) -> list[bytes]:
    """Returns the zlib streams of the signed messages."""
    assert signer.certificate is not None
    protected = cose.encode_protected({cose.ALG: int(signer.algorithm), cose.KID: signer.certificate.kid})
    signed_head = cose.sig_structure(protected, b"", b"")[:-1]
    bodies = [cbor.byte_string(payload) for payload in payloads]
    signatures = signer.sign_many([signed_head + body for body in bodies])
    message_head = _TAG_SIGN1 + cbor.byte_string(protected) + _EMPTY_MAP
    signature_head = cbor.byte_string(signatures[0])[: -len(signatures[0])]
    return [
        stored_zlib(b"".join((message_head, body, signature_head, signature)))
        for body, signature in zip(bodies, signatures, strict=True)
    ]


def stored_zlib(data: bytes) -> bytes:
    """Returns a zlib stream (RFC 1950) that holds `data`, of at most 65,535 bytes, uncompressed in one block."""
    size = len(data)
    return _STORED.pack(_STORED_HEAD, size, size ^ 0xFFFF) + data + zlib.adler32(data).to_bytes(4)


class _Claims:
    """Encodes the claims of many certificates with one issue and expiry; equals `encode_claims` of each."""

    def __init__(self, *, issued_at: int, expires_at: int) -> None:
        # Keys in the order of their encodings: 1, 4, 6, -260; v, dob, nam, ver; ci, co, dn, dt, is, ma, mp, sd, tg, vp.
        self._head = b"".join(
            (
                b"\xa4",
                _pair(CLAIM_ISSUER, COUNTRY),
                _pair(CLAIM_EXPIRES, expires_at),
                _pair(CLAIM_ISSUED, issued_at),
                cbor.encode(CLAIM_HCERT),
                b"\xa1" + cbor.encode(HCERT_DCC),
                b"\xa4" + cbor.encode("v") + b"\x81\xaa" + cbor.encode("ci"),
            )
        )
        self._tail = _pair("ver", SCHEMA_VERSION)
        self._middles: dict[tuple[str, int], bytes] = {}
        self._vaccines: dict[tuple[str, CertifiedProduct, int], bytes] = {}

    def encode_many(self, certificates: Sequence[HealthCertificate]) -> list[bytes]:
        """Returns the encoded claims of each certificate, in order."""
        head, tail, middles, vaccines, heads = self._head, self._tail, self._middles, self._vaccines, _TEXT_HEADS
        encoded = []
        for item in certificates:
            # Few series and products occur in a batch, so these pieces are made once.
            middle = middles.get((item.country, item.dose_number)) or self._middle(item.country, item.dose_number)
            vaccine = vaccines.get((item.issuer, item.product, item.dose_total)) or self._vaccine(item)
            family = item.family_name.encode()
            written = item.family_icao.encode()
            birth_date = item.birth_date.encode()
            uvci = item.uvci.encode()
            pieces = [head, heads[len(uvci)], uvci, middle, item.given_on.encode(), vaccine]
            pieces += (heads[len(birth_date)], birth_date)
            if item.given_name:
                given = item.given_name.encode()
                given_written = item.given_icao.encode()
                pieces += (b"\x63nam\xa4\x62fn", heads[len(family)], family, b"\x62gn", heads[len(given)], given)
                pieces += (
                    b"\x63fnt",
                    heads[len(written)],
                    written,
                    b"\x63gnt",
                    heads[len(given_written)],
                    given_written,
                )
            else:
                pieces += (b"\x63nam\xa2\x62fn", heads[len(family)], family, b"\x63fnt", heads[len(written)], written)
            pieces.append(tail)
            encoded.append(b"".join(pieces))
        return encoded

    def _middle(self, country: str, dose_number: int) -> bytes:
        # A full date has ten characters: its head, 0x6a, belongs to this piece.
        piece = _pair("co", country) + _pair("dn", dose_number) + cbor.encode("dt") + b"\x6a"
        self._middles[country, dose_number] = piece
        return piece

    def _vaccine(self, item: HealthCertificate) -> bytes:
        product = item.product
        piece = b"".join(
            (
                _pair("is", item.issuer),
                _pair("ma", product.ma),
                _pair("mp", product.mp),
                _pair("sd", item.dose_total),
                _pair("tg", product.disease),
                _pair("vp", product.vp),
                cbor.encode("dob"),
            )
        )
        self._vaccines[item.issuer, product, item.dose_total] = piece
        return piece


def _pair(key: int | str, value: int | str) -> bytes:
    return cbor.encode(key) + cbor.encode(value)

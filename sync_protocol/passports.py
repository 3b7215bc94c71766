"""Health certificates of the doses that a node recorded: the body of a PASSPORTS item.

The site prints them where there is no network. What travels is the signed message inside each text, all of an item
compressed together: they share issuer, product and days, so that little more than signature, name and number is left.
The text of the QR is made again from it, character by character the same (`issuance` writes one form only).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from sync_protocol import base45, cbor, limits
from sync_protocol.dose import DOSE_SEQUENCE_MAX, is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.hc1_text import PREFIX, inflate, strip_prefix
from sync_protocol.issuance import stored_zlib

_WHAT: Final = "passports"
_ROW_FIELDS: Final = 6
_ISSUES: Final = 10_000


class CertificateState(StrEnum):
    """How a health certificate stands at the centre; stored, so a word is never given another meaning."""

    ISSUED = "issued"
    RENEWED = "renewed"
    REVOKED = "revoked"


# States travel as their place in this tuple, so the order never changes; new ones go at the end.
_STATES: Final = (CertificateState.ISSUED, CertificateState.RENEWED, CertificateState.REVOKED)


@dataclass(frozen=True, slots=True, repr=False)
class IssuedCertificate:
    """One health certificate; its representation shows nothing of it.

    Attributes:
        sequence: of the dose, with the node of the item.
        issue: 1 for the first certificate of the dose, greater for renewals.
        state: issued for the first, renewed for later ones, revoked for either.
        at: epoch seconds, UTC, since when it stands so.
        expires_at: epoch seconds, UTC.
        hc1: what stands in the QR; "" where a revocation is told, since the node has the text already.
    """

    sequence: int
    issue: int
    state: CertificateState
    at: int
    expires_at: int
    hc1: str


@dataclass(frozen=True, slots=True, repr=False)
class Passports:
    """Certificates of doses that `node` recorded, by sequence and issue."""

    node: str
    certificates: tuple[IssuedCertificate, ...]


def encode_passports(passports: Passports) -> bytes:
    """The body of a PASSPORTS item: {1: node, 2: count, 3: the compressed rows}.

    Raises:
        ProtocolError: FIELD_INVALID, TOO_LARGE, or a code of the text, where no node would take it. HC1_CONTENT for a
            text that `issuance` did not write.
    """
    rows = [
        [one.sequence, one.issue, _STATES.index(one.state), one.at, one.expires_at, _message(one.hc1)]
        for one in passports.certificates
    ]
    encoded = cbor.encode({1: passports.node, 2: len(rows), 3: zlib.compress(cbor.encode(rows), 9)})
    # The reader's rules are the only ones, and the texts must come out as they went in.
    if parse_passports(encoded) != passports:
        raise ProtocolError(Code.HC1_CONTENT, f"{_WHAT}: a text is not of the form that is issued")
    return encoded


def parse_passports(data: bytes) -> Passports:
    """Reads the certificates strictly; each has to be verified by itself before it is believed.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID or
            COUNT_MISMATCH.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.PASSPORTS_BYTES), what=_WHAT)
    node = fields.text(1, max_chars=limits.NODE_CHARS)
    count = fields.uint(2, min=1, max=limits.PASSPORTS_ITEM)
    packed = fields.bytes_(3, max_bytes=limits.PASSPORTS_BYTES)
    fields.finish()
    if not is_code(node):
        raise _invalid("1: must be a node's code")
    rows = cbor.decode(_inflated(packed), max_bytes=limits.PASSPORTS_BYTES)
    if not isinstance(rows, list) or len(rows) != count:
        raise ProtocolError(Code.COUNT_MISMATCH, f"{_WHAT}.3: counts other certificates than there are")
    found = tuple(_read(row) for row in rows)
    places = [(one.sequence, one.issue) for one in found]
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise _invalid("3: by sequence and issue, each once")
    return Passports(node, found)


def in_items(certificates: Sequence[IssuedCertificate]) -> list[Sequence[IssuedCertificate]]:
    """The certificates, as many in each part as one item holds."""
    step = limits.PASSPORTS_ITEM
    return [certificates[start : start + step] for start in range(0, len(certificates), step)]


def _read(row: object) -> IssuedCertificate:
    if not isinstance(row, list) or len(row) != _ROW_FIELDS:
        raise _invalid("3: a certificate has six parts")
    sequence, issue, state, at, expires_at, message = row
    bounds = ((sequence, 1, DOSE_SEQUENCE_MAX), (issue, 1, _ISSUES), (state, 0, len(_STATES) - 1))
    instants = ((at, 0, limits.INSTANT), (expires_at, 0, limits.INSTANT))
    # `type` and not isinstance: True must not pass for 1.
    if any(type(value) is not int or not low <= value <= high for value, low, high in (*bounds, *instants)):
        raise _invalid("3: a number is outside its bounds")
    if not isinstance(message, bytes) or len(message) > limits.HC1_CHARS:
        raise _invalid(f"3: a message has at most {limits.HC1_CHARS} bytes")
    stands = _STATES[state]
    if (not message) != (stands is CertificateState.REVOKED):
        raise _invalid("3: a certificate comes with its message, a revocation without")
    if stands is not CertificateState.REVOKED and (stands is CertificateState.ISSUED) != (issue == 1):
        raise _invalid("3: the first issue is issued, a later one is renewed")
    text = PREFIX + base45.encode(stored_zlib(message)) if message else ""
    if len(text) > limits.HC1_CHARS:
        raise _invalid(f"3: a text has at most {limits.HC1_CHARS} characters")
    return IssuedCertificate(sequence, issue, stands, at, expires_at, text)


def _message(text: str) -> bytes:
    return inflate(base45.decode(strip_prefix(text))) if text else b""


def _inflated(packed: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        rows = decompressor.decompress(packed, limits.PASSPORTS_BYTES + 1)
    except zlib.error:
        raise _invalid("3: is not a zlib stream") from None
    if len(rows) > limits.PASSPORTS_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}.3: inflates to more than {limits.PASSPORTS_BYTES} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise _invalid("3: the zlib stream is cut or goes on after its end")
    return rows


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.{rule}")

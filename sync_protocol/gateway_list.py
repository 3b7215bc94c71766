"""The trust list of the European gateway in its JSON form, read and written.

Each entry is `kid, timestamp, country, certificateType, thumbprint, signature, rawData`; binary members are base64, the
thumbprint is hexadecimal. The list as a whole carries no signature: whoever passes the file vouches for it.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sync_protocol import limits
from sync_protocol.certificate import Certificate
from sync_protocol.days import to_datetime
from sync_protocol.document_signer import parse_document_signer
from sync_protocol.errors import Code, ProtocolError

DOCUMENT_SIGNER: Final = "DSC"
GATEWAY_ENTRIES: Final = 20_000

_KID_BYTES: Final = range(1, 33)


@dataclass(frozen=True, slots=True)
class TrustedSigner:
    """One document signer of one country.

    Attributes:
        kid: the key id under which it signs, as the list states it.
        country: ISO 3166 alpha-2, as the list states it.
        certificate: the document signer certificate.
        listed_at: epoch seconds, UTC, of the entry; 0 when the list does not say.
        upload_signature: the CMS signature with which the country uploaded it, unverified; may be empty.
    """

    kid: bytes
    country: str
    certificate: Certificate
    listed_at: int = 0
    upload_signature: bytes = b""


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    kid: Annotated[str, Meta(max_length=64)]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2,3}\Z")]
    certificate_type: Annotated[str, Meta(max_length=40)]
    raw_data: Annotated[str, Meta(max_length=2 * limits.CERTIFICATE_BYTES)]
    timestamp: str = ""
    thumbprint: str = ""
    signature: str = ""


def parse_gateway_json(text: str | bytes) -> list[TrustedSigner]:
    """Reads the document signers of a gateway list; entries of other types are skipped.

    A certificate that we cannot use (another curve, not X.509) is skipped too: one country's odd certificate must not
    take everybody else's trust away. Its health certificates are then refused as of an unknown signer.

    Raises:
        ProtocolError: TOO_LARGE, or FIELD_INVALID when the text is no such list, or when an entry's thumbprint is
            not that of its certificate.
    """
    if len(text) > limits.SET_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"gateway list: more than {limits.SET_BYTES} bytes")
    try:
        entries = msgspec.json.decode(text, type=Annotated[list[_Entry], Meta(max_length=GATEWAY_ENTRIES)])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(Code.FIELD_INVALID, f"gateway list: {error}") from None
    signers = []
    for entry in entries:
        if entry.certificate_type != DOCUMENT_SIGNER:
            continue
        kid, der = _base64(entry.kid, what="kid"), _base64(entry.raw_data, what="rawData")
        if len(kid) not in _KID_BYTES:
            raise ProtocolError(Code.FIELD_INVALID, "gateway list.kid: must have 1 to 32 bytes")
        try:
            certificate = parse_document_signer(der)
        except ProtocolError:
            continue
        if entry.thumbprint and entry.thumbprint.lower() != certificate.thumbprint.hex():
            raise ProtocolError(Code.FIELD_INVALID, "gateway list.thumbprint: is not that of the certificate")
        signers.append(
            TrustedSigner(
                kid=kid,
                country=entry.country,
                certificate=certificate,
                listed_at=_instant(entry.timestamp),
                upload_signature=_base64(entry.signature, what="signature"),
            )
        )
    return signers


def encode_gateway_json(signers: Sequence[TrustedSigner]) -> str:
    """Writes document signers in the gateway's form, one entry each, in the given order."""
    entries = [
        _Entry(
            kid=base64.b64encode(signer.kid).decode("ascii"),
            country=signer.country,
            certificate_type=DOCUMENT_SIGNER,
            raw_data=base64.b64encode(signer.certificate.der).decode("ascii"),
            timestamp=to_datetime(signer.listed_at).isoformat() if signer.listed_at else "",
            thumbprint=signer.certificate.thumbprint.hex(),
            signature=base64.b64encode(signer.upload_signature).decode("ascii"),
        )
        for signer in signers
    ]
    return msgspec.json.format(msgspec.json.encode(entries), indent=1).decode("utf-8") + "\n"


def _base64(text: str, *, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError(Code.FIELD_INVALID, f"gateway list.{what}: must be base64") from None


def _instant(text: str) -> int:
    if not text:
        return 0
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ProtocolError(Code.FIELD_INVALID, "gateway list.timestamp: must be ISO 8601") from None
    return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp())

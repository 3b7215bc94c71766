"""Health certificates in the European form (HC1): what goes into ours.

One certificate states one dose of one person. `issuance` makes the texts; `hc1_text` takes any text apart and
`hc1_verification` verifies it.

Source: HCERT specification part 1, version 1.0.5; Decision 5772/QĐ-BYT.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

import msgspec

from sync_protocol import cbor
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import check_text
from sync_protocol.hc1_text import (
    CLAIM_EXPIRES,
    CLAIM_HCERT,
    CLAIM_ISSUED,
    CLAIM_ISSUER,
    HCERT_DCC,
    UnverifiedHealthCertificate,
    parse_hc1,
)
from sync_protocol.hc1_verification import VerifiedHealthCertificate, verify_hc1
from sync_protocol.names import icao, split_name
from sync_protocol.uvci import check_uvci

__all__ = [
    "CertifiedProduct",
    "HealthCertificate",
    "UnverifiedHealthCertificate",
    "VerifiedHealthCertificate",
    "certify_dose",
    "encode_claims",
    "parse_hc1",
    "verify_hc1",
]

SCHEMA_VERSION: Final = "1.3.0"
COUNTRY: Final = "VN"

_TEXT_CHARS: Final = 80
_BIRTH_DATE: Final = re.compile(r"(19|20)[0-9]{2}(-[0-9]{2}-[0-9]{2})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ICAO: Final = re.compile(r"[A-Z<]{1,80}")
# A series longer than this is a slip of the hand.
_DOSES: Final = 20


@dataclass(frozen=True, slots=True)
class CertifiedProduct:
    """A vaccine by the codes of the European value sets; product and holder belong together.

    Attributes:
        disease: agent targeted, `tg`.
        vp: vaccine or prophylaxis.
        mp: medicinal product.
        ma: marketing authorisation holder or manufacturer.
    """

    disease: str
    vp: str
    mp: str
    ma: str


class HealthCertificate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one of our health certificates says: one dose of one person. It cannot be made with wrong content.

    Attributes:
        family_name, given_name: as displayed; the given name may be empty.
        family_icao, given_icao: as transliterated by ICAO 9303.
        birth_date: YYYY-MM-DD, or the year alone.
        product: the vaccine; its pair is checked against the catalogue when it is issued.
        dose_number, dose_total: place in the series; a booster after a complete series is n of n.
        given_on: YYYY-MM-DD, the local day.
        uvci: the certificate's number, never used twice.
        issuer: the name of the issuing authority, at most 80 characters.
        country: of the vaccination, ISO 3166 alpha-2.

    Raises:
        ProtocolError: NAME_UNWRITABLE, HC1_CONTENT, UVCI_INVALID or FIELD_INVALID (text that is not NFC).
    """

    family_name: str
    given_name: str
    family_icao: str
    given_icao: str
    birth_date: str
    product: CertifiedProduct
    dose_number: int
    dose_total: int
    given_on: str
    uvci: str
    issuer: str
    country: str = COUNTRY

    def __post_init__(self) -> None:
        if not _ICAO.fullmatch(self.family_icao) or not (self.given_icao == "" or _ICAO.fullmatch(self.given_icao)):
            raise ProtocolError(Code.NAME_UNWRITABLE, "name: the transliteration must be 1 to 80 of A-Z and <")
        if not 0 < len(self.family_name) <= _TEXT_CHARS or len(self.given_name) > _TEXT_CHARS:
            raise ProtocolError(Code.NAME_UNWRITABLE, f"name: each part has at most {_TEXT_CHARS} characters")
        if bool(self.given_name) != bool(self.given_icao):
            raise ProtocolError(Code.NAME_UNWRITABLE, "name: the given name and its transliteration belong together")
        check_text(self.family_name, what="name")
        check_text(self.given_name, what="name")
        check_text(self.issuer, what="issuer")
        _check_day(self.birth_date, _BIRTH_DATE, what="birth date")
        _check_day(self.given_on, _DAY, what="day of vaccination")
        if not 0 < len(self.issuer) <= _TEXT_CHARS:
            raise ProtocolError(Code.HC1_CONTENT, f"issuer: must have 1 to {_TEXT_CHARS} characters")
        if not 1 <= self.dose_number <= self.dose_total <= _DOSES:
            raise ProtocolError(Code.HC1_CONTENT, f"doses: number and total must be 1 to {_DOSES}, in this order")
        if len(self.country) != 2 or not (self.country.isascii() and self.country.isupper()):
            raise ProtocolError(Code.HC1_CONTENT, "country: must be two capital letters")
        check_uvci(self.uvci)

    def content(self) -> dict[str, object]:
        """Returns the content as the schema has it."""
        name = {"fn": self.family_name, "fnt": self.family_icao}
        if self.given_name:
            name |= {"gn": self.given_name, "gnt": self.given_icao}
        entry = {
            "tg": self.product.disease,
            "vp": self.product.vp,
            "mp": self.product.mp,
            "ma": self.product.ma,
            "dn": self.dose_number,
            "sd": self.dose_total,
            "dt": self.given_on,
            "co": self.country,
            "is": self.issuer,
            "ci": self.uvci,
        }
        return {"ver": SCHEMA_VERSION, "nam": name, "dob": self.birth_date, "v": [entry]}


def certify_dose(
    *,
    name: str,
    family_name: str | None,
    birth_date: str,
    product: CertifiedProduct,
    dose_number: int,
    dose_total: int,
    given_on: str,
    uvci: str,
    issuer: str,
) -> HealthCertificate:
    """Makes the certificate's content from a dose as recorded.

    Args:
        name, family_name: as recorded; see `names.split_name`.
        birth_date: YYYY-MM-DD, or the year alone.
        product: from the catalogue.
        dose_number, dose_total: as recorded; a booster after a complete series becomes n of n.
        given_on: YYYY-MM-DD, the local day.
        uvci: a number never used before.
        issuer: the name of the issuing authority.

    Raises:
        ProtocolError: NAME_UNWRITABLE, HC1_CONTENT, UVCI_INVALID or FIELD_INVALID.
    """
    family, given = split_name(name, family_name)
    return HealthCertificate(
        family_name=family,
        given_name=given,
        family_icao=icao(family),
        given_icao=icao(given) if given else "",
        birth_date=birth_date,
        product=product,
        dose_number=dose_number,
        dose_total=max(dose_number, dose_total),
        given_on=given_on,
        uvci=uvci,
        issuer=issuer,
    )


def encode_claims(certificate: HealthCertificate, *, issued_at: int, expires_at: int) -> bytes:
    """Returns the CWT claims of one certificate, deterministically encoded. Times are epoch seconds, UTC."""
    return cbor.encode(
        {
            CLAIM_ISSUER: COUNTRY,
            CLAIM_EXPIRES: expires_at,
            CLAIM_ISSUED: issued_at,
            CLAIM_HCERT: {HCERT_DCC: certificate.content()},
        }
    )


def _check_day(text: str, form: re.Pattern[str], *, what: str) -> None:
    try:
        if not form.fullmatch(text):
            raise ValueError
        if "-" in text:
            dt.date.fromisoformat(text)
    except ValueError:
        raise ProtocolError(Code.HC1_CONTENT, f"{what}: must be a date of the calendar in the schema's form") from None

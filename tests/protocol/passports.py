"""Document signers, products and contents of health certificates for the tests."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Final

from sync_protocol.document_signer import document_signer
from sync_protocol.health_certificate import CertifiedProduct, HealthCertificate, certify_dose
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from sync_protocol.trust import TrustOrigin, TrustSet
from sync_protocol.uvci import make_uvci
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key

START: Final = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)
# 15 April 2022, 17:30 in Vietnam.
AT: Final = 1_650_018_600
COMIRNATY: Final = CertifiedProduct("840539006", "1119349007", "EU/1/20/1528", "ORG-100030215")
VERO_CELL: Final = CertifiedProduct("840539006", "1157024006", "BBIBP-CorV", "ORG-100020693")
PRODUCTS: Final = frozenset({COMIRNATY, VERO_CELL})
AUTHORITY_NAME: Final = "Cục Y tế dự phòng, Bộ Y tế"


def document_signer_of(
    key: PrivateKey, *, days: int = 1_000, start: dt.datetime = START, extended_usages: tuple[str, ...] = ()
) -> KeySigner:
    """A document signer with a certificate of its own."""
    authority = make_ca("CSCA Việt Nam", start, days=5_000)
    certificate = issue_certificate(
        authority, key, subject="DSC Việt Nam", at=start, days=days, extended_usages=extended_usages
    )
    return KeySigner(key, certificate=certificate)


@cache
def ec_signer() -> KeySigner:
    """The ES256 document signer of the tests."""
    return document_signer_of(ec_key("document signer"))


@cache
def rsa_signer() -> KeySigner:
    """The PS256 document signer of the tests, of the kind Vietnam really uses."""
    return document_signer_of(rsa_key())


def trust_in(*signers: KeySigner, country: str = "VN") -> TrustSet:
    """A trust set with these document signers."""
    found = [document_signer(signer.certificate, country=country) for signer in signers if signer.certificate]
    return TrustSet(origin=TrustOrigin.GATEWAY_LIST, signers={item.certificate.kid: (item,) for item in found})


def content(
    number: int = 1,
    *,
    name: str = "Nguyễn Thị Phương Ánh",
    family_name: str | None = None,
    product: CertifiedProduct = COMIRNATY,
    dose_number: int = 2,
    dose_total: int = 2,
    birth_date: str = "1980-02-03",
) -> HealthCertificate:
    """What one certificate says."""
    return certify_dose(
        name=name,
        family_name=family_name,
        birth_date=birth_date,
        product=product,
        dose_number=dose_number,
        dose_total=dose_total,
        given_on="2022-04-15",
        uvci=make_uvci("19001A", f"D{number:08d}"),
        issuer=AUTHORITY_NAME,
    )

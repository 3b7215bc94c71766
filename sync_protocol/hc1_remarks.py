"""What is worth saying about a health certificate that verifies: oddities that are no reason to refuse it.

Value sets grow, UVCIs of other countries follow other habits, and a series may be counted differently elsewhere. So
these are remarks; the verdict stands.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from sync_protocol.errors import ProtocolError
from sync_protocol.health_certificate import CertifiedProduct, VerifiedHealthCertificate
from sync_protocol.health_content import Vaccination
from sync_protocol.uvci import check_uvci


class Remark(StrEnum):
    """One oddity."""

    UVCI = "uvci"
    ISSUER_COUNTRY = "issuer-country"
    OUTLIVES_SIGNER = "outlives-signer"
    CODE_DEPRECATED = "code-deprecated"
    PRODUCT_UNKNOWN = "product-unknown"
    BEYOND_SERIES = "beyond-series"


# The first is a class of vaccines and no vaccine; the second is another product than Vero Cell by Sinopharm Beijing.
_DEPRECATED: Final = frozenset({"J07BX03", "Inactivated-SARS-CoV-2-Vero-Cell"})


def remarks(
    verified: VerifiedHealthCertificate, *, products: Collection[CertifiedProduct] | None
) -> tuple[Remark, ...]:
    """Returns what is odd about a verified certificate.

    Args:
        verified: the certificate.
        products: what the catalogue lists, or None where no catalogue is at hand.
    """
    found = []
    entry, signer = verified.content.entry, verified.signer
    try:
        check_uvci(entry.ci)
    except ProtocolError:
        found.append(Remark.UVCI)
    if signer.country and verified.issuer and signer.country != verified.issuer:
        found.append(Remark.ISSUER_COUNTRY)
    if verified.expires_at > signer.valid_until:
        found.append(Remark.OUTLIVES_SIGNER)
    if isinstance(entry, Vaccination):
        if _DEPRECATED & {entry.vp, entry.mp}:
            found.append(Remark.CODE_DEPRECATED)
        if products is not None and CertifiedProduct(entry.tg, entry.vp, entry.mp, entry.ma) not in products:
            found.append(Remark.PRODUCT_UNKNOWN)
        if entry.dn > entry.sd:
            found.append(Remark.BEYOND_SERIES)
    return tuple(found)

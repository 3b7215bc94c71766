"""The rules of the end of the day: whose health certificates are due, what they say, and why the others wait.

A dose is *due* when it is admitted, no newer version replaces it and it has no certificate. Whether it gets one is
decided here, from values alone: the person is known with certainty on that very day, the product is in the
catalogue, the name can be written in the letters of a passport. Everything else waits with its code.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from central.domain.people import RegistryAnswer
from sync_protocol.catalogue import Catalogue, Product
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_text import ALGORITHMS
from sync_protocol.health_certificate import CertifiedProduct, HealthCertificate
from sync_protocol.identity import IdentityState, Sex
from sync_protocol.issuance import expiry
from sync_protocol.names import icao, split_name
from sync_protocol.population import PersonKey
from sync_protocol.signers.signer import Signer
from sync_protocol.uvci import UVCI_PREFIX, check_character

# 5772/QĐ-BYT: the authority that issues.
ISSUER: Final = "Cục Y tế dự phòng"
# 80 bits, which are exactly 16 characters of base32: a hundred million certificates meet by chance once in
# 250 million years' runs, and the database would refuse the second one.
OPAQUE_BYTES: Final = 10
OPAQUE_CHARS: Final = 16
# A word is transliterated once; a whole country's given names would still fit into memory.
_KEPT_NAMES: Final = 200_000
_SEXES: Final = {sex.value: sex for sex in Sex}
_VOUCHED: Final = IdentityState.VOUCHED.value


class DueDose(msgspec.Struct, frozen=True, gc=False):
    """One due dose as the store holds it, in the order of `store.health_certificates.due_doses`.

    Attributes:
        id: of the dose version.
        person: the person key that admission found.
        birth_date: "YYYY-MM-DD" or "YYYY".
        number: of the identity paper, as the site wrote it.
        identity_state: what the site signed.
        given_day: local day, "YYYY-MM-DD".
        uvci, issued_at: of an intent that was left without its certificate, else None.
    """

    id: int
    person: str
    facility: str
    name: str
    family_name: str
    sex: str
    birth_date: str
    number: str
    identity_state: str
    product: str
    dose_number: int
    given_day: str
    uvci: str | None = None
    issued_at: int | None = None


class DueCertificate(msgspec.Struct, frozen=True, gc=False):
    """A certificate that is to be signed; `is_new` says that its intent has to be stored first."""

    dose: DueDose
    content: HealthCertificate
    issued_at: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What is to be done with some due doses: certificates to sign, and (dose id, code) of those that wait."""

    certificates: list[DueCertificate]
    waiting: list[tuple[int, Code]]


def check_document_signer(
    signer: Signer, *, trusted: Collection[Certificate], revoked: Collection[bytes], now: int
) -> Certificate:
    """Refuses a signer whose certificates would not be believed for the next 12 months; gives its certificate.

    Args:
        signer: opened.
        trusted: the document signers that the centre publishes.
        revoked: thumbprints of revoked certificates.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: SIGNER_UNKNOWN (no certificate, or one that is not published yet), CERTIFICATE_REVOKED,
            ALGORITHM (RS256 is not for health certificates), CERTIFICATE_NOT_YET_VALID, or SIGNER_LIFE when it ends
            within 12 months. The operator needs another certificate; nothing was done.
    """
    certificate = signer.certificate
    if certificate is None or certificate.thumbprint not in {known.thumbprint for known in trusted}:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "signer: its certificate is no published document signer")
    if certificate.thumbprint in revoked:
        raise ProtocolError(Code.CERTIFICATE_REVOKED, "signer: its certificate is revoked")
    if signer.algorithm not in ALGORITHMS:
        raise ProtocolError(Code.ALGORITHM, "signer: health certificates are signed with ES256 or PS256 only")
    expiry(certificate, issued_at=now)
    return certificate


def registry_question(dose: DueDose) -> PersonKey | None:
    """What the population database is asked again for this dose; None for those whom it does not know."""
    if dose.identity_state == _VOUCHED:
        return None
    return PersonKey(dose.number, dose.name, _SEXES[dose.sex], dose.birth_date)


def identity_obstacle(dose: DueDose, answer: RegistryAnswer | None) -> Code | None:
    """Why this person gets no certificate today, or None.

    The match has to be in force today (I14), and has to lead to the same person as on the day of admission.
    For foreigners with a passport the site vouches; by policy that is enough.
    """
    if dose.identity_state == _VOUCHED:
        return None if dose.person.startswith("passport:") else Code.IDENTITY_EVIDENCE
    if answer is None or not answer.is_match or dose.person != f"id:{answer.number}":
        return Code.IDENTITY_EVIDENCE
    return None


def series(dose_number: int, product: Product) -> int:
    """What stands beside the dose number: the doses of the complete series; a booster after it is n of n."""
    return max(dose_number, product.series)


def fresh_uvcis(facilities: Sequence[str], random_bytes: bytes) -> Iterator[str]:
    """Makes one UVCI for each facility code; the opaque part is random and derived from nobody's data.

    Args:
        facilities: codes of the sites that signed the doses.
        random_bytes: `OPAQUE_BYTES` for each. A certificate checks its UVCI when it is made.
    """
    opaque = base64.b32encode(random_bytes).decode()
    for place, facility in enumerate(facilities):
        body = f"{UVCI_PREFIX}{facility}/{opaque[place * OPAQUE_CHARS : (place + 1) * OPAQUE_CHARS]}"
        yield f"{body}#{check_character(body)}"


class DayRules:
    """The rules of one run, with what is looked up again and again kept ready.

    Args:
        catalogue: the newest one.
        issuer: the authority's name in the certificates, at most 80 characters.
        now: epoch seconds, UTC: the issue of new certificates.
    """

    def __init__(self, catalogue: Catalogue, *, issuer: str, now: int) -> None:
        self._products = {product.code: (product, certified(product)) for product in catalogue.products}
        self._issuer = issuer
        self._now = now
        self._written: dict[str, str] = {"": ""}
        self.products: frozenset[CertifiedProduct] = frozenset(pair for _, pair in self._products.values())

    def plan(
        self,
        due: Sequence[DueDose],
        answers: Mapping[int, RegistryAnswer],
        *,
        uvcis: Sequence[str],
    ) -> DayPlan:
        """Decides about some due doses.

        Args:
            due: in any order.
            answers: of the population database today, by dose id; none for those who are not asked.
            uvcis: one never used before for each of `due`; a dose with an intent keeps the intent's.
        """
        certificates: list[DueCertificate] = []
        waiting: list[tuple[int, Code]] = []
        for dose, fresh in zip(due, uvcis, strict=True):
            obstacle = identity_obstacle(dose, answers.get(dose.id))
            if obstacle is not None:
                waiting.append((dose.id, obstacle))
                continue
            try:
                content = self._content(dose, dose.uvci or fresh)
            except ProtocolError as error:
                # The dose is genuine but cannot be written as a certificate; a person has to look at it.
                waiting.append((dose.id, error.code))
                continue
            is_new = dose.uvci is None
            issued_at = self._now if is_new or dose.issued_at is None else dose.issued_at
            certificates.append(DueCertificate(dose, content, issued_at, is_new))
        return DayPlan(certificates, waiting)

    def _content(self, dose: DueDose, uvci: str) -> HealthCertificate:
        found = self._products.get(dose.product)
        if found is None:
            raise ProtocolError(Code.PRODUCT_UNKNOWN, "product: is not in the catalogue")
        product, pair = found
        family, given = name_parts(dose.name, dose.family_name)
        return HealthCertificate(
            family_name=family,
            given_name=given,
            family_icao=self._icao(family),
            given_icao=self._icao(given),
            birth_date=dose.birth_date,
            product=pair,
            dose_number=dose.dose_number,
            dose_total=series(dose.dose_number, product),
            given_on=dose.given_day,
            uvci=uvci,
            issuer=self._issuer,
        )

    def _icao(self, name: str) -> str:
        written = self._written.get(name)
        if written is None:
            if len(self._written) >= _KEPT_NAMES:
                self._written = {"": ""}
            written = self._written[name] = icao(name)
        return written


def name_parts(name: str, family_name: str) -> tuple[str, str]:
    """The same as `split_name`, and four times as fast for the names that nearly everybody has."""
    family, _, given = name.partition(" ")
    # Plain words with single spaces between them: the first is the family name, and nothing has to be tidied up.
    if not family_name and family and given and "  " not in name and given[-1] != " " and name.isprintable():
        return family, given
    return split_name(name, family_name)


def certified(product: Product) -> CertifiedProduct:
    """The product as it stands in a certificate."""
    return CertifiedProduct(disease=product.disease, vp=product.vp, mp=product.mp, ma=product.ma)

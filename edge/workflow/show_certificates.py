"""A dose's health certificate as the site may show it: verified by the newest trust list, and of this very dose.

Nothing is called valid because the centre sent it: signature, signer, content and times are checked each time, as
`hcvx-verify` does, with the list's age beside the word. A list past its end still serves a site without a network; the
page shows how old it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.store import doses, health_certificates, node_identity, sets
from edge.store.database import Tables
from edge.store.health_certificates import StoredCertificate
from edge.store.sets import StoredSetKind
from sync_protocol.days import local_day
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_verification import VerifiedHealthCertificate, verify_hc1
from sync_protocol.health_content import Vaccination
from sync_protocol.passports import CertificateState
from sync_protocol.trust import NO_TRUST, TrustSet, trust_from_list
from sync_protocol.trust_list import verify_trust_list


class CertificateStanding(StrEnum):
    """What the site may say of a certificate."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True, repr=False)
class ShownCertificate:
    """A certificate, judged; its representation shows nothing of it.

    Attributes:
        stored: as the centre sent it.
        dose: the version that it certifies, as recorded here.
        standing: what may be said.
        code: why it is not valid, or "".
        verified: what it says; None unless its signature is good.
    """

    stored: StoredCertificate
    dose: Dose
    standing: CertificateStanding
    code: str
    verified: VerifiedHealthCertificate | None

    @property
    def entry(self) -> Vaccination:
        """What it attests, of a certificate that is valid."""
        assert self.verified is not None
        entry = self.verified.content.entry
        assert isinstance(entry, Vaccination)
        return entry


def newest_trust(tables: Tables) -> TrustSet:
    """The newest trust list, its signature checked again; an empty set where there is none.

    Raises:
        ProtocolError: the list in the store does not verify, which `check` tells too.
    """
    held, identity = sets.newest(tables, StoredSetKind.TRUST_LIST), node_identity.find(tables)
    if held is None or identity is None:
        return NO_TRUST
    return trust_from_list(verify_trust_list(held.cose, identity.publisher_key, at=None), identity.publisher_key)


def certificates_of(tables: Tables, sequences: Sequence[int], *, now: int) -> dict[int, ShownCertificate]:
    """The last certificate of each of these doses, judged at `now` (epoch seconds UTC); doses without are left out.

    Args:
        sequences: newest versions of doses of this node.
    """
    found = health_certificates.of_doses(tables, sequences)
    if not found:
        return {}
    trust = newest_trust(tables)
    held = {dose.sequence: dose for dose in doses.assemble(tables, list(found))}
    return {sequence: judge(one, held[sequence], trust, now=now) for sequence, one in found.items()}


def judge(stored: StoredCertificate, dose: Dose, trust: TrustSet, *, now: int) -> ShownCertificate:
    """Judge one certificate of one dose."""
    if stored.state is CertificateState.REVOKED:
        return ShownCertificate(stored, dose, CertificateStanding.REVOKED, "", None)
    try:
        verified = verify_hc1(stored.hc1, trust, at=now)
        _check_dose(verified, dose)
    except ProtocolError as error:
        standing = _STANDINGS.get(error.code, CertificateStanding.UNPROVEN)
        return ShownCertificate(stored, dose, standing, error.code.value, None)
    return ShownCertificate(stored, dose, CertificateStanding.VALID, "", verified)


_STANDINGS: Mapping[Code, CertificateStanding] = {
    Code.HC1_EXPIRED: CertificateStanding.EXPIRED,
    Code.CERTIFICATE_EXPIRED: CertificateStanding.EXPIRED,
    Code.CERTIFICATE_REVOKED: CertificateStanding.REVOKED,
}


def _check_dose(verified: VerifiedHealthCertificate, dose: Dose) -> None:
    """That a good certificate is the one of this dose: a mix-up must not put one person's code on another's paper.

    The person's fields may have been mended since the signature, so the dose's own are compared, which never change.
    """
    entry = verified.content.entry
    said = (entry.dt, entry.dn) if isinstance(entry, Vaccination) else None
    if said != (local_day(dose.given_at), dose.dose_number):
        raise ProtocolError(Code.HC1_CONTENT, "certificate: attests another dose than the one it came for")

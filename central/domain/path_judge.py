"""A second judge of certificate paths: pyhanko-certvalidator, with the revocation lists, never over the network.

Admission follows paths with cryptography's verifier and looks revocations up by row, since it has milliseconds. This
judge has nothing in common with that but the bytes: it reads certificates and lists by another library and follows RFC
5280's own procedure. It is asked where there is time: at registration, and by `check`. What one refuses and the other
accepts is a fault of ours or a finding about an authority.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from asn1crypto.crl import CertificateList
from asn1crypto.x509 import Certificate as ReadCertificate
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule

from sync_protocol.certificate import Certificate, check_key_usage
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code, ProtocolError


class PathJudge:
    """Judges paths at one instant.

    Args:
        intermediates, anchors: certificates of authorities.
        lists: revocation lists in DER. One that is not in force at the instant says nothing, and where none is in force
            the path alone is judged: that none is held is told elsewhere.
        at: epoch seconds, UTC.
    """

    def __init__(
        self, *, intermediates: Sequence[Certificate], anchors: Sequence[Certificate], lists: Sequence[bytes], at: int
    ) -> None:
        self._at = at
        self._anchors = [ReadCertificate.load(item.der) for item in anchors]
        self._intermediates = [ReadCertificate.load(item.der) for item in intermediates]
        self._lists = [read for der in lists if _is_in_force(read := CertificateList.load(der), at=at)]
        self._issuers = {read.issuer.hashable for read in self._lists}
        self._contexts: dict[tuple[bool, bool], ValidationContext] = {}

    def judge(self, certificates: Sequence[Certificate]) -> list[Code | None]:
        """What is wrong with each certificate as a signer's: a code, or None."""
        return asyncio.run(self._judge(certificates))

    async def _judge(self, certificates: Sequence[Certificate]) -> list[Code | None]:
        return [await self._judge_one(certificate) for certificate in certificates]

    async def _judge_one(self, certificate: Certificate) -> Code | None:
        read = ReadCertificate.load(certificate.der)
        own = read.issuer.hashable in self._issuers
        over = [item for item in self._intermediates if item.subject.hashable == read.issuer.hashable]
        above = bool(over) and all(item.issuer.hashable in self._issuers for item in over)
        try:
            # What an organisation's certificate must allow is our own rule, which RFC 5280 leaves to its users.
            check_key_usage(certificate)
            try:
                await CertificateValidator(read, validation_context=self._context(own, above)).async_validate_path()
            except InsufficientRevinfoError:
                # The lists in force cover others of the issuer's certificates than this one.
                await CertificateValidator(read, validation_context=self._context(False, False)).async_validate_path()
        except ProtocolError as error:
            return error.code
        except RevokedError:
            return Code.CERTIFICATE_REVOKED
        except ExpiredError:
            return Code.CERTIFICATE_EXPIRED
        except NotYetValidError:
            return Code.CERTIFICATE_NOT_YET_VALID
        except (ValidationError, PathError, ValueError):
            return Code.CERTIFICATE_UNTRUSTED
        return None

    def _context(self, own: bool, above: bool) -> ValidationContext:
        """The library's context: whether the signer's own list and those of the authorities above must be looked at."""
        if (own, above) not in self._contexts:
            required, not_required = RevocationCheckingRule.CRL_REQUIRED, RevocationCheckingRule.NO_CHECK
            rules = RevocationCheckingPolicy(required if own else not_required, required if above else not_required)
            self._contexts[own, above] = ValidationContext(
                trust_roots=self._anchors,
                other_certs=self._intermediates,
                crls=self._lists,
                moment=to_datetime(self._at),
                allow_fetching=False,
                # By itself the library forgives a second.
                time_tolerance=timedelta(0),
                revinfo_policy=CertRevTrustPolicy(revocation_checking_policy=rules),
            )
        return self._contexts[own, above]


def _is_in_force(read: CertificateList, *, at: int) -> bool:
    content = read["tbs_cert_list"]
    start, end = content["this_update"].native, content["next_update"].native
    return bool(end is not None and start <= to_datetime(at) <= end)

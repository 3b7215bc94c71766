"""How an organisation certificate stands for this site, and whether it may be asked for a signature.

Three things are known of a certificate: itself, where the site has had it in its hands; the centre's newest list; and
what this site asked since. The list decides where it is newer. A node that never got a list judges nothing but the
certificate's own time: the centre will.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol.certificate import Certificate, organisation_of, serial_text
from sync_protocol.errors import Code
from sync_protocol.names import fold
from sync_protocol.registration_list import RegisteredCertificate, RegistrationState

_DAY_SECONDS: Final = 86_400
# When a person is told that a certificate comes to its end: so many days before, each time more urgently.
WARNING_DAYS: Final = (7, 30, 90)
# An authority makes a new list of revocations every few days.
CRL_OLD_SECONDS: Final = 7 * _DAY_SECONDS


class CertificateState(StrEnum):
    """How a certificate stands."""

    REGISTERED = "registered"
    ASKED = "asked"
    REFUSED = "refused"
    ENDED = "ended"
    EXPIRED = "expired"
    REVOKED = "revoked"


# With these it may be asked for a signature: what is asked for may be answered while the batch is on its way.
MAY_SIGN: Final = frozenset({CertificateState.REGISTERED, CertificateState.ASKED})
# What can be signed with comes first, what is over comes last.
_ORDER: Final = tuple(CertificateState)


@dataclass(frozen=True, slots=True)
class Request:
    """What this site asked; instants are epoch seconds UTC.

    Attributes:
        thumbprint: of the certificate whose key was proven; None for a number alone.
        admitted_at: when the centre took the request in; None while it has not.
        refusal: the code with which the centre's receipt refused it, or "".
    """

    serial: str
    thumbprint: bytes | None
    officer: str
    asked_at: int
    admitted_at: int | None
    refusal: str


@dataclass(frozen=True, slots=True)
class KnownList:
    """The centre's newest list, and when it was made (epoch seconds UTC)."""

    at: int
    certificates: tuple[RegisteredCertificate, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One certificate as the site knows it; instants are epoch seconds UTC.

    Attributes:
        serial: upper hex.
        thumbprint: 32 bytes, where it is known.
        proven: the same where the site has shown, or is showing, the centre that it holds the key.
        organisation: who holds it, or "" where nobody has seen it.
        officer: name of the signing officer.
        remark: a code that says why it stands so, or "".
        is_sent: whether the centre has the request; True where nothing was asked here.
        not_after: the last second at which it may sign, by itself or by its registration; None where not known.
        revoked_at: from when on, or None.
        crl_at, crl_until: age of what is known of revocations; None where nothing is.
    """

    serial: str
    thumbprint: bytes | None
    proven: bytes | None
    organisation: str
    officer: str
    state: CertificateState
    remark: str
    is_sent: bool
    not_after: int | None
    revoked_at: int | None
    crl_at: int | None
    crl_until: int | None

    def days_left(self, now: int) -> int | None:
        """Full days until it ends, negative after; None where its end is not known."""
        return None if self.not_after is None else (self.not_after - now) // _DAY_SECONDS

    def warning_days(self, now: int) -> int | None:
        """The smallest of `WARNING_DAYS` within which it ends; None while there is time or no end is known."""
        left = self.days_left(now)
        return None if left is None or left < 0 else next((days for days in WARNING_DAYS if left <= days), None)

    def has_old_crl(self, now: int) -> bool:
        """Whether what is known of revocations is older than a list should be."""
        return self.crl_at is not None and now - self.crl_at > CRL_OLD_SECONDS


def standings(
    listed: KnownList | None, requests: Sequence[Request], seen: Iterable[Certificate], *, now: int
) -> list[Standing]:
    """Every certificate that was listed or asked for, the registered ones first, the longest-lived before the others.

    Args:
        listed: the centre's newest list, or None.
        requests: what this site asked, the oldest first.
        seen: certificates that this site has had in its hands.
        now: epoch seconds UTC.
    """
    rows = {one.serial: one for one in listed.certificates} if listed is not None else {}
    newest = {request.serial: request for request in requests}
    known = list(seen)
    at = None if listed is None else listed.at
    found = [
        _standing(serial, rows.get(serial), newest.get(serial), known, listed_at=at, now=now)
        for serial in dict.fromkeys([*rows, *newest])
    ]
    return sorted(found, key=lambda one: (_ORDER.index(one.state), -(one.not_after or 0), one.serial))


def objection_to(
    certificate: Certificate,
    listed: KnownList | None,
    *,
    requests: Sequence[Request],
    seen: Iterable[Certificate],
    now: int,
) -> CertificateState | Code | None:
    """What speaks against signing with this certificate now; None for nothing that is known here.

    The certificate's own validity is the caller's to check. ENDED and REVOKED are said of a certificate that was
    registered; CERTIFICATE_UNREGISTERED of one that is neither registered nor asked for, and FACILITY_MISMATCH instead
    where, by the names in the certificates, another organisation than the registered ones holds it.
    """
    if listed is None:
        return None
    known = [*seen, certificate]
    found = standings(listed, requests, known, now=now)
    serial = serial_text(certificate.serial)
    own = next(
        (one for one in found if one.serial == serial and one.thumbprint in (None, certificate.thumbprint)), None
    )
    if own is not None and own.state in MAY_SIGN:
        return None
    if own is not None and own.state in (CertificateState.REVOKED, CertificateState.ENDED):
        return own.state
    registered = {fold(one.organisation) for one in found if one.state is CertificateState.REGISTERED}
    organisation = fold(organisation_of(certificate))
    # Said only where both sides are named: a certificate without an organisation is merely not registered.
    is_foreign = bool(organisation) and bool(registered - {""}) and organisation not in registered
    return Code.FACILITY_MISMATCH if is_foreign and own is None else Code.CERTIFICATE_UNREGISTERED


def _standing(
    serial: str,
    row: RegisteredCertificate | None,
    request: Request | None,
    seen: Sequence[Certificate],
    *,
    listed_at: int | None,
    now: int,
) -> Standing:
    thumbprint = row.thumbprint if row is not None and row.thumbprint else request.thumbprint if request else None
    certificate = _find(seen, serial, thumbprint)
    ends = [
        end
        for end in (
            None if certificate is None else int(certificate.not_after.timestamp()),
            None if row is None else row.not_after,
            None if row is None or row.valid_until is None else row.valid_until - 1,
        )
        if end is not None
    ]
    not_after = min(ends) if ends else None
    # The list speaks of a request that it came after; one that is younger, or still on its way, is not in it.
    is_open = request is not None and not request.refusal
    is_younger = is_open and request is not None and not _is_in_list(request, listed_at)
    state, remark = _state(row, request, is_younger=is_younger, not_after=not_after, now=now)
    return Standing(
        serial=serial,
        thumbprint=thumbprint or (certificate.thumbprint if certificate is not None else None),
        proven=row.thumbprint
        if row is not None and state is CertificateState.REGISTERED
        else (request.thumbprint if request is not None else None),
        organisation=(row.organisation if row is not None else "")
        or (organisation_of(certificate) if certificate is not None else ""),
        officer=row.officer if row is not None and row.officer else request.officer if request is not None else "",
        state=state,
        remark=remark,
        is_sent=not (is_open and request is not None and request.admitted_at is None),
        not_after=not_after,
        revoked_at=None if row is None else row.revoked_at,
        crl_at=None if row is None else row.crl_at,
        crl_until=None if row is None else row.crl_until,
    )


def _state(
    row: RegisteredCertificate | None,
    request: Request | None,
    *,
    is_younger: bool,
    not_after: int | None,
    now: int,
) -> tuple[CertificateState, str]:
    if row is not None and row.revoked_at is not None and row.revoked_at <= now:
        return CertificateState.REVOKED, ""
    if row is not None and row.state is RegistrationState.REGISTERED:
        if row.valid_until is not None and row.valid_until <= now:
            return CertificateState.ENDED, ""
        is_over = not_after is not None and not_after < now
        return (CertificateState.EXPIRED if is_over else CertificateState.REGISTERED), row.remark
    if is_younger:
        return CertificateState.ASKED, ""
    if row is not None:
        return CertificateState(row.state.value), row.remark
    if request is not None and request.refusal:
        return CertificateState.REFUSED, request.refusal
    return CertificateState.ASKED, ""


def _is_in_list(request: Request, listed_at: int | None) -> bool:
    return listed_at is not None and request.admitted_at is not None and request.admitted_at <= listed_at


def _find(seen: Sequence[Certificate], serial: str, thumbprint: bytes | None) -> Certificate | None:
    if thumbprint is not None:
        return next((one for one in seen if one.thumbprint == thumbprint), None)
    found = {one.thumbprint: one for one in seen if serial_text(one.serial) == serial}
    return next(iter(found.values())) if len(found) == 1 else None

"""What stands against an organisation's signature: each beginning and end of the leave to sign, and its window.

Every certificate of the path counts, from the signer's to the anchor. Looked at are the validity of each, its
revocation (noted by hand, or listed by its authority) and the registration of the signer's. What lies wholly outside
is *final*; what lies around is a *doubt*, which a person decides with both bounds in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from central.domain.signing_window import Against, SigningWindow
from sync_protocol import days
from sync_protocol.certificate import Certificate, pick_intermediates, verify_chain
from sync_protocol.crl import Listed
from sync_protocol.errors import Code, ProtocolError


@dataclass(frozen=True, slots=True)
class Revocations:
    """What is known of certificates that were taken back.

    Attributes:
        noted: instants that an operator noted, by thumbprint.
        listed: what the lists of a certificate's authority say of it, or None.
    """

    noted: Mapping[bytes, int]
    listed: Callable[[Certificate], Listed | None]


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing that stands against a signature.

    Attributes:
        code: its code.
        rule: the rule, in English.
        at: the instant against which the window was held, epoch seconds, UTC.
        is_final: whether the signature is refused; otherwise it is in doubt.
    """

    code: Code
    rule: str
    at: int
    is_final: bool


def path_in_window(
    signer: Certificate, offered: Sequence[Certificate], *, anchors: Sequence[Certificate], window: SigningWindow
) -> tuple[Certificate, ...]:
    """Follows a signer to an anchor at the latest instant of its window at which there is a path.

    An authority may have ended between the signing and the arrival, so each end within reach is tried, the latest
    first. Whether the window allows that end is said by `objections_to_path`.

    Args:
        signer: unverified.
        offered: certificates that came along or are known, unverified.
        anchors: trusted.
        window: within which it signed.

    Returns:
        The path, the signer's certificate first, the anchor last.

    Raises:
        ProtocolError: CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED where it began after the window's end, KEY_USAGE
            or CERTIFICATE_UNTRUSTED.
    """
    intermediates = pick_intermediates(signer, offered)
    latest = min(window.not_after, last_second(signer))
    ends = {last_second(item) for item in (*intermediates, *anchors)}
    earlier = sorted((end for end in ends if first_second(signer) <= end < latest), reverse=True)
    for at in (latest, *earlier):
        try:
            return verify_chain(signer, intermediates=intermediates, anchors=anchors, at=days.to_datetime(at))
        except ProtocolError as error:
            if error.code is not Code.CERTIFICATE_UNTRUSTED:
                raise
    raise ProtocolError(Code.CERTIFICATE_UNTRUSTED, "batch: its certificate leads to no anchor within its window")


def objections_to_path(
    path: Sequence[Certificate], revocations: Revocations, *, window: SigningWindow, claimed_at: int
) -> Iterator[Objection]:
    """What stands against a signature because of the certificates on its path."""
    for certificate in path:
        yield from _of_validity(certificate, window=window, claimed_at=claimed_at)
    yield from objections_by_revocation(path, revocations, window=window)


def objections_by_revocation(
    path: Sequence[Certificate], revocations: Revocations, *, window: SigningWindow
) -> Iterator[Objection]:
    """What stands against a signature because a certificate on its path was revoked."""
    for certificate in path:
        yield from _of_revocation(certificate, revocations, window=window)


def objections_to_registration(
    start: int, end: int | None, *, window: SigningWindow, claimed_at: int
) -> Iterator[Objection]:
    """What stands against a signature because of the days of its certificate's registration; `end` may be open."""
    code = Code.CERTIFICATE_UNREGISTERED
    begun = window.against_start(start, claimed_at=claimed_at)
    if begun is not Against.AFTER:
        yield Objection(code, "batch: signed before the registration's start", start, begun is Against.BEFORE)
    if end is not None and (over := window.against(end)) is not Against.BEFORE:
        yield Objection(code, "batch: signed after the registration's end", end, over is Against.AFTER)


def deciding(objections: Iterable[Objection]) -> Objection | None:
    """The objection that decides: the first final one, otherwise the last doubt; None where there is none."""
    found = list(objections)
    return next((item for item in found if item.is_final), found[-1] if found else None)


def first_second(certificate: Certificate) -> int:
    """The first second of a certificate's validity (epoch seconds, UTC)."""
    return int(certificate.not_before.timestamp())


def last_second(certificate: Certificate) -> int:
    """The last second of a certificate's validity (epoch seconds, UTC)."""
    return int(certificate.not_after.timestamp())


def _of_validity(certificate: Certificate, *, window: SigningWindow, claimed_at: int) -> Iterator[Objection]:
    start, end = first_second(certificate), last_second(certificate) + 1
    begun = window.against_start(start, claimed_at=claimed_at)
    if begun is not Against.AFTER:
        rule = "batch: signed before the certificate's start"
        yield Objection(Code.CERTIFICATE_NOT_YET_VALID, rule, start, begun is Against.BEFORE)
    over = window.against(end)
    if over is not Against.BEFORE:
        rule = "batch: signed after the certificate's end"
        yield Objection(Code.CERTIFICATE_EXPIRED, rule, end, over is Against.AFTER)


def _of_revocation(certificate: Certificate, revocations: Revocations, *, window: SigningWindow) -> Iterator[Objection]:
    rule = "batch: signed after the certificate was revoked"
    noted, listed = revocations.noted.get(certificate.thumbprint), revocations.listed(certificate)
    if noted is not None and (lies := window.against(noted)) is not Against.BEFORE:
        yield Objection(Code.CERTIFICATE_REVOKED, rule, noted, lies is Against.AFTER)
    if listed is not None and (lies := window.against(listed.revoked_at)) is not Against.BEFORE:
        # A refusal is for ever, and a hold may be lifted: what was signed under one waits.
        is_final = lies is Against.AFTER and not listed.is_hold
        yield Objection(Code.CERTIFICATE_REVOKED, rule, listed.revoked_at, is_final)

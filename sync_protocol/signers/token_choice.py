"""Which token and which certificate a setting means: a pure decision over what a scan saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_protocol.certificate import Certificate, check_key_usage, parse_certificate
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import SeenCertificate, SeenToken


@dataclass(frozen=True, slots=True)
class ChosenCertificate:
    """The one certificate meant, and the token that holds it."""

    token: SeenToken
    object_id: bytes
    certificate: Certificate


def choose_certificate(tokens: Sequence[SeenToken], *, label: str | None, serial: int | None) -> ChosenCertificate:
    """Finds the one certificate that is meant.

    Certificates of authorities, which tokens carry for the chain, are never meant. Without a serial number the
    token's only signing certificate is.

    Args:
        tokens: what is plugged in.
        label: the token's label, or None for any.
        serial: the certificate's serial number, or None.

    Raises:
        TokenError: TOKEN_MISSING, TOKEN_AMBIGUOUS, CERTIFICATE_MISSING, CERTIFICATE_AMBIGUOUS; KEY_ALONE if it is
            missing and a key shows that has none; CERTIFICATE_UNUSABLE if none of them can be read, or the one meant
            may not sign messages.
    """
    candidates = [token for token in tokens if label is None or token.label == label]
    if not candidates:
        raise TokenError(TokenCode.TOKEN_MISSING)
    # Without a serial number nothing else tells two tokens apart.
    if serial is None and len(candidates) > 1:
        raise TokenError(TokenCode.TOKEN_AMBIGUOUS)
    found: list[ChosenCertificate] = []
    unreadable = 0
    for token in candidates:
        for seen in token.certificates:
            certificate = _read(seen)
            if certificate is None:
                unreadable += 1
            elif certificate.serial == serial or (serial is None and _may_sign(certificate)):
                found.append(ChosenCertificate(token, seen.object_id, certificate))
    if not found:
        if unreadable:
            raise TokenError(TokenCode.CERTIFICATE_UNUSABLE)
        has_lone_key = any(_has_lone_key(token) for token in candidates)
        raise TokenError(TokenCode.KEY_ALONE if has_lone_key else TokenCode.CERTIFICATE_MISSING)
    first = found[0]
    if any(other.token.slot != first.token.slot for other in found):
        raise TokenError(TokenCode.TOKEN_AMBIGUOUS)
    # Some tokens show one certificate as two objects; that is no ambiguity.
    if any(other.certificate.der != first.certificate.der for other in found):
        raise TokenError(TokenCode.CERTIFICATE_AMBIGUOUS)
    if not _may_sign(first.certificate):
        raise TokenError(TokenCode.CERTIFICATE_UNUSABLE, "key-usage")
    return first


def _has_lone_key(token: SeenToken) -> bool:
    """Whether a key shows whose certificate is not on the token: CKA_ID ties them (PKCS #11 v3.1, section 4.6.3)."""
    return not {*token.key_ids} <= {seen.object_id for seen in token.certificates}


def _read(seen: SeenCertificate) -> Certificate | None:
    try:
        return parse_certificate(seen.der)
    except ProtocolError:
        return None


def _may_sign(certificate: Certificate) -> bool:
    try:
        check_key_usage(certificate)
    except ProtocolError:
        return False
    return True

"""X.509 certificates: read one, name it, and follow it to an anchor at an instant.

Organisation certificates come from many authorities and carry no alternative names, so the web's rules do not fit
them. The path itself (signatures, names, validity, depth) is checked by cryptography's verifier; what a certificate
must allow is said here: a signer with a key usage must have digitalSignature, an authority must be one.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from sync_protocol import keys, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import PublicKey

KID_BYTES: Final = 8
# What the library raises for bytes that are no certificate, or one with parts that it cannot read.
_MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    # Where warnings are errors, the library's complaints about odd certificates refuse them.
    Warning,
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, read but not trusted.

    Two are equal when their bytes are.

    Attributes:
        der: the certificate as it came.
        serial: the serial number that its authority gave it; registered to a site's account.
        subject, issuer: distinguished names in the form of RFC 4514.
        not_before, not_after: the first and the last second of validity, aware, UTC.
        thumbprint: SHA-256 over `der`, 32 bytes.
        kid: the first 8 bytes of the thumbprint.
    """

    der: bytes
    x509: x509.Certificate = field(compare=False, repr=False)
    serial: int = field(compare=False)
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    public_key: PublicKey = field(compare=False, repr=False)
    thumbprint: bytes = field(compare=False, repr=False)

    @property
    def kid(self) -> bytes:
        return self.thumbprint[:KID_BYTES]


def parse_certificate(der: bytes) -> Certificate:
    """Reads a certificate; nothing about it is verified.

    Raises:
        ProtocolError: TOO_LARGE, CERTIFICATE_INVALID, or KEY_INVALID when its key is of a kind that we never accept.
    """
    if len(der) > limits.CERTIFICATE_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"a certificate has at most {limits.CERTIFICATE_BYTES} bytes")
    try:
        parsed = x509.load_der_x509_certificate(der)
        # The library reads some parts only when asked, so everything that is used later is asked for here.
        key = keys.check_key(parsed.public_key())
        _ = parsed.extensions
        certificate = Certificate(
            der=der,
            x509=parsed,
            serial=parsed.serial_number,
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            public_key=key,
            thumbprint=hashlib.sha256(der).digest(),
        )
    except _MALFORMED:
        raise ProtocolError(Code.CERTIFICATE_INVALID, "not an X.509 certificate in DER form") from None
    if certificate.serial <= 0:
        # RFC 5280, 4.1.2.2; and people register the number, so it must be one that they can read.
        raise ProtocolError(Code.CERTIFICATE_INVALID, "a certificate's serial number is positive")
    # The library would let a signature pass that claims unused bits at its end: two files for one certificate.
    if parsed.public_bytes(Encoding.DER) != der or not der.endswith(b"\x00" + parsed.signature):
        raise ProtocolError(Code.CERTIFICATE_INVALID, "the certificate is not in its one DER form")
    return certificate


def serial_text(serial: int) -> str:
    """The serial number as people compare it: upper-case hexadecimal, whole bytes."""
    digits = f"{serial:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def organisation_of(certificate: Certificate) -> str:
    """The organisation that holds the certificate, as it says itself (X.520 O); "" where it names none, or oddly."""
    names = certificate.x509.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    text = " ".join(unicodedata.normalize("NFC", str(names[0].value)).split()) if names else ""
    return text if len(text) <= limits.LONG_CHARS and text.isprintable() else ""


def check_validity(certificate: Certificate, at: datetime) -> None:
    """Checks that the instant lies within the certificate's validity.

    Args:
        certificate: the certificate.
        at: an aware datetime.

    Raises:
        ProtocolError: CERTIFICATE_NOT_YET_VALID or CERTIFICATE_EXPIRED.
    """
    if at.tzinfo is None:
        raise ValueError("the instant must be aware")
    if at < certificate.not_before:
        raise ProtocolError(Code.CERTIFICATE_NOT_YET_VALID, "the certificate is not valid yet at this instant")
    # RFC 5280, 4.1.2.5: the last second is included.
    if at.replace(microsecond=0) > certificate.not_after:
        raise ProtocolError(Code.CERTIFICATE_EXPIRED, "the certificate is no longer valid at this instant")


def check_key_usage(certificate: Certificate) -> None:
    """Checks that the certificate's key may sign messages.

    A certificate without a key usage extension may; one with it must have digitalSignature. An authority may not:
    its key makes certificates, nothing else.

    Raises:
        ProtocolError: KEY_USAGE.
    """
    extensions = certificate.x509.extensions
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            raise ProtocolError(Code.KEY_USAGE, "the certificate's key usage lacks digitalSignature")
    except x509.ExtensionNotFound:
        pass
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise ProtocolError(Code.KEY_USAGE, "an authority's certificate does not sign messages")
    except x509.ExtensionNotFound:
        pass


def check_authority_usage(certificate: Certificate) -> None:
    """Checks that the certificate is an authority's: its basic constraints say so, and a key usage lets it issue.

    Raises:
        ProtocolError: KEY_USAGE.
    """
    extensions = certificate.x509.extensions
    try:
        is_authority = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    try:
        may_issue = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        may_issue = True
    if not (is_authority and may_issue):
        raise ProtocolError(Code.KEY_USAGE, "the certificate is no authority's")


def pick_intermediates(certificate: Certificate, offered: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """The certificates that may stand between a signer and an anchor, at most `CERTIFICATE_CHAIN` of any number.

    They are picked by name: first what stands over the signer, then what stands over those, each time in the order in
    which they are offered.

    Args:
        certificate: the signer's certificate, unverified.
        offered: what came along or is known, unverified.
    """
    picked: list[Certificate] = []
    wanted = [certificate.issuer]
    for issuer in wanted:
        found = [item for item in offered if item.subject == issuer and item not in picked]
        picked += found
        wanted += [item.issuer for item in found]
    return tuple(picked[: limits.CERTIFICATE_CHAIN])


def verify_chain(
    certificate: Certificate, *, intermediates: Sequence[Certificate], anchors: Sequence[Certificate], at: datetime
) -> tuple[Certificate, ...]:
    """Verifies that a certificate may sign messages, and leads to an anchor, at an instant.

    Revocation is judged elsewhere, against the window in which the signature was made, for each certificate of the
    path that is given back.

    Args:
        certificate: the signer's certificate, unverified.
        intermediates: certificates that came with it, unverified; more than `CERTIFICATE_CHAIN` are refused.
        anchors: trusted authorities, or trusted certificates themselves.
        at: an aware datetime.

    Returns:
        The path: the certificate itself first, the anchor last.

    Raises:
        ProtocolError: CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED, KEY_USAGE, CERTIFICATE_UNTRUSTED, or
            CERTIFICATE_INVALID when too many certificates came with it.
    """
    # These come before the path, because the verifier gives one answer for every reason.
    check_validity(certificate, at)
    check_key_usage(certificate)
    return _verify_path(certificate, intermediates=intermediates, anchors=anchors, at=at)


def verify_authority(
    certificate: Certificate, *, intermediates: Sequence[Certificate], anchors: Sequence[Certificate], at: datetime
) -> tuple[Certificate, ...]:
    """Verifies that a certificate is an authority's, and leads to an anchor, at an instant; like `verify_chain`.

    Raises:
        ProtocolError: CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED, KEY_USAGE, CERTIFICATE_UNTRUSTED, or
            CERTIFICATE_INVALID when too many certificates came with it.
    """
    check_validity(certificate, at)
    check_authority_usage(certificate)
    return _verify_path(certificate, intermediates=intermediates, anchors=anchors, at=at)


def _verify_path(
    certificate: Certificate, *, intermediates: Sequence[Certificate], anchors: Sequence[Certificate], at: datetime
) -> tuple[Certificate, ...]:
    if len(intermediates) > limits.CERTIFICATE_CHAIN:
        raise ProtocolError(Code.CERTIFICATE_INVALID, f"at most {limits.CERTIFICATE_CHAIN} certificates may come along")
    if certificate in anchors:
        return (certificate,)
    if not anchors:
        raise ProtocolError(Code.CERTIFICATE_UNTRUSTED, "no anchor is known")
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([anchor.x509 for anchor in anchors]))
        .time(at)
        .max_chain_depth(limits.CERTIFICATE_CHAIN)
        .extension_policies(ca_policy=_AUTHORITY, ee_policy=_SIGNER)
        .build_client_verifier()
    )
    try:
        path = verifier.verify(certificate.x509, [item.x509 for item in intermediates]).chain
    except verification.VerificationError:
        raise ProtocolError(
            Code.CERTIFICATE_UNTRUSTED, "the certificate does not lead to an anchor at this instant"
        ) from None
    known = {item.thumbprint: item for item in (certificate, *intermediates, *anchors)}
    return tuple(known[item.fingerprint(keys.SHA256)] for item in path)


def _check_authority_usage(
    _policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the key usage lacks keyCertSign")


# The verifier itself sees to it that an authority's basic constraints say so, to their path length, and that no
# critical extension is unknown.
_AUTHORITY: Final = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _check_authority_usage)
)
# What a signer's certificate must allow is checked before the path, with a code of its own.
_SIGNER: Final = verification.ExtensionPolicy.permit_all()

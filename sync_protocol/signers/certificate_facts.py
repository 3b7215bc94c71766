"""What can be told of a certificate on a token, also of one that will never sign here: for diagnosis alone.

`sync_protocol.certificate` refuses what it does not accept and says no more than a code; somebody who wants to know
what is wrong with a token needs to see whose certificate it is, how long it holds and how large its key is. Nothing
here is trusted or decides anything but `refusal`, which is that module's own answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sync_protocol.certificate import Certificate, check_key_usage, parse_certificate, serial_text
from sync_protocol.errors import Code, ProtocolError

# The key usages by the names of RFC 5280, 4.2.1.3, and what the library calls them.
_USAGES: Final = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
# What the library raises for bytes that are no certificate, or one with parts that it cannot read.
_MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    Warning,
)


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate, described.

    Attributes:
        name: the holder's common name, or the whole subject where there is none.
        subject, issuer: distinguished names in the form of RFC 4514.
        serial: the serial number as people compare it; "" for a number that nobody may use.
        not_before, not_after: aware, UTC.
        key_type: "RSA", "EC", or the library's name of another kind.
        key_bits: the key's size; 0 where the kind has none.
        usages: the key usages by their names in RFC 5280; None where the certificate has no such extension.
        is_authority: whether it is an authority's, as tokens carry for the chain.
        accepted: the certificate itself, if it is of a kind that is known here at all.
        refusal: why it may not sign messages here; None if it may.
    """

    name: str
    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    key_bits: int
    usages: tuple[str, ...] | None
    is_authority: bool
    accepted: Certificate | None
    refusal: Code | None

    @property
    def may_sign(self) -> bool:
        """Whether its key may sign messages here, time apart."""
        return self.refusal is None


def read_facts(der: bytes) -> CertificateFacts | None:
    """Describes a certificate as a token gave it; None for bytes that are none at all."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        key_type, key_bits = _key_of(parsed)
        accepted, refusal = _accepted(der)
        names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        subject = parsed.subject.rfc4514_string()
        return CertificateFacts(
            name=str(names[0].value) if names else subject,
            subject=subject,
            issuer=parsed.issuer.rfc4514_string(),
            serial=serial_text(parsed.serial_number) if parsed.serial_number > 0 else "",
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            key_type=key_type,
            key_bits=key_bits,
            usages=_usages_of(parsed),
            is_authority=_is_authority(parsed),
            accepted=accepted,
            refusal=refusal,
        )
    except _MALFORMED:
        return None


def readable(der: bytes) -> Certificate | None:
    """The certificate, if it is of a kind that is known here at all."""
    return _accepted(der)[0]


def _accepted(der: bytes) -> tuple[Certificate | None, Code | None]:
    try:
        certificate = parse_certificate(der)
    except ProtocolError as error:
        return None, error.code
    try:
        check_key_usage(certificate)
    except ProtocolError as error:
        return certificate, error.code
    return certificate, None


def _key_of(parsed: x509.Certificate) -> tuple[str, int]:
    try:
        key = parsed.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "?", 0
    match key:
        case rsa.RSAPublicKey():
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey():
            return "EC", key.key_size
    return type(key).__name__.removesuffix("PublicKey"), 0


def _usages_of(parsed: x509.Certificate) -> tuple[str, ...] | None:
    try:
        usage = parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return tuple(name for name, attribute in _USAGES.items() if getattr(usage, attribute))


def _is_authority(parsed: x509.Certificate) -> bool:
    try:
        return parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False

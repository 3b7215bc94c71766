"""Document signers: the certificates, ours and other countries', whose keys sign health certificates.

Such a certificate is trusted because a list names it, not because a path leads to it, so it is read more leniently
than an organisation's: real ones carry extensions that strict readers refuse (a written-out default, an empty list).
What the extended key usages say still binds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from sync_protocol import keys
from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.health_content import EntryKind

# HCERT specification, part 1, 3.3.1; the second arc is the one of the first drafts, still in use.
_ARCS: Final = ("1.3.6.1.4.1.1847.2021.1", "1.3.6.1.4.1.0.1847.2021.1")
# The same two arcs as they are encoded, up to their last number.
_ENCODED_ARCS: Final = (
    b"\x06\x0b" + bytes.fromhex("2b060104018e378f6501"),
    b"\x06\x0c" + bytes.fromhex("2b06010401008e378f6501"),
)
_LAST_NUMBER: Final = {1: EntryKind.TEST, 2: EntryKind.VACCINATION, 3: EntryKind.RECOVERY}
_USAGES: Final = {f"{arc}.{number}": kind for arc in _ARCS for number, kind in _LAST_NUMBER.items()}


@dataclass(frozen=True, slots=True)
class DocumentSigner:
    """One certificate that may sign health certificates.

    Attributes:
        certificate: the certificate.
        country: ISO 3166 alpha-2 of the list's entry; "" when the list does not say.
        usages: what it may attest; empty when nothing confines it.
        valid_from, valid_until: epoch seconds, UTC, both included.
        revoked_at: epoch seconds, UTC, from which it is revoked; None when it is not.
    """

    certificate: Certificate
    country: str
    usages: frozenset[EntryKind]
    valid_from: int
    valid_until: int
    revoked_at: int | None = None


def document_signer(certificate: Certificate, *, country: str = "", revoked_at: int | None = None) -> DocumentSigner:
    """Returns the signer that a certificate makes, its usages and validity read once."""
    return DocumentSigner(
        certificate=certificate,
        country=country,
        usages=key_usages(certificate),
        valid_from=int(certificate.not_before.timestamp()),
        valid_until=int(certificate.not_after.timestamp()),
        revoked_at=revoked_at,
    )


def parse_document_signer(der: bytes) -> Certificate:
    """Reads a document signer's certificate, whose extensions may be malformed.

    Raises:
        ProtocolError: TOO_LARGE, CERTIFICATE_INVALID, or KEY_INVALID when its key is of a kind that we never accept.
    """
    try:
        return parse_certificate(der)
    except ProtocolError as error:
        if error.code is not Code.CERTIFICATE_INVALID:
            raise
    try:
        parsed = x509.load_der_x509_certificate(der)
        return Certificate(
            der=der,
            x509=parsed,
            serial=parsed.serial_number,
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            public_key=keys.check_key(parsed.public_key()),
            thumbprint=hashlib.sha256(der).digest(),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ProtocolError(Code.CERTIFICATE_INVALID, "not an X.509 certificate in DER form") from None


def key_usages(certificate: Certificate) -> frozenset[EntryKind]:
    """Returns what the certificate's extended key usages confine it to; empty means that they do not.

    Usages outside the HCERT arcs are ignored: they say nothing about health certificates.
    """
    try:
        usages = certificate.x509.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    except (ValueError, x509.DuplicateExtension):
        return _usages_in_malformed(certificate.der)
    return frozenset(_USAGES[usage.dotted_string] for usage in usages if usage.dotted_string in _USAGES)


def _usages_in_malformed(der: bytes) -> frozenset[EntryKind]:
    # One bad extension hides all from the reader. The identifiers are long enough not to occur by chance, and an
    # occurrence elsewhere could only confine the key further.
    return frozenset(
        kind for number, kind in _LAST_NUMBER.items() if any(arc + bytes((number,)) in der for arc in _ENCODED_ARCS)
    )

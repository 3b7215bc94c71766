"""Certificate revocation lists (RFC 5280, 5): read one, see who signed it, say what it lists; pure.

Only complete lists are taken. A *delta* list and an *indirect* one mean something only beside others, so they are
refused rather than half understood; a list that covers users alone, authorities alone, or one distribution point, is
taken and compared only with its own kind. What a list no longer names stays revoked (authorities drop certificates
that have expired), unless it was only on hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync_protocol import limits
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError

_WHAT: Final = "revocation list"
_PEM: Final = b"-----BEGIN X509 CRL-----"
# SHA-1 signatures are made for two files at will, so they prove nothing any more.
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    Warning,
)
_KNOWN: Final = (x509.AuthorityKeyIdentifier, x509.CRLNumber, x509.IssuingDistributionPoint)
_KNOWN_OF_ENTRIES: Final = (x509.CRLReason, x509.InvalidityDate)
_COMPROMISES: Final = frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise})


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of one certificate.

    Attributes:
        revoked_at: epoch seconds, UTC: the first instant at which it must not have signed.
        reason: in RFC 5280's words ("keyCompromise"), or "".
    """

    revoked_at: int
    reason: str

    @property
    def is_hold(self) -> bool:
        """Whether the authority may still give the certificate back."""
        return self.reason == x509.ReasonFlags.certificate_hold.value


@dataclass(frozen=True, slots=True)
class Crl:
    """One list, read but not trusted.

    Attributes:
        der: the list as it came.
        issuer: distinguished name in the form of RFC 4514.
        number: counts the issuer's lists, or None where it does not.
        this_update, next_update: epoch seconds, UTC; the latter None where the issuer promises nothing.
        part: the issuing distribution point in DER where the list covers a part of the issuer's certificates, else b"".
        digest: SHA-256 over `der`, 32 bytes.
    """

    der: bytes = field(repr=False)
    x509: x509.CertificateRevocationList = field(compare=False, repr=False)
    issuer: str
    number: int | None
    this_update: int
    next_update: int | None
    part: bytes
    digest: bytes


def parse_crl(data: bytes) -> Crl:
    """Reads what a list says of itself, in DER or PEM; nothing about it is verified, and no entry is read.

    Raises:
        ProtocolError: TOO_LARGE, CRL_INVALID, or CRL_UNSUPPORTED for a delta or indirect list and for one with a
            critical part that is unknown here.
    """
    if len(data) > limits.CRL_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: at most {limits.CRL_BYTES} bytes")
    try:
        is_pem = data.lstrip().startswith(_PEM)
        parsed = x509.load_pem_x509_crl(data) if is_pem else x509.load_der_x509_crl(data)
        der = parsed.public_bytes(Encoding.DER)
        part = _part(parsed.extensions)
        number = _number(parsed.extensions)
        next_update = parsed.next_update_utc
        crl = Crl(
            der=der,
            x509=parsed,
            issuer=parsed.issuer.rfc4514_string(),
            number=number,
            this_update=int(parsed.last_update_utc.timestamp()),
            next_update=None if next_update is None else int(next_update.timestamp()),
            part=part,
            digest=hashlib.sha256(der).digest(),
        )
    except _MALFORMED:
        raise ProtocolError(Code.CRL_INVALID, f"{_WHAT}: not an X.509 list in DER or PEM form") from None
    if crl.next_update is not None and crl.next_update < crl.this_update:
        raise ProtocolError(Code.CRL_INVALID, f"{_WHAT}: the next update lies before this one")
    return crl


def verify_crl(crl: Crl, authorities: Sequence[Certificate], *, at: int) -> Certificate:
    """Finds the trusted authority that signed a list.

    Args:
        crl: the list, unverified.
        authorities: certificates of trusted authorities; whether they lead to an anchor is the caller's matter.
        at: now, epoch seconds, UTC.

    Returns:
        The certificate under whose key the list verifies.

    Raises:
        ProtocolError: CRL_UNTRUSTED where no authority of this name may sign lists or none did; CRL_INVALID where it
            is of a time to come.
    """
    try:
        algorithm = crl.x509.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, _HASHES):
        raise ProtocolError(Code.CRL_UNTRUSTED, f"{_WHAT}: its signature's algorithm is not accepted")
    for authority in authorities:
        if authority.subject == crl.issuer and _may_sign_lists(authority) and _is_signed_by(crl, authority):
            break
    else:
        raise ProtocolError(Code.CRL_UNTRUSTED, f"{_WHAT}: no trusted authority of its name signed it")
    # A list of the future would shut out every honest one until then.
    if crl.this_update > at + limits.CLOCK_AHEAD_SECONDS:
        raise ProtocolError(Code.CRL_INVALID, f"{_WHAT}: is of a time to come")
    return authority


def listed_by(crl: Crl) -> dict[int, Listed]:
    """What a list says of certificates, by serial number; for a list that is verified.

    A stranger's list would cost a second and a hundred megabytes here for each million of entries.

    Raises:
        ProtocolError: CRL_INVALID for a malformed entry, CRL_UNSUPPORTED for one with a critical part that is unknown
            here.
    """
    try:
        return _entries(crl.x509)
    except _MALFORMED:
        raise ProtocolError(Code.CRL_INVALID, f"{_WHAT}: an entry is malformed") from None


def line_of(crl: Crl, authority: Certificate) -> bytes:
    """The line of lists to which this one belongs: the same name, key and part; 32 bytes.

    Certificates of one authority that was certified anew share its line.
    """
    key = authority.x509.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    parts = (crl.issuer.encode(), key, crl.part)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def check_newer(crl: Crl, *, number: int | None, this_update: int) -> None:
    """Checks that a list is newer than the one of its line that is held, so that none goes back.

    Args:
        crl: the list at hand, verified.
        number, this_update: those of the list that is held.

    Raises:
        ProtocolError: CRL_OLDER.
    """
    goes_back = number is not None and (crl.number is None or crl.number < number)
    if goes_back or crl.this_update <= this_update:
        raise ProtocolError(Code.CRL_OLDER, f"{_WHAT}: is not newer than the one held")


def distribution_points(certificate: Certificate) -> tuple[str, ...]:
    """The addresses (http, https) at which a certificate's issuer offers its list; an odd extension offers none."""
    try:
        points = certificate.x509.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    names = [name.value for point in points for name in point.full_name or () if point.crl_issuer is None]
    return tuple(name for name in names if isinstance(name, str) and name.startswith(("http://", "https://")))


def _part(extensions: x509.Extensions) -> bytes:
    part = b""
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            raise ProtocolError(Code.CRL_UNSUPPORTED, f"{_WHAT}: a delta list is not taken, only a complete one")
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl or value.only_some_reasons or value.only_contains_attribute_certs:
                raise ProtocolError(Code.CRL_UNSUPPORTED, f"{_WHAT}: an indirect or partial list is not taken")
            part = value.public_bytes()
        elif extension.critical and not isinstance(value, _KNOWN):
            raise ProtocolError(Code.CRL_UNSUPPORTED, f"{_WHAT}: a critical extension is unknown")
    return part


def _number(extensions: x509.Extensions) -> int | None:
    try:
        return extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None


def _entries(parsed: x509.CertificateRevocationList) -> dict[int, Listed]:
    found: dict[int, Listed] = {}
    for entry in parsed:
        listed = _listed(entry)
        if listed is None:
            continue
        before = found.get(entry.serial_number)
        if before is None or listed.revoked_at < before.revoked_at:
            found[entry.serial_number] = listed
    return found


def _listed(entry: x509.RevokedCertificate) -> Listed | None:
    reason, invalid_at = x509.ReasonFlags.unspecified, None
    revoked_at = int(entry.revocation_date_utc.timestamp())
    for extension in entry.extensions:
        value = extension.value
        if isinstance(value, x509.CertificateIssuer):
            raise ProtocolError(Code.CRL_UNSUPPORTED, f"{_WHAT}: an indirect list is not taken")
        if extension.critical and not isinstance(value, _KNOWN_OF_ENTRIES):
            raise ProtocolError(Code.CRL_UNSUPPORTED, f"{_WHAT}: a critical extension of an entry is unknown")
        if isinstance(value, x509.CRLReason):
            reason = value.reason
        elif isinstance(value, x509.InvalidityDate):
            invalid_at = int(value.invalidity_date_utc.timestamp())
    if reason is x509.ReasonFlags.remove_from_crl:
        # RFC 5280, 5.3.1: the certificate was on hold and is given back.
        return None
    # RFC 5280, 5.3.2: where the key was out of its holder's hands, that instant counts, not the one of the entry.
    if reason in _COMPROMISES and invalid_at is not None:
        revoked_at = min(revoked_at, invalid_at)
    return Listed(revoked_at, "" if reason is x509.ReasonFlags.unspecified else reason.value)


def _may_sign_lists(authority: Certificate) -> bool:
    extensions = authority.x509.extensions
    try:
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        # RFC 5280, 4.2.1.3: without a key usage an authority's key may do what authorities do.
        return any(isinstance(item.value, x509.BasicConstraints) for item in extensions)


def _is_signed_by(crl: Crl, authority: Certificate) -> bool:
    key = authority.x509.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    try:
        return crl.x509.is_signature_valid(key)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # A signature of another kind than the key.
        return False

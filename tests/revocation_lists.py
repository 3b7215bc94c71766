"""Revocation lists as authorities make them, and as they should not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from sync_protocol.certificate import Certificate
from sync_protocol.days import DAY_SECONDS, to_datetime

WEEK: Final = 7 * DAY_SECONDS
Hash: TypeAlias = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512


@dataclass(frozen=True, slots=True)
class Entry:
    """One revoked certificate: when (epoch seconds), why, since when its key was out of hand, more extensions."""

    revoked_at: int
    reason: x509.ReasonFlags | None = None
    invalid_at: int | None = None
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = ()


def make_crl(
    issuer: Certificate,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    entries: Mapping[int, Entry | int],
    *,
    at: int,
    number: int | None = 1,
    next_update: int | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    algorithm: Hash | None = None,
) -> bytes:
    """A list in DER.

    Args:
        issuer: whose list it claims to be.
        key: that signs it.
        entries: by serial number; an instant alone is an entry without a reason.
        at: this update, epoch seconds, UTC.
        number: of the list, or None.
        next_update: a week later unless given.
        extensions: more of them, each with whether it is critical.
        algorithm: SHA-256 unless given.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.x509.subject)
        .last_update(to_datetime(at))
        .next_update(to_datetime(at + WEEK if next_update is None else next_update))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    for serial, given in entries.items():
        entry = Entry(given) if isinstance(given, int) else given
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(to_datetime(entry.revoked_at))
        if entry.reason is not None:
            row = row.add_extension(x509.CRLReason(entry.reason), critical=False)
        if entry.invalid_at is not None:
            row = row.add_extension(x509.InvalidityDate(to_datetime(entry.invalid_at)), critical=False)
        for extension, critical in entry.extensions:
            row = row.add_extension(extension, critical=critical)
        builder = builder.add_revoked_certificate(row.build())
    return builder.sign(key, algorithm or hashes.SHA256()).public_bytes(Encoding.DER)

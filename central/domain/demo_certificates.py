"""Certificates for training: an authority of the country, one of the organisations, and what they sign.

They look like real ones where software looks (key usages, names, validity), and nowhere else: nobody outside a
training room has a reason to trust them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.days import to_datetime

# Document signers of vaccinations (HCERT specification, part 1, 3.3.1).
VACCINATION_USAGE: Final = ObjectIdentifier("1.3.6.1.4.1.1847.2021.1.2")
AUTHORITY_DAYS: Final = 3_650
# Above the 24 months that a document signer needs to sign passports of 12 months for a year.
SIGNER_DAYS: Final = 1_095
# Clocks differ: what is made now is valid since yesterday.
_BEFORE: Final = timedelta(days=1)
SERIAL_BYTES: Final = 16


@dataclass(frozen=True, slots=True, repr=False)
class Authority:
    """A certification authority: its key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: Certificate


def make_authority(key: ec.EllipticCurvePrivateKey, name: str, *, serial: bytes, now: int) -> Authority:
    """Makes an authority that signs its own certificate.

    Args:
        key: its key, P-256.
        name: its common name.
        serial: random bytes for the serial number.
        now: epoch seconds, UTC.
    """
    subject = _name(name, organisation="HCVX (tập huấn)")
    builder = _builder(subject, subject, key.public_key(), serial=serial, now=now, days=AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(authority=True), critical=True)
    return Authority(key, _sign(builder, key))


def issue_certificate(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    *,
    name: str,
    organisation: str,
    serial: bytes,
    now: int,
    usages: Sequence[ObjectIdentifier] = (),
) -> Certificate:
    """Issues a certificate that may sign messages, for `SIGNER_DAYS`.

    Args:
        authority: who issues.
        public_key: the holder's key.
        name: common name of the holder.
        organisation: the holder's organisation.
        serial: random bytes for the serial number.
        now: epoch seconds, UTC.
        usages: extended key usages, none for an organisation certificate.
    """
    subject = _name(name, organisation=organisation)
    issuer = authority.certificate.x509.subject
    builder = _builder(subject, issuer, public_key, serial=serial, now=now, days=SIGNER_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(authority=False), critical=True)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return _sign(builder, authority.key)


def _name(common: str, *, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            # X.520: these attributes hold at most 64 characters.
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, common[:64]),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, serial: bytes, now: int, days: int
) -> x509.CertificateBuilder:
    start: datetime = to_datetime(now) - _BEFORE
    # RFC 5280, 4.1.2.2: positive and at most 20 bytes; the top bit is cleared, the lowest set.
    number = (int.from_bytes(serial) & ~(1 << (8 * len(serial) - 1))) | 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(number)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days + 1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> Certificate:
    return parse_certificate(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))

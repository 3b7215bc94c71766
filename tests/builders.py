"""Small things that many tests need: certificate authorities, certificates, entropy that repeats itself."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.keys import Algorithm, PublicKey
from sync_protocol.signers.key_signer import PrivateKey
from sync_protocol.signers.signer import Signer

# The order of P-256, for private keys made from a seed.
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(slots=True)
class SeededEntropy:
    """Implements `Entropy` with bytes that depend on the seed and the number of the call alone."""

    seed: int = 0
    calls: int = field(default=0, init=False)

    def token(self, size: int) -> bytes:
        self.calls += 1
        return hashlib.shake_256(f"{self.seed}/{self.calls}".encode()).digest(size)


@dataclass
class PassingSigner:
    """A `Signer` that passes everything on to another; the tests' own signers change one thing about it."""

    inner: Signer

    @property
    def certificate(self) -> Certificate | None:
        return self.inner.certificate

    @property
    def public_key(self) -> PublicKey:
        return self.inner.public_key

    @property
    def algorithm(self) -> Algorithm:
        return self.inner.algorithm

    @property
    def operations(self) -> int:
        return self.inner.operations

    def sign(self, message: bytes) -> bytes:
        return self.sign_many([message])[0]

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        return self.inner.sign_many(messages)

    def close(self) -> None:
        self.inner.close()


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of the tests."""

    certificate: Certificate
    private_key: ec.EllipticCurvePrivateKey


def ec_key(seed: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key that belongs to this seed."""
    number = int.from_bytes(hashlib.sha512(seed.encode()).digest())
    return ec.derive_private_key(number % (_P256_ORDER - 1) + 1, ec.SECP256R1())


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    """The one RSA-2048 key of the run; making a new one each time would take most of the tests' time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_ca(name: str, at: datetime, *, days: int = 3650, parent: Authority | None = None) -> Authority:
    """A certificate authority on P-256, valid from `at`; self-signed unless a parent is given."""
    key = ec_key(f"ca {name}")
    certificate = _certificate(
        key,
        name,
        issuer=parent.certificate.x509.subject if parent else None,
        issuer_key=parent.private_key if parent else key,
        at=at,
        days=days,
        usage="authority",
    )
    return Authority(certificate, key)


def issue_certificate(
    ca: Authority,
    key: PrivateKey,
    *,
    subject: str,
    at: datetime,
    days: float = 365,
    serial: int | None = None,
    usage: Literal["sign", "encipher", "none", "authority"] = "sign",
    extended_usages: tuple[str, ...] = (),
    organisation: str = "",
    extensions: Sequence[x509.ExtensionType] = (),
) -> Certificate:
    """An organisation's or document signer's certificate, without alternative names, valid from `at`.

    Args:
        ca: who issues it.
        key: the holder's private key, P-256 or RSA-2048.
        subject: the common name.
        at, days: validity.
        serial: the serial number; derived from subject and time unless given.
        usage: digitalSignature, keyEncipherment, no key usage at all, or an authority's.
        extended_usages: object identifiers in dotted form.
        organisation: X.520 O of the subject; none unless given.
        extensions: more of them, not critical.
    """
    return _certificate(
        key,
        subject,
        issuer=ca.certificate.x509.subject,
        issuer_key=ca.private_key,
        at=at,
        days=days,
        usage=usage,
        serial=serial,
        extended_usages=extended_usages,
        organisation=organisation,
        extensions=extensions,
    )


def _certificate(
    key: PrivateKey,
    subject: str,
    *,
    issuer: x509.Name | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    at: datetime,
    days: float,
    usage: str,
    serial: int | None = None,
    extended_usages: tuple[str, ...] = (),
    organisation: str = "",
    extensions: Sequence[x509.ExtensionType] = (),
) -> Certificate:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, subject)]
    if organisation:
        parts.insert(1, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    name = x509.Name(parts)
    derived = hashlib.sha256(f"{subject}/{at.isoformat()}/{days}".encode()).digest()[:8]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(key.public_key())
        .serial_number(serial or int.from_bytes(derived) | 1)
        .not_valid_before(at)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=usage == "authority", path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if usage != "none":
        builder = builder.add_extension(_key_usage(usage), critical=True)
    if extended_usages:
        oids = [x509.ObjectIdentifier(dotted) for dotted in extended_usages]
        builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)
    return parse_certificate(signed.public_bytes(serialization.Encoding.DER))


def _key_usage(usage: str) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=usage == "sign",
        key_encipherment=usage == "encipher",
        key_cert_sign=usage == "authority",
        crl_sign=usage == "authority",
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

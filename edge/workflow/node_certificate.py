"""With what the node shows itself on the clinic's network: a certificate that it gives to itself.

No authority gives certificates for addresses of a local network, so tablets compare the fingerprint once and remember
it. A new key and certificate are made when the old one has less than 30 days left or names another address; the
clinic's tablets are then asked to compare again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.store import audit, lan_key, node_identity
from edge.store.database import Database
from edge.store.lan_key import LanKey
from edge.store.node_identity import NodeIdentity
from sync_protocol.days import DAY_SECONDS
from sync_protocol.names import fold
from sync_protocol.sealing import Entropy, fresh_private_key

# Thirteen months: browsers take no server certificate of more than 398 days.
LIFE_DAYS: Final = 396
RENEW_DAYS: Final = 30
# A tablet's clock may be behind.
_EARLIER_SECONDS: Final = DAY_SECONDS
_COMMON_NAME_CHARS: Final = 64
_SERIAL_BYTES: Final = 16
_FINGERPRINT_GROUPS: Final = 8
_GROUP_CHARS: Final = 4


@dataclass(frozen=True, slots=True, repr=False)
class NodeCertificate:
    """The node's certificate with its private key.

    Attributes:
        names: IPv4 addresses and host names for which it is good, as they stand in it.
        fingerprint: the first 8 groups of 4 hexadecimal digits of its SHA-256 digest, parted by spaces; browsers show
            the same digest.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """What a person compares."""
        digest = self.certificate.fingerprint(SHA256()).hex().upper()
        places = range(0, _FINGERPRINT_GROUPS * _GROUP_CHARS, _GROUP_CHARS)
        return " ".join(digest[place : place + _GROUP_CHARS] for place in places)

    def pem(self, password: bytes) -> bytes:
        """Certificate and key as `ssl` loads them from a file; the key is encrypted under the password."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        return key + self.certificate.public_bytes(Encoding.PEM)


def node_certificate(
    database: Database, addresses: Sequence[str], host_name: str, *, entropy: Entropy, at: int, by: str
) -> NodeCertificate:
    """The certificate of this node for these addresses and this host name; the kept one, or a new one.

    Args:
        database: an enrolled node's store.
        addresses: IPv4 addresses in dotted form, at least one.
        host_name: this machine's name; left out where DNS could not write it.
        entropy: draws key and serial number.
        at: epoch seconds UTC.
        by: who started the node, for the audit trail.

    Raises:
        StoreError: NOT_ENROLLED, or what the store refuses.
    """
    names = tuple(addresses) + ((host_name,) if _is_dns_name(host_name) else ())
    with database.read() as tables:
        identity = node_identity.get(tables)
        kept = lan_key.find(tables)
    if kept is not None:
        found = _load(kept)
        if found.names == names and _ends_at(found.certificate) - at >= RENEW_DAYS * DAY_SECONDS:
            return found
    made = _make(identity, names, entropy=entropy, at=at)
    row = LanKey(
        made.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        made.certificate.public_bytes(Encoding.DER),
    )
    with database.write_transaction() as tables:
        lan_key.replace(tables, row, at=at)
        digest = hashlib.sha256(row.certificate).hexdigest()
        audit.append(tables, audit.Action.LAN_CERTIFICATE_MADE, f"certificate:{digest[:16]}", actor=by, at=at)
    return made


def _make(identity: NodeIdentity, names: tuple[str, ...], *, entropy: Entropy, at: int) -> NodeCertificate:
    key = fresh_private_key(entropy)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _common_name(identity))])
    start = dt.datetime.fromtimestamp(at - _EARLIER_SECONDS, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        # Positive, and at most 20 bytes (RFC 5280, 4.1.2.2).
        .serial_number(int.from_bytes(b"\x01" + entropy.token(_SERIAL_BYTES)))
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        # Not an authority: a tablet that trusts it trusts this node and nobody that the node might name.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return NodeCertificate(key, certificate, names)


def _load(kept: LanKey) -> NodeCertificate:
    key = load_der_private_key(kept.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_der_x509_certificate(kept.certificate)
    stated = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return NodeCertificate(key, certificate, tuple(str(one.value) for one in stated))


def _ends_at(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp())


def _common_name(identity: NodeIdentity) -> str:
    """The facility without marks, and the node's code."""
    folded = fold(identity.facility_name).encode("ascii", "ignore").decode()
    tail = f" ({identity.node})"
    return f"{folded[: _COMMON_NAME_CHARS - len(tail)].strip()}{tail}".strip()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(IPv4Address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_dns_name(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").isalnum() for label in labels
    )


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )

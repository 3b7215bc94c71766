"""Certificates in files, as operators have them: PEM with one or several, or DER."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.errors import Code, ProtocolError


def read_certificates(path: Path) -> list[Certificate]:
    """Reads every certificate of a file.

    Raises:
        ProtocolError: CERTIFICATE_INVALID, KEY_INVALID or TOO_LARGE.
    """
    data = path.read_bytes()
    if b"-----BEGIN" not in data:
        return [parse_certificate(data)]
    try:
        found = load_pem_x509_certificates(data)
    except ValueError:
        raise ProtocolError(Code.CERTIFICATE_INVALID, f"{path.name}: is not PEM of X.509 certificates") from None
    return [parse_certificate(item.public_bytes(Encoding.DER)) for item in found]


def read_certificate(path: Path) -> Certificate:
    """Reads the one certificate of a file.

    Raises:
        ProtocolError: CERTIFICATE_INVALID also where there are several, KEY_INVALID or TOO_LARGE.
    """
    found = read_certificates(path)
    if len(found) != 1:
        raise ProtocolError(Code.CERTIFICATE_INVALID, f"{path.name}: holds {len(found)} certificates instead of one")
    return found[0]

"""Certificates in files, as operators have them: PEM with one or several, or DER."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from central.config import ConfigError
from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.enrolment_file import ANCHOR_BYTES
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


def read_tls_anchors(path: Path | None) -> bytes:
    """The authorities that a setting names, as the PEM of an enrolment file; b"" without one.

    Raises:
        ConfigError: the file cannot be read, holds no certificate, or more than an enrolment file may carry.
    """
    if path is None:
        return b""
    try:
        found = load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        problem = f"[centre] tls_anchors: cannot be read as PEM certificates ({type(error).__name__})"
        raise ConfigError([problem]) from error
    pem = b"".join(item.public_bytes(Encoding.PEM) for item in found)
    if len(pem) > ANCHOR_BYTES:
        raise ConfigError([f"[centre] tls_anchors: more than {ANCHOR_BYTES} bytes of certificates"])
    return pem


def read_certificate(path: Path) -> Certificate:
    """Reads the one certificate of a file.

    Raises:
        ProtocolError: CERTIFICATE_INVALID also where there are several, KEY_INVALID or TOO_LARGE.
    """
    found = read_certificates(path)
    if len(found) != 1:
        raise ProtocolError(Code.CERTIFICATE_INVALID, f"{path.name}: holds {len(found)} certificates instead of one")
    return found[0]

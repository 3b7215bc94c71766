"""The signer whose key lies in an encrypted PKCS#12 file: for training, tests and the demo.

Whoever copies the file and learns its password signs as the organisation, so opening one warns each
time, by type (`SoftwareSignerWarning`); the programs show it as a line of its own.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12

from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from sync_protocol.signers.token_errors import TokenCode, TokenError

# A key with its chain has a few KB; anything much larger is some other file.
_FILE_BYTES: Final = 256 * 1024
_KDF_ROUNDS: Final = 100_000


class SoftwareSignerWarning(UserWarning):
    """The organisation's key is taken from a file instead of a token."""


WARNING_VI: Final = (
    "CHÚ Ý: đang ký bằng tệp khóa phần mềm, chỉ dùng để tập huấn và trình diễn; "
    "khi làm thật phải ký bằng token của đơn vị."
)


def open_software(path: Path | str, password: str, *, algorithm: Algorithm | None = None) -> KeySigner:
    """Opens the file and warns with `SoftwareSignerWarning`, each time.

    Args:
        path: the PKCS#12 file: one key, encrypted, and its certificate.
        password: its password; not kept.
        algorithm: for RSA keys PS256 (the default) or RS256.

    Raises:
        TokenError: FILE_MISSING, FILE_INVALID, FILE_PASSWORD, PIN_EMPTY, ALGORITHM_UNFIT.
    """
    signer = unlock(read_file(path), password, algorithm=algorithm)
    warn()
    return signer


def read_file(path: Path | str) -> bytes:
    """The bytes of what by its frame is a PKCS#12 file.

    Raises:
        TokenError: FILE_MISSING, FILE_INVALID.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise TokenError(TokenCode.FILE_MISSING, type(error).__name__) from None
    if not _looks_like_pkcs12(data):
        raise TokenError(TokenCode.FILE_INVALID)
    return data


def unlock(data: bytes, password: str, *, algorithm: Algorithm | None = None) -> KeySigner:
    """The signer of a PKCS#12 file's bytes.

    Raises:
        TokenError: FILE_INVALID, FILE_PASSWORD, PIN_EMPTY, ALGORITHM_UNFIT.
    """
    key, certificate = read_pkcs12(data, password)
    try:
        return KeySigner(key, certificate=certificate, algorithm=algorithm)
    except ProtocolError as error:
        # A key that is not the certificate's, or an algorithm for another kind of key.
        code = TokenCode.FILE_INVALID if algorithm is None else TokenCode.ALGORITHM_UNFIT
        raise TokenError(code, error.code.value) from None


def warn() -> None:
    """Say that a file signs in the place of a token, each time."""
    # No registry: Python would otherwise show a warning from one place only once.
    warnings.warn_explicit(WARNING_VI, SoftwareSignerWarning, filename=__file__, lineno=1, registry=None)


def read_pkcs12(data: bytes, password: str) -> tuple[PrivateKey, Certificate]:
    """Reads key and certificate out of a PKCS#12 file's bytes.

    Raises:
        TokenError: FILE_INVALID, FILE_PASSWORD, PIN_EMPTY.
    """
    if not password:
        raise TokenError(TokenCode.PIN_EMPTY)
    if not _looks_like_pkcs12(data):
        raise TokenError(TokenCode.FILE_INVALID)
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, password.encode("utf-8"))
    except ValueError:
        # The library has one error for a wrong password and for damage behind a sound frame.
        raise TokenError(TokenCode.FILE_PASSWORD) from None
    except (TypeError, UnsupportedAlgorithm) as error:
        raise TokenError(TokenCode.FILE_INVALID, type(error).__name__) from None
    if certificate is None or not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TokenError(TokenCode.FILE_INVALID, "key or certificate lacking")
    try:
        return key, parse_certificate(certificate.public_bytes(Encoding.DER))
    except ProtocolError as error:
        raise TokenError(TokenCode.FILE_INVALID, error.code.value) from None


def write_pkcs12(key: PrivateKey, certificate: Certificate, *, password: str, name: str = "hcvx") -> bytes:
    """The bytes of an encrypted PKCS#12 file (AES-256-CBC, PBKDF2 and MAC with SHA-256); the caller stores them.

    Args:
        key: the private key.
        certificate: the certificate over it.
        password: not empty.
        name: the friendly name inside the file.

    Raises:
        TokenError: PIN_EMPTY.
    """
    if not password:
        raise TokenError(TokenCode.PIN_EMPTY)
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_KDF_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode("utf-8"))
    )
    return pkcs12.serialize_key_and_certificates(name.encode("utf-8"), key, certificate.x509, None, encryption)


def _looks_like_pkcs12(data: bytes) -> bool:
    """Whether the frame is that of PFX version 3 (RFC 7292, section 4): tells another file from a wrong password."""
    if len(data) < 2 or len(data) > _FILE_BYTES or data[0] != 0x30:
        return False
    # The outer length in DER's long form, as every real file needs it, or BER's indefinite one (older exporters).
    start = 2 + (data[1] & 0x7F)
    if data[1] != 0x80 and (data[1] < 0x80 or start > 6 or len(data) != start + int.from_bytes(data[2:start])):
        return False
    return data[start : start + 3] == b"\x02\x01\x03"

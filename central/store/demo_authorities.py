"""The authorities and the document signer of a training centre, as encrypted PKCS#12 files beside its keys."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from central.domain.demo_certificates import Authority
from central.store.key_store import KeyStoreError, write_secret
from sync_protocol.certificate import Certificate
from sync_protocol.signers.software import read_pkcs12, write_pkcs12
from sync_protocol.signers.token_errors import TokenError

COUNTRY_AUTHORITY: Final = "country_authority.p12"
ORGANISATION_AUTHORITY: Final = "organisation_authority.p12"
DOCUMENT_SIGNER: Final = "document_signer.p12"


def write_key_file(path: Path, key: ec.EllipticCurvePrivateKey, certificate: Certificate, *, password: str) -> None:
    """Writes a key with its certificate; never over another file.

    Raises:
        KeyStoreError: a file of that name is there already.
        TokenError: the password is empty.
    """
    write_secret(path, write_pkcs12(key, certificate, password=password))


def read_authority(path: Path, *, password: str) -> Authority:
    """Opens an authority of the training centre.

    Raises:
        KeyStoreError: no such file, another password, or another kind of key.
    """
    try:
        key, certificate = read_pkcs12(path.read_bytes(), password)
    except FileNotFoundError:
        raise KeyStoreError(f"{path.name}: is missing") from None
    except TokenError as error:
        raise KeyStoreError(f"{path.name}: {error.code.value}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyStoreError(f"{path.name}: is not a P-256 key")
    return Authority(key, certificate)

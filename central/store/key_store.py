"""The centre's own private keys: PKCS#8 files, encrypted with the operator's password.

Three keys live here: *ledger* (signs heads and receipts), *sealing* (opens what nodes send) and *publisher*
(signs catalogue, trust list, packs, enrolments). The key that signs health certificates is not here: it is
reached through its signer address, as a file for training or in a token.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from sync_protocol import keys
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.signer import Signer


class KeyRole(StrEnum):
    """What a key is for; the file's name and the value in `centre_keys`."""

    LEDGER = "ledger"
    SEALING = "sealing"
    PUBLISHER = "publisher"


class KeyStoreError(Exception):
    """A key file is missing, unreadable, or the password is another; the text names the file only."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """The opened keys. It prints nothing of them.

    Attributes:
        ledger: signs tree heads and receipts.
        publisher: signs versioned sets and enrolment answers.
        sealing: private keys that open envelopes, by key id (8 bytes); several while one is being replaced.
        sealing_key: the one to which nodes seal now.
    """

    ledger: Signer
    publisher: Signer
    sealing: Mapping[bytes, ec.EllipticCurvePrivateKey]
    sealing_key: ec.EllipticCurvePublicKey


def write_key(directory: Path, role: KeyRole, key: ec.EllipticCurvePrivateKey, *, password: str) -> Path:
    """Writes one key, readable by its owner alone; never over another key.

    Raises:
        KeyStoreError: there is a key of this role already, or the password is empty.
    """
    if not password:
        raise KeyStoreError("a key file needs a password")
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    path = key_path(directory, role)
    write_secret(path, content)
    return path


def write_secret(path: Path, content: bytes) -> None:
    """Writes a new file that only its owner may read, and brings it to the disk before returning.

    Raises:
        KeyStoreError: a file of that name is there already.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyStoreError(f"{path.name}: is there already") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_key(directory: Path, role: KeyRole, *, password: str) -> ec.EllipticCurvePrivateKey:
    """Opens one key.

    Raises:
        KeyStoreError: no file, another password, or not a P-256 key.
    """
    path = key_path(directory, role)
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode() or None)
    except FileNotFoundError:
        raise KeyStoreError(f"{path.name}: is missing") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyStoreError(f"{path.name}: the password does not open it") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyStoreError(f"{path.name}: is not a P-256 key")
    return key


def open_key_ring(directory: Path, *, password: str) -> KeyRing:
    """Opens the three keys.

    Raises:
        KeyStoreError: one of them cannot be opened.
    """
    sealing = read_key(directory, KeyRole.SEALING, password=password)
    return KeyRing(
        ledger=KeySigner(read_key(directory, KeyRole.LEDGER, password=password)),
        publisher=KeySigner(read_key(directory, KeyRole.PUBLISHER, password=password)),
        sealing={keys.key_id(sealing.public_key()): sealing},
        sealing_key=sealing.public_key(),
    )


def key_path(directory: Path, role: KeyRole) -> Path:
    """Where the key of a role lies."""
    return directory / f"{role.value}.pem"

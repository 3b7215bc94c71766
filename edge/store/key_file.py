"""The data key: 32 random bytes, wrapped under the passphrase, in a small JSON file beside the database.

Argon2id (RFC 9106, second recommended option: 64 MiB, 3 passes, 4 lanes) stretches the passphrase into a key, AES key
wrap (RFC 3394) wraps the data key under it. Changing the passphrase rewrites this file and not the database. The wrap
carries its own integrity check, so a wrong passphrase is noticed before the database is touched.
"""

from __future__ import annotations

import json
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from edge.store.database import DATA_KEY_BYTES
from edge.store.errors import StoreCode, StoreError
from sync_protocol.sealing import Entropy

PASSPHRASE_CHARS: Final = 10
_SALT_BYTES: Final = 16
_FILE_BYTES: Final = 4_096
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Stretching:
    """The cost of one try: passes, memory in KiB, lanes. Kept in the file, so that it may grow later."""

    passes: int = 3
    memory_kibibytes: int = 64 * 1024
    lanes: int = 4


# More than a laptop of a commune station should be asked for by a file that somebody else wrote.
_MOST: Final = Stretching(passes=20, memory_kibibytes=1024 * 1024, lanes=16)


def create_key_file(path: Path, passphrase: str, *, entropy: Entropy, stretching: Stretching | None = None) -> bytes:
    """Draw a data key, write it wrapped, and return it (32 bytes).

    Raises:
        StoreError: EXISTS if the file is there already; PASSPHRASE_WEAK below 10 characters.
    """
    if path.exists():
        raise StoreError(StoreCode.EXISTS, "the key file exists already")
    data_key = entropy.token(DATA_KEY_BYTES)
    _write(path, data_key, passphrase, entropy=entropy, stretching=stretching or Stretching())
    return data_key


def open_key_file(path: Path, passphrase: str) -> bytes:
    """Return the data key, 32 bytes.

    Raises:
        StoreError: MISSING; KEY_FILE if the file is not one of ours; PASSPHRASE if it does not open it.
    """
    salt, wrapped, stretching = _read(path)
    try:
        return aes_key_unwrap(_stretch(passphrase, salt, stretching), wrapped)
    except InvalidUnwrap:
        raise StoreError(StoreCode.PASSPHRASE, "the passphrase does not open the key file") from None


def change_passphrase(path: Path, old: str, new: str, *, entropy: Entropy) -> None:
    """Wrap the same data key under another passphrase; the file is replaced at once or not at all.

    Raises:
        StoreError: as `open_key_file`, or PASSPHRASE_WEAK.
    """
    data_key = open_key_file(path, old)
    _write(path, data_key, new, entropy=entropy, stretching=Stretching())


def _write(path: Path, data_key: bytes, passphrase: str, *, entropy: Entropy, stretching: Stretching) -> None:
    if len(passphrase) < PASSPHRASE_CHARS:
        raise StoreError(StoreCode.PASSPHRASE_WEAK, f"the passphrase needs {PASSPHRASE_CHARS} characters or more")
    salt = entropy.token(_SALT_BYTES)
    content = {
        "version": _VERSION,
        "kdf": "argon2id",
        "passes": stretching.passes,
        "memory_kibibytes": stretching.memory_kibibytes,
        "lanes": stretching.lanes,
        "salt": salt.hex(),
        "wrap": "aes-256-kw",
        "wrapped": aes_key_wrap(_stretch(passphrase, salt, stretching), data_key).hex(),
    }
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    # For its owner alone: whoever has this file may try passphrases at home.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    # Commit point: before it the old file stands (or none), after it the new one, whole.
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a rename in this directory last through a power cut."""
    # Windows has no descriptor of a directory to sync; NTFS journals the rename itself.
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> tuple[bytes, bytes, Stretching]:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except FileNotFoundError:
        raise StoreError(StoreCode.MISSING, "there is no key file here; `init` makes one") from None
    if len(data) > _FILE_BYTES:
        raise StoreError(StoreCode.KEY_FILE, f"the key file has more than {_FILE_BYTES} bytes")
    try:
        content = json.loads(data)
        stretching = Stretching(int(content["passes"]), int(content["memory_kibibytes"]), int(content["lanes"]))
        salt, wrapped = bytes.fromhex(content["salt"]), bytes.fromhex(content["wrapped"])
        is_ours = (content["version"], content["kdf"], content["wrap"]) == (_VERSION, "argon2id", "aes-256-kw")
    except (ValueError, KeyError, TypeError):
        raise StoreError(StoreCode.KEY_FILE, "the key file cannot be read") from None
    is_bounded = (
        1 <= stretching.passes <= _MOST.passes
        and 1 <= stretching.lanes <= _MOST.lanes
        and 8 * stretching.lanes <= stretching.memory_kibibytes <= _MOST.memory_kibibytes
    )
    if not is_ours or not is_bounded or len(salt) != _SALT_BYTES or len(wrapped) != DATA_KEY_BYTES + 8:
        raise StoreError(StoreCode.KEY_FILE, "the key file is not one that this program can use")
    return salt, wrapped, stretching


def _stretch(passphrase: str, salt: bytes, stretching: Stretching) -> bytes:
    # NFC, since two keyboards may type the same Vietnamese letter as different characters.
    return hash_secret_raw(
        unicodedata.normalize("NFC", passphrase).encode(),
        salt,
        time_cost=stretching.passes,
        memory_cost=stretching.memory_kibibytes,
        parallelism=stretching.lanes,
        hash_len=32,
        type=Type.ID,
    )

"""Makes a node's directory: settings, key file, encrypted database. The only thing that ever creates the database.

The database is built under another name and renamed at the end, so a run that was cut off left no node, and the next
`init` with the same passphrase goes on from the key file. Two at once would take the key file of one and the database
of the other: the second one is refused. The lock is the system's, so that it ends with whoever held it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.config import CONFIG_NAME, DATABASE_NAME, KEY_FILE_NAME, TEMPLATE
from edge.store import audit
from edge.store.database import Database
from edge.store.errors import StoreCode, StoreError
from edge.store.key_file import Stretching, create_key_file, open_key_file, sync_directory
from edge.store.schema import migrate
from sync_protocol.sealing import Entropy

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows locks bytes, and who locks them keeps everybody from reading them: this one is behind any settings.
_LOCKED_BYTE: Final = 2**30


def init_node(
    directory: Path, passphrase: str, *, entropy: Entropy, at: int, by: str, stretching: Stretching | None = None
) -> None:
    """Create a node.

    1. The directory, readable by its owner only, and `node.toml` with the defaults; from here on nobody else does this.
    2. The key file.
    3. The database under a working name: all tables, the first entry of the audit trail.
    4. Its rename: from here on the node exists.

    Args:
        directory: made if it is not there.
        passphrase: at least 10 characters.
        entropy: draws the data key.
        at: epoch seconds UTC.
        by: who does it, for the audit trail.
        stretching: the cost of one passphrase try; None for the usual one.

    Raises:
        StoreError: EXISTS where there is a node already; BUSY where another `init` is at work there; PASSPHRASE_WEAK;
            PASSPHRASE where a key file of an `init` that was cut off has another one.
    """
    _require_none(directory)
    # (1)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), (directory / CONFIG_NAME).open("x", encoding="utf-8") as file:
        file.write(TEMPLATE)
    with _alone(directory):
        _make(directory, passphrase, entropy=entropy, at=at, by=by, stretching=stretching)


def _require_none(directory: Path) -> None:
    if (directory / DATABASE_NAME).exists():
        raise StoreError(StoreCode.EXISTS, "there is a node in this directory already")


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the lock of this directory, which stands on its settings."""
    with (directory / CONFIG_NAME).open("rb") as file:
        try:
            if sys.platform == "win32":
                file.seek(_LOCKED_BYTE)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise StoreError(StoreCode.BUSY, "another `init` is at work in this directory", try_again=True) from None
        # The end of the file's use is the end of the lock.
        yield


def _make(
    directory: Path, passphrase: str, *, entropy: Entropy, at: int, by: str, stretching: Stretching | None
) -> None:
    # Another one may have ended between the first look and the lock.
    _require_none(directory)
    database_path = directory / DATABASE_NAME
    # (2)
    key_path = directory / KEY_FILE_NAME
    if key_path.exists():
        key = open_key_file(key_path, passphrase)
    else:
        key = create_key_file(key_path, passphrase, entropy=entropy, stretching=stretching)
    # (3)
    draft = database_path.with_name(f"{DATABASE_NAME}.new")
    for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
        leftover.unlink(missing_ok=True)
    database = Database.create(draft, key)
    try:
        migrate(database, at=at)
        with database.write_transaction() as tables:
            audit.append(tables, audit.Action.INITIALISED, "node", actor=by, at=at)
    finally:
        # The last connection of a WAL database writes everything into the file itself and removes the WAL.
        database.close()
    if os.name == "posix":
        draft.chmod(0o600)
    # (4)
    draft.rename(database_path)
    sync_directory(directory)

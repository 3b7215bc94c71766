"""How the folder on a stick is found, made, opened and kept from being written by two at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sync_protocol.stick import FOLDER
from sync_protocol.stick_errors import StickCode, StickError
from sync_protocol.stick_folder import StickFolder, system_call

try:
    import fcntl
except ImportError:  # pragma: no cover, a system without it has no lock of this kind
    fcntl = None  # type: ignore[assignment]

_HAS_FOLDERS: Final = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_MODE: Final = 0o700


@contextmanager
def open_stick(root: Path, *, write: bool) -> Iterator[StickFolder]:
    """Open the folder on a stick, or the folder itself where its own is what is given.

    Args:
        root: where the stick is mounted, an existing folder.
        write: make the folder where it is missing, keep others from writing, and take unfinished files away.

    Raises:
        StickError: MISSING, EMPTY where there is nothing to read, NO_FOLDER, BUSY, and those of the system's errors.
    """
    with system_call("look"):
        if not root.is_dir():
            raise StickError(StickCode.MISSING, "root")
    with contextlib.ExitStack() as stack:
        above = _open_folder(root, None, stack)
        name = "" if root.name.upper() == FOLDER else _find(root, above, write=write)
        descriptor = above if not name else _open_folder(Path(name), above, stack) if above is not None else None
        folder = StickFolder(root / name if name else root, descriptor)
        if write and descriptor is not None and fcntl is not None:
            with system_call("lock"):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise StickError(StickCode.BUSY, "lock") from None
        if write:
            folder.sweep()
        yield folder


def _open_folder(path: Path, above: int | None, stack: contextlib.ExitStack) -> int | None:
    if not _HAS_FOLDERS:
        return None
    follow = getattr(os, "O_NOFOLLOW", 0) if above is not None else 0
    with system_call("open"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | follow, dir_fd=above)
    stack.callback(os.close, descriptor)
    return descriptor


def _find(root: Path, above: int | None, *, write: bool) -> str:
    """The name of the folder as the stick has it; made where it is missing and something is to be written."""
    with system_call("find"), os.scandir(root if above is None else above) as entries:
        found = sorted(entry.name for entry in entries if entry.name.upper() == FOLDER)
    if found:
        return found[0]
    if not write:
        raise StickError(StickCode.EMPTY, "folder")
    with system_call("make"):
        os.mkdir(FOLDER if above is not None else str(root / FOLDER), _MODE, dir_fd=above)
        if above is not None:
            os.fsync(above)
    return FOLDER

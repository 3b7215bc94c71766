"""Which sticks are in this machine: where a desktop mounts them, or the drives that Windows calls removable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Where systems put what somebody plugs in: directly, or one folder deeper by the name of who sits there.
ROOTS: Final = (Path("/media"), Path("/run/media"), Path("/mnt"))
MOST: Final = 20
# GetDriveTypeW.
_REMOVABLE: Final = 2
_LETTERS: Final = "DEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Medium:
    """A stick: where it is, and how many bytes are free on it."""

    path: Path
    free_bytes: int


def find_media(roots: tuple[Path, ...] = ROOTS) -> list[Medium]:
    """All sticks that are mounted now, at most `MOST`; what cannot be looked at is left out."""
    found = []
    for path in _drives() if os.name == "nt" else _mounts(roots):
        try:
            found.append(Medium(path, shutil.disk_usage(path).free))
        except OSError:
            continue
        if len(found) == MOST:
            break
    return found


def _mounts(roots: tuple[Path, ...]) -> Iterator[Path]:
    for root in roots:
        for path in _folders(root):
            if path.is_mount():
                yield path
            else:
                yield from (deeper for deeper in _folders(path) if deeper.is_mount())


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def _drives() -> Iterator[Path]:
    import ctypes  # noqa: PLC0415, a megabyte that nobody needs elsewhere

    # Only there does the module have it.
    drive_type = vars(ctypes)["WinDLL"]("kernel32").GetDriveTypeW
    for letter in _LETTERS:
        if drive_type(f"{letter}:\\") == _REMOVABLE:
            yield Path(f"{letter}:\\")

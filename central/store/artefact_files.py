"""Files that the centre hands out: written beside, brought to the disk, then moved into place."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_artefact(path: Path, pieces: Iterable[bytes]) -> int:
    """Writes a file that only its owner may read, in place of an older one; gives its size in bytes.

    A reader sees the old file or the whole new one, whatever happens in between.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    size = 0
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return size

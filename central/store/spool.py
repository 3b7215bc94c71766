"""Sealed bytes that have not come whole yet: one file for each node and digest, in a directory beside the database.

A file holds the first bytes of what its name promises, and its length is the offset that the sender is told. It is
never believed: only when the whole has the digest of its name is it a bundle. So nothing is forced to the disk here; a
power cut costs bytes that are sent again, and a file that went wrong costs the same. Two connections may write one
file at once: each writes at its own offset what the digest prescribes.

Each node has a bounded share. The oldest files of the same node make room, so that nobody can crowd out another.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from central.store.database import StoreError
from sync_protocol import limits

NODE_BYTES: Final = 2 * limits.SEALED_BYTES
NODE_FILES: Final = 32
# What lies here so long was sent on a stick meanwhile, or its node is gone.
EXPIRY_SECONDS: Final = 7 * 86_400
# Below this the disk is kept for the ledger.
FREE_BYTES: Final = 256 * 1024 * 1024


@dataclass(slots=True)
class SpoolFile:
    """One file that is being written; `close` it."""

    descriptor: int
    offset: int
    touched_at: int

    def write(self, data: bytes) -> None:
        """Puts the next bytes behind those before. Raises StoreError."""
        try:
            while data:
                written = os.pwrite(self.descriptor, data, self.offset)
                self.offset, data = self.offset + written, data[written:]
        except OSError as error:
            raise StoreError(f"the spool: {type(error).__name__}", try_again=True) from error

    def close(self) -> None:
        """Lets go of the file; twice does no harm."""
        if self.descriptor >= 0:
            os.utime(self.descriptor, (self.touched_at, self.touched_at))
            os.close(self.descriptor)
            self.descriptor = -1


@dataclass(frozen=True, slots=True)
class Spool:
    """The directory. Node codes come from the store, never from a stranger: they name directories."""

    directory: Path

    def held(self, node: str, digest: bytes, *, size: int) -> int:
        """How many of the first bytes are here; 0 where the file holds more than there can be."""
        try:
            length = self._path(node, digest).stat().st_size
        except OSError:
            return 0
        return length if length <= size else 0

    def open(self, node: str, digest: bytes, *, start: int, size: int, now: int) -> SpoolFile:
        """Opens a file for writing from an offset on, not beyond what is held. Raises StoreError."""
        path = self._path(node, digest)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(descriptor).st_size > size:
                # Another size was stated for this digest before; what lay here is worth nothing.
                os.ftruncate(descriptor, 0)
        except OSError as error:
            raise StoreError(f"the spool: {type(error).__name__}", try_again=True) from error
        return SpoolFile(descriptor, start, now)

    def whole(self, node: str, digest: bytes, *, size: int) -> bytes | None:
        """The sealed bytes if all of them are here; a file that has become something else is deleted."""
        if self.held(node, digest, size=size) < size:
            return None
        path = self._path(node, digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(content).digest() == digest:
            return content
        path.unlink(missing_ok=True)
        return None

    def drop(self, node: str, digest: bytes) -> None:
        """Deletes a file, if there is one."""
        self._path(node, digest).unlink(missing_ok=True)

    def make_room(self, node: str, digests: Iterable[bytes], *, size: int, now: int) -> None:
        """Deletes what has expired of a node, and its oldest files until so much more fits into its share.

        Args:
            node: whose share.
            digests: files that stay whatever their age.
            size: what these files weigh when they are whole.
            now: epoch seconds, UTC.

        Raises:
            StoreError: the disk is nearly full.
        """
        wanted = {digest.hex() for digest in digests}
        others = [entry for entry in self._files(node) if entry[1].name not in wanted]
        weight, count = size + sum(entry[2] for entry in others), len(others) + len(wanted)
        for touched_at, path, length in sorted(others):
            if now - touched_at > EXPIRY_SECONDS or weight > NODE_BYTES or count > NODE_FILES:
                path.unlink(missing_ok=True)
                weight, count = weight - length, count - 1
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = os.statvfs(self.directory)
        if state.f_bavail * state.f_frsize < FREE_BYTES + size:
            raise StoreError("the spool: the disk is nearly full", try_again=True)

    def expire(self, *, now: int) -> int:
        """Deletes what has expired of every node; gives how many files."""
        nodes = [entry.name for entry in self.directory.iterdir()] if self.directory.is_dir() else []
        expired = [path for node in nodes for at, path, _ in self._files(node) if now - at > EXPIRY_SECONDS]
        for path in expired:
            path.unlink(missing_ok=True)
        return len(expired)

    def _files(self, node: str) -> list[tuple[int, Path, int]]:
        """When each file of a node was touched, its path and its length."""
        found = []
        try:
            for entry in os.scandir(self.directory / node):
                state = entry.stat()
                found.append((int(state.st_mtime), Path(entry.path), state.st_size))
        except FileNotFoundError:
            # No directory yet, or a file that another connection has just finished.
            pass
        return found

    def _path(self, node: str, digest: bytes) -> Path:
        return self.directory / node / digest.hex()

"""The folder on a stick, held open: what lies there is looked at with care, what is written there is there afterwards.

Writing one file (facts of sticks: on FAT, after one fsync and a rename, every pulled stick had an empty file):

1. the bytes go to a new file with the ending of an unfinished one, which no link and no other file stands in for;
2. fsync, rename to the name, fsync the file again, fsync the folder;
3. the pages that the system holds are dropped, the file is read back and its SHA-256 compared.

Only then `put` returns. A process that dies anywhere leaves whole files and at most one unfinished one, which the next
one takes away. Nothing follows a link, waits at a pipe or opens a device: the folder is a file descriptor, everything
in it is named relative to that.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Final

from sync_protocol import limits
from sync_protocol.stick import PART_SUFFIX, is_passed_over
from sync_protocol.stick_errors import StickCode, StickError, stick_error

# Without a link being followed, without waiting for a writer, without a terminal being taken; 0 where there is none.
_CAREFUL: Final = sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
# File systems in user space know no fsync of a folder.
_NO_SUCH_CALL: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
_BLOCK_BYTES: Final = 256 * 1024
# What a file takes beyond its bytes: the rest of a cluster, and its place in the folder.
_CLUSTER_BYTES: Final = 32 * 1024
_MODE: Final = 0o600
# Under how many further names a file is tried where a folder stands under its own.
_OTHER_NAMES: Final = 9

# Told how many bytes more were written or read.
Tell = Callable[[int], None]


class Passed(StrEnum):
    """Why something on a stick was passed over."""

    HIDDEN = "hidden"
    NO_FILE = "no-file"
    LARGE = "large"
    CHANGING = "changing"
    UNREADABLE = "unreadable"
    FOREIGN = "foreign"
    BEYOND = "beyond"


@dataclass(slots=True)
class Listing:
    """What lies in a folder: names of plain files in their order, and how much was passed over, by why."""

    names: list[str] = field(default_factory=list)
    passed: Counter[Passed] = field(default_factory=Counter)


class StickFolder:
    """An open folder; `open_stick` makes one. All of it raises StickError and nothing else.

    Args:
        path: where it is.
        descriptor: the open folder, or None on a system that has none.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    def listing(self) -> Listing:
        """Look at what is there, at most `STICK_FILES` files, without opening any."""
        found = Listing()
        with system_call("list"), os.scandir(self._path if self._descriptor is None else self._descriptor) as entries:
            for seen, entry in enumerate(entries):
                if seen >= 2 * limits.STICK_FILES:
                    found.passed[Passed.BEYOND] += 1
                    break
                if is_passed_over(entry.name):
                    found.passed[Passed.HIDDEN] += 1
                elif not entry.is_file(follow_symlinks=False):
                    found.passed[Passed.NO_FILE] += 1
                else:
                    found.names.append(entry.name)
        found.names.sort()
        found.passed[Passed.BEYOND] += max(0, len(found.names) - limits.STICK_FILES)
        del found.names[limits.STICK_FILES :]
        return found

    def read(self, name: str, *, most: int = limits.FEED_FILE_BYTES) -> bytes | Passed:
        """A file's bytes, or why it is passed over: no plain file, too large, growing, or not to be read."""
        try:
            before = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
            if not stat.S_ISREG(before.st_mode):
                return Passed.NO_FILE
            if before.st_size > most:
                return Passed.LARGE
            opened = os.open(self._at(name), os.O_RDONLY | _CAREFUL, dir_fd=self._descriptor)
        except OSError:
            return Passed.UNREADABLE
        with os.fdopen(opened, "rb") as file:
            try:
                if not stat.S_ISREG(os.fstat(opened).st_mode):
                    return Passed.NO_FILE
                data = file.read(before.st_size + 1)
                return data if len(data) == before.st_size else Passed.CHANGING
            except OSError:
                return Passed.UNREADABLE

    def make_room(self, sizes: Sequence[int]) -> None:
        """Say before the first byte whether files of these sizes have room. Raises StickError FULL."""
        needed = sum(-(-size // _CLUSTER_BYTES) * _CLUSTER_BYTES for size in sizes) + _CLUSTER_BYTES
        with system_call("room"):
            free = shutil.disk_usage(self._path if self._descriptor is None else self._descriptor).free
        if sizes and free < needed:
            raise StickError(StickCode.FULL, f"needs {needed} bytes, has {free}")

    def put(self, name: str, data: bytes, *, tell: Tell = lambda _: None) -> bool:
        """Write a file and read it back; a file that is there with these bytes is left alone.

        Returns:
            Whether something was written.
        """
        there = self._name_for(name, data)
        if there is None:
            tell(len(data))
            return False
        part = f"{there}{PART_SUFFIX}"
        with system_call("write"):
            try:
                self._write(part, data, tell)
                os.replace(self._at(part), self._at(there), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            except BaseException:
                self._drop(part)
                raise
            # From here on the file has its name; on FAT its length may still be nothing.
            self._sync_file(there)
            self.sync()
        if not self._holds(there, data):
            self._drop(there)
            raise StickError(StickCode.DAMAGED, "read back")
        return True

    def take_off(self, name: str, digest: bytes) -> bool:
        """Remove a file that is exactly this one; whether it was there and is gone."""
        data = self.read(name)
        if isinstance(data, Passed) or hashlib.sha256(data).digest() != digest:
            return False
        return self._drop(name)

    def sync(self) -> None:
        """Bring the folder itself to the medium."""
        if self._descriptor is None:
            return
        with system_call("sync"):
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_SUCH_CALL:
                    raise

    def confirm(self) -> None:
        """Say at the end that the folder is still the one that was opened: a pulled stick leaves an empty place.

        Raises:
            StickError: GONE.
        """
        self.sync()
        with system_call("confirm"):
            now = self._path.stat()
            held = now if self._descriptor is None else os.fstat(self._descriptor)
        if (now.st_dev, now.st_ino) != (held.st_dev, held.st_ino):
            raise StickError(StickCode.GONE, "another folder stands there now")

    def sweep(self) -> None:
        """Take away what a process that died left unfinished."""
        with system_call("sweep"), os.scandir(self._path if self._descriptor is None else self._descriptor) as entries:
            left = [entry.name for entry in islice(entries, 2 * limits.STICK_FILES) if _is_part(entry)]
        for name in left:
            self._drop(name)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._path / name)

    def _name_for(self, name: str, data: bytes) -> str | None:
        """Under which name to write, or None where the bytes are there; a folder is never replaced."""
        stem, dot, ending = name.rpartition(".")
        for further in range(_OTHER_NAMES + 1):
            tried = f"{stem}-{further}{dot}{ending}" if further else name
            try:
                found = os.stat(self._at(tried), dir_fd=self._descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return tried
            except OSError as error:
                raise stick_error(error, "look") from None
            if found.st_size == len(data):
                # A process that died may have left it in the system's memory alone; what cannot be synced is judged
                # by what is read.
                with contextlib.suppress(OSError):
                    self._sync_file(tried)
            if self._holds(tried, data):
                return None
            if not stat.S_ISDIR(found.st_mode):
                # Damaged, or put there by somebody: the rename takes its place, a link's too, and follows nothing.
                return tried
        raise StickError(StickCode.NO_FOLDER, "folders stand in the place of files")

    def _write(self, part: str, data: bytes, tell: Tell) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(part), dir_fd=self._descriptor)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL
        with os.fdopen(os.open(self._at(part), flags, _MODE, dir_fd=self._descriptor), "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                written = file.write(rest[:_BLOCK_BYTES])
                rest = rest[written:]
                # Little by little, so that the progress is the stick's and not the memory's.
                os.fsync(file.fileno())
                tell(written)

    def _sync_file(self, name: str) -> None:
        opened = os.open(self._at(name), os.O_RDWR | _CAREFUL, dir_fd=self._descriptor)
        try:
            os.fsync(opened)
            if hasattr(os, "posix_fadvise"):
                # What is read next comes from the stick.
                os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(opened)

    def _holds(self, name: str, data: bytes) -> bool:
        found = self.read(name, most=len(data))
        return not isinstance(found, Passed) and hashlib.sha256(found).digest() == hashlib.sha256(data).digest()

    def _drop(self, name: str) -> bool:
        try:
            os.unlink(self._at(name), dir_fd=self._descriptor)
        except OSError:
            return False
        return True


def _is_part(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(PART_SUFFIX) and not entry.is_dir(follow_symlinks=False)


@contextmanager
def system_call(step: str) -> Iterator[None]:
    """The one place where the system's errors become ours."""
    try:
        yield
    except OSError as error:
        raise stick_error(error, step) from error

"""Which sticks are in this machine: where a desktop mounts them, or the drives that Windows calls removable.

A medium that was pulled, or whose other side is gone, may keep whoever looks at it for ever, in a call that nothing
ends. So each is looked at by a thread of its own, for which nobody waits longer than a moment: what has not answered
by then is shown as such, and is not looked at again before that thread comes back.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# Where systems put what somebody plugs in: directly, or one folder deeper by the name of who sits there.
ROOTS: Final = (Path("/media"), Path("/run/media"), Path("/mnt"))
MOST: Final = 20
# A disk that sleeps needs a moment to turn; a page waits for all of them together.
LOOK_SECONDS: Final = 3.0
# GetDriveTypeW.
_REMOVABLE: Final = 2
_LETTERS: Final = "DEFGHIJKLMNOPQRSTUVWXYZ"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_MOUNT_POINT: Final = 4


@dataclass(frozen=True, slots=True)
class Medium:
    """A stick: where it is, and how many bytes are free on it; None for one that does not answer."""

    path: Path
    free_bytes: int | None


@dataclass(slots=True, eq=False)
class _Look:
    # What came of one look, for whom nobody waits beyond `until`; `is_over` is set when it came.
    until: float
    found: list[Medium] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)


# What nobody has come back from yet, by what is looked at; the lock guards it.
_looks: Final[dict[str, _Look]] = {}
_lock: Final = threading.Lock()


def find_media(roots: tuple[Path, ...] = ROOTS, *, seconds: float = LOOK_SECONDS) -> list[Medium]:
    """All sticks that are mounted now, at most `MOST`; what cannot be looked at is left out.

    Args:
        roots: where to look, but on Windows.
        seconds: how long to wait for all of them together.
    """
    if _MOUNTS.exists():
        # Linux tells where something is mounted without asking what is mounted there.
        paths = list(_told_mounts(roots))
    else:
        paths = [one.path for one in _answer(_look("", lambda: _walk(roots), seconds=seconds)) or []]
    looks = [(path, _look_at(path, seconds=seconds)) for path in paths[:MOST]]
    media: list[Medium] = []
    for path, look in looks:
        found = _answer(look)
        media += [Medium(path, None)] if found is None else found
    return media


def is_silent(path: Path, *, seconds: float = LOOK_SECONDS) -> bool:
    """Whether nothing comes back from this folder; one that is not there at all says so at once."""
    return _answer(_look_at(path, seconds=seconds)) is None


def _look_at(path: Path, *, seconds: float) -> _Look | None:
    def look() -> list[Medium]:
        try:
            return [Medium(path, shutil.disk_usage(path).free)]
        except OSError:
            return []

    return _look(str(path), look, seconds=seconds)


def _look(what: str, look: Callable[[], list[Medium]], *, seconds: float) -> _Look | None:
    """Somebody who looks now: the one who is at it already, or a new one; None where too many have not come back."""
    with _lock:
        if what in _looks:
            return _looks[what]
        if len(_looks) >= MOST:
            return None
        made = _looks[what] = _Look(time.monotonic() + seconds)

    def run() -> None:
        try:
            made.found = look()
        finally:
            with _lock:
                del _looks[what]
            made.is_over.set()

    # The end of the program waits for none of them.
    threading.Thread(target=run, name="medium", daemon=True).start()
    return made


def _answer(look: _Look | None) -> list[Medium] | None:
    if look is None or not look.is_over.wait(max(0.0, look.until - time.monotonic())):
        return None
    return look.found


def _told_mounts(roots: tuple[Path, ...]) -> Iterator[Path]:
    # proc(5): a space in a path is written as \040, and so are three other characters in their way.
    rows = [line.split(" ") for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    points = {Path(_plain(row[_MOUNT_POINT])) for row in rows}
    for path in sorted(points):
        above = path.parent
        if path not in roots and (above in roots or (above.parent in roots and above not in points)):
            yield path


def _plain(text: str) -> str:
    for code, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, plain)
    return text


def _walk(roots: tuple[Path, ...]) -> list[Medium]:
    return [Medium(path, None) for path in (_drives() if os.name == "nt" else _mounts(roots))]


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

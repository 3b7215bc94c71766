"""Run behind the shim by a test: writes files to a stick again and again, killed at each step, and tells what was left.

Each try is a child of this process, so that the program is loaded once. Prints one JSON object for each try:
`{"at": 3, "whole": 1, "torn": 0, "parts": 1, "after": 3, "left": 0}`: files whole and torn right after the kill,
unfinished ones, files whole after the next export, and unfinished ones then.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from sync_protocol.stick import PART_SUFFIX, StickKind, file_name
from sync_protocol.stick_mount import open_stick
from tests.stick.files import FILES, digest_of

NAMES: Final = {file_name(StickKind.BUNDLE, digest_of(data), place=place): data for place, data in enumerate(FILES, 1)}


def write(root: Path) -> None:
    """One export."""
    with open_stick(root, write=True) as folder:
        folder.make_room([len(data) for data in NAMES.values()])
        for name, data in NAMES.items():
            folder.put(name, data)
        folder.confirm()


def write_naively(root: Path) -> None:
    """One export as it should not be: under the name from the first byte on."""
    folder = root / "HCVX"
    folder.mkdir(exist_ok=True)
    for name, data in NAMES.items():
        with (folder / name).open("wb", buffering=0) as file:
            file.write(data[:100])
            os.fsync(file.fileno())
            file.write(data[100:])


def _in_child(root: Path, at: int, *, naive: bool) -> bool:
    """Whether the child lived."""
    child = os.fork()
    if not child:
        if at:
            os.environ.update(HCVX_STICK_AT=str(at), HCVX_STICK_DO="kill")
        (write_naively if naive else write)(root)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _look(root: Path) -> tuple[int, int, int]:
    found = {path.name: path.read_bytes() for path in root.glob("HCVX/*")}
    parts = sum(name.endswith(PART_SUFFIX) for name in found)
    whole = sum(found.get(name) == data for name, data in NAMES.items())
    return whole, len(found) - parts - whole, parts


def _main(root: Path, *, naive: bool) -> None:
    at, lives = 0, False
    while not lives:
        at += 1
        shutil.rmtree(root)
        root.mkdir()
        lives = _in_child(root, at, naive=naive)
        whole, torn, parts = _look(root)
        again = _in_child(root, 0, naive=naive)
        after, torn_after, left = _look(root)
        told = {"at": at, "lived": lives, "whole": whole, "torn": torn + torn_after, "parts": parts}
        print(json.dumps({**told, "again": again, "after": after, "left": left}))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), naive="naive" in sys.argv[2:])

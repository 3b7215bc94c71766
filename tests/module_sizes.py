"""Says which modules have outgrown their room: 300 lines is the wall. Part of `make check`."""

from __future__ import annotations

import sys
from pathlib import Path

WALL_LINES = 300
_ROOT = Path(__file__).parent.parent
_FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}


def findings(root: Path) -> list[str]:
    """One sentence for each module that is too long or has a name without a purpose."""
    found = []
    for package in ("sync_protocol", "edge", "central"):
        for path in sorted((root / package).rglob("*.py")):
            lines = len(path.read_text("utf-8").splitlines())
            name = path.relative_to(root).as_posix()
            if lines > WALL_LINES:
                found.append(f"{name}: {lines} lines, the wall is {WALL_LINES}")
            if path.stem in _FORBIDDEN:
                found.append(f"{name}: the name does not say what the room is for")
    return found


if __name__ == "__main__":
    sentences = findings(_ROOT)
    for sentence in sentences:
        print(sentence)
    sys.exit(1 if sentences else 0)

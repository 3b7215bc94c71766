"""Says what `find_media` finds below a folder, twice, and how many have not come back from their look."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from edge.clients.removable_media import find_media, is_silent


def main() -> None:
    """Take the folder, and a medium in it that may be silent, from the command line."""
    root, medium = Path(sys.argv[1]), Path(sys.argv[2])
    for _ in range(2):
        for one in find_media((root,), seconds=1):
            print(one.path, "silent" if one.free_bytes is None else "answers")
    print("typed", is_silent(medium, seconds=1))
    print("away", sum(one.name == "medium" for one in threading.enumerate()))


if __name__ == "__main__":
    main()

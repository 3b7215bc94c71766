"""Run behind the shim by a test: writes the files once and prints `ok` or the code of what is wrong with the stick."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from sync_protocol.stick_errors import StickError
from tests.stick.killed_writer import write

if __name__ == "__main__":
    if len(sys.argv) > 2:
        # No file of this process may grow beyond so many bytes: the kernel itself says no.
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    try:
        write(Path(sys.argv[1]))
    except StickError as error:
        print(error.code.value)
    else:
        print("ok")

"""`hcvx-edge` under watch: it may talk to this machine alone. Every other way is refused, and written down.

    python -m tests.browser.no_way_out RECORD_FILE CLOCK_FILE ARGUMENT…

The verbs are the real command line in the time of a story, as in the demo. The watch is a hook of the interpreter
itself, below every library; another program would be out of its sight, so starting one is refused as well.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

# Where the address stands among the arguments of an event.
_ADDRESSES: Final = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_NAMES: Final = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_PROGRAMS: Final = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty")


def watch(record: Path) -> None:
    """Refuse from here on, for as long as the process lives, everything that leads off this machine.

    Args:
        record: gets a line for each attempt: the event and where it led.
    """
    written = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        where = _leads_to(event, arguments)
        if where and not is_here(where):
            os.write(written, f"{event} {where}\n".encode())
            raise PermissionError(f"{event}: {where} is not this machine")

    sys.addaudithook(hook)


def is_here(host: str) -> bool:
    """Whether a name or an address is this machine's loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _leads_to(event: str, arguments: tuple[Any, ...]) -> str:
    """The host that an event is about, or the program; "" for what leads nowhere."""
    if event in _ADDRESSES:
        address = arguments[_ADDRESSES[event]]
        # A path is a socket of this machine, and a message without an address goes where its socket is connected.
        return str(address[0]) if isinstance(address, tuple) else ""
    if event in _NAMES:
        return _text(arguments[0])
    return f"program {_text(arguments[0]) if arguments else ''}" if event in _PROGRAMS else ""


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")


def main(record: Path, clock_file: Path, arguments: Sequence[str]) -> int:
    """Watch, then run the verb; returns its exit code."""
    watch(record)
    # Imported under watch: a library that phones home when it is loaded is seen.
    from tests.demo import program

    return program.main("edge", clock_file, arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))

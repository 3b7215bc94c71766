"""Run in short-lived processes by the test of memory: the only ones that ever know the PIN that is looked for.

    python -m tests.system.pin_canary VERB SEED_FILE ARGUMENT…

The seed is a file of random bytes. Only here is a PIN made of it, so the process that runs the tests never holds it.
What only one verb needs is imported there: each of these processes is started anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

LABEL: Final = "TRAM 19001"
_CHUNK_BYTES: Final = 16 << 20


def pin_of(seed: Path) -> str:
    """What nobody has typed anywhere before; its escape in a form is another text."""
    digits = hashlib.sha256(seed.read_bytes()).hexdigest()[:16]
    return f"{digits[:8]}+{digits[8:]}"


def make(seed: Path, folder: str, module_path: str) -> None:
    """Draw the seed, and make a token with this PIN and the organisation's key and certificate."""
    from tests.edge.station import organisation_signer
    from tests.softhsm import SoftHsm

    seed.write_bytes(os.urandom(32))
    signer = organisation_signer()
    hsm = SoftHsm(Path(folder), module_path)
    print(hsm.add_token(LABEL, pin=pin_of(seed), key=signer._private_key, certificate=signer.certificate).uri)


def type_in(seed: Path, action: str, origin: str) -> None:
    """Send the form with the PIN, as the browser does."""
    from tests.typist import give

    print(json.dumps(give(action, pin_of(seed), origin=origin)))


def leak(seed: Path, port: str, login: str) -> None:
    """Type the PIN where it does not belong: into the list's box for a name, which goes to the node."""
    from bench.site_browser import Browser

    browser = Browser(int(port))
    browser.sign_in(login)
    browser.get("/sign")
    browser.post("/sign", {"do": "search", "text": pin_of(seed)})


def hold(seed: Path) -> None:
    """Keep the PIN until the input ends."""
    pin = pin_of(seed)
    print("held", flush=True)
    sys.stdin.read()
    print(len(pin))


def scan(seed: Path, root: str, not_before: str, *folders: str) -> None:
    """Say where the PIN is: in the memory, arguments and surroundings of a process and all below it, and in files.

    The look that counts is the first that began at `not_before` or later, by the machine's monotonic clock; until then
    this looks again and again.
    """
    needles = _needles(pin_of(seed))
    while True:
        began = time.monotonic()
        watched = sorted(_family(int(root)) - {os.getpid()})
        found = [place for process in watched for place in _in_process(process, needles)]
        found += [place for folder in folders for place in _in_files(Path(folder), needles)]
        if began >= float(not_before):
            print(json.dumps({"found": found, "watched": watched}))
            return


def _needles(pin: str) -> dict[str, bytes]:
    texts = {"text": pin, "form": quote_plus(pin), "address": quote(pin)}
    return {name: text.encode() for name, text in texts.items()} | {"wide": pin.encode("utf-16-le")}


def _family(root: int) -> set[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in brackets may hold blanks; the parent's number is the second field behind it.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _in_process(process: int, needles: dict[str, bytes]) -> Iterator[str]:
    place = Path(f"/proc/{process}")
    try:
        for name in ("cmdline", "environ"):
            yield from _hits(f"{process} {name}", (place / name).read_bytes(), needles)
        regions = (place / "maps").read_text().splitlines()
        with (place / "mem").open("rb", buffering=0) as memory:
            for region in regions:
                span, rights, *_ = region.split()
                if rights.startswith("r") and not region.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                    start, end = (int(part, 16) for part in span.split("-"))
                    yield from _in_region(process, memory.fileno(), start, end=end, needles=needles)
    except FileNotFoundError:
        # It ended while it was looked at.
        return


def _in_region(process: int, memory: int, start: int, *, end: int, needles: dict[str, bytes]) -> Iterator[str]:
    overlap = max(map(len, needles.values())) - 1
    for at in range(start, end, _CHUNK_BYTES):
        try:
            data = os.pread(memory, min(_CHUNK_BYTES + overlap, end - at), at)
        except OSError:
            # A region that went away meanwhile, or one that the system shows to nobody.
            continue
        yield from _hits(f"{process} memory", data, needles)


def _in_files(folder: Path, needles: dict[str, bytes]) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield from _hits(path.name, path.read_bytes(), needles)


def _hits(where: str, data: bytes, needles: dict[str, bytes]) -> Iterator[str]:
    yield from (f"{where} {name}" for name, needle in needles.items() if needle in data)


if __name__ == "__main__":
    _VERBS: Final = {"make": make, "type": type_in, "leak": leak, "hold": hold, "scan": scan}
    _VERBS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])  # type: ignore[operator]

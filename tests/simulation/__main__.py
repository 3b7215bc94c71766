"""Plays seeds by hand: `python -m tests.simulation --seed 7`, `--seeds 1-500`, `--bug NAME`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.interleavings import FIRST, MENU
from tests.simulation.planted import BUGS
from tests.simulation.runner import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play one seed and show its trace")
    parser.add_argument("--seeds", default="1-100", help="play these, say A-B, and stop at the first that fails")
    parser.add_argument("--bug", choices=sorted(BUGS), help="with this planted fault")
    given = parser.parse_args()
    first, _, last = (str(given.seed) if given.seed is not None else given.seeds).partition("-")
    begun = time.monotonic()
    for seed in range(int(first), int(last or first) + 1):
        menu = MENU if seed >= FIRST else None
        played = play(seed, menu=menu, bug=BUGS[given.bug]() if given.bug else None)
        if played.findings or given.seed is not None:
            print(played.report())
        if played.findings:
            return 1
    count = int(last or first) - int(first) + 1
    print(f"{count} seeds hold, {count / (time.monotonic() - begun):.1f} a second", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

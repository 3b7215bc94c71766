"""One process of the demo: runs verbs of `hcvx-edge` or `hcvx-central` one after the other, in the story's time.

    python -m tests.demo.program edge CLOCK_FILE VERB ARGUMENT… THEN VERB ARGUMENT…

The verbs are the real command lines. Only the clock is the story's, so that a day passes in half a minute. What the
verbs write to standard output (JSON) is passed on. The first verb that does not end with 0 ends the process with its
exit code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.demo.story import StoryClock

_THEN = "THEN"


def verbs(arguments: Sequence[str]) -> Iterator[list[str]]:
    """The verbs with their arguments, parted at THEN."""
    verb: list[str] = []
    for argument in [*arguments, _THEN]:
        if argument == _THEN:
            yield verb
            verb = []
        else:
            verb.append(argument)


def main(program: str, clock_file: Path, arguments: Sequence[str]) -> int:
    """Runs the verbs; returns the exit code of the last one that ran."""
    command = importlib.import_module(f"{program}.cli").main
    clock = StoryClock(clock_file)
    for verb in verbs(arguments):
        try:
            command.main(args=verb, prog_name=f"hcvx-{program}", obj=clock)
        except SystemExit as ended:
            if ended.code:
                return int(ended.code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))

"""What a node loads: not what only the centre needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = (
    "import sys, edge.app; before = 'numpy' in sys.modules; import numpy; print(before, numpy.arange(3).sum(), "
    "sorted(name for name in sys.modules if name.startswith(('central', 'tests'))))"
)


def test_the_pages_load_neither_numpy_nor_the_centre_and_numpy_is_there_for_whoever_asks() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False 3 []\n", "")

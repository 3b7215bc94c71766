"""Runs a program behind `stick_shim.c`, which makes the files below one folder fail as those of a stick do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "stick_shim.c"
_REPOSITORY: Final = Path(__file__).parents[2]


def compile_shim(folder: Path) -> Path:
    """Compile the shim into this folder; a machine without a C compiler fails the test."""
    compiler = shutil.which("cc")
    assert compiler is not None
    built = folder / "stick_shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", built, SOURCE, "-ldl"], check=True)
    return built


@dataclass(frozen=True, slots=True)
class FaultyStick:
    """A stick that fails on demand.

    Attributes:
        root: where it is mounted.
        shim: the compiled shim.
        log: what happened below the root, one event a line.
    """

    root: Path
    shim: Path
    log: Path

    def run(self, module: str, *words: str, at: int = 0, do: str = "") -> subprocess.CompletedProcess[str]:
        """Run a Python module behind the shim; at the event of this number the fault begins."""
        self.log.unlink(missing_ok=True)
        fault = {"HCVX_STICK_AT": str(at), "HCVX_STICK_DO": do} if at else {}
        return subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=_REPOSITORY,
            env={
                **os.environ,
                "LD_PRELOAD": str(self.shim),
                "HCVX_STICK_ROOT": str(self.root),
                "HCVX_STICK_LOG": str(self.log),
                **fault,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def events(self) -> list[str]:
        """What happened below the root, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []

"""A token that fails on demand: SoftHSM behind `fault_shim.c`, and the folder by which a test steers it.

    fault_token.fault("remove", "C_Sign")      # from that call on it is out
    ...
    fault_token.mend()                         # in again
    assert fault_token.count("C_Sign") == 1

What the files of the folder mean is said at the beginning of `fault_shim.c`.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.softhsm import SoftHsmToken

MODULE_VARIABLE: Final = "HCVX_SHIM_MODULE"
FOLDER_VARIABLE: Final = "HCVX_SHIM_FOLDER"
SOURCE: Final = Path(__file__).parent / "fault_shim.c"
# What the shim itself writes; everything else in the folder is a fault.
_WRITTEN: Final = frozenset({"calls", "wrong-pins"})


@dataclass(frozen=True, slots=True)
class FaultToken:
    """A token behind the shim.

    Attributes:
        uri: the signer's setting, which names the shim as the module.
        folder: the shim's folder, fresh for each test.
        pin: the right PIN.
    """

    uri: str
    folder: Path
    pin: str

    def fault(self, name: str, text: str = "") -> None:
        """Plan a fault, or take up another state of the token ("wrong-pins")."""
        (self.folder / name).write_text(text)

    def mend(self) -> None:
        """Take all faults away: the token is in, and well. What its counter of wrong PINs says stays."""
        for file in self.folder.iterdir():
            if file.name not in _WRITTEN:
                file.unlink()

    def calls(self) -> list[str]:
        """The names of all calls so far, in order, over all processes."""
        return [line.split()[0] for line in self._lines()]

    def count(self, name: str) -> int:
        """How often this function was called so far."""
        return self.calls().count(name)

    def given_to_sign(self) -> list[str]:
        """What each `C_Sign` was given, in hexadecimal."""
        return [line.split()[1] for line in self._lines() if line.startswith("C_Sign ")]

    @property
    def wrong_pins(self) -> int:
        """How many wrong PINs the token has seen in a row."""
        file = self.folder / "wrong-pins"
        return int(file.read_text()) if file.exists() else 0

    def _lines(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []


def compile_shim(folder: Path, *, source: Path = SOURCE) -> Path:
    """Compile the shim into this folder; a machine without a C compiler fails the test."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.fail("there is no C compiler; `make packages` installs it or says how")
    library = folder / "fault_shim.so"
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-fvisibility=hidden"]
    subprocess.run([compiler, *options, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def put_before(token: SoftHsmToken, library: Path, folder: Path, patch: pytest.MonkeyPatch) -> FaultToken:
    """Put the shim in front of this token; processes started from now on find it through their surroundings.

    Args:
        token: a token of SoftHSM.
        library: the compiled shim.
        folder: the shim's folder; made here.
        patch: sets the variables of the surroundings for the time of the test.
    """
    folder.mkdir()
    patch.setenv(MODULE_VARIABLE, token.module_path)
    patch.setenv(FOLDER_VARIABLE, str(folder))
    behind = SoftHsmToken(token.label, token.pin, token.certificate, str(library))
    return FaultToken(behind.uri, folder, token.pin)

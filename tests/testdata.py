"""Finds the conformance data of other projects, which lies beside the checkout and is no part of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
_MARKER = "dgc_cases.jsonl"


def testdata_path() -> Path:
    """The folder with the data: `HCVX_TESTDATA` if set, else `shared/testdata` beside the checkout.

    Without it the conformance tests fail instead of being skipped: a suite that is green because it looked at
    nothing says nothing.
    """
    named = os.environ.get("HCVX_TESTDATA")
    path = Path(named) if named else _ROOT.parent / "shared" / "testdata"
    if not (path / _MARKER).is_file():
        place = (
            "HCVX_TESTDATA names a folder" if named else "the folder shared/testdata beside the checkout is missing or"
        )
        raise FileNotFoundError(
            f"{place} without {_MARKER}: conformance data is needed, set HCVX_TESTDATA to its folder"
        )
    return path


# pytest would otherwise take the function for a test wherever it is imported.
testdata_path.__test__ = False  # type: ignore[attr-defined]


def load_json(*parts: str) -> Any:
    """One JSON file of the data; other projects' formats have no type here."""
    return json.loads(testdata_path().joinpath(*parts).read_text(encoding="utf-8"))

"""Waiting for what another thread or process does in its own time, without asking how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_MOST_SECONDS: Final = 120
_STEP_SECONDS: Final = 0.05


def until(has_come: Callable[[], object], what: str) -> None:
    """Wait for something; the bound is only there so that what never comes is named. Raises AssertionError."""
    end = time.monotonic() + _MOST_SECONDS
    while not has_come():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(_STEP_SECONDS)

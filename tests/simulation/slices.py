"""The seeds of `make test` in parts of equal length, one for each test file, since a file stays with one worker."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulation.runner import seeds

CHUNKS: Final = 5
# In `make test`; a campaign plays twenty times as many.
_SEEDS: Final = 500
_CAMPAIGN: Final = 20
_PARTS: Final = 4


def play_chunk(part: int, chunk: int, *, campaign_factor: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Plays one chunk of a part, both counted from 0, and says which seeds those were; fails at the first finding."""
    count = _SEEDS * (_CAMPAIGN if campaign_factor > 1 else 1) // _PARTS // CHUNKS
    first = (part * CHUNKS + chunk) * count + 1
    last = first + count - 1
    for played in seeds(first, last):
        assert not played.findings, played.report()
    with capsys.disabled():
        print(f"\nsimulation: seeds {first} to {last} hold")

"""Many days of two nodes and a centre, seed by seed, the fourth part of four: at rest the invariants hold."""

from __future__ import annotations

import pytest

from tests.simulation.slices import CHUNKS, play_chunk


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_befalls_them_the_invariants_hold_at_the_end(
    chunk: int, campaign_factor: int, capsys: pytest.CaptureFixture[str]
) -> None:
    play_chunk(3, chunk, campaign_factor=campaign_factor, capsys=capsys)

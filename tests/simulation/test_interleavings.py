"""Two hundred random interleavings of network, stick, relay, repeat, loss, restore and copied disks (I4 to I11).

The same world as in `test_seeds_1`, with the menu of `interleavings`.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.simulation.interleavings import CENTRE, FIRST, MENU, SITE
from tests.simulation.runner import play

_CHUNKS: Final = 8
_INTERLEAVINGS: Final = 200
_CAMPAIGN: Final = 10


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_in_whatever_order_bundles_and_answers_travel_the_invariants_hold(
    chunk: int, campaign_factor: int, capsys: pytest.CaptureFixture[str]
) -> None:
    count = _INTERLEAVINGS * (_CAMPAIGN if campaign_factor > 1 else 1) // _CHUNKS
    first = FIRST + chunk * count
    happened: Counter[str] = Counter()
    for seed in range(first, first + count):
        played = play(seed, menu=MENU)
        assert not played.findings, played.report()
        for name in (*SITE, *CENTRE):
            happened[name] += any(f" {name}: " in line for line in played.trace)
        happened["put back"] += any(" restores: copy" in line for line in played.trace)
        happened["copy runs"] += any(line.endswith(" runs") for line in played.trace)
    # Each of them really took place, and often.
    assert min(happened[name] for name in ("sends", "writes a stick", "gets a stick", "put back")) > count // 10
    assert happened["copy runs"] > 0
    with capsys.disabled():
        print(f"\nsimulation: interleavings {first} to {first + count - 1} hold")

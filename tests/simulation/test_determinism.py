"""A seed decides everything, so that what it finds can be seen again."""

from __future__ import annotations

from tests.simulation.runner import play


def test_a_seed_decides_everything() -> None:
    for seed in (2, 11, 23):
        first, second = play(seed), play(seed)
        assert first.trace == second.trace
        assert len(first.trace) > 10
    assert play(2).trace != play(11).trace

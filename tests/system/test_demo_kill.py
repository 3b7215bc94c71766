"""A site's process is killed at random moments all day long: nothing is lost, nothing is doubled.

The day is played once undisturbed and then with a killer. The people are the same, so every figure must be the same;
only how often the token was asked is not, because a signature that nobody saw is made again.
"""

from __future__ import annotations

import random
import subprocess
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from tests.demo.day import Play
from tests.demo.story import Narrator
from tests.demo.summary import Summary

_PEOPLE = 60
# Not figures of doses: how the bytes fell, how often the token was asked, and how often it told us so.
_FREE = {"token_operations", "bytes_per_dose"}


class Killer:
    """Kills most processes of the sites at a random moment of their life."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.kills = 0

    def __call__(self, process: subprocess.Popen[str]) -> None:
        if self._random.random() < 0.3:
            return
        self.kills += 1
        timer = threading.Timer(self._random.uniform(0.2, 2.2), process.kill)
        timer.daemon = True
        timer.start()


def _figures(summary: Summary) -> dict[str, dict[str, object]]:
    return {
        code: {name: value for name, value in asdict(site).items() if name not in _FREE}
        for code, site in summary.sites.items()
    }


def _play(directory: Path, killer: Killer | None) -> tuple[Play, Summary]:
    directory.mkdir()
    play = Play(directory, Narrator(Console(quiet=True)), people=_PEOPLE, watch=killer)
    return play, play.run()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    _, summary = _play(tmp_path_factory.mktemp("kill") / "undisturbed", None)
    return summary


def test_killing_the_sites_at_random_moments_changes_no_figure(
    undisturbed: Summary, tmp_path: Path, campaign_factor: int
) -> None:
    for seed in range(2 * campaign_factor):
        killer = Killer(seed)
        play, summary = _play(tmp_path / f"seed-{seed}", killer)
        restarts = sum(actor.program.restarts for actor in play.actors)
        assert restarts > 0, "the killer hit nobody: the test would prove nothing"
        # `run` has let both sites and the centre check everything that they keep.
        assert _figures(summary) == _figures(undisturbed), f"seed {seed}, {restarts} restarts"

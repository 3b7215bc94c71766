"""Each planted fault is found within two hundred seeds: a campaign that finds nothing wrong could have found it."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.runner import seeds

_WITHIN: Final = 200
_LEAST_BUGS: Final = 12


@pytest.mark.parametrize("name", sorted(BUGS))
def test_the_simulation_finds(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = next((played for played in seeds(1, _WITHIN, bug=BUGS[name]) if played.findings), None)
    assert found is not None, f"{name} was not found in {_WITHIN} seeds"
    with capsys.disabled():
        print(f"\n{name}: found by seed {found.seed}")
    assert f"--seed {found.seed}" in found.report()


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= _LEAST_BUGS

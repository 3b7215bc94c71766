"""What all tests share: the two lengths in which slow campaigns run, and that no signer process outlives its test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.browser.visitor import stop_turns

settings.register_profile("slice", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("full" if os.environ.get("HCVX_CAMPAIGN") == "full" else "slice")


@pytest.fixture(scope="session")
def campaign_factor() -> int:
    """How many times the short slice a campaign runs: 1 in `make test`, 50 in `make campaign`."""
    return 50 if os.environ.get("HCVX_CAMPAIGN") == "full" else 1


@pytest.fixture(autouse=True)
def no_turn_outlives_its_test() -> Iterator[None]:
    """A turn that nobody types a PIN for would wait on, with its signer process, through the tests that follow."""
    yield
    stop_turns()

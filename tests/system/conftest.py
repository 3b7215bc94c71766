"""A real centre for each attack: a copy of one that was made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.central.scenario import World
from tests.central.template import Template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The centre that all others are copies of."""
    return Template.make(tmp_path_factory.mktemp("centre") / "template")


@pytest.fixture
def world(template: Template, tmp_path: Path) -> Iterator[World]:
    """A centre on SQLite."""
    made = template.copy(tmp_path / "centre")
    yield made
    made.centre.engine.dispose()

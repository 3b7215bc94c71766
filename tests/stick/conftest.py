"""The shim is compiled once; each test gets a stick of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stick.faulty_stick import FaultyStick, compile_shim


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def stick(tmp_path: Path, shim: Path) -> FaultyStick:
    root = tmp_path / "USB"
    root.mkdir()
    return FaultyStick(root, shim, tmp_path / "events")

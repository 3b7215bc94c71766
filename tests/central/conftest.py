"""A centre for each test: a copy of one that was made once, on SQLite or on a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import create_engine, make_url, text

from central.store.database import open_engine
from tests.central.postgres import running_postgres
from tests.central.scenario import World
from tests.central.template import Template, fill_store

_NAMES: Final = count(1)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The centre that all others are copies of."""
    return Template.make(tmp_path_factory.mktemp("centre") / "template")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of this run."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"hcvx_{next(_NAMES)}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def world(template: Template, tmp_path: Path) -> Iterator[World]:
    """A centre on SQLite."""
    made = template.copy(tmp_path / "centre")
    yield made
    made.centre.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_world(request: pytest.FixtureRequest, template: Template, tmp_path: Path) -> Iterator[World]:
    """A centre on SQLite, and the same again on PostgreSQL."""
    if request.param == "sqlite":
        made = template.copy(tmp_path / "centre")
    else:
        engine = open_engine(request.getfixturevalue("postgres_url"))
        fill_store(template.directory, engine)
        made = template.world(template.directory, engine)
    yield made
    made.centre.engine.dispose()


@pytest.fixture
def shared(template: Template, postgres_url: str) -> Iterator[World]:
    """A centre on PostgreSQL, where writers do not wait for each other by themselves."""
    engine = open_engine(postgres_url)
    fill_store(template.directory, engine)
    yield template.world(template.directory, engine)
    engine.dispose()

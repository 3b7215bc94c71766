"""The revisions make exactly the tables that the program uses, on both databases, and guard what is signed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from central.store.database import (
    StoreError,
    insert_many,
    migrate,
    newest_revision,
    open_engine,
    require_newest,
    revision_of,
    write_transaction,
)
from central.store.tables import APPEND_ONLY, metadata
from central.workflow.check_centre import check_centre
from tests.central.asking import ask
from tests.central.scenario import World
from tests.central.test_tell_sets import SECOND, THIRD, publish, told

# The revision that centres run with, and what the later ones make, the newest first.
RELEASED: Final = "0012"
MADE_SINCE: Final = ("set_tellings", "shown_epochs", "answered_questions")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    path = tmp_path / "empty.db"
    path.touch()
    return f"sqlite:///{path}"


def test_the_revisions_make_the_tables_of_the_program(empty_url: str) -> None:
    engine = open_engine(empty_url)
    assert revision_of(engine) is None
    migrate(engine)
    migrate(engine)
    assert revision_of(engine) == newest_revision()
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_store_without_schema_is_not_run_upon(empty_url: str) -> None:
    engine = open_engine(empty_url)
    with pytest.raises(StoreError, match="run init"):
        require_newest(engine)
    engine.dispose()


def test_a_missing_file_is_not_created_by_running(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        open_engine(f"sqlite:///{tmp_path / 'gone.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_taken_before_a_store_in_use_is_changed(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'centre.db'}", create=True)
    migrate(engine)
    with write_transaction(engine) as connection:
        connection.execute(text("INSERT INTO facilities VALUES ('19001', 'Trạm', 1)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    # An older revision than the newest is to be brought up; here the tables are there already, so it must fail …
    with pytest.raises(StoreError):
        migrate(engine, copy_to=tmp_path / "copy.db")
    # … and the copy is whole.
    copy = open_engine(f"sqlite:///{tmp_path / 'copy.db'}")
    with copy.connect() as connection:
        assert connection.execute(text("SELECT code FROM facilities")).scalar() == "19001"
    assert revision_of(copy) == "0002"
    copy.dispose()
    engine.dispose()


def test_a_centre_in_use_goes_on_with_the_newest_revision_and_tells_nobody_anything_twice(any_world: World) -> None:
    engine, site = any_world.centre.engine, any_world.site()
    site.send(site.doses([1, 2]))
    publish(any_world)
    assert told(any_world, site) == SECOND
    with write_transaction(engine) as connection:
        for table in MADE_SINCE:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{RELEASED}'"))
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert told(any_world, site) == SECOND
    publish(any_world, at=any_world.clock.at + 120)
    assert told(any_world, site) == [*SECOND, *THIRD]
    site.send(site.doses([3]))
    assert len(ask(any_world, site).items) == 4
    assert check_centre(engine).findings == ()


def test_the_database_itself_keeps_what_is_signed(any_world: World) -> None:
    site = any_world.site()
    site.send(site.doses([1]))
    tried = set()
    for table in APPEND_ONLY:
        with any_world.centre.engine.connect() as connection:
            if not connection.execute(text(f"SELECT count(*) FROM {table}")).scalar():
                continue
        column = metadata.tables[table].columns.keys()[0]
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), any_world.centre.engine.begin() as connection:
                connection.execute(text(statement))
        tried.add(table)
    # The triggers see rows, and nothing of these kinds is stored yet.
    assert set(APPEND_ONLY) - tried == {
        *("forks", "closings", "health_certificates", "passports"),
        *("feed_items", "registration_requests", "registration_decisions"),
        *("ledger_epochs", "later_answers"),
        *("verdict_changes", "withdrawn_certificates", "answered_questions"),
    }


@pytest.mark.parametrize(
    "insert", [insert_many, lambda connection, table, rows: connection.execute(table.insert(), rows)]
)
def test_errors_of_the_database_show_nobody(any_world: World, insert: Callable[..., object]) -> None:
    rows = [{"key": "id:1", "name": "Ngụy Thị Mốc"}]
    with pytest.raises(StoreError) as caught, write_transaction(any_world.centre.engine) as connection:
        insert(connection, metadata.tables["people"], rows)
    assert not caught.value.try_again
    assert "Mốc" not in "".join(traceback.format_exception(caught.value))


def test_sqlite_keeps_what_it_acknowledges(world: World) -> None:
    with world.centre.engine.connect() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys")
        }
    assert said == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}

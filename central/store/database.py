"""The database: how it is opened, what a transaction is, and the lock that keeps the ledger in one order.

SQLite runs with WAL and `synchronous=FULL` (what is acknowledged survives a power cut), foreign keys on, and
the SQLite library that `sqlcipher3` carries, since the system's own may still have the WAL-reset fault that
was mended in 3.51.3. PostgreSQL runs with its defaults. A program never creates its database by running:
`migrate` is called by `init` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlcipher3 import dbapi2 as sqlite_library  # type: ignore[import-untyped]

_Row = TypeVar("_Row")

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_BUSY_MILLISECONDS: Final = 30_000
# Any constant will do; it is the ledger's own on this database server.
_LEDGER_LOCK: Final = 0x48435658


class StoreError(Exception):
    """The database cannot be used as asked.

    Args:
        rule: what is wrong, without anybody's data.
        try_again: whether the same call may succeed later (the database is busy or away).
    """

    def __init__(self, rule: str, *, try_again: bool) -> None:
        super().__init__(rule)
        self.try_again = try_again


def open_engine(url: str, *, create: bool = False) -> Engine:
    """Opens the store behind a SQLAlchemy URL.

    Args:
        url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        create: make an empty SQLite file where there is none; for `init` alone.

    Raises:
        StoreError: for another kind of database, or a SQLite file that is missing.
    """
    parsed = make_url(url)
    # Parameters are people's data: they are hidden in the texts of database errors.
    match parsed.get_backend_name():
        case "sqlite":
            _require_file(Path(parsed.database or ""), create=create)
            engine = create_engine(parsed, module=sqlite_library, hide_parameters=True)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        case "postgresql":
            return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
        case other:
            raise StoreError(f"database of kind {other}: SQLite and PostgreSQL are supported", try_again=False)


def _require_file(path: Path, *, create: bool) -> None:
    # SQLite would make a missing file by opening it, for everybody to read.
    if path.is_file():
        return
    if not create:
        raise StoreError(f"{path.name}: is missing; run init", try_again=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # From here on transactions begin only where _begin_sqlite says so.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA synchronous")
    if cursor.fetchone()[0] != 2:
        raise StoreError("SQLite refuses synchronous=FULL", try_again=False)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write takes the write lock at once: a read lock that is raised later fails with
    # BUSY_SNAPSHOT instead of waiting.
    writes = connection.get_execution_options().get("hcvx_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end of the block, rolled back by any exception.

    Raises:
        StoreError: nothing was kept. The database is away or stayed busy, and the caller may try again; or it refused
            a row, which is a fault of this program.
    """
    with _translated(), engine.connect().execution_options(hcvx_writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """One consistent view for reading.

    Raises:
        StoreError: the database is away.
    """
    with _translated(), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        # The server's own words may quote the row that it refused, so only the kind of error goes on.
        away = isinstance(error, OperationalError) or error.connection_invalidated
        raise StoreError(f"database: {type(error.orig).__name__}", try_again=away) from None


def lock_ledger(connection: Connection) -> None:
    """Holds the ledger for this transaction: appends happen one after the other, over all workers.

    On SQLite the write lock of `write_transaction` is that lock already.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LEDGER_LOCK})")


def insert_on(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that understands ON CONFLICT on this database; both spell it alike."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Inserts many rows that all name the same columns, in the fastest way of this database.

    Values go as they are: of Python's types that both drivers know.
    """
    if not rows:
        return
    names = list(rows[0])
    if connection.dialect.name != "postgresql":
        # SQLAlchemy's own way looks at each value of each row, which takes longer than the database does.
        compiled = table.insert().compile(dialect=connection.dialect, column_keys=names)
        order = compiled.positiontup or names
        connection.exec_driver_sql(str(compiled), [tuple([row[name] for name in order]) for row in rows])
        return
    columns = ", ".join(f'"{name}"' for name in names)
    # SQLAlchemy knows nothing of COPY; the driver's cursor takes part in the same transaction.
    driver: Any = connection.connection.driver_connection
    library = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
    except library.Error as error:
        away = isinstance(error, library.OperationalError)
        raise StoreError(f"database: {type(error).__name__}", try_again=away) from None


def rows_in_chunks(rows: Iterable[_Row], size: int) -> Iterator[list[_Row]]:
    """Cuts any number of rows into lists of at most `size`."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def migrate(engine: Engine, *, copy_to: Path | None = None) -> None:
    """Brings the schema to the newest revision; does nothing where it is.

    Args:
        copy_to: where to put a copy of a SQLite database that already holds something, before it is changed.
    """
    current = revision_of(engine)
    if current == newest_revision():
        return
    if current is not None and copy_to is not None and engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            # VACUUM INTO runs outside a transaction, and copies what other connections have committed.
            connection.connection.cursor().execute("VACUUM INTO ?", (str(copy_to),))
    configuration = _configuration()
    with write_transaction(engine) as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def revision_of(engine: Engine) -> str | None:
    """The schema revision of a store, or None where `init` never ran."""
    with read_transaction(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision that this program is written for."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    assert head is not None
    return head


def require_newest(engine: Engine) -> None:
    """Refuses to run on a store that `init` has not brought to this program's revision.

    Raises:
        StoreError: the store has another revision, or none.
    """
    current, newest = revision_of(engine), newest_revision()
    if current != newest:
        raise StoreError(f"schema revision {current} instead of {newest}: run init", try_again=False)


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return configuration

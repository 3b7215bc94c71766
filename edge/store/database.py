"""The door to SQLCipher and sqlite-utils: open, pragmas, transactions.

Each thread has one connection of its own. Every connection is keyed with the raw data key, runs in WAL mode with
`synchronous=FULL` (asserted, since NORMAL loses acknowledged doses in a power cut) and refuses writes outside
`write_transaction()`. Opening never creates the file: only `create` does.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import sqlcipher3.dbapi2 as dbapi  # type: ignore[import-untyped]

from edge.store.errors import StoreCode, StoreError
from edge.store.lean_imports import sqlite_utils

# What table modules work on: sqlite-utils upon this thread's SQLCipher connection, inside a transaction.
Tables: TypeAlias = sqlite_utils.Database
# Called before each statement with its text and parameters. Fault tests raise or kill the process in it.
Tracer: TypeAlias = Callable[[str, Sequence[Any] | dict[str, Any] | None], None]

DATA_KEY_BYTES: Final = 32
BUSY_TIMEOUT_MILLISECONDS: Final = 5_000
# cache_size: 2 MB for each thread's connection; the library's own 8 MB would be half of the node's memory.
# temp_store 2: the temporary B-tree of a sort stays in memory, since a temporary file would not be encrypted.
PRAGMAS: Final = (
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("foreign_keys", "1"),
    ("recursive_triggers", "1"),
    ("cache_size", "-2000"),
    ("temp_store", "2"),
    ("trusted_schema", "0"),
    ("cell_size_check", "1"),
    ("query_only", "1"),
)


class Database:
    """The node's encrypted file; hand one instance to all threads of the process.

    Args:
        path: the database file, which must exist.
        key: the raw data key, 32 bytes.
        tracer: called before each statement; for fault tests only.
    """

    def __init__(self, path: Path, key: bytes, *, tracer: Tracer | None = None) -> None:
        if len(key) != DATA_KEY_BYTES:
            raise ValueError("the data key has 32 bytes")
        self.path = path
        self._key = key
        self._tracer = tracer
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[Tables] = []
        self._ends: list[Callable[[], None]] = []

    @classmethod
    def create(cls, path: Path, key: bytes, *, tracer: Tracer | None = None) -> Database:
        """Make the empty file. Raises StoreError EXISTS if there is one already."""
        try:
            # Exclusive creation: two `init` at once cannot both believe that the file is theirs. For its owner alone,
            # and so are the WAL and the shared memory, which SQLite makes alike.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise StoreError(StoreCode.EXISTS, "the database exists already") from None
        return cls(path, key, tracer=tracer)

    def tables(self) -> Tables:
        """This thread's connection. Raises StoreError MISSING, PASSPHRASE, DAMAGED or SETTING."""
        found = cast("Tables | None", getattr(self._local, "tables", None))
        if found is None:
            found = self._open()
            self._local.tables = found
            with self._lock:
                self._opened.append(found)
        return found

    @contextmanager
    def read(self) -> Iterator[Tables]:
        """One consistent snapshot; inside a transaction of this thread it is that transaction.

        Raises StoreError for everything that SQLite refuses.
        """
        tables = self.tables()
        with _translated():
            if tables.conn.in_transaction:
                yield tables
                return
            tables.execute("BEGIN DEFERRED")
            try:
                yield tables
            finally:
                # Nothing was written: rollback ends the snapshot as commit would, and needs no disk.
                tables.rollback()

    @contextmanager
    def write_transaction(self) -> Iterator[Tables]:
        """One transaction with the write lock from its first statement (`BEGIN IMMEDIATE`).

        When the block ends the rows are on disk (one fsync of the WAL). When it raises nothing of it is kept.
        Raises StoreError: BUSY may be tried again, FULL and FAILED after somebody has looked.
        """
        tables = self.tables()
        if tables.conn.in_transaction:
            raise RuntimeError("a write transaction does not nest")
        with _translated():
            # SQLite itself refuses a write outside this block.
            tables.execute("PRAGMA query_only=0")
            try:
                tables.execute("BEGIN IMMEDIATE")
                try:
                    yield tables
                    # Commit point. Before it nothing of this block is in the store; after it everything is, on disk.
                    tables.execute("COMMIT")
                except BaseException:
                    tables.rollback()
                    raise
            finally:
                tables.execute("PRAGMA query_only=1")

    def quick_check(self) -> list[str]:
        """What is wrong with the file's pages, indexes and references: an empty list if nothing is. Reads it all.

        Raises StoreError MISSING, PASSPHRASE or BUSY, where nothing can be said of the file.
        """
        findings: list[str] = []
        try:
            with self.read() as tables:
                # Page HMACs of SQLCipher first: they see each flipped bit, also in free pages.
                findings += [str(row[0]) for row in tables.execute("PRAGMA cipher_integrity_check")]
                findings += [str(row[0]) for row in tables.execute("PRAGMA quick_check") if row[0] != "ok"]
                references = tables.execute("PRAGMA foreign_key_check")
                findings += [f"foreign key: {row[0]} row {row[1]}" for row in references]
        except StoreError as error:
            if error.code not in (StoreCode.DAMAGED, StoreCode.FAILED):
                raise
            findings.append(error.rule)
        return findings

    def copy_to(self, path: Path) -> None:
        """A consistent copy of the live file under the same key, by the backup interface. Raises StoreError."""
        target = Database.create(path, self._key)
        try:
            with _translated():
                copy = _connect(path, self._key)
                try:
                    self.tables().conn.backup(copy)
                finally:
                    copy.close()
        finally:
            target.close()

    def before_close(self, end: Callable[[], None]) -> None:
        """Call `end` before the connections are closed: it waits until a thread of the caller reads no more."""
        self._ends.append(end)

    def close(self) -> None:
        """Close the connections of all threads; none may be at work any more, but those that `before_close` ends."""
        for end in self._ends:
            end()
        with self._lock:
            opened, self._opened = self._opened, []
        self._local = threading.local()
        for tables in opened:
            tables.close()

    def _open(self) -> Tables:
        if not self.path.is_file():
            raise StoreError(StoreCode.MISSING, "there is no database here; `init` makes one")
        with _translated():
            connection = _connect(self.path, self._key)
            try:
                _set_pragmas(connection)
                # No plugins: code that somebody installed into the environment has no business in this file.
                return Tables(connection, tracer=self._tracer, execute_plugins=False, strict=True)
            except BaseException:
                connection.close()
                raise


def _connect(path: Path, key: bytes) -> sqlite3.Connection:
    """A keyed connection; mode=rw never creates the file. sqlcipher3 speaks the interface of sqlite3."""
    connection = cast(
        "sqlite3.Connection",
        dbapi.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False),
    )
    # SQLCipher would write its own lines to standard error; what is wrong is said by StoreError.
    connection.execute("PRAGMA cipher_log_level=NONE")
    # A raw key skips SQLCipher's own stretching: the passphrase was stretched by Argon2id in the key file.
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
    return connection


def _set_pragmas(connection: sqlite3.Connection) -> None:
    for name, value in PRAGMAS:
        connection.execute(f"PRAGMA {name}={value}")
        got = connection.execute(f"PRAGMA {name}").fetchone()
        if got is None or str(got[0]) != value:
            raise StoreError(StoreCode.SETTING, f"the store does not hold {name}={value}")


@contextmanager
def _translated() -> Iterator[None]:
    """sqlcipher3's exceptions become StoreError; integrity errors are bugs of ours and pass."""
    try:
        yield
    except dbapi.IntegrityError:
        raise
    except dbapi.DatabaseError as error:
        name = str(getattr(error, "sqlite_errorname", "")) or str(error)
        raise _store_error(name) from error


def _store_error(name: str) -> StoreError:
    lowered = name.lower()
    if "busy" in lowered or "locked" in lowered:
        return StoreError(StoreCode.BUSY, "another program holds the store", try_again=True)
    if "full" in lowered:
        return StoreError(StoreCode.FULL, "the disk is full")
    if "notadb" in lowered or "not a database" in lowered:
        return StoreError(StoreCode.PASSPHRASE, "the data key does not open the database")
    if "corrupt" in lowered or "malformed" in lowered:
        return StoreError(StoreCode.DAMAGED, "the database file is damaged")
    return StoreError(StoreCode.FAILED, f"the store refused the statement ({name})")

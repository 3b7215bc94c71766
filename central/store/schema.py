"""How tables are written down: the shared metadata and the column types of both databases.

Three types carry everything, because they mean the same on SQLite (STRICT) and PostgreSQL: text, 64-bit
integers (instants are epoch seconds UTC, days are "YYYY-MM-DD" in Vietnam's time) and bytes. Unknown text
is "", never NULL; NULL stands for "has not happened".
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text(name: str, *extra: SchemaItem, key: bool = False, optional: bool = False) -> Column[str]:
    """A text column; "" says unknown, so it is never NULL unless `optional`."""
    return Column(name, Text(), *extra, primary_key=key, nullable=optional)


def integer(name: str, *extra: SchemaItem, key: bool = False, optional: bool = False) -> Column[int]:
    """A 64-bit integer column (count, epoch seconds UTC, flag)."""
    number = BigInteger().with_variant(Integer(), "sqlite")
    return Column(name, number, *extra, primary_key=key, nullable=optional, autoincrement=False if key else "auto")


def binary(name: str, *extra: SchemaItem, key: bool = False, optional: bool = False) -> Column[bytes]:
    """A column of bytes (digest, key, message)."""
    return Column(name, LargeBinary(), *extra, primary_key=key, nullable=optional)


def table(name: str, *items: SchemaItem, rowid: bool = True) -> Table:
    """A table: STRICT on SQLite; `rowid=False` makes the primary key the table itself."""
    # Without a rowid the primary key *is* the table: no second tree for text and composite keys.
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def one_of(name: str, column: str, *values: str) -> CheckConstraint:
    """A check that a text column holds one of the stored states."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=name)

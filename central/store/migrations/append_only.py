"""Triggers that refuse UPDATE and DELETE on what is signed; used by the revisions, on both databases."""

from __future__ import annotations

from alembic import op

_POSTGRESQL_FUNCTION = """
CREATE FUNCTION hcvx_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END $$
"""


def create_function() -> None:
    """Creates what the triggers of PostgreSQL call; SQLite needs nothing."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_FUNCTION)


def make_append_only(table: str) -> None:
    """Makes the database itself refuse to change or to delete rows of a table."""
    for verb in ("UPDATE", "DELETE"):
        name = f"{table}_no_{verb.lower()}"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION hcvx_append_only()"
            )
        else:
            refusal = f"SELECT RAISE(ABORT, '{table} is append-only');"
            op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN {refusal} END")

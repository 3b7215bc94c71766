"""One numbered step of the schema."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Migration:
    """A step: its number (1, 2, 3 …), a name for people, and the statements, separated by a line of `;;`."""

    number: int
    name: str
    sql: str

    @property
    def statements(self) -> list[str]:
        """The statements in order; triggers hold semicolons, so a line `;;` parts them."""
        return [part.strip() for part in self.sql.split("\n;;\n") if part.strip()]

    @property
    def digest(self) -> bytes:
        """SHA-256 over the text, 32 bytes: a step that was edited after it was applied is noticed."""
        return hashlib.sha256(self.sql.encode()).digest()


def append_only(table: str) -> str:
    """Triggers by which SQLite refuses UPDATE and DELETE (and REPLACE, with recursive_triggers on) on `table`."""
    return f"""
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
;;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""


def gap_free(table: str, column: str) -> str:
    """A trigger by which SQLite refuses any number but the next one in `column` of `table` (1, 2, 3 …)."""
    return _GAP_FREE.replace("TABLE_", table).replace("COLUMN_", column)


_GAP_FREE: Final = """
CREATE TRIGGER TABLE__gap_free BEFORE INSERT ON TABLE_
WHEN NEW.COLUMN_ <> (SELECT coalesce(max(COLUMN_), 0) + 1 FROM TABLE_)
BEGIN SELECT RAISE(ABORT, 'TABLE_ has no gaps'); END
"""

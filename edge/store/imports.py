"""Which list brought which dose: one row per imported file, one per row of it that became a dose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge.store.database import Tables


@dataclass(frozen=True, slots=True)
class Import:
    """One file that was imported, wholly or in part."""

    import_id: int
    file_digest: bytes
    started_at: int
    started_by: str
    doses: int


def start(tables: Tables, file_digest: bytes, *, at: int, by: str) -> int:
    """Return the number of the import of this file (SHA-256, 32 bytes); the same file keeps its number."""
    row = tables.execute("SELECT import_id FROM imports WHERE file_digest = ?", (file_digest,)).fetchone()
    if row is None:
        row = tables.execute(
            "INSERT INTO imports (file_digest, started_at, started_by) VALUES (?, ?, ?) RETURNING import_id",
            (file_digest, at, by),
        ).fetchone()
    return int(row[0])


def link(tables: Tables, import_id: int, rows: Iterable[tuple[int, int]]) -> None:
    """Remember which row, counted as in the file, became which dose: pairs of (row number, sequence)."""
    tables.conn.executemany(
        "INSERT INTO import_rows VALUES (?, ?, ?)", ((import_id, row_number, sequence) for row_number, sequence in rows)
    )


def newest(tables: Tables, *, limit: int = 20) -> list[Import]:
    """The latest imports, newest first."""
    rows = tables.execute(
        "SELECT i.import_id, i.file_digest, i.started_at, i.started_by, "
        "(SELECT count(*) FROM import_rows AS r WHERE r.import_id = i.import_id) "
        "FROM imports AS i ORDER BY i.import_id DESC LIMIT ?",
        (limit,),
    )
    return [Import(*row) for row in rows]

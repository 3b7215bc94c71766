"""What the latest exchanges told of the link to the centre: one row, so that every page can say since when and why."""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.outbox import pause_seconds
from edge.store.database import Tables


@dataclass(frozen=True, slots=True)
class LinkState:
    """Instants are epoch seconds UTC; None where it has not happened. `code` is why the latest exchange failed."""

    tried_at: int | None
    reached_at: int | None
    failing_since: int | None
    failures: int
    code: str
    next_try_at: int | None
    bytes_sent: int
    bytes_received: int


def state(tables: Tables) -> LinkState:
    """The link as the latest exchange left it."""
    row = tables.execute(
        "SELECT tried_at, reached_at, failing_since, failures, code, next_try_at, bytes_sent, bytes_received FROM link"
    ).fetchone()
    return LinkState(*row)


def note_reached(tables: Tables, *, at: int) -> None:
    """An answer of the centre verified."""
    tables.execute(
        "UPDATE link SET tried_at = ?, reached_at = ?, failing_since = NULL, failures = 0, code = '',"
        " next_try_at = NULL",
        (at, at),
    )


def note_failed(tables: Tables, *, at: int, code: str, jitter: float, not_before: int = 0) -> None:
    """The centre was not reached, or turned the node away.

    Args:
        code: why.
        jitter: 0 … 1, drawn by the caller.
        not_before: the instant before which the centre asked not to come again.
    """
    failures = state(tables).failures + 1
    next_try_at = max(at + pause_seconds(failures, jitter), not_before)
    tables.execute(
        "UPDATE link SET tried_at = ?, failing_since = coalesce(failing_since, ?), failures = ?, code = ?,"
        " next_try_at = ?",
        (at, at, failures, code, next_try_at),
    )


def count_bytes(tables: Tables, *, sent: int, received: int) -> None:
    """Add what went over the link."""
    tables.execute("UPDATE link SET bytes_sent = bytes_sent + ?, bytes_received = bytes_received + ?", (sent, received))

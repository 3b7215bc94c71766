"""The closing sheets of the nodes: every one is kept, and the newest of a node's day counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from central.store.tables import closings, ledger_entries
from sync_protocol.bundle import Bundle
from sync_protocol.closing import DayClosing, encode_closing, parse_closing


@dataclass(frozen=True, slots=True)
class StoredClosing:
    """A sheet that was admitted; `arrived_at` is epoch seconds, UTC, by the ledger."""

    node: str
    arrived_at: int
    sheet: DayClosing


def put_closing(connection: Connection, bundle: Bundle, closing: DayClosing, *, ledger_index: int) -> None:
    """Stores the sheet that a bundle carries."""
    connection.execute(closings.insert(), closing_row(bundle, closing, ledger_index=ledger_index))


def closing_row(bundle: Bundle, closing: DayClosing, *, ledger_index: int) -> dict[str, object]:
    """The row that a sheet makes, by column."""
    return {
        "ledger_index": ledger_index,
        "node": bundle.node,
        "facility": closing.facility,
        "epoch": bundle.epoch,
        "day": closing.day,
        "revision": closing.revision,
        "sheet": encode_closing(closing),
    }


def newest_closings(connection: Connection, day: str) -> dict[str, StoredClosing]:
    """The sheet that counts for each node that closed this local day ("YYYY-MM-DD"), by the node's code."""
    # SPEC 4.5.6: what comes later in this order takes the place of what came before.
    statement = (
        select(closings.c.node, ledger_entries.c.admitted_at, closings.c.sheet)
        .join(ledger_entries, ledger_entries.c.idx == closings.c.ledger_index)
        .where(closings.c.day == day)
        .order_by(closings.c.node, closings.c.epoch, closings.c.revision, closings.c.ledger_index)
    )
    return {row[0]: StoredClosing(row[0], row[1], parse_closing(row[2])) for row in connection.execute(statement)}


def closing_rows(connection: Connection) -> dict[int, dict[str, object]]:
    """Every stored row by its index in the ledger, for comparing it with what was signed."""
    rows = connection.execute(select(closings)).mappings()
    return {row["ledger_index"]: dict(row) for row in rows}

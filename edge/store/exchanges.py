"""What exchanges did and what they cost: a bounded history, the data of each local day, how far bundles have come.

Nothing is decided by these rows; they are for people to look at, and the oldest ones go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.store.bundles import StoredBundle
from edge.store.database import Tables
from sync_protocol.days import local_day

KEPT_ROWS: Final = 200
KEPT_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class ExchangeLine:
    """One exchange, or `tries` in a row of one local day that all moved nothing for the same reason.

    Attributes:
        started_at, ended_at: epoch seconds UTC, of the first and of the last of them.
        asked: who wanted it, in the words of `Asked`.
        admitted, refused: bundles that got their receipt.
        taken: items of the feed.
        sent, received: bytes of HTTP.
        code: why it stopped, or "".
    """

    started_at: int
    ended_at: int
    tries: int
    asked: str
    admitted: int
    refused: int
    taken: int
    sent: int
    received: int
    code: str

    @property
    def moved(self) -> bool:
        """Whether anything arrived, in either direction."""
        return bool(self.admitted or self.refused or self.taken)


@dataclass(frozen=True, slots=True)
class DataDay:
    """Bytes of HTTP of one local day "YYYY-MM-DD"."""

    day: str
    sent: int
    received: int


_COLUMNS: Final = "started_at, ended_at, tries, asked, admitted, refused, taken, sent, received, code"


def add(tables: Tables, new: ExchangeLine) -> None:
    """Keep what an exchange did; one that moved nothing joins the newest row if that one says the same."""
    newest = tables.execute(
        f"SELECT exchange_id, {_COLUMNS} FROM exchanges ORDER BY exchange_id DESC LIMIT 1"
    ).fetchone()
    before = None if newest is None else ExchangeLine(*newest[1:])
    if before is not None and not new.moved and _says_the_same(before, new):
        tables.execute(
            "UPDATE exchanges SET ended_at = ?, tries = tries + ?, sent = sent + ?, received = received + ?"
            " WHERE exchange_id = ?",
            (new.ended_at, new.tries, new.sent, new.received, newest[0]),
        )
    else:
        tables.execute(
            f"INSERT INTO exchanges ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(new.started_at, new.ended_at, new.tries, new.asked),
                *(new.admitted, new.refused, new.taken, new.sent, new.received, new.code),
            ),
        )
        tables.execute(
            "DELETE FROM exchanges WHERE exchange_id <= (SELECT max(exchange_id) FROM exchanges) - ?", (KEPT_ROWS,)
        )
    _count(tables, local_day(new.ended_at), sent=new.sent, received=new.received)


def newest(tables: Tables, *, limit: int) -> list[ExchangeLine]:
    """The latest exchanges, the newest first."""
    rows = tables.execute(f"SELECT {_COLUMNS} FROM exchanges ORDER BY exchange_id DESC LIMIT ?", (limit,))
    return [ExchangeLine(*row) for row in rows]


def data_days(tables: Tables, *, first_day: str, last_day: str) -> list[DataDay]:
    """The days of a span on which anything went over the link, in order."""
    rows = tables.execute(
        "SELECT day, sent, received FROM data_days WHERE day BETWEEN ? AND ? ORDER BY day", (first_day, last_day)
    )
    return [DataDay(*row) for row in rows]


def note_progress(tables: Tables, bundle: StoredBundle, *, reached_bytes: int) -> None:
    """How many bytes of a bundle the centre holds, or the network has taken."""
    tables.execute(
        "INSERT INTO bundle_progress VALUES (?, ?, ?)"
        " ON CONFLICT (epoch, sequence) DO UPDATE SET bytes = excluded.bytes",
        (bundle.epoch, bundle.sequence, reached_bytes),
    )


def progress(tables: Tables) -> Mapping[tuple[int, int], int]:
    """The same of the bundles that have no receipt, by (epoch, sequence)."""
    rows = tables.execute(
        "SELECT epoch, sequence, p.bytes FROM bundle_progress AS p JOIN bundles USING (epoch, sequence)"
        " WHERE state IN ('sealed', 'offered', 'forked')"
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _says_the_same(before: ExchangeLine, new: ExchangeLine) -> bool:
    is_one_day = local_day(before.ended_at) == local_day(new.ended_at)
    return not before.moved and before.code == new.code and is_one_day


def _count(tables: Tables, day: str, *, sent: int, received: int) -> None:
    if not sent and not received:
        return
    tables.execute(
        "INSERT INTO data_days VALUES (?, ?, ?)"
        " ON CONFLICT (day) DO UPDATE SET sent = sent + excluded.sent, received = received + excluded.received",
        (day, sent, received),
    )
    tables.execute(
        "DELETE FROM data_days WHERE day NOT IN (SELECT day FROM data_days ORDER BY day DESC LIMIT ?)", (KEPT_DAYS,)
    )

"""What of this node's own was written to sticks: bundles, and requests for its feed.

An export is no delivery: the bundle's state stays what it was, and these rows say when it was last read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.outbox import DELIVERED
from edge.store import bundles
from edge.store.bundles import StoredBundle
from edge.store.database import Tables
from sync_protocol.stick import StickKind

# The newest ones; older files on a stick are taken for somebody else's and stay there.
_REQUESTS_KEPT: Final = 20
_DELIVERED: Final = ", ".join(f"'{state}'" for state in sorted(DELIVERED))


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request of this node for its feed, as it lies on a stick."""

    digest: bytes
    after: int
    made_at: int
    request: bytes


def note_begun(tables: Tables, bundle: StoredBundle, *, digest: bytes, at: int) -> None:
    """Commit that the bytes are about to be on a stick: after this the centre may have them whatever happens.

    Args:
        digest: of the sealed bytes.
        at: epoch seconds UTC.
    """
    bundles.note_export(tables, bundle)
    tables.execute(
        "INSERT INTO stick_exports VALUES (?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
        (digest, bundle.epoch, bundle.sequence, at),
    )


def note_exported(tables: Tables, digests: Sequence[bytes], *, at: int) -> None:
    """These bundles were read back from a stick."""
    tables.conn.executemany("UPDATE stick_exports SET exported_at = ? WHERE digest = ?", [(at, one) for one in digests])


def is_own(tables: Tables, digest: bytes) -> bool:
    """Whether this node wrote a bundle or a request of this digest."""
    row = tables.execute(
        "SELECT 1 FROM stick_exports WHERE digest = ? UNION ALL SELECT 1 FROM stick_requests WHERE digest = ?",
        (digest, digest),
    ).fetchone()
    return row is not None


def settled(tables: Tables) -> list[tuple[StickKind, bytes, int]]:
    """All files of this node that are of no more use on a stick, as (kind, digest, place)."""
    rows = tables.execute(
        "SELECT 'bundle', e.digest, e.sequence FROM stick_exports AS e"
        " JOIN bundles AS b ON b.epoch = e.epoch AND b.sequence = e.sequence"
        f" WHERE b.state IN ({_DELIVERED})"
        " UNION ALL SELECT 'request', q.digest, 0 FROM stick_requests AS q"
        " WHERE EXISTS (SELECT 1 FROM stick_requests AS n WHERE n.rowid > q.rowid)"
    )
    return [(StickKind(row[0]), row[1], row[2]) for row in rows]


def newest_request(tables: Tables) -> StoredRequest | None:
    """The request that was made last, if any."""
    row = tables.execute(
        "SELECT digest, after, made_at, request FROM stick_requests ORDER BY rowid DESC LIMIT 1"
    ).fetchone()
    return None if row is None else StoredRequest(*row)


def use_up(tables: Tables) -> None:
    """A feed has come: whoever is asked with an old request may have answered it, so the next one is made anew."""
    tables.execute("UPDATE stick_requests SET made_at = 0")


def requests(tables: Tables) -> list[bytes]:
    """All requests that are kept, as they were signed."""
    return [row[0] for row in tables.execute("SELECT request FROM stick_requests ORDER BY rowid")]


def add_request(tables: Tables, request: StoredRequest) -> None:
    """Keep a request; the oldest ones are forgotten."""
    tables.execute(
        "INSERT INTO stick_requests VALUES (?, ?, ?, ?)",
        (request.digest, request.after, request.made_at, request.request),
    )
    tables.execute(
        "DELETE FROM stick_requests WHERE rowid <= (SELECT max(rowid) FROM stick_requests) - ?", (_REQUESTS_KEPT,)
    )

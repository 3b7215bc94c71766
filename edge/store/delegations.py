"""Who signs whose doses, as the centre said last; this node may be a site in one line and the hub in another."""

from __future__ import annotations

from edge.store.database import Tables
from sync_protocol.delegation import Delegation, parse_delegations


def replace(tables: Tables, body: bytes, *, at: int) -> None:
    """Keep a list that was read; it takes the place of the one before."""
    tables.execute(
        "INSERT INTO delegations VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body,"
        " taken_at = excluded.taken_at",
        (body, at),
    )


def current(tables: Tables) -> tuple[Delegation, ...]:
    """The newest list; empty before the first."""
    row = tables.execute("SELECT body FROM delegations").fetchone()
    return () if row is None else parse_delegations(row[0])


def as_hub(tables: Tables, node: str) -> tuple[Delegation, ...]:
    """Those under which doses come to this node to be signed."""
    return tuple(one for one in current(tables) if one.hub_node == node)

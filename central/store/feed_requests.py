"""Which requests for its feed a node has made: by their nonces, the latest ones only.

No clock of a node is asked: one with a dead battery may name any time. A request that is older than the last
`limits.FEED_NONCES` could be played again; what it brings is sealed to the node and names a nonce that the node no
longer waits for.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from central.store.database import insert_on
from central.store.tables import feed_requests
from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError


def said_until(connection: Connection, node: str) -> int:
    """The latest time that was said to a node as the centre's (epoch seconds, UTC); 0 before the first answer."""
    return _newest(connection, node)[1]


def use_nonce(connection: Connection, node: str, nonce: bytes, *, at: int) -> None:
    """Notes that a request is being answered, once, and forgets the oldest ones of the node.

    To be called under the ledger lock. Requests are counted, since many may get the same time: a clock that ran ahead
    once stands still for the node until it is caught up with.

    Args:
        nonce: 16 bytes.
        at: epoch seconds, UTC, not before `said_until`.

    Raises:
        ProtocolError: REPLAYED.
    """
    table = feed_requests
    number = _newest(connection, node)[0] + 1
    insert = insert_on(connection, table).values(node=node, nonce=nonce, number=number, at=at).on_conflict_do_nothing()
    if connection.execute(insert.returning(table.c.nonce)).scalar() is None:
        raise ProtocolError(Code.REPLAYED, "feed request: was answered before")
    forgotten = (table.c.node == node, table.c.number <= number - limits.FEED_NONCES)
    connection.execute(delete(table).where(*forgotten))


def _newest(connection: Connection, node: str) -> tuple[int, int]:
    """The number of a node's latest request, and what was said then; (0, 0) before the first."""
    table = feed_requests
    latest = select(table.c.number, table.c.at).where(table.c.node == node).order_by(table.c.number.desc()).limit(1)
    row = connection.execute(latest).one_or_none()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))

"""What a store holds, as one value that two moments can be compared by."""

from __future__ import annotations

from sqlalchemy import func, select

from central.store.database import read_transaction
from central.store.tables import metadata, nodes
from tests.central.scenario import World


def snapshot(world: World) -> dict[str, object]:
    """The number of rows of every table, and every node's state and head."""
    with read_transaction(world.centre.engine) as connection:
        counted: dict[str, object] = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        columns = (nodes.c.code, nodes.c.state, nodes.c.epoch, nodes.c.last_sequence, nodes.c.last_digest)
        counted["heads"] = sorted(tuple(row) for row in connection.execute(select(*columns)))
    return counted

"""What the newest population pack of each node holds, sealed to the centre itself."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from central.store.tables import population_bases


@dataclass(frozen=True, slots=True, repr=False)
class PopulationBase:
    """The version that a node was given last; `pack` is the sealed set."""

    version: int
    pack: bytes


def base_of(connection: Connection, node: str) -> PopulationBase | None:
    """What the next pack may be a change of, or None."""
    table = population_bases
    row = connection.execute(select(table.c.version, table.c.pack).where(table.c.node == node)).one_or_none()
    return None if row is None else PopulationBase(row[0], row[1])


def put_base(connection: Connection, node: str, base: PopulationBase) -> None:
    """Puts the newest version in the place of the one before."""
    values = {"version": base.version, "pack": base.pack}
    here = update(population_bases).where(population_bases.c.node == node)
    if connection.execute(here.values(values)).rowcount == 0:
        connection.execute(population_bases.insert(), {"node": node, **values})

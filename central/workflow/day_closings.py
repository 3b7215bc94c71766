"""How the nodes closed a day: who did, whether the centre counts the same, and who has not."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from central.domain.closing import Agreement, compare_admitted
from central.domain.node import NodeState
from central.store import closings, day_counts
from central.store.database import read_transaction
from sync_protocol.closing import DayClosing


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A node that closed the day.

    Attributes:
        site: the facility's name.
        arrived_at: epoch seconds, UTC, of the sheet that counts.
        counted: doses of this node and day that the centre holds as admitted now.
    """

    node: str
    site: str
    arrived_at: int
    sheet: DayClosing
    counted: int

    @property
    def agreement(self) -> Agreement:
        return compare_admitted(self.sheet.admitted, self.counted)


@dataclass(frozen=True, slots=True)
class OpenDay:
    """A node that has not closed the day.

    Attributes:
        facility, site: code and name of its facility.
        doses: doses of this node and day that the centre holds, in whatever state.
        last_heard_at: its newest sign of life, epoch seconds UTC, or None.
    """

    node: str
    facility: str
    site: str
    doses: int
    last_heard_at: int | None


@dataclass(frozen=True, slots=True)
class DayClosings:
    """Everything that the operator's page says of how a day was closed.

    Attributes:
        silent: nodes with doses of the day that have not closed it, those with the most doses first.
        unheard: enrolled nodes of which there is neither a dose nor a sheet of the day, by code.
        closed: nodes that closed the day; those that do not agree with the centre first, then by code.
    """

    day: str
    silent: tuple[OpenDay, ...]
    unheard: tuple[OpenDay, ...]
    closed: tuple[ClosedDay, ...]


def day_closings(engine: Engine, day: str) -> DayClosings:
    """Looks at one local day ("YYYY-MM-DD"), in one consistent view.

    Raises:
        StoreError: the store is away.
    """
    with read_transaction(engine) as connection:
        sheets = closings.newest_closings(connection, day)
        doses = day_counts.count_by_node(connection, day=day)
        names = day_counts.facility_names(connection)
        signs = day_counts.signs_of_life(connection)
    closed = [
        ClosedDay(node, names[found.sheet.facility], found.arrived_at, found.sheet, doses.get(node, (0, 0))[1])
        for node, found in sheets.items()
    ]
    still_open = {
        sign: OpenDay(
            sign.node, sign.facility, names[sign.facility], doses.get(sign.node, (0, 0))[0], sign.last_heard_at
        )
        for sign in signs
        if sign.node not in sheets
    }
    return DayClosings(
        day=day,
        silent=tuple(sorted((one for one in still_open.values() if one.doses), key=lambda one: (-one.doses, one.node))),
        unheard=tuple(one for sign, one in still_open.items() if not one.doses and _is_expected(sign)),
        closed=tuple(sorted(closed, key=lambda one: (one.agreement is Agreement.SAME, one.node))),
    )


def _is_expected(sign: day_counts.NodeSign) -> bool:
    # A node that waits for its first contact or was locked out cannot send a sheet.
    return sign.state in (NodeState.ENROLLED.value, NodeState.FORKED.value)

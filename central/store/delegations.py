"""Delegations: who signs for whom, since when and until when."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from central.domain.delegation import HeldDelegation
from central.store.tables import delegations
from sync_protocol.delegation import DelegationKind


def put_delegation(
    connection: Connection,
    *,
    site: str,
    hub: str,
    hub_node: str,
    kind: DelegationKind,
    valid_from: int,
    valid_until: int | None,
    at: int,
    asked_by: bytes | None = None,
) -> HeldDelegation:
    """Keeps a new delegation under the next number; the caller holds the ledger lock, so numbers have no gap.

    Args:
        valid_from, valid_until, at: epoch seconds, UTC.
        asked_by: digest of the handover that asked for the day, or None.
    """
    newest = connection.execute(select(func.max(delegations.c.number))).scalar()
    held = HeldDelegation(
        number=(newest or 0) + 1,
        site=site,
        hub=hub,
        hub_node=hub_node,
        kind=kind,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    connection.execute(
        delegations.insert(),
        {
            "number": held.number,
            "site": site,
            "hub": hub,
            "hub_node": hub_node,
            "kind": kind.value,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "created_at": at,
            "asked_by": asked_by,
        },
    )
    return held


def end_delegation(connection: Connection, number: int, *, at: int) -> None:
    """Ends a delegation at an instant (epoch seconds, UTC)."""
    connection.execute(update(delegations).where(delegations.c.number == number).values(valid_until=at))


def find_delegation(connection: Connection, number: int) -> HeldDelegation | None:
    """The delegation with this number, or None."""
    found = _select(connection, delegations.c.number == number)
    return found[0] if found else None


def all_delegations(connection: Connection) -> list[HeldDelegation]:
    """Every delegation, by number."""
    return _select(connection)


def of_site(connection: Connection, site: str) -> list[HeldDelegation]:
    """What a site may hand over to whom, by number."""
    return _select(connection, delegations.c.site == site)


def of_hub(connection: Connection, hub: str) -> list[HeldDelegation]:
    """For whom a hub may sign, by number."""
    return _select(connection, delegations.c.hub == hub)


def concerning(connection: Connection, facility: str) -> list[HeldDelegation]:
    """What concerns a facility, as site or as hub, by number."""
    return _select(connection, or_(delegations.c.site == facility, delegations.c.hub == facility))


def one_day(connection: Connection, *, site: str, hub: str, valid_from: int) -> HeldDelegation | None:
    """The one-day delegation of this pair that begins at this instant, unless it was ended early; or None."""
    found = _select(
        connection,
        delegations.c.site == site,
        delegations.c.hub == hub,
        delegations.c.kind == DelegationKind.ONE_DAY.value,
        delegations.c.valid_from == valid_from,
    )
    return found[-1] if found else None


def _select(connection: Connection, *where: ColumnElement[bool]) -> list[HeldDelegation]:
    return [
        HeldDelegation(
            number=row["number"],
            site=row["site"],
            hub=row["hub"],
            hub_node=row["hub_node"],
            kind=DelegationKind(row["kind"]),
            valid_from=row["valid_from"],
            valid_until=row["valid_until"],
        )
        for row in connection.execute(select(delegations).where(*where).order_by(delegations.c.number)).mappings()
    ]

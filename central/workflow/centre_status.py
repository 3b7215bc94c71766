"""`status`: the figures of the centre at a glance, without anybody's data."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from central.store import bundles, doses, ledger, ledger_epochs
from central.store.database import read_transaction, revision_of
from central.store.nodes import NodeRow, list_nodes
from central.store.published_sets import PublishedKind, newest_set
from central.store.registry_people import count_people
from central.store.tables import day_runs, health_certificates
from central.workflow.decide_shown_epoch import waiting_cases
from central.workflow.lost_history import ShownLoss, shown_losses


@dataclass(frozen=True, slots=True)
class ShownNode:
    """A node that showed an epoch which this centre has lost: where it stands, and why a person has to say so."""

    node: str
    facility: str
    epoch: int
    is_known: bool
    standing: str
    request: str


@dataclass(frozen=True, slots=True)
class CentreStatus:
    """The centre at one instant.

    Attributes:
        ledger_size: entries, the genesis entry counted.
        root: of the ledger, hexadecimal.
        head_at: epoch seconds, UTC, of the newest head.
        nodes: every node.
        verdicts: for each facility the number of doses admitted, and of those that wait by code.
        catalogue_version, trust_list_version: newest published.
        registry_people: people in the embedded registry.
        forks: bundles of second histories.
        certificates: health certificates issued.
        last_run_day: day of the newest end-of-day run, or "".
        ledger_epoch: the epoch that the ledger is in.
        losses: heads that were shown, that are missing here, and that no epoch explains.
        shown: epochs of nodes that nodes showed, that are not known here, and that wait for a person.
    """

    ledger_size: int
    root: str
    head_at: int
    nodes: tuple[NodeRow, ...]
    verdicts: dict[str, dict[str, int]]
    catalogue_version: int
    trust_list_version: int
    registry_people: int
    forks: int
    certificates: int
    last_run_day: str
    ledger_epoch: int
    losses: tuple[ShownLoss, ...]
    shown: tuple[ShownNode, ...]


def centre_status(engine: Engine) -> CentreStatus | None:
    """The figures, or None where `init` never ran.

    Raises:
        StoreError: the store is away.
    """
    if revision_of(engine) is None:
        return None
    with read_transaction(engine) as connection:
        head = ledger.newest_head(connection)
        if head is None:
            return None
        last_day = connection.execute(select(func.max(day_runs.c.day))).scalar()
        issued = connection.execute(select(func.count()).select_from(health_certificates)).scalar_one()
        return CentreStatus(
            ledger_size=head.head.size,
            root=head.head.root.hex(),
            head_at=head.head.at,
            nodes=tuple(list_nodes(connection)),
            verdicts=doses.count_verdicts(connection),
            catalogue_version=_version(connection, PublishedKind.CATALOGUE),
            trust_list_version=_version(connection, PublishedKind.TRUST_LIST),
            registry_people=count_people(connection),
            forks=bundles.count_forks(connection),
            certificates=issued,
            last_run_day=last_day or "",
            ledger_epoch=ledger_epochs.current(connection),
            losses=shown_losses(connection),
            shown=tuple(
                ShownNode(
                    one.stored.node, one.facility, one.stored.epoch, one.is_known, one.stored.standing.value, one.short
                )
                for one in waiting_cases(connection)
            ),
        )


def _version(connection: Connection, kind: PublishedKind) -> int:
    newest = newest_set(connection, kind)
    return 0 if newest is None else newest.version

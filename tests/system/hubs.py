"""A hub that signs for a site, both behind a centre that is put back: hand over, sign."""

from __future__ import annotations

from central.workflow.delegate import delegate
from edge.workflow.hand_over import hand_over
from edge.workflow.sign_delegated import plan_delegated, plan_shown
from edge.workflow.sign_pass import sign_pass
from sync_protocol.delegation import DelegationKind
from tests.central.scenario import World
from tests.edge.station import DAY, DAY_SECONDS, OFFICER
from tests.simulator import POLICY
from tests.system.restores import Restores
from tests.system.test_answers_end_to_end import Node

SITE_NODE = "19001A"


def delegate_to_hub(world: World) -> None:
    """19002 signs for 19001 until further notice."""
    delegate(
        "19001",
        "19002",
        engine=world.centre.engine,
        keys=world.centre.keys,
        now=world.clock.at,
        kind=DelegationKind.STANDING,
        valid_from=world.clock.at - 14 * DAY_SECONDS,
        valid_until=None,
        hub_node=None,
    )


def hand_day(site: Node) -> int:
    """The site hands the day's doses over; gives the number of the handover."""
    station = site.station
    return hand_over(
        station.database,
        POLICY,
        [DAY],
        number=None,
        shown=None,
        reason="",
        now=station.clock.at,
        by="Hoa",
        entropy=station.entropy,
    )[0]


def sign_as_hub(made: Restores) -> None:
    """The second node signs what the first one handed over."""
    hub = made.nodes[1].station
    made.tick()
    with hub.database.read() as tables:
        plan = plan_delegated(tables, POLICY, SITE_NODE, now=hub.clock.at)
    planned = plan_shown(hub.database, POLICY, SITE_NODE, shown=plan.digest, now=hub.clock.at)
    sign_pass(hub.database, planned, hub.signer, officer=OFFICER, now=hub.clock.at, entropy=hub.entropy)

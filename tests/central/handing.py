"""A hub that signs for sites, as tests of delegated signing need it: handovers, delegated batches, what feeds say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from central.domain.delegation import HeldDelegation
from central.store import feed
from central.store.database import read_transaction
from central.workflow.delegate import delegate
from sync_protocol.batch import count_people
from sync_protocol.bundle import BundleKind, encode_batch_body
from sync_protocol.columns import pack_doses
from sync_protocol.days import day_start, local_day
from sync_protocol.delegation import Delegation, DelegationKind, parse_delegations
from sync_protocol.dose import Dose
from sync_protocol.feed import FeedItem, FeedKind, verify_item, whole_items
from sync_protocol.handover import HandedBack, Handover, encode_handed_back, encode_handover
from sync_protocol.manifest import Purpose
from sync_protocol.receipt import VerifiedReceipt
from tests.central.scenario import DAY, Site, World

START = day_start(DAY)
HUB = "19000"


def hub_of(world: World) -> Site:
    """A hub with a node and a certificate of its own."""
    return world.site(HUB, f"{HUB}A", officer="Lê Thị Hoa")


def let_sign(world: World, site: Site, hub: Site, **changes: Any) -> HeldDelegation:
    """Registers a delegation, a standing one from the start of the day unless said otherwise."""
    values: dict[str, Any] = {
        "kind": DelegationKind.STANDING,
        "valid_from": START,
        "valid_until": None,
        "hub_node": None,
        "engine": world.centre.engine,
        "keys": world.centre.keys,
        "now": world.clock.now(),
    }
    return delegate(site.facility, hub.facility, **(values | changes))


def handover_of(site: Site, doses: Sequence[Dose], *, hub: str = HUB, **changes: Any) -> bytes:
    """The next link of a site's chain: unsigned doses for the hub."""
    given = sorted(local_day(dose.given_at) for dose in doses)
    values: dict[str, Any] = {
        "hub": hub,
        "first_day": given[0],
        "last_day": given[-1],
        "people": count_people(doses),
        "doses": len(doses),
        "reason": "",
        "asks_day": "",
        "columns": pack_doses(doses, node=site.node, facility=site.facility),
    }
    return site.link(encode_handover(Handover(**(values | changes))), kind=BundleKind.DOSES)


def hand_over(site: Site, doses: Sequence[Dose], **changes: Any) -> tuple[bytes, VerifiedReceipt]:
    """Hands doses over; gives the handover's digest and the receipt."""
    receipt = site.send_inner(handover_of(site, doses, **changes))
    return site.digest, receipt


def delegated_inner(
    hub: Site, site: Site, doses: Sequence[Dose], *, carried: Sequence[bytes] = (), **changes: Any
) -> bytes:
    """The next link of the hub's chain: doses of a site, signed by the hub."""
    stated = {"purpose": Purpose.DELEGATED, "for_facility": site.facility, "for_node": site.node, **changes}
    body = hub.body(doses, stated)
    return hub.link(encode_batch_body(type(body)(body.statement, body.secret, body.columns, tuple(carried))))


def sign_for(hub: Site, site: Site, doses: Sequence[Dose], **changes: Any) -> VerifiedReceipt:
    """Signs doses of a site and sends them."""
    return hub.send_inner(delegated_inner(hub, site, doses, **changes))


def hand_back(hub: Site, digest: bytes, sequences: Sequence[int], *, reason: str = "Thiếu số lô") -> VerifiedReceipt:
    """Sends doses back unsigned."""
    body = encode_handed_back(HandedBack(digest, tuple(sequences), reason))
    return hub.send_inner(hub.link(body, kind=BundleKind.HANDED_BACK))


def items_of(world: World, node: str, *kinds: FeedKind) -> list[FeedItem]:
    """What stands in a node's feed, verified as the node would, of these kinds or of all."""
    with read_transaction(world.centre.engine) as connection:
        signed = feed.items_after(connection, node, 0, most_items=1_000, most_bytes=10**8)
    found = [verify_item(item, world.centre.keys.publisher.public_key, node=node) for item in signed]
    return [item for item in whole_items(found) if not kinds or item.kind in kinds]


def newest_list(world: World, node: str) -> tuple[Delegation, ...]:
    """The list of delegations that a node has now."""
    return parse_delegations(items_of(world, node, FeedKind.DELEGATIONS)[-1].body)

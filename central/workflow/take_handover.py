"""Takes in doses that a site hands over, and those that a hub hands back: kept, and passed on to the other side."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.domain.delegation import Ground, HeldDelegation, ground_of
from central.domain.node import NodeState
from central.store import delegations, feed, handovers, nodes
from central.store.database import read_transaction
from central.store.handovers import HandedState, StoredHandover
from central.store.key_store import KeyRing
from central.workflow.tell_delegations import tell_delegations
from sync_protocol import limits
from sync_protocol.bundle import VerifiedBundle
from sync_protocol.delegation import DelegationKind, one_day_bounds
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.handover import (
    HandedBack,
    HandedDoses,
    VerifiedHandover,
    encode_handed,
    encode_handed_back,
    handover_of,
    parse_handed_back,
    unpack_handover,
)


@dataclass(frozen=True, slots=True)
class ArrivedHandover:
    """A handover that passed its checks.

    Attributes:
        verified: as the site's node signed it.
        doses: unpacked.
        site: the node's facility.
        ground: by what it passes.
    """

    verified: VerifiedHandover
    doses: tuple[Dose, ...]
    site: str
    ground: Ground


@dataclass(frozen=True, slots=True)
class ArrivedBack:
    """Doses handed back that passed their checks; `hub` is the facility that sends them."""

    back: HandedBack
    hub: str


def check_handover(verified: VerifiedBundle, *, site: str, engine: Engine, now: int) -> ArrivedHandover:
    """Checks a `doses` bundle as a whole.

    1. its doses are those stated, all of this node and its facility;
    2. a delegation of this site to that hub is open now, or can be asked for.

    Raises:
        ProtocolError: those of `handover.parse_handover` and `unpack_handover`; TOO_LARGE; DELEGATION.
    """
    # (1)
    found = handover_of(verified)
    doses = unpack_handover(found.handover, node=found.node, facility=site)
    if len(encode_handed(HandedDoses(found.inner, limits.COUNTER))) > limits.FEED_ITEM_BYTES:
        # Whoever signs with a node's key may put more around a handover than one that is made by our programs.
        raise ProtocolError(Code.TOO_LARGE, "handover: its bundle fits no item of a feed")
    # (2)
    with read_transaction(engine) as connection:
        held = delegations.of_site(connection, site)
        states = nodes.states_of(connection, {item.hub_node for item in held})
        # A node that is locked out fetches nothing: what is handed to it would wait for ever.
        held = [item for item in held if states[item.hub_node] is not NodeState.DENIED]
        known = handovers.find_handover(connection, found.digest)
        before = None if known is None else delegations.find_delegation(connection, known.delegation)
    # What a hub has brought along was let pass then, and its delegation may be over now.
    ground = ground_of(found.handover, held, site=site, at=now) if before is None else Ground(before, "")
    return ArrivedHandover(found, doses, site=site, ground=ground)


def take_handover(
    connection: Connection, arrived: ArrivedHandover, *, ledger_index: int | None, keys: KeyRing, at: int
) -> None:
    """Keeps a handover and puts its bundle into the feed of the hub's node; under the ledger lock.

    Args:
        ledger_index: of its bundle; None for one that the hub itself brought along, which needs no telling.
        at: epoch seconds, UTC, of its entry.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    found, content = arrived.verified, arrived.verified.handover
    held = _delegation_for(connection, arrived, keys=keys, at=at)
    kept = StoredHandover(
        digest=found.digest,
        ledger_index=ledger_index,
        site=arrived.site,
        node=found.node,
        hub=content.hub,
        delegation=held.number,
        first_day=content.first_day,
        last_day=content.last_day,
        people=content.people,
        doses=content.doses,
        taken_at=at,
    )
    known = handovers.find_handover(connection, found.digest)
    if known is None:
        handovers.put_handover(connection, kept, arrived.doses)
    if ledger_index is None:
        return
    if known is not None:
        handovers.put_in_ledger(connection, found.digest, ledger_index=ledger_index)
    body = encode_handed(HandedDoses(found.inner, held.number))
    feed.put_item(connection, held.hub_node, FeedKind.UNSIGNED_DOSES, body, keys=keys, at=at)


def check_handed_back(verified: VerifiedBundle, *, hub: str, engine: Engine) -> ArrivedBack:
    """Checks a `handed-back` bundle: the hub got each of these doses and has not answered for it yet.

    Raises:
        ProtocolError: codes of form; HANDOVER.
    """
    back = parse_handed_back(verified.bundle.body)
    with read_transaction(engine) as connection:
        held = handovers.find_handover(connection, back.handover)
        if held is None or held.hub != hub:
            raise ProtocolError(Code.HANDOVER, "handed back: nothing of this name was handed to this facility")
        check_waiting(connection, back)
    return ArrivedBack(back, hub)


def check_waiting(connection: Connection, back: HandedBack) -> None:
    """Checks that none of the doses was answered for; before the ledger lock, and again under it.

    Raises:
        ProtocolError: HANDOVER.
    """
    states = handovers.states_of(connection, back.handover)
    if any(states.get(sequence) is not HandedState.WAITING for sequence in back.sequences):
        raise ProtocolError(Code.HANDOVER, "handed back: a dose does not wait there")


def take_handed_back(
    connection: Connection, arrived: ArrivedBack, *, ledger_index: int, keys: KeyRing, at: int
) -> None:
    """Notes what is handed back and tells the site's node; under the ledger lock.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    back = arrived.back
    held = handovers.find_handover(connection, back.handover)
    assert held is not None
    handovers.hand_back(connection, back.handover, back.sequences, ledger_index=ledger_index)
    feed.put_item(connection, held.node, FeedKind.HANDED_BACK, encode_handed_back(back), keys=keys, at=at)


def _delegation_for(connection: Connection, arrived: ArrivedHandover, *, keys: KeyRing, at: int) -> HeldDelegation:
    ground = arrived.ground
    if not ground.asks_day:
        return ground.delegation
    start, end = one_day_bounds(ground.asks_day)
    pair = ground.delegation
    # Another handover may have asked for the same day meanwhile; one that was ended early may be asked for again.
    known = delegations.one_day(connection, site=pair.site, hub=pair.hub, valid_from=start)
    if pair.valid_until is not None and pair.valid_until <= at:
        # It came by stick, and nobody is on call any more: the day does not outlive that.
        end = min(end, pair.valid_until)
    if known is not None and (known.is_open(at) or (known.valid_until or 0) >= end):
        return known
    made = delegations.put_delegation(
        connection,
        site=pair.site,
        hub=pair.hub,
        hub_node=pair.hub_node,
        kind=DelegationKind.ONE_DAY,
        valid_from=start,
        valid_until=end,
        at=at,
        asked_by=arrived.verified.digest,
    )
    # Before the doses: the hub has to know the site's keys when it takes them.
    tell_delegations(connection, (pair.site, pair.hub), keys=keys, at=at)
    return made

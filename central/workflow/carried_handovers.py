"""By what a hub's batch may hold doses of a site: what the centre keeps, and the handovers that come along with it.

A handover may reach the hub by stick while the site has no network. Its signed bundle then travels along with the
batch: it shows the same as if it had come from the site, and is kept until the site's own chain brings it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Engine

from central.domain.delegation import HeldDelegation, HubGround, content_digest, ground_of
from central.domain.node import NodeState
from central.store import delegations, handovers, nodes
from central.store.database import read_transaction
from central.workflow.take_handover import ArrivedHandover
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import BundleKind, VerifiedBundle, parse_batch_body, parse_bundle, verify_bundle
from sync_protocol.delegation import DelegationKind, one_day_bounds
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.handover import VerifiedHandover, handover_of, unpack_handover


def carried_handovers(verified: VerifiedBundle, *, hub: str, engine: Engine) -> tuple[ArrivedHandover, ...]:
    """The handovers that come along with a batch and that the centre does not have yet.

    Args:
        verified: a bundle of any kind; of others than batches there are none.
        hub: the facility of the bundle's node.
        engine: the store.

    Raises:
        ProtocolError: codes of form, NODE_UNKNOWN, NODE_DENIED, SIGNATURE_INVALID, HANDOVER where it is for another
            hub, DELEGATION where none covered it when the batch says it was signed.
    """
    if verified.bundle.kind is not BundleKind.BATCH:
        return ()
    body = parse_batch_body(verified.bundle.body)
    if not body.carried:
        return ()
    # The claimed time is held against the window later, with the whole statement.
    claimed_at = parse_batch(body.statement).statement.manifest.claimed_at
    with read_transaction(engine) as connection:
        found = [_carried(connection, inner, hub=hub, claimed_at=claimed_at) for inner in body.carried]
    return tuple(item for item in found if item is not None)


def hub_ground(carried: Sequence[ArrivedHandover], *, hub: str, engine: Engine) -> HubGround:
    """What the checks of a batch need to know of delegated signing.

    Args:
        carried: from :func:`carried_handovers`.
        hub: the facility of the bundle's node.
        engine: the store.
    """
    with read_transaction(engine) as connection:
        held = delegations.of_hub(connection, hub)

    def site_of(node: str) -> str | None:
        with read_transaction(engine) as later:
            found = nodes.find_node(later, node)
        return None if found is None else found.facility

    def handed(node: str, sequences: Iterable[int]) -> Mapping[int, frozenset[bytes]]:
        with read_transaction(engine) as later:
            kept = handovers.handed_contents(later, node, hub=hub, sequences=sequences)
        contents: dict[int, set[bytes]] = defaultdict(set)
        for item in carried:
            for dose in item.doses if item.verified.node == node else ():
                contents[dose.sequence].add(content_digest(dose))
        for sequence, digests in kept.items():
            contents[sequence] |= digests
        return {sequence: frozenset(digests) for sequence, digests in contents.items()}

    return HubGround([*held, *(_asked(item) for item in carried if item.ground.asks_day)], site_of, handed)


def _carried(connection: Connection, inner: bytes, *, hub: str, claimed_at: int) -> ArrivedHandover | None:
    found, site = _verified(connection, inner)
    if found.handover.hub != hub:
        raise ProtocolError(Code.HANDOVER, "batch.4: a handover for another facility")
    if handovers.find_handover(connection, found.digest) is not None:
        # What the centre has decides alone: doses that were handed back do not come again this way.
        return None
    return ArrivedHandover(
        verified=found,
        doses=unpack_handover(found.handover, node=found.node, facility=site),
        site=site,
        ground=ground_of(found.handover, delegations.of_site(connection, site), site=site, at=claimed_at),
    )


def _verified(connection: Connection, inner: bytes) -> tuple[VerifiedHandover, str]:
    unverified = parse_bundle(inner)
    node = nodes.known_node(connection, unverified.claimed.node, epoch=unverified.claimed.epoch)
    if node is None or node.state is NodeState.WAITING:
        raise ProtocolError(Code.NODE_UNKNOWN, "batch.4: a handover of a node that is not enrolled")
    if node.state is NodeState.DENIED:
        raise ProtocolError(Code.NODE_DENIED, "batch.4: a handover of a node that is locked out")
    return handover_of(verify_bundle(unverified, node.signing_key)), node.facility


def _asked(item: ArrivedHandover) -> HeldDelegation:
    """The one-day delegation that is made with the batch if it is admitted."""
    start, end = one_day_bounds(item.ground.asks_day)
    pair = item.ground.delegation
    return HeldDelegation(
        number=pair.number,
        site=pair.site,
        hub=pair.hub,
        hub_node=pair.hub_node,
        kind=DelegationKind.ONE_DAY,
        valid_from=start,
        valid_until=end,
    )

"""By what a hub's batch may hold doses of a site: what the centre keeps, and the handovers that come along with it.

A handover may reach the hub by stick while the site has no network. Its signed bundle then travels along with the
batch: it shows the same as if it had come from the site, and is kept until the site's own chain brings it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Engine

from central.domain.delegation import HeldDelegation, HubGround, check_handed, content_digest, ground_of
from central.domain.node import KnownNode, require_in
from central.store import delegations, handovers, nodes
from central.store.database import read_transaction
from central.workflow.take_handover import ArrivedHandover
from sync_protocol import limits
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import BundleKind, VerifiedBundle, parse_batch_body, parse_bundle, verify_bundle
from sync_protocol.delegation import DelegationKind, one_day_bounds
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.handover import VerifiedHandover, handover_of, unpack_handover
from sync_protocol.manifest import Manifest


def carried_handovers(verified: VerifiedBundle, *, hub: str, engine: Engine) -> tuple[ArrivedHandover, ...]:
    """The handovers that come along with a batch and that the centre does not have yet.

    Args:
        verified: a bundle of any kind; of others than batches there are none.
        hub: the facility of the bundle's node.
        engine: the store.

    Raises:
        ProtocolError: codes of form, NODE_UNKNOWN, NODE_DENIED, EPOCH, SIGNATURE_INVALID, BATCH_DOSES where more than
            `CARRIED_DOSES` come along, HANDOVER where one is for another hub, DELEGATION where none covered it when the
            batch says it was signed.
    """
    if verified.bundle.kind is not BundleKind.BATCH:
        return ()
    body = parse_batch_body(verified.bundle.body)
    if not body.carried:
        return ()
    # The claimed time is held against the window later, with the whole statement.
    claimed_at = parse_batch(body.statement).statement.manifest.claimed_at
    with read_transaction(engine) as connection:
        signed = [_verified(connection, inner) for inner in body.carried]
        if any(found.handover.hub != hub for found, _ in signed):
            raise ProtocolError(Code.HANDOVER, "batch.4: a handover for another facility")
        if sum(found.handover.doses for found, _ in signed) > limits.CARRIED_DOSES:
            raise ProtocolError(Code.BATCH_DOSES, f"batch.4: at most {limits.CARRIED_DOSES} doses come along")
        return tuple(
            _arrived(connection, found, node, claimed_at=claimed_at)
            for found, node in signed
            # What the centre has decides alone: doses that were handed back do not come again this way.
            if handovers.find_handover(connection, found.digest) is None
        )


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
            return _handed(later, carried, node, hub=hub, sequences=sequences)

    return HubGround([*held, *(_asked(item) for item in carried if item.ground.asks_day)], site_of, handed)


def check_still_handed(
    connection: Connection, manifest: Manifest, doses: Sequence[Dose], *, carried: Sequence[ArrivedHandover]
) -> None:
    """Checks under the ledger lock that no other node of the hub has handed a dose of a delegated batch back meanwhile.

    Raises:
        ProtocolError: HANDOVER.
    """
    # The archive holds what a handover says once it is known, so what came along counts for new ones alone.
    new = [item for item in carried if handovers.find_handover(connection, item.verified.digest) is None]

    def handed(node: str, sequences: Iterable[int]) -> Mapping[int, frozenset[bytes]]:
        return _handed(connection, new, node, hub=manifest.facility, sequences=sequences)

    check_handed(manifest, doses, HubGround((), lambda _: manifest.for_facility, handed))


def _handed(
    connection: Connection, carried: Sequence[ArrivedHandover], node: str, *, hub: str, sequences: Iterable[int]
) -> Mapping[int, frozenset[bytes]]:
    wanted = set(sequences)
    kept = handovers.handed_contents(connection, node, hub=hub, sequences=wanted)
    contents: dict[int, set[bytes]] = defaultdict(set)
    for item in carried:
        for dose in item.doses if item.verified.node == node else ():
            if dose.sequence in wanted:
                contents[dose.sequence].add(content_digest(dose))
    for sequence, digests in kept.items():
        contents[sequence] |= digests
    return {sequence: frozenset(digests) for sequence, digests in contents.items()}


def _arrived(connection: Connection, found: VerifiedHandover, node: KnownNode, *, claimed_at: int) -> ArrivedHandover:
    if found.epoch != node.head.epoch:
        # A machine that was stolen or lost, and whose place another has taken, hands nothing over any more.
        raise ProtocolError(Code.EPOCH, "batch.4: a handover of an epoch that is over")
    site = node.facility
    return ArrivedHandover(
        verified=found,
        doses=unpack_handover(found.handover, node=found.node, facility=site),
        site=site,
        ground=ground_of(found.handover, delegations.of_site(connection, site), site=site, at=claimed_at),
    )


def _verified(connection: Connection, inner: bytes) -> tuple[VerifiedHandover, KnownNode]:
    unverified = parse_bundle(inner)
    known = nodes.known_node(connection, unverified.claimed.node, epoch=unverified.claimed.epoch)
    node = require_in(known, what="batch.4, handover")
    return handover_of(verify_bundle(unverified, node.signing_key)), node


def _asked(item: ArrivedHandover) -> HeldDelegation:
    """The one-day delegation that is made with the batch if it is admitted.

    That it was asked for in time is only the hub's claim, so it is over with the one on call.
    """
    start, end = one_day_bounds(item.ground.asks_day)
    pair = item.ground.delegation
    end = end if pair.valid_until is None else min(end, pair.valid_until)
    return HeldDelegation(
        number=pair.number,
        site=pair.site,
        hub=pair.hub,
        hub_node=pair.hub_node,
        kind=DelegationKind.ONE_DAY,
        valid_from=start,
        valid_until=end,
    )

"""Takes up epochs of a node that this centre has lost: their keys are known again, and their chains go on.

All of it happens in the caller's transaction, under the ledger lock. What the node had delivered of the epochs between
is lost with the ledger: each stays open up to the last link for which the node held a receipt when it ended, and its
bundles are taken where they stood (`reopened`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from central.domain.shown_epoch import new_epochs
from central.store import facilities, feed, ledger, nodes, shown_epochs, trust
from central.store.facilities import Facility
from central.store.key_store import KeyRing, KeyRole
from central.workflow.tell_delegations import retell_delegations
from central.workflow.tell_registrations import tell_registrations
from sync_protocol.chain_head import ChainHead
from sync_protocol.node_epoch import ChainPart
from sync_protocol.shown_epoch import VerifiedShowing, verify_showing
from sync_protocol.shown_epoch_answer import ShownState


@dataclass(frozen=True, slots=True)
class Reopened:
    """An epoch that has ended and of which this ledger lost links.

    Attributes:
        head: the newest link that the ledger has of it; what its first one names where it has none.
        until: the last link that may come.
        chain: what the store had of it when it ended.
    """

    head: ChainHead
    until: int
    chain: ChainPart

    def names(self, sequence: int) -> bytes | None:
        """The digest that this link must have, where the node's request named it."""
        place = sequence - self.chain.delivered
        if place == 0:
            return self.chain.digest
        return self.chain.links[place - 1] if 0 < place <= len(self.chain.links) else None


def take_up(connection: Connection, shown: VerifiedShowing, *, keys: KeyRing, at: int, by: str, why: str) -> None:
    """Takes up every epoch of a kept showing that waits.

    Args:
        shown: verified; its newest epoch is later than any of the node that is known here.
        at: epoch seconds, UTC.
        by, why: who decides and for what reason; "" where nobody had to.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    row = nodes.find_node(connection, shown.node)
    since = 0 if row is None else row.epoch
    if row is None:
        assert shown.file is not None
        facility = shown.file.facility
        if facilities.find_facility(connection, facility) is None:
            new = Facility(facility, shown.file.facility_name, shown.file.units)
            facilities.put_facility(connection, new, at=at)
        # What was published since then it may not have.
        nodes.add_node(connection, shown.node, facility=facility, at=min(at, shown.epochs[0].at or 0))
    else:
        facility = row.facility
    for one in new_epochs(shown.epochs, since=since):
        nodes.start_epoch(
            connection,
            shown.node,
            epoch=one.epoch,
            signing_key=one.node_key,
            sealing_key=one.node_sealing_key,
            enrolment_digest=one.digest,
            first_dose=one.first_dose,
            at=at,
        )
    if shown.file is not None:
        # Nobody else begins an epoch with the code of that file.
        nodes.end_enrolment(connection, hashlib.sha256(shown.file.one_time_code).digest())
    # An older machine may have shown the epochs before the newest one: they go on with it, and nobody waits for them.
    for one in new_epochs(shown.epochs, since=since):
        shown_epochs.decide(connection, one.digest, ShownState.TAKEN, since=since, at=at, by=by, why=why)
    feed.settle(connection, shown.node, keys=keys, at=at)
    tell_registrations(connection, facility, keys=keys, now=at)
    # Its keys stand in the lists of those it signs for, or who sign for it.
    retell_delegations(connection, facility, keys=keys, at=at)


def reopened(connection: Connection, node: str, *, epoch: int) -> Reopened | None:
    """What may still come of an epoch that has ended, or None where it is over."""
    for stored in shown_epochs.taken(connection, node):
        if not stored.since <= epoch < stored.epoch:
            continue
        shown = verify_showing(stored.showing, trust.centre_public_keys(connection, KeyRole.PUBLISHER))
        ended = next((one for one in shown.epochs if one.request is not None and one.request.epoch == epoch), None)
        found = ledger.newest_link(connection, node, epoch=epoch)
        sequence, digest = found or (0, nodes.enrolment_digests(connection)[node, epoch])
        if ended is not None and ended.request is not None and sequence < ended.delivered:
            head = ChainHead(epoch=epoch, sequence=sequence, digest=digest)
            return Reopened(head, ended.delivered, ended.request.chain)
    return None

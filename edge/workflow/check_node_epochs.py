"""Verify the epochs of this node: what was asked and granted, what was left behind, which numbers doses have.

Part of `check_store`, which has verified the bundles of all epochs before.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.domain.pass_journal import LIVE
from edge.store import bundles, dose_numbers, node_epochs, node_identity, passes
from edge.store.database import Tables
from edge.store.node_epochs import AskState, LeftBundle, StoredAsk
from edge.store.node_identity import NodeIdentity
from sync_protocol.bundle import parse_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import key_id
from sync_protocol.node_epoch import parse_epoch_request, verify_epoch_request


def node_epoch_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    """What is wrong with epochs: the subject ("epoch-request:1") and the sentence of each finding."""
    asks = node_epochs.all_asks(tables)
    for asked in asks:
        for what in _wrong_ask(tables, asked, identity):
            yield f"epoch-request:{asked.request_id}", what
    granted = [one for one in asks if one.state is AskState.GRANTED]
    if granted and identity.request_digest != granted[-1].digest:
        yield "node", "its chain begins behind nothing that was granted"
    for left in node_epochs.all_left(tables):
        for what in _wrong_left(tables, left):
            yield f"bundle:{left.epoch}/{left.sequence}", what
    if count := dose_numbers.misplaced(tables):
        yield "doses", f"{count} of them were signed although the centre has them"


def _wrong_ask(tables: Tables, asked: StoredAsk, identity: NodeIdentity) -> Iterator[str]:
    start = node_identity.chain_start(tables, identity, asked.epoch)
    if start is None:
        yield "it ends an epoch that this node never had"
        return
    try:
        verified = verify_epoch_request(parse_epoch_request(asked.request), start.node_key)
    except ProtocolError as error:
        yield str(error)
        return
    if (verified.digest, verified.request.node, verified.request.epoch) != (asked.digest, identity.node, asked.epoch):
        yield "the row says something else than the request"
    if key_id(verified.request.node_key) != key_id(asked.node_key.public_key()):
        yield "its key is not the one that was asked for"
    is_over = asked.epoch != identity.epoch
    if is_over != (asked.state is AskState.GRANTED) and asked.state is not AskState.REFUSED:
        yield f"it is {asked.state}, which the node's epoch does not say"


def _wrong_left(tables: Tables, left: LeftBundle) -> Iterator[str]:
    old = bundles.find(tables, left.epoch, left.sequence)
    assert old is not None
    if old.pass_id is not None:
        yield "it was left and holds its pass"
    if left.new_place is None:
        carried = None if left.pass_id is None else passes.find(tables, left.pass_id)
        if carried is not None and carried.state in LIVE:
            yield "the pass that it carried is live and sealed nowhere"
        return
    new = bundles.find(tables, *left.new_place)
    if new is None:
        yield "what it carried is not sealed where it should be"
        return
    before, after = parse_bundle(old.inner).claimed, parse_bundle(new.inner).claimed
    if (before.kind, before.body) != (after.kind, after.body):
        yield "what was sealed again is something else"

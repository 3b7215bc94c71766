"""Re-verifies the epochs of nodes and second histories from their bytes (I6, I7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, select

from central.domain.finding import Finding
from central.domain.node import NodeState
from central.store import node_epochs, nodes
from central.store.node_epochs import StoredEpochRequest
from central.store.tables import enrolments
from central.workflow.check_shown_epochs import begun_by_showing
from sync_protocol.bundle import parse_bundle, verify_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import PublicKey, key_id
from sync_protocol.node_epoch import parse_epoch_request, verify_epoch_request
from sync_protocol.node_epoch_answer import EpochState

_Keys = dict[tuple[str, int], PublicKey]


def check_epochs(connection: Connection) -> list[Finding]:
    """Checks what ends and begins epochs.

    1. every request was signed by the node's key of the epoch that it ends;
    2. every epoch begins behind an enrolment or a request that was granted, with the keys of that request, or was taken
       up after a restore (`check_shown_epochs`);
    3. every bundle of a second history was signed by the node of its epoch and is not in the ledger, and a node with
       such bundles in its current epoch counts as forked.
    """
    node_keys = {(item.node, item.epoch): item.key for item in nodes.node_keys(connection)}
    requests = node_epochs.all_requests(connection)
    rows = {row.code: row for row in nodes.list_nodes(connection)}
    current = {code: row.epoch for code, row in rows.items()}
    findings = [finding for one in requests for finding in _wrong_request(one, node_keys, current)]
    findings += _wrong_beginnings(connection, requests, node_keys)
    for node, epoch in node_epochs.forked_nodes(connection):
        findings += _wrong_forks(connection, node, epoch, node_keys)
        if current[node] == epoch and rows[node].state is NodeState.ENROLLED:
            findings.append(Finding("I7", f"node {node}", "it has two histories and does not count as forked"))
    return findings


def _wrong_request(stored: StoredEpochRequest, node_keys: _Keys, current: dict[str, int]) -> Iterator[Finding]:
    # (1)
    place = f"epoch request {stored.digest.hex()[:12]}"
    key = node_keys.get((stored.node, stored.epoch))
    if key is None:
        yield Finding("I6", place, "the node never had the epoch that it ends")
        return
    try:
        verified = verify_epoch_request(parse_epoch_request(stored.request), key)
    except ProtocolError as error:
        yield Finding("I12", place, error.rule)
        return
    if (verified.digest, verified.request.node, verified.request.epoch) != (stored.digest, stored.node, stored.epoch):
        yield Finding("I12", place, "the row says something else than the request")
    if stored.epoch > current[stored.node]:
        yield Finding("I7", place, "it ends an epoch that the node does not have")
    if (stored.state is EpochState.WAITING) != (stored.answer is None):
        yield Finding("I7", place, "its answer and its state do not belong together")


def _wrong_beginnings(
    connection: Connection, requests: list[StoredEpochRequest], node_keys: _Keys
) -> Iterator[Finding]:
    # (2)
    accepted = select(enrolments.c.request_digest).where(enrolments.c.request_digest.is_not(None))
    enrolled = set(connection.execute(accepted).scalars())
    granted = {one.digest: one for one in requests if one.state is EpochState.GRANTED}
    begun, shown = set(), begun_by_showing(connection)
    for (node, epoch), digest in nodes.enrolment_digests(connection).items():
        begun.add(digest)
        if digest in enrolled or (node, epoch, digest) in shown:
            continue
        place, request = f"node {node}, epoch {epoch}", granted.get(digest)
        if request is None or (request.node, request.epoch + 1) != (node, epoch):
            yield Finding("I6", place, "it begins behind nothing that was granted")
        elif key_id(parse_epoch_request(request.request).claimed.node_key) != key_id(node_keys[node, epoch]):
            yield Finding("I6", place, "its key is not that of the request")
    for digest in sorted(set(granted) - begun):
        yield Finding("I6", f"epoch request {digest.hex()[:12]}", "it was granted and began nothing")


def _wrong_forks(connection: Connection, node: str, epoch: int, node_keys: _Keys) -> Iterator[Finding]:
    # (3)
    ledger = set(node_epochs.links(connection, node, epoch=epoch, first=1).values())
    for digest, _, inner in node_epochs.kept_forks(connection, node, epoch=epoch):
        place = f"second history of {node}, {digest.hex()[:12]}"
        try:
            bundle = verify_bundle(parse_bundle(inner), node_keys[node, epoch]).bundle
        except ProtocolError as error:
            yield Finding("I7", place, error.rule)
            continue
        if hashlib.sha256(inner).digest() != digest or (bundle.node, bundle.epoch) != (node, epoch):
            yield Finding("I7", place, "the row says something else than the bundle")
        if digest in ledger:
            yield Finding("I7", place, "it is in the ledger too")

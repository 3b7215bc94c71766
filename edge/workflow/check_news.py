"""Compare what is kept of passports and changed verdicts with the signed items of the feed that brought it.

Part of `check_store`; the signatures of the items are verified by `check_feed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edge.store import feed, health_certificates, verdict_changes
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from sync_protocol.errors import ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.passports import CertificateState, IssuedCertificate, parse_passports
from sync_protocol.verdict_changes import parse_changes


def news_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    """Give what is wrong, each with the item that it is about."""
    kept = {(one.sequence, one.issue): one for one in health_certificates.all_told(tables)}
    told = _told_certificates(tables, identity)
    for place in sorted(kept.keys() | told.keys()):
        if kept.get(place) != told.get(place):
            yield f"dose:{place[0]}", "its health certificate that is kept is not what the centre sent"
    for number, rows in verdict_changes.all_by_item(tables).items():
        if not rows <= _told_changes(tables, number):
            yield f"feed:{number}", "changes of verdicts that are kept are not those of the item"


def _told_certificates(tables: Tables, identity: NodeIdentity) -> dict[tuple[int, int], IssuedCertificate]:
    """What follows from all items, in their order: the first word holds, and a revocation after it."""
    found: dict[tuple[int, int], IssuedCertificate] = {}
    for number in feed.numbers_of_kind(tables, FeedKind.PASSPORTS):
        try:
            said = parse_passports(feed.body_at(tables, number))
        except ProtocolError:
            # It was not taken for the same reason, which the audit trail tells.
            continue
        for one in said.certificates if said.node == identity.node else ():
            place = (one.sequence, one.issue)
            held = found.setdefault(place, one)
            if CertificateState.REVOKED in (one.state, held.state) and one.state is not held.state:
                is_new = one.state is CertificateState.REVOKED
                found[place] = replace(held, state=one.state, at=one.at) if is_new else held
    return found


def _told_changes(tables: Tables, number: int) -> frozenset[tuple[object, ...]]:
    try:
        said = parse_changes(feed.body_at(tables, number))
    except ProtocolError:
        return frozenset()
    return frozenset(verdict_changes.row_of(said.node, one) for one in said.changes)

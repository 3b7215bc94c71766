"""Verify the sheets of closed days: each is the body of its own bundle, and names the audit trail as it is.

Part of `check_store`, which has verified the bundles and the trail before.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.store import audit, bundles, closings, node_epochs
from edge.store.closings import StoredClosing
from edge.store.database import Tables
from sync_protocol.bundle import BundleKind, parse_bundle
from sync_protocol.closing import parse_closing
from sync_protocol.errors import ProtocolError


def closing_findings(tables: Tables) -> Iterator[tuple[str, str]]:
    """What is wrong with the sheets: the subject ("closing:2022-04-15/1") and the sentence of each finding."""
    kept = closings.all_closings(tables)
    for closing in kept:
        for what in _wrong(tables, closing):
            yield f"closing:{closing.day}/{closing.revision}", what
    # A sheet that had no receipt when its epoch ended was sealed again.
    places = {place for one in kept for place in node_epochs.places(tables, one.epoch, one.sequence)}
    for epoch, sequence in closings.bundles_of_closings(tables):
        if (epoch, sequence) not in places:
            yield f"bundle:{epoch}/{sequence}", "a closing without its sheet"


def _wrong(tables: Tables, closing: StoredClosing) -> Iterator[str]:
    bundle = bundles.find(tables, closing.epoch, closing.sequence)
    if bundle is None:
        yield "it has no bundle"
        return
    try:
        claimed = parse_bundle(bundle.inner).claimed
        sheet = parse_closing(closing.body)
    except ProtocolError as error:
        yield str(error)
        return
    if claimed.kind is not BundleKind.CLOSING or claimed.body != closing.body:
        yield "its bundle carries something else"
    row = (closing.day, closing.revision, closing.closed_at, closing.closed_by)
    if (sheet.day, sheet.revision, sheet.closed_at, sheet.closed_by) != row:
        yield "the row says something else than the sheet"
    entries = audit.entries(tables, after=sheet.audit_entries - 1, limit=1) if sheet.audit_entries else []
    head = entries[0].digest if entries else audit.BEGINNING
    if head != sheet.audit_head:
        yield "the audit trail is not the one that it names"

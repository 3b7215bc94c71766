"""Verify what is kept of certificates: requests as their bundles carry them, the centre's list as it was signed."""

from __future__ import annotations

from collections.abc import Iterator

from edge.store import bundles, certificates, feed, node_identity
from edge.store.database import Tables
from sync_protocol.bundle import BundleKind, parse_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.feed import FeedKind, verify_item
from sync_protocol.registration import parse_registration
from sync_protocol.registration_list import parse_registrations


def certificate_findings(tables: Tables) -> Iterator[tuple[str, str]]:
    """Give what is wrong, each with the bundle or the item that it is about."""
    requests = certificates.requests_by_bundle(tables)
    for place in bundles.chain(tables):
        stored = bundles.find(tables, *place)
        assert stored is not None
        expected = None
        try:
            if stored.kind == BundleKind.REGISTRATION:
                request = parse_registration(parse_bundle(stored.inner).claimed.body)
                thumbprint = request.chain[0].thumbprint if request.chain else None
                expected = (request.serial, thumbprint, request.officer)
        except ProtocolError as error:
            yield f"bundle:{place[0]}/{place[1]}", f"its request for registration does not read: {error.code}"
            continue
        if requests.get(place) != expected:
            yield f"bundle:{place[0]}/{place[1]}", "the request for registration that is kept is not the one it carries"
    yield from _list_findings(tables)


def _list_findings(tables: Tables) -> Iterator[tuple[str, str]]:
    held, number = certificates.known_list(tables), certificates.list_number(tables)
    identity = node_identity.find(tables)
    if held is None or identity is None:
        return
    signed = dict(feed.all_items(tables))
    try:
        item = verify_item(signed[number], identity.publisher_key, node=identity.node)
        listed = parse_registrations(feed.whole_body(tables, item))
        is_same = item.kind is FeedKind.REGISTRATIONS and listed.certificates == held.certificates
    except ProtocolError:
        is_same = False
    if not is_same:
        yield f"feed:{number}", "the list of certificates that is held is not the one of the item"

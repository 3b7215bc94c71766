"""Take the centre's list of this site's certificates into the store: the newest one, whole."""

from __future__ import annotations

from edge.store import certificates, node_identity
from edge.store.database import Tables
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem
from sync_protocol.registration_list import parse_registrations


def apply_registrations(tables: Tables, item: FeedItem, *, at: int) -> None:  # noqa: ARG001
    """Do what a `registrations` item says.

    Raises:
        ProtocolError: SET_FOREIGN for another facility's list, or a code of form; the list that is held stays.
    """
    listed = parse_registrations(item.body)
    if listed.facility != node_identity.codes(tables).facility:
        raise ProtocolError(Code.SET_FOREIGN, "registrations: made for another facility")
    certificates.replace_list(tables, listed, number=item.number, at=item.at)

"""Take a catalogue or a trust list that comes with the feed: newer than the one held, in force, the publisher's own.

The rules are those of The Update Framework. A set that breaks one is refused with its code, stays in the feed as the
centre sent it, and the last good one serves on with its age.
"""

from __future__ import annotations

from typing import Protocol

from edge.store import audit, contacts, node_identity, sets
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.sets import StoredSet, StoredSetKind
from edge.workflow.exchange import ACTOR
from sync_protocol.catalogue import Catalogue, verify_catalogue
from sync_protocol.feed import FeedItem
from sync_protocol.keys import PublicKey
from sync_protocol.trust_list import TrustList, verify_trust_list


class _Verify(Protocol):
    """`verify_catalogue` or `verify_trust_list`."""

    def __call__(
        self, data: bytes, key: PublicKey, *, at: int | None, newer_than: int | None
    ) -> Catalogue | TrustList: ...


def apply_catalogue(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Do what a `catalogue` item says.

    Raises:
        ProtocolError: as `verify_catalogue`; the catalogue that is held stays.
    """
    _take(tables, StoredSetKind.CATALOGUE, item.body, verify_catalogue, at=at)


def apply_trust_list(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Do what a `trust-list` item says.

    Raises:
        ProtocolError: as `verify_trust_list`; the list that is held stays.
    """
    _take(tables, StoredSetKind.TRUST_LIST, item.body, verify_trust_list, at=at)


def _take(tables: Tables, kind: StoredSetKind, signed: bytes, verify: _Verify, *, at: int) -> None:
    # A node that waited for its enrolment is told what its enrolment file may have brought: nothing is wrong then.
    held = sets.newest(tables, kind)
    if held is not None and held.cose == signed:
        return
    taken = verify(
        signed,
        node_identity.get(tables).publisher_key,
        at=contacts.time_by_centre(tables, at),
        newer_than=sets.newest_version(tables, kind),
    )
    sets.add(tables, StoredSet(kind, taken.version, signed, taken.expires_at, at))
    audit.append(tables, Action.SET_IMPORTED, f"{kind}:{taken.version}", actor=ACTOR, at=at)

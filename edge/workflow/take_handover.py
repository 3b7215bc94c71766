"""A hub takes unsigned doses of a site, whichever way they come: by the feed or as a file on a stick, once by digest.

What counts is the signature of the site's node, under the key that the centre's list of delegations names for it.
"""

from __future__ import annotations

from typing import Final

from edge.store import audit, delegations, hub_doses, node_identity
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.node_identity import NodeIdentity
from sync_protocol import contexts, limits
from sync_protocol.bundle import parse_bundle
from sync_protocol.delegation import Delegation, parse_delegations
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, opening_keys_of
from sync_protocol.handover import VerifiedHandover, parse_handed, unpack_handover, verify_handover
from sync_protocol.sealing import open_sealed

# What the seal adds to a handover.
_SEAL_BYTES: Final = 4 * 1024
FILE_BYTES: Final = limits.FEED_ITEM_BYTES + _SEAL_BYTES


def apply_delegations(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Take the centre's list of delegations in the place of the one before. ProtocolError: it cannot be read."""
    parse_delegations(item.body)
    delegations.replace(tables, item.body, at=at)


def apply_unsigned_doses(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Take doses of a site from the feed. ProtocolError as `take_handover`."""
    handed = parse_handed(item.body)
    take_handover(tables, handed.inner, way=hub_doses.FEED, at=at, by="")


def import_handover(database: Database, sealed: bytes, *, at: int, by: str) -> int | None:
    """Take a handover file.

    Args:
        sealed: the file, unverified.
        at: epoch seconds UTC.
        by: who brings it.

    Returns:
        The number of the handover, or None where its doses are here already.

    Raises:
        ProtocolError: what `open_sealed` and `take_handover` raise; nothing was stored.
        StoreError: nothing was stored.
    """
    with database.read() as tables:
        opening_key = node_identity.get(tables).opening_key
    inner = open_sealed(sealed, opening_keys_of(opening_key), context=contexts.HANDOVER.aad, max_bytes=FILE_BYTES)
    with database.write_transaction() as tables:
        return take_handover(tables, inner, way=hub_doses.FILE, at=at, by=by)


def take_handover(tables: Tables, inner: bytes, *, way: str, at: int, by: str) -> int | None:
    """Verify a signed DOSES bundle and keep its doses, in the caller's transaction.

    Returns:
        Its number, or None where it is here already.

    Raises:
        ProtocolError: DELEGATION where no delegation lets this node of a site hand doses to this hub, and what
            `verify_handover` and `unpack_handover` raise; nothing was written.
    """
    identity = node_identity.get(tables)
    verified, delegation, doses = verify_for(tables, inner, identity)
    if hub_doses.known(tables, verified.digest):
        if way == hub_doses.FEED:
            hub_doses.confirm(tables, verified.digest, at=at)
        return None
    handover_id = hub_doses.add(
        tables,
        verified,
        doses,
        site=delegation.site,
        site_name=delegation.site_name,
        delegation=delegation.number,
        way=way,
        at=at,
    )
    details = f"{len(doses)} doses of {verified.node}, {way}"
    actor = by or "exchange"
    audit.append(tables, Action.HANDOVER_TAKEN, f"site-handover:{handover_id}", actor=actor, at=at, details=details)
    return handover_id


def verify_for(
    tables: Tables, inner: bytes, identity: NodeIdentity
) -> tuple[VerifiedHandover, Delegation, tuple[Dose, ...]]:
    """Verify a handover against the newest list of delegations. Errors as `take_handover`."""
    claimed = parse_bundle(inner).claimed
    for delegation in delegations.as_hub(tables, identity.node):
        key = delegation.key_of(claimed.node, epoch=claimed.epoch)
        if key is not None:
            verified = verify_handover(inner, key)
            if verified.handover.hub != identity.facility:
                raise ProtocolError(Code.DELEGATION, "handover: made for another hub")
            doses = unpack_handover(verified.handover, node=verified.node, facility=delegation.site)
            return verified, delegation, doses
    raise ProtocolError(Code.DELEGATION, "handover: of a node that may not hand doses to this one")

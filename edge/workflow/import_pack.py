"""A population pack comes in: opened, verified, never older than the one held, put in place whole or not at all."""

from __future__ import annotations

from edge.store import audit, node_identity, population
from edge.store.database import Database
from edge.store.population import PackState
from sync_protocol.keys import key_id
from sync_protocol.limits import SET_BYTES
from sync_protocol.population import verify_pack
from sync_protocol.sealing import open_sealed

# The envelope around a pack of the greatest size: header, wrapped key, tag.
_ENVELOPE_BYTES = 1_024


def import_pack(database: Database, sealed: bytes, *, at: int, by: str) -> PackState:
    """Take a sealed pack; the same version again changes nothing.

    Args:
        database: the node's store.
        sealed: the pack as received, unverified: signed by the publisher, sealed to this node.
        at: epoch seconds UTC.
        by: who does it.

    Raises:
        ProtocolError: RECIPIENT_UNKNOWN or another code of sealing where it is not for this node; SIGNATURE_INVALID,
            SET_FOREIGN, SET_OLDER, SET_EXPIRED or a code of form. The pack held stays.
        StoreError: NOT_ENROLLED, or a code of the database.
    """
    with database.read() as tables:
        identity = node_identity.get(tables)
        held = population.state(tables)
    keys = {key_id(identity.opening_key.public_key()): identity.opening_key}
    signed = open_sealed(sealed, keys, max_bytes=SET_BYTES + _ENVELOPE_BYTES)
    at_least = None if held is None else held.version
    pack = verify_pack(signed, identity.publisher_key, facility=identity.facility, at=at, at_least=at_least)
    with database.write_transaction() as tables:
        # Asked again under the write lock: another thread may have brought a newer one meanwhile.
        held = population.state(tables)
        if held is not None and held.version >= pack.version:
            return held
        population.replace(tables, pack, at=at)
        details = f"{pack.people} people"
        audit.append(tables, audit.Action.PACK_IMPORTED, pack.reference, actor=by, at=at, details=details)
        return PackState(pack.version, pack.people, pack.issued_at, pack.expires_at, at)

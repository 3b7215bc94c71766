"""Makes a facility and a node known, and gives out the one-time file with which the node enrols."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Engine

from central.domain.node import NodeState
from central.store import facilities, nodes
from central.store.database import write_transaction
from central.store.facilities import Facility
from central.store.key_store import KeyRing
from central.store.published_sets import PublishedKind, newest_set
from sync_protocol import limits
from sync_protocol.dose import is_code
from sync_protocol.enrolment_file import ONE_TIME_CODE_BYTES, EnrolmentFile, fingerprint, sign_enrolment_file
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import readable
from sync_protocol.sealing import Entropy


@dataclass(frozen=True, slots=True, repr=False)
class EnrolmentTicket:
    """What the operator hands over.

    Attributes:
        node: code of the node.
        file: the enrolment file, or None where the node is enrolled already.
        fingerprint: of the publisher key; read aloud, and typed in at the site.
        expires_at: epoch seconds, UTC; 0 without a file.
    """

    node: str
    file: bytes | None
    fingerprint: str
    expires_at: int


def enrol_facility(
    facility: Facility,
    node: str,
    *,
    engine: Engine,
    keys: KeyRing,
    public_url: str,
    good_seconds: int,
    entropy: Entropy,
    now: int,
    again: bool = False,
    anchors: bytes = b"",
) -> EnrolmentTicket:
    """Creates (or renames) the facility, creates the node, and makes its enrolment file.

    A file given out before and not used ends with the new one. A node that is enrolled gets no file unless `again`
    is said: its next enrolment starts a new epoch, with new keys and an empty chain.

    Args:
        facility: with the communes that it serves.
        node: code of the node.
        engine, keys, entropy: of the centre.
        public_url: where the node will reach the centre.
        good_seconds: how long the file is good.
        now: epoch seconds, UTC.
        again: enrol anew a node that was enrolled, forked or restored.
        anchors: PEM of the only authorities that the centre's TLS certificate may come from; b"" for those that the
            node's system believes.

    Raises:
        ProtocolError: FIELD_INVALID for a code or a name of another form, FACILITY_MISMATCH for a node of another
            facility, NODE_DENIED for a node that is locked out.
    """
    if not is_code(facility.code) or not is_code(node):
        raise ProtocolError(Code.FIELD_INVALID, "facility and node are codes of 2 to 12 of A-Z and 0-9")
    # The name goes to nodes in several messages: one that they would not read is not taken here.
    if not facility.name or facility.name != readable(facility.name, max_chars=limits.NAME_CHARS):
        raise ProtocolError(
            Code.FIELD_INVALID, f"facility: its name is NFC text of 1 to {limits.NAME_CHARS} characters"
        )
    publisher = keys.publisher
    with write_transaction(engine) as connection:
        facilities.put_facility(connection, facility, at=now)
        known = nodes.find_node(connection, node)
        if known is None:
            nodes.add_node(connection, node, facility=facility.code, at=now)
        elif known.facility != facility.code:
            raise ProtocolError(Code.FACILITY_MISMATCH, "node: stands in another facility")
        elif known.state is NodeState.DENIED:
            raise ProtocolError(Code.NODE_DENIED, "node: is locked out")
        elif known.state is not NodeState.WAITING and not again:
            return EnrolmentTicket(node, None, fingerprint=fingerprint(publisher.public_key), expires_at=0)
        catalogue = newest_set(connection, PublishedKind.CATALOGUE)
        trust_list = newest_set(connection, PublishedKind.TRUST_LIST)
        assert catalogue is not None
        assert trust_list is not None
        content = EnrolmentFile(
            centre_url=public_url,
            facility=facility.code,
            facility_name=facility.name,
            units=tuple(sorted(set(facility.units))),
            node=node,
            one_time_code=entropy.token(ONE_TIME_CODE_BYTES),
            publisher_key=publisher.public_key,
            sealing_key=keys.sealing_key,
            ledger_key=keys.ledger.public_key,
            catalogue=catalogue.content,
            trust_list=trust_list.content,
            expires_at=now + good_seconds,
            anchors=anchors,
        )
        # Only the digest of the code is kept: whoever reads the store cannot enrol a node.
        digest = hashlib.sha256(content.one_time_code).digest()
        nodes.add_enrolment(connection, digest, node=node, issued_at=now, expires_at=content.expires_at)
    return EnrolmentTicket(
        node=node,
        file=sign_enrolment_file(content, publisher),
        fingerprint=fingerprint(publisher.public_key),
        expires_at=content.expires_at,
    )

"""The node becomes known to the centre: enrolment file in, request out, verified answer stored.

1. The file's publisher key is pinned by the fingerprint that the operator reads aloud; catalogue and trust list inside
   are verified with it.
2. Two fresh keys and the request, signed and sealed, are stored in one transaction. From here on doses can be recorded.
3. The request is sent. A lost answer costs nothing: the next try sends the same bytes, and the centre repeats itself.
4. The answer is verified against the stored request; only then the node is enrolled.
"""

from __future__ import annotations

from edge.store import audit, dose_numbers, node_identity, sets
from edge.store.database import Database
from edge.store.errors import StoreCode, StoreError
from edge.store.node_identity import NodeIdentity
from sync_protocol import enrolment
from sync_protocol.api import CentralApi
from sync_protocol.catalogue import verify_catalogue
from sync_protocol.enrolment_file import EnrolmentFile, parse_enrolment_file, verify_enrolment_file
from sync_protocol.keys import encode_public_key, load_ec_public_key
from sync_protocol.sealing import Entropy, fresh_private_key, seal
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.trust_list import verify_trust_list


def enrol(
    database: Database, api: CentralApi, file: bytes, *, spoken: str, entropy: Entropy, at: int, by: str
) -> NodeIdentity:
    """Enrol the node; calling it again with the same file goes on where the last call stopped.

    Args:
        database: the node's store.
        api: the centre.
        file: the enrolment file as received, unverified.
        spoken: the fingerprint as the operator read it aloud.
        entropy: draws the node's keys.
        at: epoch seconds UTC.
        by: who does it.

    Raises:
        ProtocolError: the file, a set inside it or the answer was refused; also RemoteProblem where the centre refuses.
        NetworkError: the centre was not reached; what was stored serves the next try.
        StoreError: ENROLLED where the node is another one already.
    """
    begin_enrolment(database, file, spoken=spoken, entropy=entropy, at=at, by=by)
    return finish_enrolment(database, api, at=at, by=by)


def begin_enrolment(database: Database, file: bytes, *, spoken: str, entropy: Entropy, at: int, by: str) -> None:
    """Steps 1 and 2, with no network; the errors are those of `enrol`. The same file again changes nothing."""
    with database.read() as tables:
        found = node_identity.find(tables)
    if found is not None and found.enrolment_file == file:
        return
    if found is not None and found.enrolled_at is not None:
        raise StoreError(StoreCode.ENROLLED, "this node is enrolled already")
    # (1)
    content = verify_enrolment_file(parse_enrolment_file(file), spoken=spoken, at=at)
    catalogue = verify_catalogue(content.catalogue, content.publisher_key, at=at)
    trust_list = verify_trust_list(content.trust_list, content.publisher_key, at=at)
    # (2)
    identity = _new_identity(content, file, entropy=entropy)
    new_sets = (
        sets.StoredSet(sets.StoredSetKind.CATALOGUE, catalogue.version, content.catalogue, catalogue.expires_at, at),
        sets.StoredSet(
            sets.StoredSetKind.TRUST_LIST, trust_list.version, content.trust_list, trust_list.expires_at, at
        ),
    )
    with database.write_transaction() as tables:
        node_identity.ask(tables, identity, at=at)
        for new in new_sets:
            if sets.add(tables, new):
                audit.append(tables, audit.Action.SET_IMPORTED, f"{new.kind}:{new.version}", actor=by, at=at)
        audit.append(tables, audit.Action.ENROLMENT_REQUESTED, f"node:{identity.node}", actor=by, at=at)


def finish_enrolment(database: Database, api: CentralApi, *, at: int, by: str) -> NodeIdentity:
    """Steps 3 and 4; the errors are those of `enrol`, and StoreError NOT_ENROLLED where no file was read yet."""
    with database.read() as tables:
        identity = node_identity.find(tables)
    if identity is None:
        raise StoreError(StoreCode.NOT_ENROLLED, "no enrolment file was read yet")
    if identity.enrolled_at is not None:
        return identity
    # (3)
    data = api.enrol(identity.sealed_request)
    # (4)
    request = enrolment.verify_enrolment_request(identity.request)
    answer = enrolment.verify_enrolment_answer(data, identity.publisher_key, request=request)
    with database.write_transaction() as tables:
        asking = node_identity.find(tables)
        if asking is None or asking.request_digest != identity.request_digest:
            # Another file was read while the answer was on its way; this answer is for keys that are gone.
            raise StoreError(StoreCode.NOT_ENROLLED, "another enrolment file was read meanwhile")
        if asking.enrolled_at is not None:
            return asking
        node_identity.confirm(tables, epoch=answer.epoch, at=at)
        node_identity.keep_answer(tables, data)
        if answer.first_dose > 1:
            # The centre holds doses of a store that was before this one; what was recorded since the request may carry
            # their numbers.
            dose_numbers.reserve(tables, answer.first_dose, epoch=answer.epoch, at=at)
            for sequence in dose_numbers.open_sequences(tables):
                if sequence < answer.first_dose:
                    dose_numbers.take(tables, sequence, epoch=answer.epoch, at=at)
        details = f"epoch {answer.epoch}, doses from {answer.first_dose}"
        audit.append(tables, audit.Action.ENROLLED, f"node:{identity.node}", actor=by, at=at, details=details)
        return node_identity.get(tables)


def _new_identity(content: EnrolmentFile, file: bytes, *, entropy: Entropy) -> NodeIdentity:
    node_key, opening_key = fresh_private_key(entropy), fresh_private_key(entropy)
    request = enrolment.sign_enrolment_request(
        enrolment.EnrolmentRequest(
            node=content.node,
            one_time_code=content.one_time_code,
            node_key=node_key.public_key(),
            node_sealing_key=opening_key.public_key(),
        ),
        KeySigner(node_key),
    )
    sealing_key = load_ec_public_key(encode_public_key(content.sealing_key))
    return NodeIdentity(
        node=content.node,
        facility=content.facility,
        facility_name=content.facility_name,
        centre_url=content.centre_url,
        epoch=0,
        node_key=node_key,
        opening_key=opening_key,
        publisher_key=content.publisher_key,
        sealing_key=sealing_key,
        ledger_key=content.ledger_key,
        enrolment_file=file,
        request=request,
        sealed_request=seal(request, recipient=sealing_key, entropy=entropy),
        request_digest=enrolment.request_digest(request),
        enrolled_at=None,
    )

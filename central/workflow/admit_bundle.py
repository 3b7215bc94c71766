"""Takes in one bundle: the checks in order, the verdicts, the ledger entry, the receipt; all of it or nothing.

1. the same sealed bytes came before: their first answer, byte for byte;
2. size, envelope, inner message; the same inner message came before: its first answer;
3. the node, its signature, the place in its chain (a second history of the node is kept as a fork);
4. the checks of the batch as a whole, or of what else the bundle carries; a failure here is poison: it takes its place
   in the chain, refused;
5. the population database is asked about everybody at once;
6. `append_bundle`: under the ledger lock, places are looked at again, verdicts found, everything stored; commit.

The costly part, (2) to (5), holds no lock. Another worker may take in the same bundle, or another one of the same
node, meanwhile: that is why (6) looks again.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from central.domain import admission
from central.domain.admission import CheckedBatch, PlaceError, Surroundings, Trust
from central.domain.closing import check_closing
from central.domain.ledger import LedgerTree
from central.domain.node import KnownNode, NodeState
from central.domain.people import UNKNOWN, RegistryAnswer, is_asked, registry_question
from central.domain.registration import check_registration
from central.domain.signature_standing import Revocations
from central.registry.registry import RegistryClient
from central.store import bundles, crls, doses, facilities, ledger, nodes, trust
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.store.trust import CertificateRole
from central.workflow.answer_questions import answer_questions
from central.workflow.append_bundle import CheckedBundle, append_bundle
from central.workflow.carried_handovers import carried_handovers, hub_ground
from central.workflow.chain_place import head_time_of, place_problem
from central.workflow.lost_history import check_not_awaited, keep_claim
from central.workflow.take_handover import check_handed_back, check_handover
from sync_protocol.bundle import BundleKind, VerifiedBundle, parse_bundle
from sync_protocol.certificate import Certificate
from sync_protocol.crl import Listed
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint
from sync_protocol.sealing import open_sealed, sealed_digest


def admit_bundle(
    sealed: bytes, *, engine: Engine, keys: KeyRing, registry: RegistryClient, tree: LedgerTree, now: int
) -> bytes:
    """Takes in one sealed bundle.

    Args:
        sealed: the body as received, unverified.
        engine: the store.
        keys: the centre's keys.
        registry: the national population database.
        tree: this process's copy of the ledger's tree.
        now: epoch seconds, UTC: the arrival.

    Returns:
        The receipt, encoded; also for a bundle that is refused but holds its place in its chain.

    Raises:
        ProtocolError: the bundle takes no place and the store is unchanged (except for the fork that is kept);
            `PlaceError` names the head that the centre holds.
        StoreError: the store is away or busy; the sender tries again.
        TokenError: the ledger key cannot sign now; nothing is stored.
    """
    # SPEC 8 (1)
    admission.check_size(sealed)
    envelope = sealed_digest(sealed)
    with read_transaction(engine) as connection:
        if (answer := bundles.answer_to_sealed(connection, envelope)) is not None:
            return answer
    # SPEC 8 (2)
    unverified = parse_bundle(open_sealed(sealed, keys.sealing))
    place, lost = None, None
    with read_transaction(engine) as connection:
        claimed = unverified.claimed
        node = nodes.known_node(connection, claimed.node, epoch=claimed.epoch)
        # SPEC 8 (3) to (5)
        verified = admission.check_node(unverified, node)
        assert node is not None
        known_answer = bundles.answer_to_inner(connection, verified.digest)
        trusted = _trust_for(connection, node.facility, engine=engine)
        last_claimed_at = doses.last_claimed_at(connection, node.code, epoch=claimed.epoch)
        # The ledger's time never goes back: beside a clock that did, every batch would seem to come too early.
        newest = ledger.newest_head(connection)
        now = now if newest is None else max(now, newest.head.at)
        # SPEC 8 (6)
        try:
            place = None if known_answer is not None else place_problem(connection, verified, node)
        except ProtocolError as error:
            lost = error
    if (lost is not None or place is not None) and verified.bundle.known_head is not None:
        # The bundle stays due at its node; what its head shows of this ledger stays here.
        keep_claim(engine, verified.bundle.known_head, node=verified.bundle.node, at=now)
    if lost is not None:
        raise lost
    if known_answer is not None:
        # The same message in another envelope: the answer is the first one all the same.
        with write_transaction(engine) as connection:
            bundles.put_seal(connection, envelope, digest=verified.digest)
        return known_answer
    if place is not None:
        if place.code is Code.FORKED:
            _keep_fork(engine, verified, now=now)
        raise _as_said(place, verified)
    checked = _check_content(
        verified, node, engine=engine, registry=registry, trust=trusted, last_claimed_at=last_claimed_at, now=now
    )
    try:
        return append_bundle(checked, envelope, engine=engine, keys=keys, tree=tree, now=now)
    except PlaceError as error:
        if error.code is Code.FORKED:
            _keep_fork(engine, verified, now=now)
        raise _as_said(error, verified) from None


def _as_said(place: PlaceError, verified: VerifiedBundle) -> PlaceError:
    """What the sender is told: a machine whose epoch is over waits for nobody's decision, another one goes on."""
    if place.head.epoch <= verified.bundle.epoch:
        return place
    return PlaceError(Code.EPOCH, "bundle: another machine of this node goes on in a later epoch", head=place.head)


def _trust_for(connection: Connection, facility: str, *, engine: Engine) -> Trust:
    def listed(certificate: Certificate) -> Listed | None:
        # Which certificates stand on the path is known only later, when this connection is closed.
        with read_transaction(engine) as later:
            return crls.listed_in(later, certificate)

    registered = facilities.registrations_of(connection, facility)
    return Trust(
        anchors=trust.trusted(connection, CertificateRole.ORGANISATION_ANCHOR),
        intermediates=trust.trusted(connection, CertificateRole.ORGANISATION_INTERMEDIATE),
        seen=trust.seen_with_serials(connection, registered),
        revocations=Revocations(trust.revocations(connection), listed),
        registered=registered,
    )


def _keep_fork(engine: Engine, verified: VerifiedBundle, *, now: int) -> None:
    # Both histories are kept, no dose of either is lost, and a person decides (PROTOCOL 6).
    bundle = verified.bundle
    with write_transaction(engine) as connection:
        # Whoever grants a new epoch meanwhile holds it too: the node that goes on is not stopped by the old machine.
        lock_ledger(connection)
        bundles.put_fork(connection, verified, received_at=now)
        node = nodes.known_node(connection, bundle.node, epoch=bundle.epoch)
        assert node is not None
        # A machine of an epoch that a new enrolment has ended cannot stop the node that took its place, and a node that
        # was locked out meanwhile stays so.
        if node.state is NodeState.ENROLLED and node.head.epoch == bundle.epoch:
            nodes.set_state(connection, bundle.node, NodeState.FORKED)


def _check_content(
    verified: VerifiedBundle,
    node: KnownNode,
    *,
    engine: Engine,
    registry: RegistryClient,
    trust: Trust,
    last_claimed_at: int | None,
    now: int,
) -> CheckedBundle:
    def head_time(claimed: Checkpoint) -> int | None:
        with read_transaction(engine) as connection:
            return head_time_of(connection, claimed)

    kind, facility = verified.bundle.kind, node.facility
    try:
        # SPEC 8 (7) to (14)
        admission.check_kind(kind)
        carried = carried_handovers(verified, hub=facility, engine=engine)
        around = Surroundings(
            facility=facility,
            trust=trust,
            head_time=head_time,
            last_claimed_at=last_claimed_at,
            arrived_at=now,
            hub=hub_ground(carried, hub=facility, engine=engine),
        )
        batch = admission.check_batch(verified, around) if kind is BundleKind.BATCH else None
        closing = check_closing(verified, facility) if kind is BundleKind.CLOSING else None
        registration = check_registration(verified, around) if kind is BundleKind.REGISTRATION else None
        is_handover = kind is BundleKind.DOSES
        handover = check_handover(verified, site=facility, engine=engine, now=now) if is_handover else None
        back = check_handed_back(verified, hub=facility, engine=engine) if kind is BundleKind.HANDED_BACK else None
        is_asking = kind is BundleKind.QUESTIONS
        asked = answer_questions(verified, engine=engine, registry=registry, now=now) if is_asking else None
    except ProtocolError as error:
        check_not_awaited(engine, verified.bundle, error.code, now=now)
        return CheckedBundle(verified, batch=None, closing=None, answers=(), refusal=error.code)
    answers = () if batch is None else _ask_registry(batch, registry)
    return CheckedBundle(
        verified,
        batch=batch,
        closing=closing,
        answers=answers,
        refusal=None,
        registration=registration,
        handover=handover,
        back=back,
        asked=asked,
        carried=carried,
    )


def _ask_registry(batch: CheckedBatch, registry: RegistryClient) -> tuple[RegistryAnswer, ...]:
    recipients = [dose.recipient for dose in batch.verified.doses]
    asked = [place for place, recipient in enumerate(recipients) if is_asked(recipient)]
    answers = [UNKNOWN] * len(recipients)
    found = registry.answer([registry_question(recipients[place]) for place in asked])
    for place, answer in zip(asked, found, strict=True):
        answers[place] = answer
    return tuple(answers)

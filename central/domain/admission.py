"""The numbered checks of PROTOCOL 8 that a bundle passes before anything is said of its doses.

Each is a function of values; a failure raises with its own code, and nothing after it is looked at. Checks (1) to (6)
decide whether the bundle takes its place in its node's chain at all: after a failure there the store is as it was. A
failure in (7) to (14) is *poison*: the bundle holds its place, its refusal is signed, and the chain goes on behind it,
so that one bad bundle never blocks a site. What is said of each dose, (15) to (19), stands in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.domain.delegation import HubGround, check_handed, objections_to_delegation
from central.domain.node import KnownNode, NodeState, require_in
from central.domain.signature_standing import (
    Objection,
    Revocations,
    deciding,
    objections_to_path,
    objections_to_registration,
    path_in_window,
)
from central.domain.signing_window import SigningWindow
from sync_protocol import certificate as certificates
from sync_protocol import days, limits, names
from sync_protocol.batch import UnverifiedBatch, VerifiedBatch, parse_batch, verify_batch
from sync_protocol.bundle import BundleKind, UnverifiedBundle, VerifiedBundle, parse_batch_body, verify_bundle
from sync_protocol.certificate import Certificate
from sync_protocol.chain_head import ChainHead
from sync_protocol.columns import unpack_doses
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint, Manifest, Purpose, check_manifest

# A batch that arrives within six hours after its day proves the day; later it is claimed only (THREATS).
PROOF_SECONDS: Final = 6 * 3_600
# A report is kept in the ledger as it came; a closing sheet is read too, by `closing`.
_UNTAKEN_KINDS: Final = frozenset({BundleKind.ANSWERS})


class PlaceError(ProtocolError):
    """The bundle is not the next link of its node's chain; `head` says which one is the newest."""

    def __init__(self, code: Code, rule: str, *, head: ChainHead) -> None:
        super().__init__(code, rule)
        self.head = head


class DayProof(StrEnum):
    """Whether the day of a same-day batch is proven by its arrival; none for other purposes."""

    PROVEN = "proven"
    CLAIMED = "claimed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Registration:
    """A certificate serial number registered for a facility.

    Attributes:
        officer: name of the signing officer, or "" where the facility's seal signs.
        valid_from, valid_until: epoch seconds, UTC; `valid_until` None while it is in force.
    """

    officer: str
    valid_from: int
    valid_until: int | None


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the centre trusts to sign batches of one facility.

    Attributes:
        anchors: authorities of organisation certificates.
        intermediates: authorities between, known to the centre.
        seen: organisation certificates that came before, by thumbprint; no trust by itself.
        revocations: what was taken back.
        registered: what is registered for the facility, by serial number in upper hex.
    """

    anchors: Sequence[Certificate]
    intermediates: Sequence[Certificate]
    seen: Mapping[bytes, Certificate]
    revocations: Revocations
    registered: Mapping[str, Registration]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else the checks of a batch need.

    Attributes:
        facility: the node's facility.
        trust: who may sign for it.
        head_time: when the ledger had exactly this head, or None if it never had it.
        last_claimed_at: the claimed time of the node's batch before, or None.
        arrived_at: epoch seconds, UTC.
        hub: by what the facility may sign for others.
    """

    facility: str
    trust: Trust
    head_time: Callable[[Checkpoint], int | None]
    last_claimed_at: int | None
    arrived_at: int
    hub: HubGround


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch that passed (7) to (14).

    Attributes:
        statement: the signed statement as it came.
        verified: doses, leaves, certificate.
        window: within which it was signed.
        day_proof: what is proven of its day.
        doubt: why all its doses wait although the batch is genuine, or None.
        secret: 32 bytes, from which the salts come.
    """

    statement: bytes
    verified: VerifiedBatch
    window: SigningWindow
    day_proof: DayProof
    doubt: Code | None
    secret: bytes

    @property
    def manifest(self) -> Manifest:
        return self.verified.statement.manifest


def check_size(sealed: bytes) -> None:
    """Bounds the envelope before it is opened. Raises TOO_LARGE."""
    # SPEC 8 (1)
    if len(sealed) > limits.SEALED_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"bundle: more than {limits.SEALED_BYTES} bytes")


def check_node(unverified: UnverifiedBundle, node: KnownNode | None) -> VerifiedBundle:
    """Checks that an enrolled node signed the bundle.

    Raises:
        ProtocolError: NODE_UNKNOWN, NODE_DENIED, SIGNATURE_INVALID, LEDGER_EPOCH, ALGORITHM or CONTENT_TYPE.
    """
    # SPEC 8 (3)
    node = require_in(node, what="bundle")
    # SPEC 8 (4). (5), the version, is read before the signature, since it says how to read it.
    return node.verified(unverified.claimed.epoch, lambda key: verify_bundle(unverified, key))


def check_place(verified: VerifiedBundle, node: KnownNode) -> None:
    """Checks that the bundle is the next link of its node's chain.

    Raises:
        PlaceError: EPOCH, NOT_NEXT or FORKED, with the head that the centre holds.
    """
    # SPEC 8 (6)
    bundle, head = verified.bundle, node.head
    if bundle.epoch != head.epoch:
        raise PlaceError(Code.EPOCH, "bundle: the node's epoch is another", head=head)
    if node.state is NodeState.FORKED:
        raise PlaceError(Code.FORKED, "bundle: the node has two histories; a person decides", head=head)
    if bundle.sequence != head.sequence + 1:
        raise PlaceError(Code.NOT_NEXT, "bundle: is not the next of its chain", head=head)
    if bundle.previous != head.digest:
        raise PlaceError(Code.NOT_NEXT, "bundle: names another predecessor than the one held", head=head)


def check_kind(kind: BundleKind) -> None:
    """Refuses kinds that this centre cannot act on, rather than promise to have taken them. Raises KIND_UNKNOWN."""
    if kind in _UNTAKEN_KINDS:
        raise ProtocolError(Code.KIND_UNKNOWN, f"bundle: kind {kind.value} is not taken by this centre")


def check_batch(verified: VerifiedBundle, around: Surroundings) -> CheckedBatch:
    """Checks a `batch` bundle as a whole.

    Raises:
        ProtocolError: with the code of the first check of (7) to (14) that fails.
    """
    body = parse_batch_body(verified.bundle.body)
    unverified = parse_batch(body.statement)
    manifest = unverified.statement.manifest
    # SPEC 8 (7)
    check_manifest(manifest)
    if manifest.node != verified.bundle.node or manifest.facility != around.facility:
        raise ProtocolError(Code.FACILITY_MISMATCH, "manifest: node or facility are not those of the bundle")
    if manifest.for_node and around.hub.site_of(manifest.for_node) != manifest.for_facility:
        raise ProtocolError(Code.FACILITY_MISMATCH, "manifest: for_node is no node of for_facility")
    # SPEC 8 (8)
    doses = unpack_doses(body.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    # SPEC 8 (9) to (11)
    signer = _signer_of(unverified, around.trust)
    batch = verify_batch(unverified, doses, body.secret, certificate=signer)
    window = _window(manifest, around)
    # SPEC 8 (12)
    doubt = _check_certificate(unverified, signer, around.trust, window=window)
    # SPEC 8 (13)
    doubt = _check_registration(signer, manifest, around.trust, window=window) or doubt
    # SPEC 8 (14)
    day_proof = _check_purpose(manifest, around, window=window)
    if manifest.for_node:
        doubt = _weigh(objections_to_delegation(manifest, around.hub.delegations, window=window)) or doubt
        check_handed(manifest, doses, around.hub)
    return CheckedBatch(
        body.statement, verified=batch, window=window, day_proof=day_proof, doubt=doubt, secret=body.secret
    )


def _signer_of(unverified: UnverifiedBatch, trust: Trust) -> Certificate:
    if unverified.certificates:
        return unverified.certificates[0]
    found = trust.seen.get(unverified.thumbprint)
    if found is None:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "batch: its certificate came neither along nor before")
    return found


def _window(manifest: Manifest, around: Surroundings) -> SigningWindow:
    head = manifest.checkpoint
    if head is None:
        return SigningWindow(0, around.arrived_at)
    # The bound is worth as much as the head is ours: an invented one proves nothing.
    at = around.head_time(head)
    if at is None:
        raise ProtocolError(Code.HEAD_INCONSISTENT, "manifest: the checkpoint is no head of this ledger")
    return SigningWindow(at, around.arrived_at)


def _check_certificate(
    unverified: UnverifiedBatch, signer: Certificate, trust: Trust, *, window: SigningWindow
) -> Code | None:
    offered = (*unverified.certificates[1:], *trust.intermediates)
    path = path_in_window(signer, offered, anchors=trust.anchors, window=window)
    claimed_at = unverified.statement.manifest.claimed_at
    return _weigh(objections_to_path(path, trust.revocations, window=window, claimed_at=claimed_at))


def _check_registration(signer: Certificate, manifest: Manifest, trust: Trust, *, window: SigningWindow) -> Code | None:
    held = trust.registered.get(certificates.serial_text(signer.serial))
    if held is None:
        raise ProtocolError(Code.CERTIFICATE_UNREGISTERED, "batch: the serial is not registered for this facility")
    if held.officer and names.fold(held.officer) != names.fold(manifest.signer_name):
        raise ProtocolError(Code.CERTIFICATE_UNREGISTERED, "batch: the serial is registered for another officer")
    start, end = held.valid_from, held.valid_until
    return _weigh(objections_to_registration(start, end, window=window, claimed_at=manifest.claimed_at))


def _weigh(objections: Iterable[Objection]) -> Code | None:
    """Refuses by a final objection; otherwise gives the code of the doubt, or None."""
    found = deciding(objections)
    if found is not None and found.is_final:
        raise ProtocolError(found.code, found.rule)
    return None if found is None else found.code


def _check_purpose(manifest: Manifest, around: Surroundings, *, window: SigningWindow) -> DayProof:
    claimed = manifest.claimed_at
    if not window.not_before <= claimed <= window.not_after + limits.CLOCK_AHEAD_SECONDS:
        raise ProtocolError(Code.TIME_WINDOW, "manifest: the claimed time lies outside what is proven")
    if around.last_claimed_at is not None and claimed < around.last_claimed_at:
        raise ProtocolError(Code.TIME_WINDOW, "manifest: the claimed time goes back behind the batch before")
    day = days.local_day(claimed)
    match manifest.purpose:
        case Purpose.SAME_DAY:
            if not manifest.first_day == manifest.last_day == day:
                raise ProtocolError(Code.PURPOSE, "manifest: a same-day batch is signed on the day of its doses")
            # Not signed before the end of that day: the checkpoint is younger than the day, so the claim is false.
            if window.not_before >= days.day_end(day):
                raise ProtocolError(Code.PURPOSE, "manifest: signed after the day that it claims")
            proven = window.not_after <= days.day_end(day) + PROOF_SECONDS
            return DayProof.PROVEN if proven else DayProof.CLAIMED
        # The day of a delegated batch is that of the site and not of the signer; how late it is signed stays in sight.
        case Purpose.BACKLOG | Purpose.CORRECTION | Purpose.DELEGATED:
            if manifest.last_day > day:
                raise ProtocolError(Code.PURPOSE, "manifest: doses given after they were signed for")
            return DayProof.NONE

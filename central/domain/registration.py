"""What the centre checks of a request for registration, and what it decides without an operator.

A request that comes with a certificate is checked like a batch: the certificate leads to an anchor, was valid and not
revoked in the window in which the proof was signed. What is certainly wrong refuses the bundle; a doubt leaves the
decision to an operator. A number alone proves nothing, and says nothing that could be checked.
"""

from __future__ import annotations

from dataclasses import dataclass

from central.domain.admission import Registration, Surroundings
from central.domain.signature_standing import Objection, objections_to_path, path_in_window
from central.domain.signing_window import SigningWindow
from sync_protocol import limits, names
from sync_protocol.bundle import VerifiedBundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.registration import Place, Possession, RegistrationRequest, parse_registration, verify_possession


@dataclass(frozen=True, slots=True)
class CheckedRegistration:
    """A request that passed its checks.

    Attributes:
        facility, node: who asks.
        request: what is asked; its proof, where it has one, was verified.
        doubt: what an operator should know of the certificate, or None.
    """

    facility: str
    node: str
    request: RegistrationRequest
    doubt: Code | None

    @property
    def is_proven(self) -> bool:
        """Whether the site has shown that it holds the key."""
        return bool(self.request.chain)


def check_registration(verified: VerifiedBundle, around: Surroundings) -> CheckedRegistration:
    """Checks a `registration` bundle.

    Args:
        verified: signed by its node, the next of its chain.
        around: the node's facility, and whom the centre trusts.

    Raises:
        ProtocolError: what `parse_registration` and `verify_possession` raise; HEAD_INCONSISTENT, TIME_WINDOW;
            CERTIFICATE_UNTRUSTED, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_REVOKED, KEY_USAGE.
    """
    bundle = verified.bundle
    # SPEC 8 (7), 4.6
    request = parse_registration(bundle.body)
    if not request.chain:
        return CheckedRegistration(around.facility, bundle.node, request, doubt=None)
    # SPEC 8 (11)
    possession = verify_possession(request, Place(around.facility, bundle.node, bundle.epoch, bundle.previous))
    window = _window(possession, around)
    # SPEC 8 (12)
    offered = (*request.chain[1:], *around.trust.intermediates)
    path = path_in_window(request.chain[0], offered, anchors=around.trust.anchors, window=window)
    found = objections_to_path(path, around.trust.revocations, window=window, claimed_at=possession.claimed_at)
    return CheckedRegistration(around.facility, bundle.node, request, doubt=_weigh(list(found)))


def is_on_record(checked: CheckedRegistration, held: Registration | None, *, now: int) -> bool:
    """Whether an operator has put just this on record before: the same number, in force, for the same officer."""
    if held is None or (held.valid_until is not None and held.valid_until <= now):
        return False
    return not held.officer or names.fold(held.officer) == names.fold(checked.request.officer)


def accepted_registration(
    officer: str, *, not_before: int | None, held: Registration | None, until: int | None = None
) -> Registration:
    """What is written when a request is accepted.

    Args:
        officer: as asked.
        not_before: the certificate's own start, epoch seconds UTC; None where only its number is known.
        held: what was registered under this number before: what was signed then stays good.
        until: end of the registration, or None.
    """
    start = not_before or 0
    return Registration(officer, min(start, held.valid_from) if held is not None else start, until)


def _window(possession: Possession, around: Surroundings) -> SigningWindow:
    head = possession.checkpoint
    at = 0 if head is None else around.head_time(head)
    if at is None:
        raise ProtocolError(Code.HEAD_INCONSISTENT, "proof of possession: the checkpoint is no head of this ledger")
    if not at <= possession.claimed_at <= around.arrived_at + limits.CLOCK_AHEAD_SECONDS:
        raise ProtocolError(Code.TIME_WINDOW, "proof of possession: the claimed time lies outside what is proven")
    return SigningWindow(at, around.arrived_at)


def _weigh(found: list[Objection]) -> Code | None:
    for objection in found:
        if objection.is_final:
            raise ProtocolError(objection.code, objection.rule)
    return found[-1].code if found else None

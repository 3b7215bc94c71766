"""Whether a hub may sign for a site: by which delegation doses are handed over, and what stands against a signature.

A handover needs a delegation that is open when it arrives. A signature is judged by its window, as an end of a
certificate is: wholly after the delegation's end it is refused, around the end a person decides. The start is held
against the claimed time and the arrival alone: a hub that sends little knows only an old head of the ledger, and nobody
gains by signing early what he may sign later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from central.domain.signature_standing import Objection
from central.domain.signing_window import Against, SigningWindow
from sync_protocol.days import local_day
from sync_protocol.delegation import DelegationKind, one_day_bounds
from sync_protocol.dose import Dose, encode_dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.handover import Handover
from sync_protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class HeldDelegation:
    """A delegation as the centre keeps it; the fields are those of `sync_protocol.delegation.Delegation`."""

    number: int
    site: str
    hub: str
    hub_node: str
    kind: DelegationKind
    valid_from: int
    valid_until: int | None

    def is_open(self, at: int) -> bool:
        """Whether it holds at an instant (epoch seconds, UTC)."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def covers_days(self, first_day: str, last_day: str) -> bool:
        """Whether doses of these local days may be signed by it at all; one on call covers nothing by itself."""
        match self.kind:
            case DelegationKind.STANDING:
                return True
            case DelegationKind.ON_CALL:
                return False
            case DelegationKind.ONE_DAY:
                return first_day == last_day == local_day(self.valid_from)


@dataclass(frozen=True, slots=True)
class Ground:
    """By what doses are handed over.

    Attributes:
        delegation: the delegation; one on call where the handover asks for a day.
        asks_day: the day for which a one-day delegation is to be made, or "".
    """

    delegation: HeldDelegation
    asks_day: str


@dataclass(frozen=True, slots=True)
class HubGround:
    """What is known of delegated signing when a batch of a hub is checked.

    Attributes:
        delegations: of the hub, and those that handovers ask for which came along.
        site_of: the facility of a node, or None where there is no such node.
        handed: what the hub got of a node's doses and did not hand back: by sequence the digests of their contents.
    """

    delegations: Sequence[HeldDelegation]
    site_of: Callable[[str], str | None]
    handed: Callable[[str, Iterable[int]], Mapping[int, frozenset[bytes]]]


def content_digest(dose: Dose) -> bytes:
    """SHA-256 over the dose's one encoding, 32 bytes."""
    return hashlib.sha256(encode_dose(dose)).digest()


def check_handed(manifest: Manifest, doses: Sequence[Dose], ground: HubGround) -> None:
    """Checks that a delegated batch holds what one node of the site handed over, byte for byte, and each dose once.

    A hub that changes or invents a dose signs nothing at all: the site could not rebuild the tree of such a batch.

    Raises:
        ProtocolError: FACILITY_MISMATCH, DOSE_REPEATED or HANDOVER.
    """
    if any((dose.node, dose.facility) != (manifest.for_node, manifest.for_facility) for dose in doses):
        raise ProtocolError(Code.FACILITY_MISMATCH, "batch: a delegated batch holds doses of one node of one site")
    sequences = [dose.sequence for dose in doses]
    if len(set(sequences)) != len(sequences):
        raise ProtocolError(Code.DOSE_REPEATED, "batch: a dose id stands in it twice")
    handed = ground.handed(manifest.for_node, sequences)
    if any(content_digest(dose) not in handed.get(dose.sequence, ()) for dose in doses):
        raise ProtocolError(Code.HANDOVER, "batch: a dose that the site did not hand over as it stands here")


def ground_of(handover: Handover, delegations: Sequence[HeldDelegation], *, site: str, at: int) -> Ground:
    """Finds the delegation by which a site hands doses over.

    1. a standing one, or one for the doses' day, that is open now, the newest first;
    2. else, where the handover asks for its day, one on call that is open now; the day has begun, and its time for
       signing is not over.

    Args:
        handover: parsed.
        delegations: of the site, by number.
        site: the site's code.
        at: epoch seconds, UTC: the arrival.

    Raises:
        ProtocolError: DELEGATION, none covers it.
    """
    held = [item for item in delegations if (item.site, item.hub) == (site, handover.hub) and item.is_open(at)]
    # (1)
    for item in reversed(held):
        if item.covers_days(handover.first_day, handover.last_day):
            return Ground(item, "")
    # (2)
    if handover.asks_day:
        start, end = one_day_bounds(handover.asks_day)
        for item in reversed(held):
            if item.kind is DelegationKind.ON_CALL and start <= at < end:
                return Ground(item, handover.asks_day)
    raise ProtocolError(Code.DELEGATION, "handover: no delegation of this site to that hub covers it")


def objections_to_delegation(
    manifest: Manifest, delegations: Sequence[HeldDelegation], *, window: SigningWindow
) -> Sequence[Objection]:
    """What stands against a delegated signature: the least that any delegation of the pair leaves.

    Args:
        manifest: of purpose *delegated*.
        delegations: any; those of other pairs are passed over.
        window: within which it was signed.

    Returns:
        Nothing where one delegation covers days and time wholly; else a doubt where one may; else a refusal.
    """
    doubts: Sequence[Objection] = ()
    for item in delegations:
        is_pair = (item.site, item.hub) == (manifest.for_facility, manifest.facility)
        if not is_pair or not item.covers_days(manifest.first_day, manifest.last_day):
            continue
        found = list(_of_time(item, window, claimed_at=manifest.claimed_at))
        if not found:
            return ()
        if not any(objection.is_final for objection in found):
            doubts = doubts or found
    if doubts:
        return doubts
    rule = "manifest: no delegation covers this site, signer, time and these days"
    return (Objection(Code.DELEGATION, rule, window.not_after, True),)


def _of_time(held: HeldDelegation, window: SigningWindow, *, claimed_at: int) -> Iterator[Objection]:
    start, end = held.valid_from, held.valid_until
    begun = window.against_start(start, claimed_at=claimed_at)
    if begun is not Against.AFTER:
        rule = "manifest: signed before the delegation's start"
        yield Objection(Code.DELEGATION, rule, start, begun is Against.BEFORE)
    if end is not None and (over := window.against(end)) is not Against.BEFORE:
        yield Objection(Code.DELEGATION, "manifest: signed after the delegation's end", end, over is Against.AFTER)

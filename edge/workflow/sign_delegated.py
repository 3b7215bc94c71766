"""A hub plans what it signs for a site, and hands back what it does not sign.

The pass itself goes through the same journal as the node's own (`prepare_pass`, `sign_pass`): the doses come from
another node, and that is all. A batch holds doses of one site node; what is too much for one turn waits for the next.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge.domain.handover import covers
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.signing_pass import Candidate, Line, PlannedPass, person_key, split
from edge.domain.waiting import Waiting
from edge.store import audit, delegations, hub_doses, node_identity
from edge.store.audit import Action
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.store.hub_doses import SiteQueue, WaitingDose
from edge.workflow.plan_passes import signing_rules
from edge.workflow.seal_bundle import seal_bundle
from sync_protocol import cbor
from sync_protocol.batch import Purpose
from sync_protocol.bundle import BundleKind
from sync_protocol.catalogue import Policy
from sync_protocol.days import local_day
from sync_protocol.delegation import DelegationKind
from sync_protocol.dose import Dose, encode_dose
from sync_protocol.errors import Code
from sync_protocol.handover import HandedBack, encode_handed_back
from sync_protocol.limits import CARRIED_DOSES, CARRIED_HANDOVERS, LONG_CHARS
from sync_protocol.sealing import Entropy


@dataclass(frozen=True, slots=True)
class DelegatedPlan:
    """What one turn at the token signs for a site.

    Attributes:
        planned: the pass, or None where nothing can be signed now.
        left: doses that could be signed but are more than one turn may hold, or of another day than a one-day
            delegation lets sign together.
        refused: how many cannot be signed now, by reason: a `Waiting`, or the centre's code.
        waiting: all doses of the site's node that wait, signable or not, by sequence.
        late_reason: why these doses are signed later.
        digest: what the signature is bound to, see `delegated_digest`; b"" where nothing can be signed.
    """

    queue: SiteQueue
    planned: PlannedPass | None
    left: int
    refused: tuple[tuple[str, int], ...]
    waiting: tuple[Dose, ...]
    late_reason: str
    digest: bytes


def plan_delegated(
    tables: Tables,
    policy: Policy,
    node: str,
    *,
    now: int,
    sequences: Collection[int] | None = None,
    late_reason: str | None = None,
) -> DelegatedPlan:
    """Plan the next turn for a site's node.

    Args:
        policy: of the catalogue that holds.
        node: the site's node.
        now: epoch seconds UTC.
        sequences: the doses that may be in it; None for all that wait.
        late_reason: why they are signed later; None for what the site said.

    Raises:
        PassRefusedError: NOTHING_TO_SIGN where none of its doses waits here.
        StoreError: NOT_ENROLLED.
    """
    queue = hub_doses.queue_of(tables, node)
    if queue is None:
        raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
    now_open = [one for one in delegations.as_hub(tables, node_identity.codes(tables).node) if one.is_open(now)]
    waiting = hub_doses.waiting(tables, node)
    refused: Counter[str] = Counter()
    free: dict[int, WaitingDose] = {}
    for one in waiting:
        day = local_day(one.dose.given_at)
        if not covers(now_open, site=queue.site, asks_day=one.asks_day, given_day=day, now=now):
            refused[Code.DELEGATION.value] += 1
        elif one.dose.given_at > now:
            refused[Waiting.DOSE_DAY.value] += 1
        else:
            free[one.dose.sequence] = one
    is_standing = any(one.site == queue.site and one.kind is DelegationKind.STANDING for one in now_open)
    asked = [one for one in free.values() if sequences is None or one.dose.sequence in sequences]
    wanted = _together(asked, is_standing=is_standing)
    parts = list(split([_line(one) for one in wanted], signing_rules(tables, policy, now=now)))
    taken = [free[line.facts.sequence] for line in parts[0]] if parts else []
    planned = _planned(taken) if taken else None
    reason = late_reason_of(queue) if late_reason is None else late_reason
    return DelegatedPlan(
        queue,
        planned,
        left=len(free) - len(taken),
        refused=tuple(sorted(refused.items())),
        waiting=tuple(one.dose for one in waiting),
        late_reason=reason,
        digest=b"" if planned is None else delegated_digest(planned, reason),
    )


def plan_shown(database: Database, policy: Policy, node: str, *, shown: bytes, now: int) -> PlannedPass:
    """Plan the turn that was previewed.

    Args:
        shown: digest of the plan as it was shown.

    Raises:
        PassRefusedError: NOTHING_TO_SIGN, SELECTION_CHANGED.
        StoreError: NOT_ENROLLED.
    """
    with database.read() as tables:
        plan = plan_delegated(tables, policy, node, now=now)
    if plan.planned is None:
        raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
    if plan.digest != shown:
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    return plan.planned


def delegated_digest(planned: PlannedPass, late_reason: str) -> bytes:
    """What is signed for a site: SHA-256 over its node, purpose, counts, days, reason, and each dose's own digest."""
    head = [planned.purpose.value, planned.doses[0].node, late_reason, planned.people, len(planned.doses)]
    shown = [[dose.sequence, hashlib.sha256(encode_dose(dose)).digest()] for dose in planned.doses]
    return hashlib.sha256(cbor.encode([*head, planned.first_day, planned.last_day, shown])).digest()


def late_reason_of(queue: SiteQueue) -> str:
    """Why these doses are signed later, where the hub's officer says nothing: what the site said."""
    return "; ".join(queue.reasons)[:LONG_CHARS]


def hand_back(
    database: Database, node: str, sequences: Sequence[int], *, reason: str, now: int, by: str, entropy: Entropy
) -> int:
    """Give waiting doses of a site's node back, one bundle for each handover; returns how many were given back.

    Args:
        node: the site's node.
        sequences: the doses.
        reason: in words, for the site.
        now: epoch seconds UTC.
        by: who decides it.

    Raises:
        RefusedError: REASON_MISSING; HANDBACK_EARLY for what came by stick alone; nothing was stored.
        PassRefusedError: SELECTION_CHANGED where one of them does not wait any more; nothing was stored.
        ProtocolError: FIELD_INVALID for a reason that nobody could read; nothing was stored.
        StoreError: nothing was stored.
    """
    reason = " ".join(unicodedata.normalize("NFC", reason).split())[:LONG_CHARS]
    if not reason:
        raise refuse(EdgeCode.REASON_MISSING, "reason")
    wanted = set(sequences)
    with database.write_transaction() as tables:
        found = [one for one in hub_doses.waiting(tables, node) if one.dose.sequence in wanted]
        if not found or len(found) != len(wanted):
            raise PassRefusedError(PassCode.SELECTION_CHANGED)
        if not all(one.is_confirmed for one in found):
            # The centre would refuse it: it knows nothing of this handover yet, nor whom to tell.
            raise refuse(EdgeCode.HANDBACK_EARLY, "dose")
        for digest in dict.fromkeys(one.digest for one in found):
            theirs = tuple(sorted(one.dose.sequence for one in found if one.digest == digest))
            body = encode_handed_back(HandedBack(digest, theirs, reason))
            sealed = seal_bundle(tables, BundleKind.HANDED_BACK, body, pass_id=None, now=now, entropy=entropy)
            place = (sealed.epoch, sealed.sequence)
            hub_doses.hand_back(tables, digest, theirs, reason=reason, by=by, at=now, bundle=place)
            details = f"bundle {place[0]}/{place[1]}, {len(theirs)} doses of {node}"
            audit.append(tables, Action.DOSES_HANDED_BACK, f"node:{node}", actor=by, at=now, details=details)
    return len(found)


def wait_again(tables: Tables, bundle: StoredBundle, *, actor: str, at: int, code: str) -> None:
    """Let doses wait again whose return the centre refused by receipt, in the transaction that keeps it."""
    if count := hub_doses.wait_again(tables, bundle.epoch, bundle.sequence):
        subject, details = f"bundle:{bundle.epoch}/{bundle.sequence}", f"{count} doses wait again, {code}"
        audit.append(tables, Action.HANDOVER_RETURNED, subject, actor=actor, at=at, details=details)


def _together(waiting: Sequence[WaitingDose], *, is_standing: bool) -> list[WaitingDose]:
    """Those that one batch may hold: of one day, the oldest, where the hub signs by the day; few that came by stick."""
    days = sorted({local_day(one.dose.given_at) for one in waiting})
    chosen = [one for one in waiting if is_standing or local_day(one.dose.given_at) == days[0]]
    sizes = {one.handover_id: one.together for one in chosen if not one.is_confirmed}
    by_stick, doses = set[int](), 0
    for handover_id in sorted(sizes)[:CARRIED_HANDOVERS]:
        # Whole handovers travel along, however few of their doses are signed here.
        doses += sizes[handover_id]
        if doses <= CARRIED_DOSES:
            by_stick.add(handover_id)
    return [one for one in chosen if one.is_confirmed or one.handover_id in by_stick]


def _line(one: WaitingDose) -> Line:
    return Line(Candidate(one.dose).facts, person_key(one.dose))


def _planned(taken: Sequence[WaitingDose]) -> PlannedPass:
    doses = tuple(one.dose for one in taken)
    days = sorted(local_day(dose.given_at) for dose in doses)
    return PlannedPass(
        Purpose.DELEGATED,
        doses,
        people=len({person_key(dose) for dose in doses}),
        first_day=days[0],
        last_day=days[-1],
    )

"""What could be signed now: the rules over everything that is recorded and in no live batch, dose by dose."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.signing_filter import SigningFilter
from edge.domain.signing_pass import Candidate, Outline, PassPlan, PlannedPass, Rules, outline, plan
from edge.store import doses, node_identity, passes, signing_queue
from edge.store.approvals import ApprovedPass
from edge.store.database import Database, Tables
from sync_protocol import cbor
from sync_protocol.batch import Purpose
from sync_protocol.catalogue import Policy


@dataclass(frozen=True, slots=True)
class Selection:
    """Ticked doses as a preview shows them.

    Attributes:
        outline: the lawful passes, and what is left out with its reason.
        late_reason: why doses of earlier days come now, "" if nobody said.
        parts: of each pass, SHA-256 over its purpose, its doses with the revisions of their people, and the reason. An
            approval is bound to them: another dose, another day or a changed person gives another digest.
        digest: SHA-256 over them all.
    """

    outline: Outline
    late_reason: str
    parts: tuple[bytes, ...]
    digest: bytes


def plan_passes(
    database: Database, policy: Policy, *, now: int, wanted: SigningFilter | None = None, late_reason: str = ""
) -> PassPlan:
    """Plan the passes over all unsigned doses that the filter lets through.

    Args:
        policy: of the catalogue that holds.
        now: epoch seconds UTC.
        wanted: None for all.
        late_reason: why doses of earlier days come now, as typed; without it they are refused with that reason.

    Raises:
        StoreError: NOT_ENROLLED.
    """
    with database.read() as tables:
        found = doses.assemble(tables, passes.unsigned(tables))
        rules = signing_rules(tables, policy, now=now, late_reason=late_reason)
    return plan((Candidate(dose) for dose in found if wanted is None or wanted.admits(dose)), rules)


def outline_selection(
    tables: Tables, policy: Policy, sequences: Sequence[int], *, now: int, late_reason: str = ""
) -> Selection:
    """Sort exactly these doses into passes, by their numbers alone; what cannot be signed is refused with its reason.

    Numbers that are no dose are left out. Raises StoreError NOT_ENROLLED.
    """
    rules = signing_rules(tables, policy, now=now, late_reason=late_reason)
    found = signing_queue.lines(tables, sequences, facility=rules.facility)
    outlined = outline((one.line for one in found), rules)
    revisions = {one.line.facts.sequence: one.revision for one in found}
    parts = tuple(_pass_digest(one.purpose, one.sequences, revisions, late_reason) for one in outlined.passes)
    return Selection(outlined, late_reason, parts, digest=selection_digest(parts, late_reason))


def outline_approved(
    tables: Tables, policy: Policy, wanted: Sequence[ApprovedPass], *, now: int, late_reason: str
) -> Selection:
    """Outline the passes of an approval, each by itself: what one of them has become changes nothing in another.

    Unchanged, each gives the one part that it was asked for with. Raises StoreError NOT_ENROLLED.
    """
    found = [outline_selection(tables, policy, one.sequences, now=now, late_reason=late_reason) for one in wanted]
    passes = tuple(
        replace(each, turn=one.turn)
        for one, selection in zip(wanted, found, strict=True)
        for each in selection.outline.passes
    )
    refused = tuple(one for selection in found for one in selection.outline.refused)
    parts = tuple(part for selection in found for part in selection.parts)
    return Selection(Outline(passes, refused), late_reason, parts, digest=selection_digest(parts, late_reason))


def selection_digest(parts: Sequence[bytes], late_reason: str) -> bytes:
    """The digest (32 bytes) of passes that are looked at together, from theirs."""
    return hashlib.sha256(cbor.encode([late_reason, list(parts)])).digest()


def planned_digest(tables: Tables, planned: PlannedPass, late_reason: str) -> bytes:
    """The digest (32 bytes) of a planned pass of own doses, as `Selection.parts` has it, by the rows of this moment."""
    found = signing_queue.lines(tables, planned.sequences, facility=planned.doses[0].facility)
    revisions = {one.line.facts.sequence: one.revision for one in found}
    return _pass_digest(planned.purpose, planned.sequences, revisions, late_reason)


def plan_selection(
    database: Database, policy: Policy, sequences: Sequence[int], *, shown: bytes, now: int, late_reason: str = ""
) -> PassPlan:
    """Plan the passes over ticked doses with all that will be signed, if they still are what was shown.

    Args:
        shown: digest of the selection as it was previewed or approved.

    Raises:
        PassRefusedError: SELECTION_CHANGED.
        StoreError: NOT_ENROLLED.
    """
    # One snapshot: the digest is that of the very doses that are assembled.
    with database.read() as tables:
        selection = outline_selection(tables, policy, sequences, now=now, late_reason=late_reason)
        require_unchanged(selection, shown)
        found = doses.assemble(tables, selection.outline.sequences)
        rules = signing_rules(tables, policy, now=now, late_reason=late_reason)
    planned = plan(map(Candidate, found), rules)
    if [one.sequences for one in planned.passes] != [one.sequences for one in selection.outline.passes]:
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    return planned


def require_unchanged(selection: Selection, shown: bytes) -> None:
    """Check that a selection is the one that was shown. Raises PassRefusedError SELECTION_CHANGED."""
    if not hmac.compare_digest(selection.digest, shown):
        raise PassRefusedError(PassCode.SELECTION_CHANGED)


def signing_rules(tables: Tables, policy: Policy, *, now: int, late_reason: str = "") -> Rules:
    """What the rules are measured against: this site, this moment, the catalogue's policy. Raises StoreError."""
    return Rules(
        node_identity.codes(tables).facility,
        now,
        signing_start=policy.signing_start,
        late_reason=late_reason,
        most_people=policy.batch_people,
        most_doses=policy.batch_doses,
    )


def _pass_digest(purpose: Purpose, sequences: Sequence[int], revisions: Mapping[int, int], late_reason: str) -> bytes:
    shown = [[each, revisions[each]] for each in sequences]
    return hashlib.sha256(cbor.encode([late_reason, purpose.value, shown])).digest()

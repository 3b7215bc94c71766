"""What a second person approved is signed: planned from what is left of it, and bound to the pass that is fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.signing_pass import PassPlan, PlannedPass
from edge.store import approvals, audit, settings
from edge.store.approvals import Approval, ApprovalState
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.settings import Setting
from edge.store.users import User
from edge.workflow.approve_selection import current_delegated, fits, may_approve
from edge.workflow.plan_passes import plan_selection, planned_digest, selection_digest
from edge.workflow.sign_delegated import delegated_digest
from sync_protocol.batch import Purpose
from sync_protocol.catalogue import Policy
from sync_protocol.names import fold


@dataclass(frozen=True, slots=True)
class Agreed:
    """The part of an approval that a pass uses; the names and the reason that both people saw."""

    approval_id: int
    place: int
    approver: str
    late_reason: str


def plan_approved(
    database: Database, policy: Policy, approval_id: int, *, user: User | None, officer: str, now: int
) -> PassPlan:
    """Plan what is left of an approval, for whoever signs it.

    Args:
        user: None at a terminal, which knows nobody.
        officer: the name of who signs; "" where it is not said yet.
        now: epoch seconds UTC.

    Raises:
        PassRefusedError: APPROVAL_SETTLED if it is not approved or used up, APPROVAL_SELF for who approved it,
            APPROVER_GONE, SELECTION_CHANGED.
        StoreError: NOT_ENROLLED.
    """
    with database.read() as tables:
        found = _approved(tables, approval_id)
        if (user is not None and user.user_id == found.decided_by) or fold(officer) == fold(found.decider):
            raise PassRefusedError(PassCode.APPROVAL_SELF)
        wanted = approvals.open_passes(tables, approval_id)
        if found.for_site is not None:
            plan = current_delegated(tables, policy, found, now=now)
            if plan is None or plan.planned is None or not fits(tables, found, [plan.digest]):
                raise PassRefusedError(PassCode.SELECTION_CHANGED)
            return PassPlan((plan.planned,), ())
        passes: list[PlannedPass] = []
        for one in wanted:
            shown = selection_digest([one.digest], found.late_reason)
            planned = plan_selection(
                database, policy, one.sequences, shown=shown, now=now, late_reason=found.late_reason
            )
            passes += (replace(each, turn=one.turn) for each in planned.passes)
    if not passes:
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    return PassPlan(tuple(passes), ())


def require_approval(
    tables: Tables, approval_id: int | None, planned: PlannedPass, *, signer_name: str, by: str
) -> Agreed | None:
    """Find what approves a pass that is being fixed in the caller's transaction.

    Args:
        approval_id: None for a pass without one, which the site's settings must allow; gives None then.
        signer_name: as the statement will state it.
        by: who has signed in; "" at a terminal.

    Raises:
        PassRefusedError: APPROVAL_MISSING, APPROVAL_SETTLED, APPROVAL_SELF, APPROVER_GONE, SELECTION_CHANGED.
    """
    if approval_id is None:
        if settings.get(tables, Setting.APPROVAL_REQUIRED):
            raise PassRefusedError(PassCode.APPROVAL_MISSING)
        return None
    found = _approved(tables, approval_id)
    if fold(found.decider) in (fold(signer_name), fold(by)):
        raise PassRefusedError(PassCode.APPROVAL_SELF)
    # By the rows of this very transaction: it fits one pass that both saw, or none.
    digest = (
        delegated_digest(planned, found.late_reason)
        if planned.purpose is Purpose.DELEGATED
        else planned_digest(tables, planned, found.late_reason)
    )
    part = next((one for one in approvals.open_passes(tables, approval_id) if one.digest == digest), None)
    if part is None:
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    return Agreed(approval_id, part.place, found.decider, found.late_reason)


def use_approval(tables: Tables, agreed: Agreed, *, pass_id: int, signer_name: str, now: int) -> None:
    """Bind the part of the approval to the pass, for good: a pass that is given up takes its part with it.

    Args:
        now: what the pass's statement claims, epoch seconds UTC.
    """
    approvals.begin_pass(tables, agreed.approval_id, agreed.place, pass_id=pass_id, at=now)
    subject, details = f"approval:{agreed.approval_id}", f"pass:{pass_id}"
    audit.append(tables, Action.APPROVAL_USED, subject, actor=signer_name, at=now, details=details)


def _approved(tables: Tables, approval_id: int) -> Approval:
    found = approvals.get(tables, approval_id)
    if found is None or found.state is not ApprovalState.APPROVED:
        raise PassRefusedError(PassCode.APPROVAL_SETTLED)
    assert found.decided_by is not None
    if not may_approve(tables, found.decided_by):
        raise PassRefusedError(PassCode.APPROVER_GONE)
    return found

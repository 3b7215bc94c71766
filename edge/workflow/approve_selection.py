"""Two people for one signature: one asks for a selection of doses, another looks at the same selection and agrees.

::

    asked ──► approved ──► used         each of its passes uses its part, in the transaction that fixes its bytes
      │          └───────► withdrawn    what was not begun by then
      ├──► refused
      └──► withdrawn

An approval is bound to digests of what both saw, one for each pass. If a dose, a person or the day has changed since,
it fits nothing any more and is asked for anew. It may be about more than one PIN is for: each pass is begun once, and
what is left stays approved. A pass that is given up takes its part with it. Who uses an approval is in `use_approval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.roles import Role
from edge.store import approvals, audit, users
from edge.store.approvals import Approval, ApprovalState, ApprovedPass, ForSite
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.users import User, UserId
from edge.workflow.plan_passes import Selection, outline_approved, outline_selection, require_unchanged
from edge.workflow.sign_delegated import DelegatedPlan, plan_delegated
from sync_protocol.catalogue import Policy

# Who may be the second person.
APPROVERS: Final = frozenset({Role.SIGNER, Role.MANAGER})


def ask_approval(
    database: Database,
    policy: Policy,
    sequences: Sequence[int],
    *,
    shown: bytes,
    late_reason: str,
    user: User,
    now: int,
) -> int:
    """Ask for the approval of a selection as it was previewed; gives its number.

    Asking again for the same selection gives the same one.

    Args:
        shown: digest of the preview, 32 bytes.
        user: who asks.
        now: epoch seconds UTC.

    Raises:
        PassRefusedError: NOTHING_TO_SIGN, SELECTION_CHANGED; nothing was stored.
        StoreError: nothing was stored.
    """
    with database.write_transaction() as tables:
        selection = outline_selection(tables, policy, sequences, now=now, late_reason=late_reason)
        if not selection.outline.passes:
            raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
        require_unchanged(selection, shown)
        found = approvals.pending_of(tables, selection.digest, asked_by=user.user_id)
        if found is not None:
            return found.approval_id
        wanted = [
            ApprovedPass(place, one.turn, digest, one.sequences)
            for place, (one, digest) in enumerate(zip(selection.outline.passes, selection.parts, strict=True))
        ]
        approval_id = approvals.ask(
            tables, wanted, digest=shown, late_reason=late_reason, at=now, asked_by=user.user_id
        )
        details = f"{len(selection.outline.sequences)} doses"
        _note(tables, Action.APPROVAL_ASKED, approval_id, by=user, at=now, details=details)
    return approval_id


def ask_delegated(database: Database, policy: Policy, node: str, *, shown: bytes, user: User, now: int) -> int:
    """Ask for the approval of the next turn for a site's node as it was previewed; gives its number.

    Args:
        node: the site's node.
        shown: digest of the plan, 32 bytes.
        user: who asks.
        now: epoch seconds UTC.

    Raises:
        PassRefusedError: NOTHING_TO_SIGN, SELECTION_CHANGED; nothing was stored.
        StoreError: nothing was stored.
    """
    with database.write_transaction() as tables:
        plan = plan_delegated(tables, policy, node, now=now)
        planned, queue = plan.planned, plan.queue
        if planned is None:
            raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
        if plan.digest != shown:
            raise PassRefusedError(PassCode.SELECTION_CHANGED)
        found = approvals.pending_of(tables, plan.digest, asked_by=user.user_id)
        if found is not None:
            return found.approval_id
        approval_id = approvals.ask(
            tables,
            [ApprovedPass(0, 1, plan.digest, planned.sequences)],
            digest=plan.digest,
            late_reason=plan.late_reason,
            at=now,
            asked_by=user.user_id,
            for_site=ForSite(
                node,
                queue.site,
                queue.site_name,
                people=planned.people,
                first_day=planned.first_day,
                last_day=planned.last_day,
            ),
        )
        details = f"{len(planned.doses)} doses of {node}"
        _note(tables, Action.APPROVAL_ASKED, approval_id, by=user, at=now, details=details)
    return approval_id


def current_selection(tables: Tables, policy: Policy, approval: Approval, *, now: int) -> Selection:
    """What is left of an approval of own doses, as it would be signed now; `fits` compares its parts."""
    wanted = approvals.open_passes(tables, approval.approval_id)
    return outline_approved(tables, policy, wanted, now=now, late_reason=approval.late_reason)


def current_delegated(tables: Tables, policy: Policy, approval: Approval, *, now: int) -> DelegatedPlan | None:
    """What a delegated approval is about, as it would be signed now; None where nothing of its site waits any more.

    What the site has sent since is not in it.
    """
    assert approval.for_site is not None
    wanted = frozenset(approvals.sequences(tables, approval.approval_id))
    try:
        return plan_delegated(
            tables, policy, approval.for_site.node, now=now, sequences=wanted, late_reason=approval.late_reason
        )
    except PassRefusedError:
        return None


def fits(tables: Tables, approval: Approval, parts: Sequence[bytes]) -> bool:
    """Whether what would be signed now, pass by pass, still is what is left of an approval and what both saw."""
    wanted = [one.digest for one in approvals.open_passes(tables, approval.approval_id)]
    return bool(wanted) and list(parts) == wanted


def approve(database: Database, policy: Policy, approval_id: int, *, user: User, now: int, remark: str = "") -> None:
    """Agree to a selection.

    Raises:
        PassRefusedError: APPROVAL_SETTLED, APPROVAL_SELF, SELECTION_CHANGED; APPROVER_GONE for who may not approve;
            nothing was stored.
    """
    with database.write_transaction() as tables:
        found = _asked(tables, approval_id, user)
        if not may_approve(tables, user.user_id):
            raise PassRefusedError(PassCode.APPROVER_GONE)
        if not _is_unchanged(tables, policy, found, now=now):
            raise PassRefusedError(PassCode.SELECTION_CHANGED)
        approvals.decide(tables, approval_id, ApprovalState.APPROVED, at=now, decided_by=user.user_id, remark=remark)
        _note(tables, Action.APPROVAL_GIVEN, approval_id, by=user, at=now)


def refuse_approval(database: Database, approval_id: int, *, user: User, now: int, remark: str) -> None:
    """Say no, and why.

    Raises:
        PassRefusedError: APPROVAL_SETTLED, APPROVAL_SELF; nothing was stored.
        RefusedError: REASON_MISSING.
    """
    if not remark:
        raise refuse(EdgeCode.REASON_MISSING, "remark")
    with database.write_transaction() as tables:
        _asked(tables, approval_id, user)
        approvals.decide(tables, approval_id, ApprovalState.REFUSED, at=now, decided_by=user.user_id, remark=remark)
        _note(tables, Action.APPROVAL_REFUSED, approval_id, by=user, at=now)


def withdraw_approval(database: Database, approval_id: int, *, user: User, now: int) -> None:
    """Take back what oneself asked for or agreed to, while something of it is not begun; what was begun stays signed.

    Raises:
        PassRefusedError: APPROVAL_SETTLED, APPROVAL_OTHER; nothing was stored.
    """
    with database.write_transaction() as tables:
        found = approvals.get(tables, approval_id)
        if found is None or found.state not in approvals.PENDING:
            raise PassRefusedError(PassCode.APPROVAL_SETTLED)
        if user.user_id not in (found.asked_by, found.decided_by):
            raise PassRefusedError(PassCode.APPROVAL_OTHER)
        approvals.withdraw(tables, approval_id)
        _note(tables, Action.APPROVAL_WITHDRAWN, approval_id, by=user, at=now)


def may_approve(tables: Tables, user_id: UserId) -> bool:
    """Whether somebody may approve now, or what they approved may still be used."""
    found = users.get(tables, user_id)
    return found is not None and found.is_active and not found.roles.isdisjoint(APPROVERS)


def _is_unchanged(tables: Tables, policy: Policy, approval: Approval, *, now: int) -> bool:
    if approval.for_site is None:
        return fits(tables, approval, current_selection(tables, policy, approval, now=now).parts)
    plan = current_delegated(tables, policy, approval, now=now)
    return plan is not None and fits(tables, approval, [plan.digest])


def _asked(tables: Tables, approval_id: int, user: User) -> Approval:
    found = approvals.get(tables, approval_id)
    if found is None or found.state is not ApprovalState.ASKED:
        raise PassRefusedError(PassCode.APPROVAL_SETTLED)
    if user.user_id == found.asked_by:
        raise PassRefusedError(PassCode.APPROVAL_SELF)
    return found


def _note(tables: Tables, action: Action, approval_id: int, *, by: User, at: int, details: str = "") -> None:
    audit.append(tables, action, f"approval:{approval_id}", actor=by.name, at=at, details=details)

"""Two people for one signature: one asks for a selection of doses, another looks at the same selection and agrees.

::

    asked ──► approved ──► used         the first pass of the turn uses it, in the transaction that fixes its bytes
      │          └───────► withdrawn
      ├──► refused
      └──► withdrawn

An approval is bound to the digest of what both saw. If a dose, a person or the day has changed since, it fits nothing
any more and is asked for anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.signing_pass import PassPlan
from edge.store import approvals, audit, settings
from edge.store.approvals import Approval, ApprovalState
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.settings import Setting
from edge.store.users import User
from edge.workflow.plan_passes import Selection, outline_selection, plan_selection, require_unchanged
from sync_protocol.catalogue import Policy
from sync_protocol.names import fold


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
        asked = selection.outline.sequences
        approval_id = approvals.ask(
            tables, digest=shown, sequences=asked, late_reason=late_reason, at=now, asked_by=user.user_id
        )
        _note(tables, Action.APPROVAL_ASKED, approval_id, by=user, at=now, details=f"{len(asked)} doses")
    return approval_id


def current_selection(tables: Tables, policy: Policy, approval: Approval, *, now: int) -> Selection:
    """What an approval is about as it would be signed now; whoever shows it compares the digests."""
    return outline_selection(
        tables, policy, approvals.sequences(tables, approval.approval_id), now=now, late_reason=approval.late_reason
    )


def approve(database: Database, policy: Policy, approval_id: int, *, user: User, now: int, remark: str = "") -> None:
    """Agree to a selection.

    Raises:
        PassRefusedError: APPROVAL_SETTLED, APPROVAL_SELF, SELECTION_CHANGED; nothing was stored.
    """
    with database.write_transaction() as tables:
        found = _asked(tables, approval_id, user)
        require_unchanged(current_selection(tables, policy, found, now=now), found.digest)
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
    """Take back what oneself asked for or agreed to, while it is not used.

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


def plan_approved(database: Database, policy: Policy, approval_id: int, *, user: User, now: int) -> PassPlan:
    """Plan the passes of an approval for the user who signs them.

    Raises:
        PassRefusedError: APPROVAL_SETTLED if it is not approved or already used, APPROVAL_SELF for who approved it,
            SELECTION_CHANGED.
        StoreError: NOT_ENROLLED.
    """
    with database.read() as tables:
        found = approvals.get(tables, approval_id)
        if found is None or found.state is not ApprovalState.APPROVED:
            raise PassRefusedError(PassCode.APPROVAL_SETTLED)
        if user.user_id == found.decided_by:
            raise PassRefusedError(PassCode.APPROVAL_SELF)
        wanted = approvals.sequences(tables, approval_id)
        return plan_selection(database, policy, wanted, shown=found.digest, now=now, late_reason=found.late_reason)


def use_approval(
    tables: Tables, approval_id: int | None, *, sequences: Sequence[int], signer_name: str, now: int
) -> str:
    """Use an approval for a pass that is being fixed in the caller's transaction; gives the approver's name.

    Args:
        approval_id: None for a pass without one, which the site's settings must allow; gives "" then.
        sequences: the doses of the pass.
        now: what its statement claims. The further passes of a turn claim the same instant: by that they are known.

    Raises:
        PassRefusedError: APPROVAL_MISSING, APPROVAL_SETTLED, APPROVAL_SELF, SELECTION_CHANGED.
    """
    if approval_id is None:
        if settings.get(tables, Setting.APPROVAL_REQUIRED):
            raise PassRefusedError(PassCode.APPROVAL_MISSING)
        return ""
    found = approvals.get(tables, approval_id)
    if found is None or not (
        found.state is ApprovalState.APPROVED or (found.state is ApprovalState.USED and found.used_at == now)
    ):
        raise PassRefusedError(PassCode.APPROVAL_SETTLED)
    if fold(found.decider) == fold(signer_name):
        raise PassRefusedError(PassCode.APPROVAL_SELF)
    if not set(sequences) <= set(approvals.sequences(tables, approval_id)):
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    if found.state is ApprovalState.APPROVED:
        approvals.use(tables, approval_id, at=now)
        audit.append(tables, Action.APPROVAL_USED, f"approval:{approval_id}", actor=signer_name, at=now)
    return found.decider


def _asked(tables: Tables, approval_id: int, user: User) -> Approval:
    found = approvals.get(tables, approval_id)
    if found is None or found.state is not ApprovalState.ASKED:
        raise PassRefusedError(PassCode.APPROVAL_SETTLED)
    if user.user_id == found.asked_by:
        raise PassRefusedError(PassCode.APPROVAL_SELF)
    return found


def _note(tables: Tables, action: Action, approval_id: int, *, by: User, at: int, details: str = "") -> None:
    audit.append(tables, action, f"approval:{approval_id}", actor=by.name, at=at, details=details)

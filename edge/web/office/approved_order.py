"""The order to sign what another person has approved: all of it, or what is left of it after a turn or a stop."""

from __future__ import annotations

from edge.bootstrap import Node
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.store import approvals
from edge.store.approvals import Approval, ApprovalState
from edge.store.database import Tables
from edge.store.users import User
from edge.web.office.turn_order import SaidPass, TurnOrder, TurnPart, said_pass
from edge.workflow.approve_selection import current_delegated, current_selection
from edge.workflow.plan_passes import Selection, selection_digest
from edge.workflow.prepare_pass import Officer
from sync_protocol.batch import Purpose
from sync_protocol.catalogue import Policy


def approved_order(
    node: Node,
    approval_id: int,
    *,
    officer: str,
    user: User,
    shown: bytes | None = None,
    part: TurnPart | None = None,
    offline_reason: str = "",
) -> TurnOrder:
    """Order the first turn of what is left of an approval; the further ones stand beside it.

    Args:
        officer: the name of who signs.
        user: who has signed in.
        shown: digest of all that is left, as a page has shown it; None where nothing was shown afresh.
        part: the turn that a button has named; None for whichever is the first.
        offline_reason: why it is signed although the node was alone for long, or "".

    Raises:
        PassRefusedError: APPROVAL_SETTLED, SELECTION_CHANGED.
        StoreError: NOT_ENROLLED.
    """
    with node.database.read() as tables:
        found = approvals.get(tables, approval_id)
        if found is None or found.state is not ApprovalState.APPROVED:
            raise PassRefusedError(PassCode.APPROVAL_SETTLED)
        parts, digest = left_parts(tables, node.shelf.catalogue().policy, found, now=node.clock.now())
    if not parts or (shown is not None and digest != shown) or (part is not None and parts[0] != part):
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    for_site = found.for_site
    return TurnOrder(
        (digest if part is None else part.shown).hex(),
        parts[0],
        Officer(
            officer, late_reason=found.late_reason, approval_id=approval_id, by=user.name, offline_reason=offline_reason
        ),
        user,
        rest=parts[1:],
        approver=found.decider,
        for_node="" if for_site is None else for_site.node,
        for_site="" if for_site is None else f"{for_site.site_name} ({for_site.site})",
    )


def left_parts(tables: Tables, policy: Policy, approval: Approval, *, now: int) -> tuple[tuple[TurnPart, ...], bytes]:
    """What is left of an approval, turn by turn, and the digest of it all as its page shows it."""
    if approval.for_site is None:
        selection = current_selection(tables, policy, approval, now=now)
        return _turns(selection), selection.digest
    plan = current_delegated(tables, policy, approval, now=now)
    if plan is None or plan.planned is None:
        return (), b""
    planned = plan.planned
    said = SaidPass(
        Purpose.DELEGATED,
        len(planned.doses),
        people=planned.people,
        first_day=planned.first_day,
        last_day=planned.last_day,
    )
    return (TurnPart((said,), planned.sequences, plan.digest),), plan.digest


def _turns(selection: Selection) -> tuple[TurnPart, ...]:
    pairs = list(zip(selection.outline.passes, selection.parts, strict=True))
    turns = []
    for turn in dict.fromkeys(one.turn for one, _ in pairs):
        passes = [one for one, _ in pairs if one.turn == turn]
        digest = selection_digest([part for one, part in pairs if one.turn == turn], selection.late_reason)
        sequences = tuple(sequence for one in passes for sequence in one.sequences)
        turns.append(TurnPart(tuple(map(said_pass, passes)), sequences, digest))
    return tuple(turns)

"""What one PIN is to sign: checked when it is ordered, and once more when the PIN is there.

What was previewed beyond one turn's bounds stays beside it as further orders, each bound to its own doses as they were
shown: a dose or person that has changed since fits no order any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.bootstrap import Node
from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.roles import Role
from edge.domain.signing_pass import OutlinedPass, PassPlan
from edge.store.database import Tables
from edge.store.passes import StoredPass
from edge.store.users import User
from edge.web.frame.desk_page import require_still
from edge.workflow.check_signer import signer_check
from edge.workflow.open_key import KeyAsked, open_key_at_desk
from edge.workflow.plan_passes import Selection, outline_selection, plan_selection
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_delegated import plan_shown
from edge.workflow.sign_pass import SealedPass, resume_pass, sign_plan
from edge.workflow.use_approval import plan_approved
from sync_protocol.batch import Purpose
from sync_protocol.catalogue import Policy
from sync_protocol.signers.at_desk import DeskPlace, DeskScreen


@dataclass(frozen=True, slots=True)
class SaidPass:
    """A pass in words."""

    purpose: Purpose
    doses: int
    people: int
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class TurnPart:
    """What one PIN is for.

    Attributes:
        sequences: the doses; none for a pass that was fixed before.
        shown: digest of the selection of exactly these doses.
    """

    passes: tuple[SaidPass, ...]
    sequences: tuple[int, ...] = ()
    shown: bytes = b""

    @property
    def doses(self) -> int:
        """How many doses would be signed."""
        return sum(one.doses for one in self.passes)

    @property
    def people(self) -> int:
        """The people of all passes; somebody who is in two of them counts twice."""
        return sum(one.people for one in self.passes)

    @property
    def first_day(self) -> str:
        """The first day of injection, "YYYY-MM-DD"."""
        return min(one.first_day for one in self.passes)

    @property
    def last_day(self) -> str:
        """The last day of injection."""
        return max(one.last_day for one in self.passes)


@dataclass(frozen=True, slots=True)
class TurnOrder:
    """One turn at the token.

    Attributes:
        key: by which a second click on the same button is known.
        part: what this turn signs.
        rest: what was previewed with it and is for further turns.
        officer: who signs, and why it comes late.
        user: who has ordered it.
        approver: who has approved it, "" for nobody.
        open_pass: the number of the pass that is to be finished, or None.
        after_wrong_pin: a person wants to go on although the token has counted a wrong PIN.
        for_node: the node of another site whose doses this node signs as its hub, or "".
        for_site: that site in words, or "".
    """

    key: str
    part: TurnPart
    officer: Officer
    user: User
    rest: tuple[TurnPart, ...] = ()
    approver: str = ""
    open_pass: int | None = None
    after_wrong_pin: bool = False
    for_node: str = ""
    for_site: str = ""


def cut(tables: Tables, policy: Policy, selection: Selection, *, now: int) -> tuple[TurnPart, ...]:
    """Cut a selection into what one PIN is for.

    Args:
        now: epoch seconds UTC; when the selection was made.

    Raises:
        StoreError: NOT_ENROLLED.
    """
    numbers = dict.fromkeys(one.turn for one in selection.outline.passes)
    parts = []
    for number in numbers:
        passes = [one for one in selection.outline.passes if one.turn == number]
        sequences = tuple(sequence for one in passes for sequence in one.sequences)
        alone = selection
        if len(numbers) > 1:
            alone = outline_selection(tables, policy, sequences, now=now, late_reason=selection.late_reason)
        parts.append(TurnPart(tuple(map(said_pass, passes)), sequences, alone.digest))
    return tuple(parts)


def said_pass(one: OutlinedPass) -> SaidPass:
    """A pass of a preview in words."""
    return SaidPass(one.purpose, len(one.sequences), people=one.people, first_day=one.first_day, last_day=one.last_day)


def part_of(stored: StoredPass) -> TurnPart:
    """An open pass in words."""
    said = SaidPass(
        stored.purpose, stored.doses, people=stored.people, first_day=stored.first_day, last_day=stored.last_day
    )
    return TurnPart((said,))


def plan_order(node: Node, order: TurnOrder, *, now: int) -> PassPlan:
    """Plan the passes of an order, if they still are what was shown; not for a pass that was fixed before.

    Raises:
        PassRefusedError: SELECTION_CHANGED, NOTHING_TO_SIGN; APPROVAL_SETTLED, APPROVAL_SELF, APPROVER_GONE.
        StoreError: NOT_ENROLLED.
    """
    policy = node.shelf.catalogue().policy
    if order.for_node and order.officer.approval_id is None:
        return PassPlan((plan_shown(node.database, policy, order.for_node, shown=order.part.shown, now=now),), ())
    if order.officer.approval_id is not None:
        plan = plan_approved(
            node.database,
            policy,
            order.officer.approval_id,
            user=order.user,
            officer=order.officer.name,
            now=now,
        )
    else:
        plan = plan_selection(
            node.database,
            policy,
            order.part.sequences,
            shown=order.part.shown,
            now=now,
            late_reason=order.officer.late_reason,
        )
    turns = plan.turns
    if not turns:
        raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
    # An approval may hold for more than this turn; of it, what was named is signed, and nothing else.
    if [each for one in turns[0].passes for each in one.sequences] != list(order.part.sequences):
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    return turns[0]


def sign_order(
    node: Node, order: TurnOrder, screen: DeskScreen, *, place: DeskPlace, seal: Callable[[SealedPass], None]
) -> None:
    """Have the PIN typed, and sign.

    Args:
        screen: shows the form with the PIN.
        place: where the page is that shows it.
        seal: called after each pass.

    Raises:
        TokenError: no PIN, or the token did not sign; an open pass can be resumed.
        PassRefusedError: TURN_GONE if whoever ordered it may not sign any more, and as `sign_plan`.
        ProtocolError, StoreError: as `sign_plan`.
    """
    asked = KeyAsked(
        signer_uri(node.config),
        order.user.name,
        now=node.clock.now,
        check=signer_check(node.database, node.clock.now, officer=order.officer.name),
        after_wrong_pin=order.after_wrong_pin,
    )
    with open_key_at_desk(node.database, asked, place, screen) as signer:
        # A person took their time: what is signed now claims this moment, and still has to be lawful at it.
        now, entropy, by = node.clock.now(), node.entropy, order.user.name
        require_still(node, order.user, Role.SIGNER)
        if order.open_pass is None:
            plan = plan_order(node, order, now=now)
            for one in sign_plan(node.database, plan, signer, officer=order.officer, now=now, entropy=entropy):
                seal(one)
            return
        resumed = resume_pass(node.database, signer, now=now, entropy=entropy, by=by, pass_id=order.open_pass)
        if resumed is None:
            raise PassRefusedError(PassCode.MOVED_ON)
        seal(resumed)

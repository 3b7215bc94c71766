"""What people at a site do in a day, and what a node does by itself; each says in a few words what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from edge.domain.dosing import DoseFacts
from edge.domain.pass_journal import PassRefusedError
from edge.domain.refusals import AnyCode, EdgeCode, RefusedError
from edge.store import doses
from edge.store.errors import StoreError
from edge.workflow.close_day import close_day
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.exchange import exchange
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.record_dose import Submission, record_dose
from edge.workflow.show_epochs import fetch_or_show
from edge.workflow.show_receipts import show_receipts
from edge.workflow.sign_pass import abandon_pass, resume_pass, sign_pass
from sync_protocol.api import NetworkError
from sync_protocol.days import DAY_SECONDS, local_day
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.token_errors import TokenError
from tests.central.scenario import recipient
from tests.simulation.link import Link
from tests.simulation.machines import NodeMachine
from tests.simulation.template import NURSE, OFFICER, REGISTERED
from tests.simulation.world import World

Action = Callable[[World, NodeMachine], str]
# Whoever records has looked at every warning.
_CONFIRMED: Final[frozenset[AnyCode]] = frozenset([*Code, *EdgeCode])
_STRANGERS: Final = 100_000
LATE: Final = "Mất điện"
_ALONE: Final = "Mất mạng"


def record(world: World, node: NodeMachine) -> str:
    """Somebody gets a dose: mostly a person whom the registry knows, sometimes one of the other site, or a stranger."""
    person = _somebody(world)
    given_at = node.clock.now() - world.dice.between(0, 3) * 600
    is_late = world.dice.happens(10)
    if is_late:
        given_at -= DAY_SECONDS
    world.lots += 1
    facts = DoseFacts(
        product="AZ",
        lot=f"L{world.lots:05d}",
        lot_expiry="2022-12-31",
        dose_number=1,
        dose_total=2,
        given_at=given_at,
        vaccinator="Trần Văn Bình",
        station="B1",
        # Just after midnight of a wrong clock, ten minutes ago is another day.
        late_reason=LATE if local_day(given_at) != local_day(node.clock.now()) else "",
    )
    submission = Submission(f"form-{world.lots:05d}", recipient(person), facts, confirmed=_CONFIRMED)
    world.submitted[submission.key] = (node, submission)
    return _recorded(world, node, submission)


def work(world: World, node: NodeMachine) -> str:
    """Somebody gets a dose, the officer signs, the node sends: the usual day in one."""
    return "; ".join((record(world, node), sign(world, node), send(world, node)))


def record_again(world: World, node: NodeMachine) -> str:
    """A form is sent a second time: a double click, a reload, an answer that was lost."""
    mine = [submission for machine, submission in world.submitted.values() if machine is node]
    return _recorded(world, node, world.dice.pick(mine)) if mine else "nothing to send again"


def correct(world: World, node: NodeMachine) -> str:
    """The lot of a dose was wrong."""
    with node.database.read() as tables:
        newest = doses.last_sequence(tables)
        old = doses.get(tables, world.dice.between(1, newest)) if newest else None
    if old is None:
        return "no dose"
    world.lots += 1
    facts = replace(old.facts, lot=f"L{world.lots:05d}")
    world.tried.add(facts.lot)
    wanted = Correction(f"form-{world.lots:05d}", old.sequence, facts, "Ghi nhầm số lô", confirmed=_CONFIRMED)
    try:
        made = correct_dose(node.database, wanted, catalogue=node.catalogue, at=node.clock.now(), by=NURSE)
    except (RefusedError, StoreError) as error:
        return _why(error)
    world.kept[facts.lot] = node.name
    return f"dose {made.sequence} in place of {old.sequence}"


def sign(world: World, node: NodeMachine) -> str:
    """The officer signs what can be signed; the token may be out, or give nonsense."""
    if world.dice.happens(world.faults // 3):
        node.token.fault = world.dice.pick(("removed", "wrong"))
    said, by, now = [], Officer(OFFICER, late_reason=LATE, offline_reason=_ALONE), node.clock.now()
    try:
        found = resume_pass(node.database, node.token, now=now, entropy=node.entropy)
        if found is not None:
            said.append(f"bundle {found.bundle} of an open pass")
        policy = node.catalogue.policy
        for planned in plan_passes(node.database, policy, now=now, late_reason=LATE).passes:
            made = sign_pass(node.database, planned, node.token, officer=by, now=now, entropy=node.entropy)
            said.append(f"bundle {made.bundle} of {made.doses} doses")
    except (PassRefusedError, TokenError, ProtocolError, StoreError) as error:
        said.append(_why(error))
    finally:
        node.token.fault = ""
    return ", ".join(said) or "nothing to sign"


def abandon(world: World, node: NodeMachine) -> str:
    """Somebody gives an open pass up."""
    try:
        return "given up" if abandon_pass(node.database, actor=OFFICER, now=node.clock.now()) else "none open"
    except StoreError as error:
        return _why(error)


def close(world: World, node: NodeMachine) -> str:
    """The day is closed, today's or yesterday's."""
    day = local_day(node.clock.now() - world.dice.below(2) * DAY_SECONDS)
    policy = node.catalogue.policy
    try:
        made = close_day(node.database, policy, day, now=node.clock.now(), by=OFFICER, entropy=node.entropy)
    except (RefusedError, StoreError) as error:
        return _why(error)
    return f"{day} as bundle {made.bundle}"


def send(world: World, node: NodeMachine) -> str:
    """An exchange of bundles."""
    link = Link(world)
    try:
        made = exchange(node.database, link, now=node.clock.now, entropy=node.entropy)
        show_receipts(node.database, link, made.problem, entropy=node.entropy)
    except (NetworkError, ProtocolError, StoreError) as error:
        return f"{_why(error)}{link.said}"
    return f"{made.admitted} in, {made.refused} refused, {made.unsent} unsent {made.problem}{link.said}"


def hear(world: World, node: NodeMachine) -> str:
    """The node asks for its feed."""
    link = Link(world)
    try:
        taken = fetch_or_show(node.database, link, now=node.clock.now, entropy=node.entropy).taken
    except (NetworkError, ProtocolError, StoreError) as error:
        return f"{_why(error)}{link.said}"
    return f"{taken} items{link.said}"


def jump(world: World, node: NodeMachine) -> str:
    """Somebody sets the clock, or its battery is empty."""
    wrong_by = world.dice.pick((0, 0, 3_600, -3_600, 2 * DAY_SECONDS, -2 * DAY_SECONDS, -5 * 365 * DAY_SECONDS))
    node.clock.wrong_by = wrong_by
    return f"wrong by {wrong_by} seconds"


def _somebody(world: World) -> int:
    chance = world.dice.below(100)
    if chance < 8 and world.people:
        return world.dice.between(1, world.people)
    world.people += 1
    return world.people + _STRANGERS if chance < 16 or world.people not in REGISTERED else world.people


def _recorded(world: World, node: NodeMachine, submission: Submission) -> str:
    world.tried.add(submission.facts.lot)
    try:
        made = record_dose(node.database, submission, catalogue=node.catalogue, at=node.clock.now(), by=NURSE)
    except (RefusedError, StoreError) as error:
        return f"{submission.facts.lot} {_why(error)}"
    # The 2xx leaves here.
    world.kept[submission.facts.lot] = node.name
    return f"{submission.facts.lot} is dose {made.sequence}{' again' if made.is_repeat else ''}"


def _why(error: Exception) -> str:
    match error:
        case RefusedError(findings=findings):
            return "refused: " + ", ".join(sorted({finding.code.value for finding in findings}))
        case PassRefusedError() | TokenError() | ProtocolError() | StoreError():
            return f"refused: {error.code.value}"
        case _:
            return f"{type(error).__name__} {error}"

"""The verb `sign`: choose, preview, sign; and finish or give up what a crash left open."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from edge.bootstrap import Node
from edge.cli_state import State, json_option, pass_state
from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.signing_filter import parse_filter
from edge.domain.signing_pass import PassPlan
from edge.domain.waiting import WORDS
from edge.store import approvals, passes, settings
from edge.store.approvals import ApprovalState
from edge.store.settings import Setting
from edge.web.frame.gate_words import gate_view
from edge.workflow.check_signer import signer_check
from edge.workflow.judge_offline import require_offline
from edge.workflow.open_key import KeyAsked, open_key
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_pass import SealedPass, abandon_pass, resume_pass, sign_plan
from edge.workflow.use_approval import plan_approved
from sync_protocol.signers.signer import Signer
from sync_protocol.usage_words import WrongUsage


@click.command()
@click.option("--select", multiple=True, metavar="CONDITION", help="day=…, dose=17,20-30, name=…, phone=…; repeatable.")
@click.option("--preview", is_flag=True, help="Show what would be signed, and sign nothing.")
@click.option("--signer", default="", metavar="URI", help="software:FILE.p12 or pkcs11:token=LABEL;serial=HEX.")
@click.option("--officer", default="", help="Full name of the signing officer.")
@click.option("--approver", default="", help="Second person, where two must agree.")
@click.option("--approval", type=int, default=None, metavar="NUMBER", help="Sign what was approved, and nothing else.")
@click.option("--late-reason", default="", help="Why doses of earlier days are signed only now.")
@click.option("--reason", default="", help="Why it is signed although the node was alone for long.")
@click.option("--abandon", is_flag=True, help="Give up an unfinished pass; its doses can be chosen again.")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN or password from standard input, one line.")
@click.option("--after-wrong-pin", is_flag=True, help="Go on although the token has counted a wrong PIN.")
@json_option
@pass_state
def sign(
    state: State,
    *,
    select: tuple[str, ...],
    preview: bool,
    signer: str,
    officer: str,
    approver: str,
    approval: int | None,
    late_reason: str,
    reason: str,
    abandon: bool,
    pin_stdin: bool,
    after_wrong_pin: bool,
) -> None:
    """Sign recorded doses with the organisation's key. An unfinished pass is finished first.

    One PIN signs at most 1,000 people and 3,000 doses: beyond that it is asked for again, on --pin-stdin one line each.
    """
    node = state.node()
    if abandon:
        given_up = abandon_pass(node.database, actor=officer or "Quản trị máy", now=node.clock.now())
        state.say("✓ Đã hủy lượt ký dở dang." if given_up else "Không có lượt ký dở dang.")
        state.emit({"ok": True, "abandoned": given_up})
        return
    if approval is not None:
        if select or approver or late_reason:
            raise WrongUsage(
                "--approval đã gồm --select, --approver và --late-reason: bỏ các tùy chọn ấy.",
                "--approval goes without --select, --approver and --late-reason: it says them all",
            )
        plan = _approved_plan(node, approval, officer)
    else:
        plan = plan_passes(
            node.database,
            node.shelf.catalogue().policy,
            now=node.clock.now(),
            wanted=parse_filter(select),
            late_reason=late_reason,
        )
    _tell_plan(state, plan)
    if preview:
        state.emit({"ok": True, **_plan_data(plan)})
        return
    sealed: list[SealedPass] = []
    operations = 0
    with node.database.read() as tables:
        open_pass = passes.open_pass(tables)
        if approval is None and plan.passes and settings.get(tables, Setting.APPROVAL_REQUIRED):
            # Said before the token is asked for; what is open already was allowed when it was begun.
            if open_pass is None:
                raise PassRefusedError(PassCode.APPROVAL_MISSING)
            plan = PassPlan((), ())
    needs_token = bool(plan.passes) or (open_pass is not None and open_pass.state is PassState.PREPARED)
    if needs_token:
        if plan.passes and not officer.strip():
            raise PassRefusedError(PassCode.SIGNER_NAME)
        if plan.passes:
            # Said before the token is asked for, all at once.
            require_ties(state, reason=reason, has_second=approval is not None)
        ask = read_line if pin_stdin else ask_at_terminal
        named = Officer(
            officer, approver=approver, late_reason=late_reason, approval_id=approval, offline_reason=reason
        )
        asked = KeyAsked(
            signer_uri(node.config, signer),
            officer.strip(),
            now=node.clock.now,
            check=signer_check(node.database, node.clock.now, officer=officer.strip()),
            after_wrong_pin=after_wrong_pin,
        )
        # The open pass, if there is one, is finished with the first PIN.
        for turn in plan.turns or (PassPlan((), ()),):
            with spoken_warnings(state), open_key(node.database, asked, ask) as key:
                sealed += _tell(state, _sign(state, node, turn, key, officer=named))
                operations += key.operations
    elif open_pass is not None:
        resumed = resume_pass(node.database, None, now=node.clock.now(), entropy=node.entropy)
        sealed = _tell(state, [] if resumed is None else [resumed])
    if not sealed:
        state.say("Không có mũi tiêm nào chờ ký.")
    batches = [_data(one) for one in sealed]
    state.emit({"ok": True, **_plan_data(plan), "token_operations": operations, "sealed": batches})


def require_ties(state: State, *, reason: str, has_second: bool) -> None:
    """Say everything that is past a threshold, then check that the signature has what it asks for.

    Raises:
        PassRefusedError: OFFLINE_SECOND, OFFLINE_REASON.
    """
    node, now = state.node(), state.node().clock.now()
    policy = node.shelf.catalogue().policy.offline
    with node.database.read() as tables:
        view = gate_view(tables, policy, now=now)
        findings = tuple(line.finding for line in view.lines)
    for line in view.lines:
        state.say(f"! {line.text} {line.cure} [{line.finding.code.value}]")
    if view.needs_reason and not reason.strip():
        state.say('  Thêm --reason "vì sao vẫn ký lúc này".')
    require_offline(findings, reason=reason.strip(), has_second=has_second)


def _approved_plan(node: Node, approval_id: int, officer: str) -> PassPlan:
    """What is left of an approval; a pass of it that is open is finished first, another one stands in the way.

    Raises:
        click.UsageError: it is about doses of another site.
        PassRefusedError: OPEN_ALREADY, and as `plan_approved`.
    """
    with node.database.read() as tables:
        found, stored = approvals.get(tables, approval_id), passes.open_pass(tables)
        held = None if stored is None else approvals.of_pass(tables, stored.pass_id)
    if found is not None and found.for_site is not None:
        raise WrongUsage(
            "Lần duyệt này là của cơ sở khác: dùng sign-delegated --approval.",
            "this approval is about another site: sign-delegated --approval",
        )
    if stored is not None and (held is None or held.approval_id != approval_id):
        raise PassRefusedError(PassCode.OPEN_ALREADY)
    if held is not None and held.state is ApprovalState.USED:
        # Its last pass is the open one: there is nothing beside it.
        return PassPlan((), ())
    policy, now = node.shelf.catalogue().policy, node.clock.now()
    return plan_approved(node.database, policy, approval_id, user=None, officer=officer, now=now)


def _sign(state: State, node: Node, plan: PassPlan, key: Signer, *, officer: Officer) -> list[SealedPass]:
    now, entropy = node.clock.now(), node.entropy
    sealed: list[SealedPass] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=state.console, transient=True) as progress:
        task = progress.add_task("Đang ký, không rút token…", total=None)
        resumed = resume_pass(node.database, key, now=now, entropy=entropy)
        if resumed is not None:
            sealed.append(resumed)
        if plan.passes:
            for one in sign_plan(node.database, plan, key, officer=officer, now=now, entropy=entropy):
                sealed.append(one)
                progress.update(task, description=f"Đã ký {sum(each.doses for each in sealed)} mũi…")
    return sealed


def _tell(state: State, sealed: list[SealedPass]) -> list[SealedPass]:
    """Said at once: what a turn has signed stays signed, whatever comes of the next one."""
    for one in sealed:
        state.say(f"✓ Lô ký số {one.batch_number}: {one.people} người, {one.doses} mũi, {one.sealed_bytes} byte.")
    return sealed


def _tell_plan(state: State, plan: PassPlan) -> None:
    for planned in plan.passes:
        days = planned.first_day if planned.first_day == planned.last_day else f"{planned.first_day}…{planned.last_day}"
        state.say(f"  {planned.purpose.value}: {len(planned.doses)} mũi của {planned.people} người, ngày {days}")
    for reason, number in Counter(one.reason for one in plan.refused).most_common():
        state.say(f"  để lại {number} mũi: {WORDS[reason].vi}. {WORDS[reason].cure}")


def _plan_data(plan: PassPlan) -> dict[str, object]:
    refused = Counter(one.reason.value for one in plan.refused)
    return {
        "planned": [
            {
                "purpose": planned.purpose.value,
                "people": planned.people,
                "doses": len(planned.doses),
                "first_day": planned.first_day,
                "last_day": planned.last_day,
            }
            for planned in plan.passes
        ],
        "refused": dict(refused),
    }


def _data(one: SealedPass) -> dict[str, object]:
    return {
        "pass": one.pass_id,
        "batch_number": one.batch_number,
        "purpose": one.purpose,
        "people": one.people,
        "doses": one.doses,
        "bundle": one.bundle,
        "sealed_bytes": one.sealed_bytes,
    }


def ask_at_terminal(prompt: str) -> str:
    """Ask for the PIN without showing it."""
    asked: str = click.prompt(prompt, hide_input=True, err=True)
    return asked


def read_line(_prompt: str) -> str:
    """The PIN from standard input."""
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def spoken_warnings(state: State) -> Iterator[None]:
    """Warnings (a software key instead of a token) become a line of words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for text in dict.fromkeys(str(warning.message) for warning in caught):
                state.say(f"! {text}")

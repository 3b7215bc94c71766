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
from edge.store import passes
from edge.workflow.check_signer import signer_check
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_pass import SealedPass, abandon_pass, resume_pass, sign_plan
from edge.workflow.watch_pin import watch_pin
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.signer import Signer


@click.command()
@click.option("--select", multiple=True, metavar="CONDITION", help="day=…, dose=17,20-30, name=…, phone=…; repeatable.")
@click.option("--preview", is_flag=True, help="Show what would be signed, and sign nothing.")
@click.option("--signer", default="", metavar="URI", help="software:FILE.p12 or pkcs11:token=LABEL;serial=HEX.")
@click.option("--officer", default="", help="Full name of the signing officer.")
@click.option("--approver", default="", help="Second person, where two must agree.")
@click.option("--late-reason", default="", help="Why doses of earlier days are signed only now.")
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
    late_reason: str,
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
    needs_token = bool(plan.passes) or (open_pass is not None and open_pass.state is PassState.PREPARED)
    if needs_token:
        if plan.passes and not officer.strip():
            raise PassRefusedError(PassCode.SIGNER_NAME)
        uri = signer_uri(node.config, signer)
        ask = read_line if pin_stdin else ask_at_terminal
        named = Officer(officer, approver=approver, late_reason=late_reason)
        check, now = signer_check(node.database, node.clock.now), node.clock.now
        # The open pass, if there is one, is finished with the first PIN.
        for turn in plan.turns or (PassPlan((), ()),):
            with (
                spoken_warnings(state),
                watch_pin(node.database, after_wrong_pin=after_wrong_pin, by=officer.strip(), now=now),
                open_signer(uri, ask, after_wrong_pin=after_wrong_pin, check=check) as key,
            ):
                sealed += _tell(state, _sign(state, node, turn, key, officer=named))
                operations += key.operations
    elif open_pass is not None:
        resumed = resume_pass(node.database, None, now=node.clock.now(), entropy=node.entropy)
        sealed = _tell(state, [] if resumed is None else [resumed])
    if not sealed:
        state.say("Không có mũi tiêm nào chờ ký.")
    batches = [_data(one) for one in sealed]
    state.emit({"ok": True, **_plan_data(plan), "token_operations": operations, "sealed": batches})


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

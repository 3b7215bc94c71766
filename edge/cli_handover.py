"""Verbs of delegated signing: a site hands doses over; the hub takes them, signs them, or gives them back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from edge.cli_signing import ask_at_terminal, read_line, require_ties, spoken_warnings
from edge.cli_state import NOT_FINISHED, State, by_option, json_option, pass_state
from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.signing_pass import PlannedPass
from edge.store import approvals, handovers, hub_doses, passes, settings
from edge.store.hub_doses import SiteQueue
from edge.store.settings import Setting
from edge.web.frame.sentences import reason_words
from edge.workflow.check_signer import signer_check
from edge.workflow.hand_over import hand_over, handover_file
from edge.workflow.open_key import KeyAsked, open_key
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_delegated import hand_back, plan_delegated
from edge.workflow.sign_pass import sign_pass
from edge.workflow.take_handover import FILE_BYTES, import_handover
from edge.workflow.use_approval import plan_approved
from sync_protocol.days import parse_day
from sync_protocol.usage_words import WrongUsage

# For the owner of the file alone, although only the hub can open it.
_MODE: Final = 0o600


@click.command("hand-over")
@click.option("--day", "days", multiple=True, metavar="DAY", help="Local day of the injections; repeatable.")
@click.option(
    "--to", "number", type=int, default=None, metavar="NUMBER", help="The delegation, where there are several."
)
@click.option("--reason", default="", help="Why the site does not sign itself; needed for a single day.")
@click.option("--file", "file", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Also to a stick.")
@click.option("--again", type=int, default=None, metavar="HANDOVER", help="Only write the file of an earlier handover.")
@by_option
@json_option
@pass_state
def hand_over_doses(
    state: State,
    *,
    days: tuple[str, ...],
    number: int | None,
    reason: str,
    file: Path | None,
    again: int | None,
    by: str,
) -> None:
    """Hand unsigned doses over to the delegated signer: into the chain, and to a FILE for a stick."""
    if file is not None and (file.exists() or not file.parent.is_dir()):
        raise WrongUsage(
            "Tệp của --file đã có, hoặc chưa có thư mục của nó.", "FILE exists already, or its directory does not"
        )
    if bool(days) == (again is not None) or (again is not None and file is None):
        raise WrongUsage("Dùng --day, hoặc dùng --again cùng --file.", "either --day, or --again with --file")
    node = state.node()
    made = (
        [again]
        if again is not None
        else hand_over(
            node.database,
            node.shelf.catalogue().policy,
            [parse_day(day, what="--day").isoformat() for day in days],
            number=number,
            shown=None,
            reason=reason,
            now=node.clock.now(),
            by=by,
            entropy=node.entropy,
        )
    )
    with node.database.read() as tables:
        found = [one for one in (handovers.find(tables, each) for each in made) if one is not None]
    if not found:
        raise WrongUsage("Không có lần chuyển này.", "there is no such handover")
    for one in found:
        state.say(f"✓ Lần {one.handover_id}: {one.doses} mũi sẽ do {one.hub_name} ký.")
    if file is not None:
        _write(state, file, [one.handover_id for one in found])
    state.emit({"ok": True, "handovers": [{"handover": one.handover_id, "doses": one.doses} for one in found]})


@click.command("import-handover")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@by_option
@json_option
@pass_state
def import_handover_file(state: State, file: Path, *, by: str) -> None:
    """Take a site's unsigned doses from a FILE that came on a stick; a second time changes nothing."""
    node = state.node()
    with file.open("rb") as opened:
        data = opened.read(FILE_BYTES + 1)
    taken = import_handover(node.database, data, at=node.clock.now(), by=by)
    state.say("✓ Đã nhận các mũi chờ ký thay." if taken else "Các mũi trong tệp đã nhận từ trước.")
    state.emit({"ok": True, "handover": taken})


@click.command("sign-delegated")
@click.option("--site", default="", metavar="CODE", help="Code of the site, or of one of its nodes.")
@click.option("--approval", type=int, default=None, metavar="NUMBER", help="Sign what was approved, and nothing else.")
@click.option("--preview", is_flag=True, help="Show what would be signed, and sign nothing.")
@click.option("--signer", default="", metavar="URI", help="software:FILE.p12 or pkcs11:token=LABEL;serial=HEX.")
@click.option("--officer", default="", help="Full name of the signing officer.")
@click.option("--late-reason", default="", help="Instead of what the site said.")
@click.option("--reason", default="", help="Why it is signed although the node was alone for long.")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN or password from standard input, one line.")
@click.option("--after-wrong-pin", is_flag=True, help="Go on although the token has counted a wrong PIN.")
@json_option
@pass_state
def sign_delegated(
    state: State,
    *,
    site: str,
    approval: int | None,
    preview: bool,
    signer: str,
    officer: str,
    late_reason: str,
    reason: str,
    pin_stdin: bool,
    after_wrong_pin: bool,
) -> None:
    """Sign what waits of a site with the hub's certificate: one turn. Exit 3 when more waits."""
    if bool(site) == (approval is not None) or (approval is not None and late_reason):
        raise WrongUsage(
            "Dùng --site, hoặc dùng --approval (đã gồm cả lý do).",
            "either --site, or --approval, which says the reason too",
        )
    node = state.node()
    wanted = _next_turn(state, site) if approval is None else _approved_turn(state, approval, officer)
    planned = wanted.planned
    state.say(f"  {wanted.site_name}: {len(planned.doses)} mũi của {planned.people} người, còn {wanted.left} mũi")
    counts = {"people": planned.people, "doses": len(planned.doses), "left": wanted.left}
    data = {"ok": True, "node": planned.doses[0].node, **counts}
    if preview:
        state.emit(data)
        return
    with node.database.read() as tables:
        if passes.open_pass(tables) is not None:
            raise PassRefusedError(PassCode.OPEN_ALREADY)
        if approval is None and settings.get(tables, Setting.APPROVAL_REQUIRED):
            raise PassRefusedError(PassCode.APPROVAL_MISSING)
    if not officer.strip():
        raise PassRefusedError(PassCode.SIGNER_NAME)
    who = Officer(officer, late_reason=late_reason or wanted.late_reason, approval_id=approval, offline_reason=reason)
    require_ties(state, reason=reason, has_second=approval is not None)
    ask = read_line if pin_stdin else ask_at_terminal
    asked = KeyAsked(
        signer_uri(node.config, signer),
        officer.strip(),
        now=node.clock.now,
        check=signer_check(node.database, node.clock.now, officer=officer.strip()),
        after_wrong_pin=after_wrong_pin,
    )
    with spoken_warnings(state), open_key(node.database, asked, ask) as key:
        sealed = sign_pass(node.database, planned, key, officer=who, now=node.clock.now(), entropy=node.entropy)
    state.say(f"✓ Lô ký số {sealed.batch_number}: {sealed.people} người, {sealed.doses} mũi của {wanted.site_name}.")
    state.emit({**data, "batch_number": sealed.batch_number, "bundle": sealed.bundle})
    if wanted.left:
        click.get_current_context().exit(NOT_FINISHED)


@click.command("hand-back")
@click.option("--site", required=True, metavar="CODE", help="Code of the site, or of one of its nodes.")
@click.option("--dose", "sequences", type=int, multiple=True, required=True, help="Number of the dose; repeatable.")
@click.option("--reason", required=True, help="Why the hub does not sign it, for the site.")
@by_option
@json_option
@pass_state
def hand_back_doses(state: State, *, site: str, sequences: tuple[int, ...], reason: str, by: str) -> None:
    """Give doses that wait back to their site."""
    node = state.node()
    queue = _queue(state, site)
    number = hand_back(
        node.database, queue.node, sequences, reason=reason, now=node.clock.now(), by=by, entropy=node.entropy
    )
    state.say(f"✓ Trả lại {queue.site_name} {number} mũi.")
    state.emit({"ok": True, "node": queue.node, "doses": number})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one turn signs for a site; `left`: doses that wait for the next."""

    planned: PlannedPass
    site_name: str
    late_reason: str
    left: int = 0


def _next_turn(state: State, site: str) -> _Wanted:
    """The next turn of a site; says what of it cannot be signed. Raises PassRefusedError NOTHING_TO_SIGN."""
    node, queue = state.node(), _queue(state, site)
    with node.database.read() as tables:
        plan = plan_delegated(tables, node.shelf.catalogue().policy, queue.node, now=node.clock.now())
    for why, number in plan.refused:
        said = reason_words(why)
        state.say(f"  chưa ký được {number} mũi: {said.vi}. {said.cure}")
    if plan.planned is None:
        raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
    return _Wanted(plan.planned, queue.site_name, plan.late_reason, left=plan.left)


def _approved_turn(state: State, approval_id: int, officer: str) -> _Wanted:
    """What was approved. Raises click.UsageError if it is about own doses, and PassRefusedError as `plan_approved`."""
    node = state.node()
    with node.database.read() as tables:
        found = approvals.get(tables, approval_id)
    policy, now = node.shelf.catalogue().policy, node.clock.now()
    plan = plan_approved(node.database, policy, approval_id, user=None, officer=officer, now=now)
    if found is None or found.for_site is None:
        raise WrongUsage(
            "Lần duyệt này là của chính cơ sở: dùng sign --approval.",
            "this approval is about doses of this site itself: sign --approval",
        )
    return _Wanted(plan.passes[0], found.for_site.site_name, found.late_reason)


def _queue(state: State, site: str) -> SiteQueue:
    """The longest waiting queue of this site or node. Raises PassRefusedError NOTHING_TO_SIGN."""
    with state.node().database.read() as tables:
        found = next((one for one in hub_doses.queues(tables) if site in (one.site, one.node)), None)
    if found is None:
        raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
    return found


def _write(state: State, file: Path, numbers: list[int]) -> None:
    """One file for each handover: the first under the name given, further ones with their number before the ending."""
    node = state.node()
    for place, number in enumerate(numbers):
        _found, data = handover_file(node.database, number, entropy=node.entropy)
        target = file if place == 0 else file.with_name(f"{file.stem}-{number}{file.suffix}")
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as opened:  # noqa: PTH123
            opened.write(data)
        state.say(f"✓ Tệp {target.name}: mang sang đơn vị ký thay.")

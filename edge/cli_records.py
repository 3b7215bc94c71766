"""Verbs that bring data in: day lists, single doses, population packs, identity checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import click

from edge.cli_state import State, by_option, json_option, pass_state
from edge.clients.day_list_files import open_day_list
from edge.domain.code_words import words
from edge.domain.dose_form import FIELDS, read_form
from edge.domain.refusals import AnyCode, EdgeCode
from edge.domain.row_verdict import ProposalChoice, RowState, RowVerdict
from edge.workflow.check_identity import check_identity as check_identity_workflow
from edge.workflow.import_day_list import apply_plan, plan_import
from edge.workflow.import_pack import import_pack as import_pack_workflow
from edge.workflow.import_roster import RosterState, RosterVerdict, apply_roster, plan_roster
from edge.workflow.record_dose import Submission, record_dose
from sync_protocol.errors import Code
from sync_protocol.usage_words import WrongUsage

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_STATE_WORDS: Final = {
    RowState.NEW: "mới",
    RowState.SAME: "đã có",
    RowState.CONFLICT: "mâu thuẫn",
    RowState.PROPOSED: "cần quyết định",
    RowState.BROKEN: "hỏng",
}
_ROSTER_WORDS: Final = {
    RosterState.NEW: "người mới",
    RosterState.KNOWN: "đã có hồ sơ",
    RosterState.SAME: "đã trong danh sách",
    RosterState.CONFLICT: "mâu thuẫn",
    RosterState.PROPOSED: "cần quyết định",
    RosterState.BROKEN: "hỏng",
}
_ROWS_TOLD: Final = 40
_DOSE_JSON_BYTES: Final = 64 * 1024


_apply_option = click.option(
    "--apply", "applies", is_flag=True, help="Write the good rows; without it nothing is written."
)
_proposals_option = click.option(
    "--proposals",
    type=click.Choice([choice.value for choice in ProposalChoice]),
    default=ProposalChoice.LEAVE_OUT.value,
    show_default=True,
    help="What becomes of rows with a proposed value.",
)


@click.command(name="import")
@click.argument("file", type=_FILE)
@_apply_option
@click.option("--late-reason", default="", help="Why doses of earlier days come only now.")
@_proposals_option
@by_option
@json_option
@pass_state
def import_list(state: State, file: Path, *, applies: bool, late_reason: str, proposals: str, by: str) -> None:
    """Import a day list (XLSX or CSV); by default a dry run that tells each row's fate."""
    node = state.node()
    now = node.clock.now()
    vocabulary = node.shelf.vocabulary()
    plan = plan_import(node.database, open_day_list(file), vocabulary=vocabulary, at=now, late_reason=late_reason)
    for heading in plan.header.unknown:
        state.say(f"! Cột không dùng: {heading}")
    _tell_rows(state, plan.verdicts)
    counts = plan.counts
    if applies:
        choice = ProposalChoice(proposals)
        result = apply_plan(node.database, plan, choice=choice, vocabulary=vocabulary, at=now, by=by)
        counts = result.counts
    told = ", ".join(f"{number} {_STATE_WORDS[row_state]}" for row_state, number in sorted(counts.items()))
    tail = "đã ghi các dòng mới" if applies else "chạy thử, chưa ghi gì; thêm --apply để ghi"
    state.say(f"{sum(counts.values())} dòng: {told} ({tail}).")
    state.emit(
        {
            "ok": True,
            "applied": applies,
            "sheet": plan.sheet,
            "rows": {row_state.value: counts.get(row_state, 0) for row_state in RowState},
            "findings": _findings(plan.verdicts),
        }
    )


@click.command()
@click.argument("file", type=_FILE)
@click.option("--day", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The local day of the roster.")
@_apply_option
@_proposals_option
@by_option
@json_option
@pass_state
def import_roster(state: State, file: Path, *, day: datetime, applies: bool, proposals: str, by: str) -> None:
    """Import the list of people who are expected on a day (XLSX or CSV); by default a dry run."""
    node = state.node()
    now = node.clock.now()
    vocabulary = node.shelf.vocabulary()
    local = day.date().isoformat()
    plan = plan_roster(node.database, open_day_list(file), day=local, vocabulary=vocabulary, at=now)
    for heading in plan.header.unknown:
        state.say(f"! Cột không dùng: {heading}")
    _tell_rows(state, plan.verdicts)
    counts = plan.counts
    if applies:
        choice = ProposalChoice(proposals)
        counts = apply_roster(node.database, plan, choice=choice, vocabulary=vocabulary, at=now, by=by)
    told = ", ".join(f"{number} {_ROSTER_WORDS[row_state]}" for row_state, number in sorted(counts.items()))
    tail = "đã ghi" if applies else "chạy thử, chưa ghi gì; thêm --apply để ghi"
    state.say(f"{sum(counts.values())} dòng cho ngày {local}: {told} ({tail}).")
    rows = {row_state.value: counts.get(row_state, 0) for row_state in RosterState}
    findings = _findings(plan.verdicts)
    state.emit({"ok": True, "applied": applies, "day": local, "sheet": plan.sheet, "rows": rows, "findings": findings})


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.option("--confirm", multiple=True, metavar="CODE", help="A warning that you have read and confirm.")
@by_option
@json_option
@pass_state
def record(state: State, file: TextIO, *, confirm: tuple[str, ...], by: str) -> None:
    """Record one dose from a JSON object of form fields (a file, or - for standard input).

    The same object again finds the first dose: its key is taken from "submission", or from the object itself.
    """
    node = state.node()
    text = file.read(_DOSE_JSON_BYTES)
    fields = _json_fields(text)
    key = fields.pop("submission", "") or hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    now = node.clock.now()
    catalogue = node.shelf.catalogue()
    recipient, facts = read_form(fields, catalogue=catalogue, now=now)
    submission = Submission(key, recipient, facts, confirmed=_codes(confirm))
    recorded = record_dose(node.database, submission, catalogue=catalogue, at=now, by=by)
    state.say(f"✓ Đã ghi mũi tiêm số {recorded.sequence}{' (đã có từ trước)' if recorded.is_repeat else ''}.")
    state.emit({"ok": True, "sequence": recorded.sequence, "repeat": recorded.is_repeat})


@click.command()
@click.option("--limit", type=click.IntRange(1, 200_000), default=200_000, help="Most people in this run.")
@by_option
@json_option
@pass_state
def check_identity(state: State, *, limit: int, by: str) -> None:
    """Compare all people who wait with the population pack."""
    node = state.node()
    with state.console.status("Đang đối chiếu với gói dữ liệu dân cư…"):
        summary = check_identity_workflow(node.database, at=node.clock.now(), by=by, limit=limit)
    told = ", ".join(f"{number} {answer.value}" for answer, number in sorted(summary.answers.items()))
    state.say(f"✓ Đã đối chiếu {summary.checked} người với {summary.reference}{': ' + told if told else ''}.")
    answers = {answer.value: number for answer, number in summary.answers.items()}
    state.emit({"ok": True, "checked": summary.checked, "reference": summary.reference, "answers": answers})


@click.command()
@click.argument("file", type=_FILE)
@by_option
@json_option
@pass_state
def import_pack(state: State, file: Path, *, by: str) -> None:
    """Take a population pack that is signed by the centre and sealed to this node."""
    node = state.node()
    held = import_pack_workflow(node.database, file.read_bytes(), at=node.clock.now(), by=by)
    state.say(f"✓ Gói dữ liệu dân cư {held.reference}: {held.people} người.")
    state.emit({"ok": True, "version": held.version, "people": held.people, "expires_at": held.expires_at})


def _findings(verdicts: Iterable[RowVerdict | RosterVerdict]) -> list[dict[str, object]]:
    return [
        {"row": verdict.row_number, "state": verdict.state.value, "codes": [f.code.value for f in verdict.findings]}
        for verdict in verdicts
        if verdict.findings
    ]


def _tell_rows(state: State, verdicts: Iterable[RowVerdict | RosterVerdict]) -> None:
    """Each row that is not simply new or known: its number and why. Never a value: those are people's data."""
    told = [verdict for verdict in verdicts if verdict.findings]
    for verdict in told[:_ROWS_TOLD]:
        reasons = "; ".join(f"{finding.field}: {words(finding.code).vi}" for finding in verdict.findings)
        words_of_state = (
            _STATE_WORDS[verdict.state] if isinstance(verdict, RowVerdict) else _ROSTER_WORDS[verdict.state]
        )
        state.say(f"  dòng {verdict.row_number} [{words_of_state}] {reasons}")
    if len(told) > _ROWS_TOLD:
        state.say(f"  … và {len(told) - _ROWS_TOLD} dòng nữa (xem đủ bằng --json)")


def _json_fields(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        raise WrongUsage(
            "Tệp hoặc đầu vào chuẩn không phải một đối tượng JSON.", "standard input or file: not a JSON object"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(value, str | int) for value in found.values()):
        raise WrongUsage("Cần một đối tượng JSON gồm các chuỗi chữ.", "a JSON object of texts is expected")
    unknown = set(found) - {*FIELDS, "submission"}
    if unknown:
        known = ", ".join(FIELDS)
        raise WrongUsage(
            f"Có {len(unknown)} trường không biết; các trường dùng được: {known}.",
            f"unknown fields: {len(unknown)}; known are {known}",
        )
    return {name: str(value) for name, value in found.items()}


def _codes(texts: Iterable[str]) -> frozenset[AnyCode]:
    codes: list[AnyCode] = []
    for text in texts:
        if text in set(EdgeCode):
            codes.append(EdgeCode(text))
        elif text in set(Code):
            codes.append(Code(text))
        else:
            raise WrongUsage("--confirm: không có mã này.", "--confirm: no such code")
    return frozenset(codes)

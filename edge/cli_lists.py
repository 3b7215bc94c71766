"""Verbs of the work lists: out as a workbook for the commune police, back with what is right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from edge.cli_state import State, by_option, json_option, pass_state
from edge.clients.correction_files import open_corrections, read_corrections
from edge.domain.code_words import words
from edge.domain.correction_row import RowFate
from edge.domain.work_list import LETTER, NO_UNIT, Wanted
from edge.workflow.export_work_lists import SHEET_NAMES, export_work_lists
from edge.workflow.import_corrections import Outcome, apply_corrections, plan_corrections
from sync_protocol.days import parse_day
from sync_protocol.usage_words import WrongUsage

_ROWS_TOLD: Final = 40
_FATE_WORDS: Final = {
    RowFate.CHANGE: "sửa",
    RowFate.SAME: "không đổi",
    RowFate.CONFLICT: "máy đã sửa sau khi xuất",
    RowFate.INVALID: "chưa hợp lệ",
    RowFate.UNKNOWN: "không có trong máy",
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--unit", default="", metavar="CODE", help=f'Only this commune; "{NO_UNIT}" for people without one.')
@click.option("--from", "first_day", default="", metavar="DAY", help="Only people with a dose on or after this day.")
@click.option("--to", "last_day", default="", metavar="DAY", help="Only people with a dose on or before this day.")
@click.option("--product", default="", metavar="CODE", help="Only people with a dose of this product.")
@by_option
@json_option
@pass_state
def export_work_list(
    state: State, file: Path, *, unit: str, first_day: str, last_day: str, product: str, by: str
) -> None:
    """Write the people without a number, with a malformed one, and those who do not match, into a new workbook."""
    for day, option in ((first_day, "--from"), (last_day, "--to")):
        if day:
            parse_day(day, what=option)
    if file.exists():
        raise WrongUsage("Tệp đã có; không ghi đè.", "the file exists already; nothing is overwritten")
    if not file.parent.is_dir():
        raise WrongUsage("Chưa có thư mục của tệp.", "the directory of the file does not exist")
    node = state.node()
    wanted = Wanted(LETTER[0], unit, first_day, last_day, product)
    made = export_work_lists(node.database, wanted, catalogue=node.shelf.catalogue(), at=node.clock.now(), by=by)
    # The file holds people's data: for its owner alone from its first byte on.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(made.data)
    told = ", ".join(f"{SHEET_NAMES[cause].lower()} {number}" for cause, number in made.rows.items())
    state.say(f"✓ Đã xuất: {told}. Tệp chứa dữ liệu cá nhân; xóa khi xong việc.")
    if made.left_out:
        state.say(f"! Còn {made.left_out} người không có trong tệp; dùng --unit để xuất từng xã.")
    rows = {cause.value: number for cause, number in made.rows.items()}
    state.emit({"ok": True, "rows": rows, "left_out": made.left_out})


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--apply", "applies", is_flag=True, help="Write the changes; without it nothing is written.")
@by_option
@json_option
@pass_state
def import_work_list(state: State, file: Path, *, applies: bool, by: str) -> None:
    """Take in an exported work list that came back corrected; by default a dry run that tells each row's fate."""
    node = state.node()
    rows, now = read_corrections(open_corrections(file)), node.clock.now()
    vocabulary = node.shelf.vocabulary()
    if applies:
        outcome = apply_corrections(node.database, rows, vocabulary=vocabulary, at=now, by=by)
    else:
        outcome = plan_corrections(node.database, rows, vocabulary=vocabulary, at=now)
    _tell_rows(state, outcome)
    told = ", ".join(f"{outcome.counts[fate]} {_FATE_WORDS[fate]}" for fate in RowFate)
    tail = "đã ghi" if applies else "chạy thử, chưa ghi gì; thêm --apply để ghi"
    state.say(f"{outcome.counts.total()} dòng: {told} ({tail}).")
    state.emit(
        {
            "ok": True,
            "applied": applies,
            "rows": {fate.value: outcome.counts[fate] for fate in RowFate},
            "states": {found.value: number for found, number in sorted(outcome.states.items())},
            "findings": [
                {
                    "sheet": row.sheet,
                    "row": row.row_number,
                    "fate": row.judged.fate.value,
                    "codes": [finding.code.value for finding in row.judged.findings],
                }
                for row in outcome.shown
                if row.judged.findings
            ],
        }
    )


def _tell_rows(state: State, outcome: Outcome) -> None:
    """Say what is wrong with which row; never what stands in it."""
    faulty = [row for row in outcome.shown if row.judged.findings]
    for row in faulty[:_ROWS_TOLD]:
        for finding in row.judged.findings:
            said = words(finding.code)
            state.say(
                f"✕ {row.sheet}, dòng {row.row_number}, {finding.field}: {said.vi.rstrip('.')}. {said.cure}"
                f" [{finding.code.value}]"
            )
    if len(faulty) > _ROWS_TOLD:
        state.say(f"… và {len(faulty) - _ROWS_TOLD} dòng nữa.")

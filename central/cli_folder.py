"""The verb about folders and sticks: bundles in, answers out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import click

from central.cli_state import State, json_option, pass_state, say
from central.workflow.exchange_folder import AGAIN, ANSWERED, FolderDesk, FolderLine, exchange_folder
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from sync_protocol.stick import StickKind

_REFUSED: Final = 1
_NOT_FINISHED: Final = 3
_KINDS: Final = {StickKind.BUNDLE: "gói", StickKind.REQUEST: "xin tin"}
_OUTCOMES: Final = {ANSWERED: "đã trả lời", AGAIN: "đã trả lời từ trước"}


@click.command("exchange-folder")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
@pass_state
def exchange_with_folder(state: State, directory: Path) -> None:
    """Take in the bundles of the folder DIR (a stick), and write receipts and feeds beside them.

    Exit 1 where something was refused, 3 where a bundle waits for one before it.
    """
    centre = state.open_centre()
    desk = FolderDesk(
        engine=centre.engine,
        keys=centre.keys,
        registry=centre.registry,
        tree=centre.ledger,
        entropy=centre.entropy,
        now=centre.clock.now,
    )
    found = exchange_folder(directory, desk)
    for line in found.lines:
        say(_row(line))
    counts = Counter(line.outcome for line in found.lines)
    say(
        f"{counts[ANSWERED]} đã trả lời, {counts[AGAIN]} đã trả lời từ trước, {len(found.gaps)} chờ gói trước, "
        f"{found.refused} bị từ chối; đã ghi và đọc lại {found.written} tệp. Bỏ qua {found.passed.total()} mục."
    )
    say("✓ Đã xong với thư mục này: rút USB theo cách an toàn.")
    state.emit(
        {
            "ok": not found.refused,
            "files": [
                {
                    "kind": line.kind.value,
                    "node": line.node,
                    "epoch": line.epoch,
                    "sequence": line.sequence,
                    "outcome": line.outcome,
                    "refusal": line.refusal,
                }
                for line in found.lines
            ],
            "written": found.written,
            "answers": found.answers,
            "superseded": found.superseded,
            "passed": {why.value: number for why, number in sorted(found.passed.items()) if number},
        }
    )
    if found.refused:
        click.get_current_context().exit(_REFUSED)
    if found.gaps:
        click.get_current_context().exit(_NOT_FINISHED)


def _row(line: FolderLine) -> str:
    place = f"{line.epoch}/{line.sequence}" if line.kind is StickKind.BUNDLE else ""
    said = _OUTCOMES.get(line.outcome) or f"{PROBLEMS[Code(line.outcome)].vi} [{line.outcome}]"
    refusal = f"; bị trả lại: {PROBLEMS[Code(line.refusal)].vi} [{line.refusal}]" if line.refusal else ""
    return f"{line.node or '?':<12} {_KINDS[line.kind]:<8} {place:<10} {said}{refusal}"

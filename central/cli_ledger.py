"""The verbs about a ledger that was restored from an older copy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from central.cli_state import State, json_option, pass_state, say
from central.store.database import read_transaction
from central.workflow import begin_ledger_epoch as epochs
from central.workflow.lost_history import ShownLoss, keep_proof, shown_losses
from sync_protocol.days import VIETNAM, to_datetime
from sync_protocol.ledger_evidence import receipts_of

_IN: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("begin-ledger-epoch")
@click.option("--reason", required=True, help="Why, in words that every node gets to read.")
@click.option("--base", "base_size", type=click.IntRange(min=1), help="Go on from the head of this size.")
@click.option("--number", type=click.IntRange(min=2), help="Number of the epoch, where the next one was used before.")
@click.option("--without-evidence", is_flag=True, help="Although no node has shown that anything is missing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_state
def begin_ledger_epoch(
    state: State, *, reason: str, base_size: int | None, number: int | None, without_evidence: bool, yes: bool
) -> None:
    """Declare that the database was restored from an older copy: all nodes send again what was lost."""
    centre = state.open_centre()
    with read_transaction(centre.engine) as connection:
        losses = shown_losses(connection)
    for lost in losses:
        say(lost_words(lost))
    if not losses:
        say("CHÚ Ý: chưa có nút nào cho thấy sổ cái thiếu dữ liệu.")
    if not yes:
        click.confirm("Mở kỳ sổ cái mới và yêu cầu mọi nút gửi lại?", abort=True, err=True)
    begun = epochs.begin_ledger_epoch(
        reason=reason,
        engine=centre.engine,
        keys=centre.keys,
        now=centre.clock.now(),
        base_size=base_size,
        number=number,
        without_evidence=without_evidence,
    )
    say(f"Đã mở kỳ sổ cái {begun.epoch}, nối tiếp từ cỡ {begun.base_size}, gốc {begun.base_root[:16]}….")
    say(f"{begun.nodes} nút sẽ được báo trong lần liên lạc tới và tự gửi lại phần đã mất.")
    state.emit(
        {
            "ok": True,
            "epoch": begun.epoch,
            "base_size": begun.base_size,
            "base_root": begun.base_root,
            "nodes": begun.nodes,
            "answered_anew": begun.answered_anew,
        }
    )


@click.command("show-evidence")
@click.argument("files", nargs=-1, required=True, type=_IN)
@json_option
@pass_state
def show_evidence(state: State, *, files: tuple[Path, ...]) -> None:
    """Show the centre receipts of nodes (FILES, or an export of evidence): are their heads still in this ledger?"""
    centre = state.open_centre()
    found = shown = 0
    for file in files:
        for receipt in receipts_of(file.read_bytes()):
            shown += 1
            found += keep_proof(centre.engine, receipt, at=centre.clock.now())
    if found:
        say(f"{found}/{shown} biên nhận chứng minh sổ cái đã mất dữ liệu. Cách xử lý: hcvx-central begin-ledger-epoch")
    else:
        say(f"{shown} biên nhận: sổ cái còn đủ.")
    state.emit({"ok": not found, "shown": shown, "lost": found})
    if found:
        raise SystemExit(1)


def lost_words(lost: ShownLoss) -> str:
    """One line about a head that is missing here."""
    when = to_datetime(lost.at).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
    proof = "đã kiểm tra chữ ký" if lost.is_proven else "theo lời nút"
    return f"SỔ CÁI THIẾU DỮ LIỆU: nút {lost.node} biết đầu cây kỳ {lost.epoch} cỡ {lost.size} lúc {when} ({proof})."

"""Verbs for a machine that was restored from a backup, or whose disk was copied: begin-epoch, renumber."""

from __future__ import annotations

import click

from edge.cli_state import NOT_FINISHED, REFUSED, State, by_option, json_option, pass_state
from edge.jobs import open_central
from edge.store import bundles, dose_numbers
from edge.store.node_epochs import AskState, StoredAsk
from edge.web.frame.sentences import reason_words
from edge.workflow.begin_epoch import begin_epoch
from edge.workflow.renumber_dose import renumber_all
from sync_protocol.api import NetworkError
from sync_protocol.errors import Code
from sync_protocol.node_epoch import EpochReason


@click.command("begin-epoch")
@click.option(
    "--reason",
    type=click.Choice([EpochReason.RESTORED.value, EpochReason.COPIED.value]),
    default=EpochReason.RESTORED.value,
    show_default=True,
    help="The store is a backup, or a copy of it may work elsewhere.",
)
@by_option
@json_option
@pass_state
def begin(state: State, *, reason: str, by: str) -> None:
    """Ask the centre for a new epoch of this node; while a request is open, ask again.

    Exit 3 while a person at the centre decides, 1 where it is refused.
    """
    node = state.node()
    central = open_central(node)
    at = node.clock.now()
    try:
        asked = begin_epoch(node.database, central, EpochReason(reason), entropy=node.entropy, at=at, by=by)
    except NetworkError:
        # It was stored before anything was sent.
        state.say("✓ Yêu cầu đã lưu trên máy; máy tự gửi ở lần liên lạc tới, không cần chạy lại lệnh này.")
        raise
    finally:
        central.close()
    with node.database.read() as tables:
        again, unsent, first = (
            dose_numbers.count_to_record_again(tables),
            bundles.unsent(tables),
            dose_numbers.floor(tables),
        )
    missing = sum(run.last - run.first + 1 for run in asked.missing)
    _say(state, asked, again=again, unsent=unsent, missing=missing, first=first)
    state.emit(
        {
            "ok": asked.state is AskState.GRANTED,
            "state": asked.state.value,
            "code": asked.code or None,
            "unsent": unsent,
            "missing": missing,
            "first_dose": first,
            "to_record_again": again,
        }
    )
    if asked.state is AskState.REFUSED:
        click.get_current_context().exit(REFUSED)
    if asked.state is not AskState.GRANTED:
        click.get_current_context().exit(NOT_FINISHED)


@click.command("renumber")
@by_option
@json_option
@pass_state
def renumber(state: State, *, by: str) -> None:
    """Record again, under new numbers, every dose whose number is another dose's at the centre."""
    node = state.node()
    done = renumber_all(node.database, at=node.clock.now(), by=by)
    for one in done:
        state.say(f"  mũi số {one.old} ghi lại thành số {one.new}")
    state.say(f"✓ Đã ghi lại {len(done)} mũi với số mới; ký như mũi chưa ký." if done else "✓ Không mũi nào trùng số.")
    state.emit({"ok": True, "renumbered": [{"old": one.old, "new": one.new} for one in done]})


def _say(state: State, asked: StoredAsk, *, again: int, unsent: int, missing: int, first: int) -> None:
    match asked.state:
        case AskState.GRANTED:
            state.say(f"✓ Trung tâm đã cho mở kỳ mới; {unsent} gói được gửi lại, mũi tiêm mới đánh số từ {first}.")
            if missing:
                state.say(f"  Trung tâm giữ {missing} mũi mà máy này không có; không mất và không cần ghi lại.")
            if again:
                state.say(f"! {again} mũi trùng số với mũi khác ở trung tâm: chạy hcvx-edge renumber rồi ký lại.")
        case AskState.REFUSED:
            said = reason_words(asked.code or Code.EPOCH_REFUSED.value)
            state.say(f"✕ {said.vi}. {said.cure} [{asked.code}]")
        case _:
            state.say(
                "… Chờ người ở trung tâm quyết định máy nào tiếp tục. Vẫn ghi và ký như thường; chưa gửi gói nào."
            )

"""Verbs that take something out for people: doses as a spreadsheet, and the closing sheet of a day."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.cli_state import State, by_option, json_option, pass_state
from edge.workflow.close_day import close_day as close_day_workflow
from edge.workflow.export_doses import ExportFormat, ExportRange, begin_export, export_doses
from sync_protocol.days import local_day, parse_day
from sync_protocol.usage_words import WrongUsage

_ENDINGS: Final = {f".{kind.value}": kind for kind in ExportFormat}
# For the owner of the file alone: it holds people's data.
_MODE: Final = 0o600


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "first_day", default="", metavar="DAY", help="First local day (2022-04-12); today by default.")
@click.option("--to", "last_day", default="", metavar="DAY", help="Last local day; the first one by default.")
@by_option
@json_option
@pass_state
def export(state: State, file: Path, *, first_day: str, last_day: str, by: str) -> None:
    """Write the doses of up to 92 days to an Excel or CSV file, by the ending of its name."""
    kind = _ENDINGS.get(file.suffix.lower())
    if kind is None:
        raise WrongUsage("Tên FILE phải kết thúc bằng .xlsx hoặc .csv.", "FILE ends in .xlsx or .csv")
    if file.exists():
        raise WrongUsage("FILE đã có; không ghi đè.", "FILE exists already")
    if not file.parent.is_dir():
        # Said before the trail notes that something was taken out.
        raise WrongUsage("Chưa có thư mục của FILE.", "the directory of FILE does not exist")
    node = state.node()
    now = node.clock.now()
    first = first_day or last_day or local_day(now)
    wanted = ExportRange(first, last_day or first, kind)
    catalogue = node.shelf.catalogue()
    total = begin_export(node.database, wanted, at=now, by=by)
    columns = (
        TextColumn("Đang xuất"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("mũi, còn"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=state.console, transient=True) as progress:
        task = progress.add_task("", total=total)
        data = export_doses(
            node.database, wanted, catalogue, now=now, tell=lambda done: progress.update(task, completed=done)
        )
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as opened:  # noqa: PTH123
        opened.write(data)
    state.say(f"✓ Đã xuất {total} mũi tiêm. Tệp có dữ liệu cá nhân: xóa khi dùng xong.")
    state.emit({"ok": True, "first_day": wanted.first_day, "last_day": wanted.last_day, "doses": total})


@click.command(name="close-day")
@click.option("--day", default="", metavar="DAY", help="A local day (2022-04-12); today by default.")
@click.option("--remark", default="", help="What the centre is to read beside the figures.")
@by_option
@json_option
@pass_state
def close_day(state: State, *, day: str, remark: str, by: str) -> None:
    """Close a day: its figures as a sheet for the centre, sealed and waiting to be sent."""
    if day:
        parse_day(day, what="--day")
    node = state.node()
    now = node.clock.now()
    closed = close_day_workflow(
        node.database,
        node.shelf.catalogue().policy,
        day or local_day(now),
        now=now,
        by=by,
        entropy=node.entropy,
        remark=remark,
    )
    sheet = closed.sheet
    state.say(
        f"✓ Đã chốt ngày {sheet.day}, lần {sheet.revision}: đã ghi {sheet.recorded}, đã ký {sheet.signed}, "
        f"trung tâm đã nhận {sheet.received}, đã vào sổ cái {sheet.admitted}. Gói {closed.bundle} chờ gửi."
    )
    state.emit(
        {
            "ok": True,
            "day": sheet.day,
            "revision": sheet.revision,
            "recorded": sheet.recorded,
            "signed": sheet.signed,
            "received": sheet.received,
            "admitted": sheet.admitted,
            "quarantined": sheet.quarantined,
            "refused": sheet.refused,
            "waiting": dict(sheet.waiting),
            "bundle": closed.bundle,
        }
    )

"""The verbs of the day's end: sign what is due, and hand out the texts of the passports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from central.bootstrap import open_store
from central.cli_state import State, json_option, pass_state, say, spoken_warnings
from central.config import load_config
from central.store.artefact_files import write_artefact
from central.store.database import require_newest
from central.workflow.run_day import run_day
from central.workflow.show_passport import passport_texts
from central.workflow.tell_passports import tell_passports
from central.workflow.tell_verdicts import tell_verdicts
from central.workflow.withdraw_certificate import withdraw_certificate
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS

_OUT: Final = click.Path(path_type=Path, dir_okay=False)
_OUT_DIRECTORY: Final = click.Path(path_type=Path, file_okay=False)


@click.command("end-of-day")
@json_option
@pass_state
def end_of_day(state: State) -> None:
    """Sign the health certificates that are due; run it again after any interruption."""
    centre = state.open_centre()
    columns = (
        SpinnerColumn(),
        TextColumn("Ký tập trung cuối ngày"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("mũi"),
        TimeRemainingColumn(),
    )
    with (
        spoken_warnings(),
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
        centre.open_signer() as signer,
    ):
        task = bar.add_task("", total=None)
        result = run_day(
            centre.engine,
            signer=signer,
            registry=centre.registry,
            entropy=centre.entropy,
            now=centre.clock.now(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    # Issued and kept by now: should this be stopped here, the next call gives out what is left.
    changed = tell_verdicts(centre.engine, keys=centre.keys, now=centre.clock.now())
    told = tell_passports(centre.engine, keys=centre.keys, now=centre.clock.now())
    taken_up = " (tiếp tục lượt đang dở)" if result.taken_up else ""
    say(f"Lượt ký số {result.run}{taken_up}: đã cấp {result.issued} chứng nhận cho {result.passports} người.")
    for code, count in result.waiting.items():
        row = PROBLEMS[Code(code)]
        say(f"Chờ {count} mũi [{code}]: {row.vi} {row.cure}")
    say(f"Đã chuyển {told} chứng nhận về các cơ sở đã tiêm.")
    state.emit({"ok": True, **asdict(result), "told": told, "verdict_items": changed})


@click.command("withdraw-certificate")
@click.argument("uvci")
@click.option("--by", required=True, help="Who decided.")
@click.option("--reason", required=True, help="In words; kept at the centre.")
@json_option
@pass_state
def withdraw(state: State, *, uvci: str, by: str, reason: str) -> None:
    """Take back the health certificate with the number UVCI; the site that gave the dose is told."""
    centre = state.open_centre()
    is_new = withdraw_certificate(
        uvci, reason=reason, by=by, engine=centre.engine, keys=centre.keys, now=centre.clock.now()
    )
    say("Đã thu hồi chứng nhận." if is_new else "Chứng nhận này đã được thu hồi từ trước.")
    state.emit({"ok": True, "uvci": uvci, "withdrawn_now": is_new})


@click.command()
@click.option("--to", type=_OUT, help="Write every HC1 text to this file, one a line.")
@click.option("--into", type=_OUT_DIRECTORY, help="Write one file for each passport into this directory.")
@click.option("--run", type=click.IntRange(min=1), help="Only certificates of this end-of-day run.")
@click.option("--passport", metavar="ID", help="Only this passport, by its opaque id.")
@json_option
@pass_state
def passports(state: State, to: Path | None, into: Path | None, run: int | None, passport: str | None) -> None:
    """Hand out the HC1 texts of passports, the newest dose of each first; to the screen if no place is named."""
    config = load_config(state.directory, state.environment)
    engine = open_store(config)
    require_newest(engine)
    people, texts = 0, list[str]()
    for held in passport_texts(engine, run=run, name=passport):
        people += 1
        texts.extend(held.texts)
        if into is not None:
            write_artefact(into / f"{held.id}.txt", _lines(held.texts))
    if to is not None:
        write_artefact(to, _lines(texts))
    if to is None and into is None and not state.as_json:
        click.echo("\n".join(texts))
    say(f"{people} hộ chiếu, {len(texts)} mã HC1.")
    state.emit({"ok": True, "passports": people, "texts": len(texts)})


def _lines(texts: Sequence[str]) -> list[bytes]:
    return [f"{text}\n".encode("ascii") for text in texts]

"""Verbs about sticks: out, in, and carrying what is on one to the centre and back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from edge.cli_state import NOT_FINISHED, REFUSED, State, by_option, json_option, pass_state
from edge.jobs import exchange_once, open_central
from edge.store import audit, bundles, carried
from edge.store.audit import Action
from edge.web.frame.sentences import reason_words
from edge.web.house.stick_words import PULL, carried_sentence, export_lines, import_lines
from edge.workflow.carry_files import CarryResult, carry_files
from edge.workflow.export_stick import SUBJECT, ExportResult, export_stick
from edge.workflow.import_stick import ImportResult, import_stick
from sync_protocol.api import NetworkError
from sync_protocol.errors import Code

_stick = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
_NETWORK: Final = "network"


@click.command("export-stick")
@_stick
@by_option
@json_option
@pass_state
def export_to_stick(state: State, directory: Path, *, by: str) -> None:
    """Write what has no receipt, and what is carried for others, to the stick at DIR. Nothing counts as sent by it."""
    state.emit({"ok": True, **_export(state, directory, by)})


@click.command("import-stick")
@_stick
@by_option
@json_option
@pass_state
def import_from_stick(state: State, directory: Path, *, by: str) -> None:
    """Take receipts and the feed from the stick at DIR, and keep other nodes' files to carry them on."""
    found = _import(state, directory, by)
    state.emit({"ok": not found.faulty.total(), **_import_json(found)})
    if found.faulty.total():
        click.get_current_context().exit(REFUSED)


@click.command()
@_stick
@by_option
@json_option
@pass_state
def carry(state: State, directory: Path, *, by: str) -> None:
    """Import the stick at DIR, exchange with the centre for all whose files are on it, and write the answers back.

    Exit 3 when something still waits for the centre.
    """
    found = _import(state, directory, by)
    carried_on, problem = _exchange(state)
    state.say(f"Trung tâm đã trả lời {carried_on.answered} tệp mang hộ; còn {carried_on.waiting} tệp.")
    if problem:
        said = reason_words(problem) if problem != _NETWORK else None
        told = f"{said.vi}. {said.cure}" if said else "Không liên lạc được với trung tâm; chưa mất gì, thử lại sau."
        state.say(f"! {told} [{problem}]")
    exported = _export(state, directory, by)
    with state.node().database.read() as tables:
        unsent, waiting = bundles.unsent(tables), carried.state(tables).waiting
    is_wrong = bool(found.faulty.total()) or problem not in ("", _NETWORK, Code.LATER.value)
    state.emit(
        {
            "ok": not is_wrong,
            "code": problem or None,
            "imported": _import_json(found),
            "answered": carried_on.answered,
            "waiting": waiting,
            "unsent": unsent,
            "exported": exported,
        }
    )
    if is_wrong:
        click.get_current_context().exit(REFUSED)
    if unsent or waiting or problem:
        click.get_current_context().exit(NOT_FINISHED)


@click.command("carried")
@click.option("--drop", is_flag=True, help="Let go of all of it; each node still has its own.")
@by_option
@json_option
@pass_state
def carried_files(state: State, *, drop: bool, by: str) -> None:
    """Tell how much is carried for other nodes, or let go of it."""
    node = state.node()
    dropped = 0
    if drop:
        with node.database.write_transaction() as tables:
            dropped = carried.drop_all(tables)
            audit.append(
                tables, Action.CARRIED_DROPPED, SUBJECT, actor=by, at=node.clock.now(), details=f"files: {dropped}"
            )
        state.say(f"✓ Đã bỏ {dropped} tệp mang hộ; cơ sở của chúng vẫn còn bản của mình.")
    with node.database.read() as tables:
        found = carried.state(tables)
    state.say(carried_sentence(found))
    state.emit(
        {
            "ok": True,
            "waiting": found.waiting,
            "turned_away": found.turned_away,
            "answers": found.answers,
            "bytes": found.size_bytes,
            "dropped": dropped,
        }
    )


def _export(state: State, directory: Path, by: str) -> dict[str, object]:
    node = state.node()
    with state.console.status("Đang chép ra USB và đọc lại…"):
        found: ExportResult = export_stick(node.database, directory, now=node.clock.now, entropy=node.entropy, by=by)
    for line in export_lines(found):
        state.say(line)
    state.say(f"✓ {PULL.vi}. {PULL.cure}")
    return {
        "written": {part.value: number for part, number in sorted(found.written.items())},
        "there": {part.value: number for part, number in sorted(found.there.items())},
        "bytes": found.size_bytes,
        "taken_off": found.taken_off,
    }


def _import(state: State, directory: Path, by: str) -> ImportResult:
    node = state.node()
    with state.console.status("Đang đọc USB…"):
        found = import_stick(node.database, directory, now=node.clock.now, by=by)
    for line in import_lines(found):
        state.say(line)
    return found


def _import_json(found: ImportResult) -> dict[str, object]:
    return {
        "admitted": found.admitted,
        "refused": found.refused,
        "known": found.known,
        "items": found.items,
        "left": found.left,
        "carried": found.carried,
        "carried_known": found.carried_known,
        "no_room": found.no_room,
        "own": found.own,
        "faulty": {code: number for code, number in sorted(found.faulty.items()) if number},
        "passed": {why.value: number for why, number in sorted(found.passed.items()) if number},
        "taken_off": found.taken_off,
    }


def _exchange(state: State) -> tuple[CarryResult, str]:
    """One exchange for this node, then all of what is carried; gives what was carried, and why it did not end well."""
    node = state.node()
    central = open_central(node)
    carried_on, problem = CarryResult(), ""
    with state.console.status("Đang gửi về trung tâm…"):
        try:
            problem = exchange_once(node, central).problem
            carried_on = carry_files(node.database, central, now=node.clock.now, is_asked=True)
        except NetworkError:
            problem = _NETWORK
        finally:
            central.close()
    return carried_on, problem

"""`hcvx-edge`: one verb for each thing that a site's node does.

Data goes to standard output, and only with `--json`; words and progress go to standard error, in Vietnamese. Exit
codes: 0 done, 1 refused or failed (with the code), 2 wrong usage or settings, 3 nothing wrong but not finished.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from edge import bootstrap
from edge.cli_certificates import certificates, register
from edge.cli_clock import clock
from edge.cli_epoch import begin, renumber
from edge.cli_evidence import export_evidence
from edge.cli_exchange import check, import_feed, run, status, sync
from edge.cli_handover import hand_back_doses, hand_over_doses, import_handover_file, sign_delegated
from edge.cli_lists import export_work_list, import_work_list
from edge.cli_records import check_identity, import_list, import_pack, import_roster, record
from edge.cli_reports import close_day, export
from edge.cli_signing import sign
from edge.cli_state import DIRECTORY_VARIABLE, NodeGroup, State, by_option, json_option, pass_state
from edge.cli_stick import carried_files, carry, export_to_stick, import_from_stick
from edge.cli_token import token
from edge.cli_users import user
from edge.cli_words import PROGRAM_WORDS, WORDS
from edge.jobs import open_central
from edge.workflow.enrol import begin_enrolment, finish_enrolment
from edge.workflow.working_clock import Clock
from sync_protocol.enrolment_file import ENROLMENT_FILE_BYTES, parse_enrolment_file
from sync_protocol.errors import Code, ProtocolError


@click.group(cls=NodeGroup, table=WORDS, words=PROGRAM_WORDS)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    envvar=DIRECTORY_VARIABLE,
    help="Where the node lives (its node.toml).",
)
@click.pass_context
def main(context: click.Context, directory: Path) -> None:
    """The node of a vaccination site: records, checks, signs and sends, with or without a network."""
    # A caller may hand in a clock as the context's object; by default the node uses the computer's.
    machine: Clock | None = context.obj
    context.obj = State(directory.absolute(), os.environ, clock=machine)


@main.command()
@by_option
@json_option
@pass_state
def init(state: State, *, by: str) -> None:
    """Create a node in the directory: settings, key file, encrypted store."""
    bootstrap.init_node(state.directory, state.passphrase(confirm=True), by=by, clock=state.clock)
    state.say("✓ Đã tạo nút. Tiếp theo: hcvx-edge enrol TỆP-GHI-DANH")
    state.emit({"ok": True})


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fingerprint", default="", help="The 8 groups of 4 digits that the operator reads aloud.")
@by_option
@json_option
@pass_state
def enrol(state: State, file: Path, *, fingerprint: str, by: str) -> None:
    """Enrol the node with the centre's one-time file; the same file again goes on where it stopped."""
    node = state.node()
    with file.open("rb") as opened:
        data = opened.read(ENROLMENT_FILE_BYTES + 1)
    if len(data) > ENROLMENT_FILE_BYTES:
        raise ProtocolError(Code.TOO_LARGE, "enrolment file: larger than any")
    parse_enrolment_file(data)
    spoken = fingerprint or str(click.prompt("Dấu vân tay khóa do trung tâm đọc (8 nhóm 4 chữ số)", err=True))
    now = node.clock.now()
    begin_enrolment(node.database, data, spoken=spoken, entropy=node.entropy, at=now, by=by)
    central = open_central(node)
    identity = finish_enrolment(node.database, central, at=now, by=by)
    central.close()
    state.say(f"✓ {identity.facility_name}: nút {identity.node} đã ghi danh.")
    state.emit({"ok": True, "node": identity.node, "facility": identity.facility, "epoch": identity.epoch})


main.add_command(import_list)
for verb in (
    import_roster,
    record,
    check_identity,
    import_pack,
    import_feed,
    export_evidence,
    export_to_stick,
    import_from_stick,
    carry,
    carried_files,
    register,
    certificates,
    sign,
    hand_over_doses,
    import_handover_file,
    sign_delegated,
    hand_back_doses,
    close_day,
    export,
    begin,
    renumber,
    sync,
    status,
    clock,
    check,
    run,
):
    main.add_command(verb)
main.add_command(export_work_list)
main.add_command(import_work_list)
main.add_command(user)
main.add_command(token)

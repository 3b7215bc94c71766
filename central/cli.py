"""`hcvx-central`: one verb for each thing that the centre does.

Data goes to standard output, and only with `--json`; words go to standard error, in Vietnamese. Exit codes: 0 done, 1
refused or failed (with the code), 2 wrong usage or settings, 3 nothing wrong but not finished.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from central.app import serve
from central.bootstrap import Clock, SystemClock
from central.cli_day import end_of_day, passports, withdraw
from central.cli_delegations import delegate, end_delegation, list_delegations
from central.cli_epochs import decide as decide_epoch
from central.cli_epochs import node_epochs
from central.cli_evidence import check, export_ledger, export_trust, publish_catalogue, publish_trust, status
from central.cli_folder import exchange_with_folder
from central.cli_init import init
from central.cli_ledger import begin_ledger_epoch, show_evidence
from central.cli_registrations import decide_request, registrations
from central.cli_sites import (
    build_pack,
    build_packs,
    enrol,
    export_feed,
    import_registry,
    issue_organisation_certificate,
    register_certificate,
)
from central.cli_state import CentreGroup, State, json_option, pass_state, say
from central.cli_trust import fetch_crls, import_crl, revoke_certificate, show_trust, trust_anchor
from central.cli_words import PROGRAM_WORDS, WORDS
from central.config import DIRECTORY_VARIABLE


@click.group(cls=CentreGroup, table=WORDS, words=PROGRAM_WORDS)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    envvar=DIRECTORY_VARIABLE,
    help="Where the centre lives (its centre.toml).",
)
@click.pass_context
def main(context: click.Context, directory: Path) -> None:
    """The centre: admits what sites sign, and turns it into vaccine passports."""
    # A caller may hand in a clock as the context's object; by default the centre uses the machine's.
    clock: Clock = context.obj or SystemClock()
    context.obj = State(directory=directory.absolute(), environment=os.environ, clock=clock)


@main.command()
@json_option
@pass_state
def run(state: State) -> None:
    """Serve the sync calls and the pages."""
    centre = state.open_centre()
    say(f"Trung tâm đang phục vụ tại http://{centre.config.web_host}:{centre.config.web_port}")
    state.emit({"host": centre.config.web_host, "port": centre.config.web_port})
    serve(centre)


for verb in (
    init,
    enrol,
    register_certificate,
    revoke_certificate,
    trust_anchor,
    fetch_crls,
    import_crl,
    show_trust,
    registrations,
    decide_request,
    node_epochs,
    decide_epoch,
    delegate,
    end_delegation,
    list_delegations,
    import_registry,
    build_pack,
    build_packs,
    export_feed,
    exchange_with_folder,
    issue_organisation_certificate,
    publish_catalogue,
    publish_trust,
    export_ledger,
    begin_ledger_epoch,
    show_evidence,
    export_trust,
    end_of_day,
    passports,
    withdraw,
    status,
    check,
):
    main.add_command(verb)

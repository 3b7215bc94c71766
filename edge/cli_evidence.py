"""The verb `export-evidence`: what the centre signed that does not agree, as a file that anybody can verify."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli_state import State, json_option, pass_state
from edge.workflow.ledger_evidence import evidence_file, ledger_view
from sync_protocol.usage_words import WrongUsage


@click.command("export-evidence")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@pass_state
def export_evidence(state: State, file: Path) -> None:
    """Write contradictions of the centre's ledger to FILE; hcvx-verify says what each of them proves."""
    node = state.node()
    view = ledger_view(node.database)
    try:
        file.write_bytes(evidence_file(node.database))
    except OSError as error:
        raise WrongUsage(
            f"Không ghi được FILE ({type(error).__name__}).", f"FILE cannot be written ({type(error).__name__})"
        ) from None
    left = sum(1 for _, explained in view.pairs if not explained)
    for one, explained in view.pairs:
        state.say(f"  {one.proof.value} [{one.pair.code}]{f' (kỳ {explained} đã giải thích)' if explained else ''}")
    state.say(f"✓ {len(view.pairs)} cặp lời đã ký, {left} chưa được giải thích: {file}")
    state.emit({"ok": True, "file": str(file), "pairs": len(view.pairs), "open": left})

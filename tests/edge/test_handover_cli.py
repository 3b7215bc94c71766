"""The verbs of delegated signing: hand over into the chain and to a stick, take, sign for a site, give back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from edge.cli_handover import hand_back_doses, hand_over_doses, import_handover_file, sign_delegated
from edge.cli_state import NOT_FINISHED, USAGE, State
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import RefusedError
from tests.browser.visitor import PASSWORD, make_node
from tests.edge.hub_pair import HubPair, make_pair
from tests.edge.station import DAY, FACILITY, NODE, Station


@pytest.fixture
def pair(tmp_path: Path) -> HubPair:
    return make_pair(tmp_path)


def run(
    station: Station, verb: click.Command, arguments: Sequence[str], *, status: int = 0, typed: str = ""
) -> dict[str, Any]:
    """Run a verb at a node; gives what it wrote as data."""
    directory = station.database.path.parent
    node = make_node(directory, station.database, station.clock)
    done = CliRunner().invoke(verb, [*arguments, "--json"], obj=State(directory, {}, _node=node), input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return dict(json.loads(done.stdout)) if status != USAGE else {}


def test_doses_go_by_stick_to_the_hub_are_signed_and_come_back(pair: HubPair, tmp_path: Path) -> None:
    pair.site.record(3)
    file = tmp_path / "chuyen.hcvx"
    made = run(pair.site, hand_over_doses, ["--day", DAY, "--file", str(file)])
    assert made["handovers"] == [{"handover": 1, "doses": 3}]
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(pair.hub, import_handover_file, [str(file)])["handover"] == 1
    assert run(pair.hub, import_handover_file, [str(file)])["handover"] is None
    seen = run(pair.hub, sign_delegated, ["--site", FACILITY, "--preview"])
    assert (seen["doses"], seen["people"], seen["left"]) == (3, 3, 0)
    signed = run(
        pair.hub, sign_delegated, ["--site", NODE, "--officer", "Trần Thị Ánh", "--pin-stdin"], typed=f"{PASSWORD}\n"
    )
    assert (signed["batch_number"], signed["doses"]) == (1, 3)
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}


def test_a_file_is_written_again_and_over_nothing(pair: HubPair, tmp_path: Path) -> None:
    pair.site.record(1)
    pair.hand()
    file = tmp_path / "chuyen.hcvx"
    run(pair.site, hand_over_doses, ["--again", "1", "--file", str(file)])
    for wrong in (["--again", "1", "--file", str(file)], ["--again", "1"], ["--again", "9", "--file", f"{file}2"], []):
        run(pair.site, hand_over_doses, wrong, status=USAGE)


def test_more_than_one_turn_ends_with_what_is_left(pair: HubPair) -> None:
    pair.site.record(1_001)
    pair.hand()
    pair.send()
    arguments = ["--site", FACILITY, "--officer", "Trần Thị Ánh", "--pin-stdin"]
    first = run(pair.hub, sign_delegated, arguments, typed=f"{PASSWORD}\n", status=NOT_FINISHED)
    assert (first["doses"], first["left"]) == (1_000, 1)
    assert run(pair.hub, sign_delegated, arguments, typed=f"{PASSWORD}\n")["left"] == 0


def test_nothing_is_signed_without_an_officer_or_for_a_site_of_which_nothing_waits(pair: HubPair) -> None:
    with pytest.raises(PassRefusedError) as refused:
        run(pair.hub, sign_delegated, ["--site", FACILITY])
    assert refused.value.code is PassCode.NOTHING_TO_SIGN
    pair.site.record(1)
    pair.hand()
    pair.send()
    with pytest.raises(PassRefusedError) as refused:
        run(pair.hub, sign_delegated, ["--site", FACILITY])
    assert refused.value.code is PassCode.SIGNER_NAME


def test_doses_are_given_back_with_a_reason(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    pair.send()
    with pytest.raises(RefusedError):
        run(pair.hub, hand_back_doses, ["--site", NODE, "--dose", "2", "--reason", " "])
    assert run(pair.hub, hand_back_doses, ["--site", NODE, "--dose", "2", "--reason", "Sai lô"])["doses"] == 1
    pair.send()
    assert pair.stages()[2] == ("", "", "")

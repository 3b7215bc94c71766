"""The verbs about delegated signing, from the operator's terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from central.cli import main
from sync_protocol.days import day_end, day_start
from sync_protocol.delegation import DelegationKind
from sync_protocol.errors import Code
from tests.central.handing import hand_back, hand_over, hub_of, newest_list, sign_for
from tests.central.scenario import DAY, PASSWORD, PIN, World

SECRETS = {"HCVX_CENTRAL_PASSWORD": PASSWORD, "HCVX_CENTRAL_SIGNER_PIN": PIN}


def run_in(world: World, *words: str) -> Result:
    directory = ["--directory", str(world.centre.config.directory)]
    return CliRunner(env=SECRETS).invoke(main, [*directory, *words], obj=world.clock, catch_exceptions=False)


def data(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


@pytest.fixture
def pair(world: World) -> World:
    """A centre with a site and a hub."""
    world.site()
    hub_of(world)
    return world


def test_a_delegation_is_made_from_today_without_an_end(pair: World) -> None:
    made = run_in(pair, "delegate", "19001", "19000", "--json")
    assert data(made) == {
        "ok": True,
        "number": 1,
        "site": "19001",
        "hub": "19000",
        "node": "19000A",
        "kind": "standing",
        "valid_from": day_start(DAY),
        "valid_until": None,
    }
    assert "19000 ký cho 19001 (thường xuyên), từ 15/04/2022, không thời hạn" in made.stderr
    assert [told.number for told in newest_list(pair, "19001A")] == [1]


def test_a_delegation_on_call_has_its_days(pair: World) -> None:
    days = ("--from", "2022-04-16", "--until", "2022-04-30")
    made = run_in(pair, "delegate", "19001", "19000", *days, "--on-call", "--node", "19000A", "--json")
    told = data(made)
    assert (told["kind"], told["valid_from"], told["valid_until"]) == (
        DelegationKind.ON_CALL.value,
        day_start("2022-04-16"),
        day_end("2022-04-30"),
    )
    assert "từ 16/04/2022, đến hết 30/04/2022" in made.stderr


def test_a_delegation_is_ended_by_its_number(pair: World) -> None:
    run_in(pair, "delegate", "19001", "19000")
    assert data(run_in(pair, "end-delegation", "1", "--json"))["valid_until"] == pair.clock.now()
    assert newest_list(pair, "19000A")[0].valid_until == pair.clock.now()
    unknown = run_in(pair, "end-delegation", "9", "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["code"]) == (1, Code.DELEGATION.value)


def test_the_list_says_what_waits_and_what_became_of_the_rest(world: World) -> None:
    site, hub = world.site(), hub_of(world)
    assert data(run_in(world, "delegations", "--json")) == {"ok": True, "delegations": []}
    run_in(world, "delegate", "19001", "19000")
    made = site.doses([1, 2, 3, 4])
    digest, _ = hand_over(site, made)
    sign_for(hub, site, made[:2])
    hand_back(hub, digest, [made[2].sequence])
    told = run_in(world, "delegations", "--json")
    (listed,) = data(told)["delegations"]
    assert listed["doses"] == {"waiting": 1, "signed": 2, "back": 1}
    assert "chờ ký 1, đã ký 2, trả lại 1 mũi" in told.stderr


def test_a_hub_without_a_node_is_refused_with_its_code(pair: World) -> None:
    refused = run_in(pair, "delegate", "19001", "19009", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (1, Code.FACILITY_MISMATCH.value)
    assert run_in(pair, "delegate", "19001", "19000", "--from", "15/04/2022").exit_code == 1

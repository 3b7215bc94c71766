"""The verbs about delegated signing: who signs for whom, since when, and what waits there."""

from __future__ import annotations

import click

from central.cli_state import State, json_option, pass_state, say
from central.domain.delegation import HeldDelegation
from central.store import delegations, handovers
from central.store.database import read_transaction
from central.store.handovers import HandedState
from central.workflow import delegate as delegating
from sync_protocol.days import day_end, day_start, local_day
from sync_protocol.delegation import DelegationKind

_KINDS = {
    DelegationKind.STANDING: "thường xuyên",
    DelegationKind.ON_CALL: "khi cơ sở yêu cầu từng ngày",
    DelegationKind.ONE_DAY: "một ngày",
}


@click.command()
@click.argument("site")
@click.argument("hub")
@click.option("--from", "start", metavar="DAY", help="First local day, YYYY-MM-DD; today unless given.")
@click.option("--until", metavar="DAY", help="Last local day, YYYY-MM-DD; no end unless given.")
@click.option("--on-call", is_flag=True, help="Only for days that the site asks for (its token is lost).")
@click.option("--node", help="The node of HUB that gets the doses; its newest one unless given.")
@json_option
@pass_state
def delegate(
    state: State, *, site: str, hub: str, start: str | None, until: str | None, on_call: bool, node: str | None
) -> None:
    """Let the facility HUB sign the doses of the facility SITE with its own certificate."""
    centre = state.open_centre()
    now = centre.clock.now()
    held = delegating.delegate(
        site,
        hub,
        kind=DelegationKind.ON_CALL if on_call else DelegationKind.STANDING,
        valid_from=day_start(start or local_day(now)),
        valid_until=day_end(until) if until else None,
        hub_node=node,
        engine=centre.engine,
        keys=centre.keys,
        now=now,
    )
    say(f"Đã đăng ký ủy quyền số {held.number}: {_words(held)}.")
    say("Các nút của hai cơ sở sẽ được báo ở lần đồng bộ tới.")
    state.emit({"ok": True, **_data(held)})


@click.command("end-delegation")
@click.argument("number", type=click.IntRange(min=1))
@json_option
@pass_state
def end_delegation(state: State, number: int) -> None:
    """End the delegation NUMBER now: what is signed from now on is refused."""
    centre = state.open_centre()
    held = delegating.end_delegation(number, engine=centre.engine, keys=centre.keys, now=centre.clock.now())
    say(f"Ủy quyền số {held.number} đã kết thúc: {_words(held)}.")
    state.emit({"ok": True, **_data(held)})


@click.command("delegations")
@json_option
@pass_state
def list_delegations(state: State) -> None:
    """List who signs for whom, and how many doses wait, were signed or were sent back."""
    centre = state.open_centre()
    with read_transaction(centre.engine) as connection:
        found = delegations.all_delegations(connection)
        counts = handovers.count_states(connection)
    for held in found:
        counted = counts.get(held.number, {})
        say(
            f"{held.number}. {_words(held)}: chờ ký {counted.get(HandedState.WAITING, 0)}, "
            f"đã ký {counted.get(HandedState.SIGNED, 0)}, trả lại {counted.get(HandedState.BACK, 0)} mũi"
        )
    if not found:
        say("Chưa có ủy quyền ký tập trung nào.")
    listed = [
        {**_data(held), "doses": {one.value: counts.get(held.number, {}).get(one, 0) for one in HandedState}}
        for held in found
    ]
    state.emit({"ok": True, "delegations": listed})


def _words(held: HeldDelegation) -> str:
    until = "không thời hạn"
    if held.valid_until is not None:
        # The end is the first instant after the last day, so the second before it lies on that day.
        until = f"đến hết {_day(max(held.valid_from, held.valid_until - 1))}"
    return f"{held.hub} ký cho {held.site} ({_KINDS[held.kind]}), từ {_day(held.valid_from)}, {until}"


def _day(instant: int) -> str:
    year, month, day = local_day(instant).split("-")
    return f"{day}/{month}/{year}"


def _data(held: HeldDelegation) -> dict[str, object]:
    return {
        "number": held.number,
        "site": held.site,
        "hub": held.hub,
        "node": held.hub_node,
        "kind": held.kind.value,
        "valid_from": held.valid_from,
        "valid_until": held.valid_until,
    }

"""The verb `clock`: what time it is and how anybody knows; a person says what time it is, or takes it back."""

from __future__ import annotations

import click

from edge.cli_state import State, by_option, json_option, pass_state
from edge.domain.day_list_cells import CellError, day_of, seconds_of
from edge.domain.refusals import EdgeCode, refuse
from edge.store import clock_marks
from edge.web.frame.formats import clock as time_of_day
from edge.web.frame.formats import iso_day
from edge.web.frame.gate_words import clock_line
from sync_protocol.days import day_start, local_day
from sync_protocol.usage_words import WrongUsage


@click.command()
@click.option("--set", "wanted", default="", metavar="TIME", help='What time it is here: "2026-11-21 14:05".')
@click.option("--reason", default="", help="Why the machine's own clock does not do.")
@click.option("--end", is_flag=True, help="Go by the machine's own clock again.")
@by_option
@json_option
@pass_state
def clock(state: State, *, wanted: str, reason: str, end: bool, by: str) -> None:
    """Tell what time it is and how that is known; set it where the machine's clock is wrong."""
    if end and wanted:
        raise WrongUsage("Chỉ dùng một trong --set và --end.", "either --set or --end")
    if bool(wanted) != bool(reason.strip()):
        raise WrongUsage("--set đi cùng --reason.", "--set goes with --reason")
    node = state.node()
    if wanted:
        node.clock.set(_instant(wanted), reason=reason, by=by)
        state.say("✓ Từ bây giờ máy ghi theo ngày giờ này; mũi đã ghi giữ nguyên giờ của nó.")
    elif end:
        ended = node.clock.end(by=by)
        state.say("✓ Dùng lại đồng hồ của máy." if ended else "Không có ngày giờ nào đang được đặt.")
    now, machine = node.clock.now(), node.clock.machine()
    findings = node.clock.findings()
    with node.database.read() as tables:
        override, hard_floor = clock_marks.override(tables), clock_marks.hard_floor(tables)
        jumps = clock_marks.jumps(tables)
    state.say(f"  giờ làm việc {_written(now)} · đồng hồ máy {_written(machine)}")
    if hard_floor:
        state.say(f"  không sớm hơn {_written(hard_floor)} (lượt ký gần nhất và giờ của trung tâm)")
    for line in (clock_line(one, now) for one in findings):
        state.say(f"  ! {line.text} [{line.finding.code.value}]")
    state.emit(
        {
            "ok": True,
            "at": now,
            "machine_at": machine,
            "hard_floor": hard_floor or None,
            "override": None
            if override is None
            else {"since": override.set_at, "seconds": override.seconds, "by": override.set_by},
            "findings": [{"code": one.code.value, "seconds": one.seconds, "since": one.since} for one in findings],
            "jumps": [{"seen_at": one.seen_at, "seconds": one.seconds} for one in jumps],
        }
    )


def _instant(text: str) -> int:
    """A local day and time of day as an instant. Raises RefusedError CLOCK_TYPED."""
    day, _space, time = text.strip().rpartition(" ")
    try:
        return day_start(day_of(day)) + seconds_of(time)
    except CellError:
        raise refuse(EdgeCode.CLOCK_TYPED, "set") from None


def _written(at: int) -> str:
    return f"{time_of_day(at)} {iso_day(local_day(at))}"

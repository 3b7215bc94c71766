"""The clock of a node: a dead battery, a clock that jumps, a person who says what time it is, and the centre's word."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlcipher3.dbapi2 import IntegrityError  # type: ignore[import-untyped]

from edge import bootstrap
from edge.bootstrap import Node, open_node
from edge.cli import main
from edge.domain.clock_sanity import AWAY_SECONDS, ClockCode
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.store import audit, clock_marks, passes
from edge.store.audit import Action
from edge.store.database import Database
from edge.web.frame import access
from edge.workflow.exchange import exchange
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.record_dose import Submission, record_dose
from edge.workflow.sign_pass import SealedPass, sign_pass
from edge.workflow.take_feed import fetch_feed
from edge.workflow.working_clock import LOOK_SECONDS, WorkingClock
from sync_protocol.days import day_start, local_day
from sync_protocol.identity import PaperKind, Recipient
from tests.browser.visitor import ADDRESS, BADGE, USER, Visitor, add_user, make_node, visit
from tests.builders import SeededEntropy
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, PASSPHRASE, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock, organisation_signer

HOUR = 3_600
# Where a machine with a dead battery starts: 1 January 2021.
DEAD = day_start("2021-01-01")


@dataclass(slots=True)
class Machine:
    """A machine: its clock can be set, its steady seconds only run on."""

    at: int = NOW
    steady: float = 50.0

    def now(self) -> int:
        return self.at

    def elapsed(self) -> float:
        return self.steady

    def run(self, seconds: int) -> None:
        """Let time pass."""
        self.at += seconds
        self.steady += seconds


@dataclass(slots=True)
class Site:
    """A clinic whose program runs on a machine."""

    clinic: Clinic
    machine: Machine = field(default_factory=Machine)
    truth: TickingClock = field(default_factory=lambda: TickingClock(NOW))

    @property
    def database(self) -> Database:
        return self.clinic.database

    def start(self) -> WorkingClock:
        """A run of the program."""
        clock = WorkingClock(self.database, self.machine, self.machine.elapsed)
        clock.look()
        return clock

    def boot(self, at: int) -> WorkingClock:
        """The machine is turned off and on; its clock says something."""
        self.machine.at, self.machine.steady = at, 3.0
        return self.start()

    def contact(self, clock: WorkingClock) -> None:
        """One exchange with the centre, which knows what time it is."""
        exchange(self.database, self.clinic.centre, now=clock.now, entropy=SeededEntropy(5))
        fetch_feed(self.database, self.clinic.centre, now=clock.now, entropy=SeededEntropy(clock.now()))
        clock.look_again()

    def record(self, clock: WorkingClock, number: int = 1) -> int:
        """A dose that is given now."""
        recipient: Recipient = villager(number, paper=PaperKind.CCCD)
        given = facts(given_at=clock.now(), lot_expiry="2060-01-01")
        submission = Submission(f"key-{number:08d}", recipient, given)
        return record_dose(
            self.database, submission, catalogue=self.clinic.catalogue, at=clock.now(), by=NURSE
        ).sequence

    def sign(self, clock: WorkingClock, offline_reason: str = "") -> SealedPass:
        """Sign what waits."""
        policy = self.clinic.catalogue.policy
        planned = plan_passes(self.database, policy, now=clock.now(), late_reason="đồng hồ hỏng").passes[0]
        officer = Officer("Trần Thị Ánh", late_reason="đồng hồ hỏng", offline_reason=offline_reason)
        entropy = SeededEntropy(9)
        return sign_pass(
            self.database, planned, organisation_signer(), officer=officer, now=clock.now(), entropy=entropy
        )

    def acts(self) -> list[str]:
        """What the audit trail says of the clock."""
        with self.database.read() as tables:
            return [one.action for one in audit.entries(tables, limit=5_000) if one.action.startswith("clock-")]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    clinic = make_clinic(tmp_path)
    clinic.give_pack([villager(number) for number in range(1, 9)], days=400)
    made = Site(clinic)
    clinic.centre.now = made.truth.now
    return made


def codes(clock: WorkingClock) -> list[ClockCode]:
    return [one.code for one in clock.findings()]


def test_a_clock_that_runs_is_the_machines_and_nothing_is_said(site: Site) -> None:
    clock = site.start()
    for _ in range(5):
        site.machine.run(HOUR)
        clock.look()
    assert clock.now() == clock.machine() == NOW + 5 * HOUR
    assert (codes(clock), site.acts()) == ([], [])


@pytest.mark.parametrize(("jump", "code"), [(-3 * HOUR, ClockCode.JUMPED_BACK), (3 * HOUR, ClockCode.JUMPED_AHEAD)])
def test_a_jump_while_the_program_runs_is_flagged_and_audited_once(site: Site, jump: int, code: ClockCode) -> None:
    site.machine.run(5 * HOUR)
    clock = site.start()
    site.machine.run(30)
    site.machine.at += jump
    clock.look()
    site.machine.run(LOOK_SECONDS)
    clock.look()
    assert codes(clock) == [code]
    assert site.acts() == [Action.CLOCK_JUMPED]
    with site.database.read() as tables:
        (seen,) = clock_marks.jumps(tables)
    assert (seen.before_at, seen.after_at, seen.seconds) == (NOW + 5 * HOUR, NOW + 5 * HOUR + 30 + jump, jump)


def test_a_jump_and_its_way_back_are_two_acts_and_no_doubt(site: Site) -> None:
    clock = site.start()
    for jump in (DAY_SECONDS, -DAY_SECONDS):
        site.machine.at += jump
        clock.look()
    assert (codes(clock), len(site.acts())) == ([], 2)


def test_a_sleep_of_a_night_is_no_jump_and_neither_is_a_machine_that_was_off_for_a_month(site: Site) -> None:
    clock = site.start()
    site.machine.run(14 * HOUR)
    clock.look()
    clock = site.boot(site.machine.at + 30 * DAY_SECONDS)
    assert codes(clock) == []
    assert codes(site.boot(site.machine.at + AWAY_SECONDS + HOUR)) == [ClockCode.JUMPED_AHEAD]


def test_two_programs_on_one_machine_see_one_jump(site: Site) -> None:
    first, second = site.start(), site.start()
    site.machine.at += DAY_SECONDS
    first.look()
    second.look()
    assert site.acts() == [Action.CLOCK_JUMPED]


def test_with_a_dead_battery_time_goes_on_from_the_last_entry_and_says_so(site: Site) -> None:
    site.machine.run(2 * HOUR)
    site.record(site.start())
    clock = site.boot(DEAD)
    assert clock.now() == NOW + 2 * HOUR
    site.machine.run(10 * 60)
    clock.look()
    # It runs, though nobody knows from where.
    assert clock.now() == NOW + 2 * HOUR + 10 * 60
    site.machine.run(10 * 60)
    clock.look()
    assert clock.now() == NOW + 2 * HOUR + 20 * 60
    assert codes(clock) == [ClockCode.BEHIND, ClockCode.JUMPED_BACK]


def test_with_a_dead_battery_doses_are_recorded_and_a_signature_waits_for_a_person(site: Site) -> None:
    site.start()
    clock = site.boot(DEAD)
    first = site.record(clock, 1)
    with pytest.raises(PassRefusedError) as refused:
        site.sign(clock)
    assert refused.value.code is PassCode.CLOCK_BACK
    truth = NOW + 2 * DAY_SECONDS
    clock.set(truth, reason="pin đồng hồ hỏng", by=NURSE)
    assert (clock.now(), codes(clock)) == (truth, [ClockCode.OVERRIDDEN])
    second = site.record(clock, 2)
    # What was written keeps its time.
    with site.database.read() as tables:
        rows = dict(tables.execute("SELECT sequence, recorded_at FROM doses").fetchall())
    assert rows == {first: NOW, second: truth}
    assert site.acts() == [Action.CLOCK_JUMPED, Action.CLOCK_SET]


def test_a_dose_of_the_day_on_the_wall_can_be_typed_while_the_machine_thinks_of_an_earlier_one(site: Site) -> None:
    clock = site.boot(DEAD)
    given = facts(given_at=clock.now() + DAY_SECONDS, lot_expiry="2030-01-01")

    def submit(*confirmed: EdgeCode) -> None:
        submission = Submission("key-00000001", villager(1), given, confirmed=frozenset(confirmed))
        record_dose(site.database, submission, catalogue=site.clinic.catalogue, at=clock.now(), by=NURSE)

    with pytest.raises(RefusedError) as refused:
        submit()
    assert [(one.code, one.blocking) for one in refused.value.findings] == [(EdgeCode.GIVEN_FUTURE, False)]
    submit(EdgeCode.GIVEN_FUTURE)
    clock.set(clock.now() + 2 * DAY_SECONDS, reason="đúng ngày", by=NURSE)
    with pytest.raises(RefusedError) as refused:
        record_dose(
            site.database,
            Submission("key-00000002", villager(2), facts(given_at=clock.now() + DAY_SECONDS, lot_expiry="2030-01-01")),
            catalogue=site.clinic.catalogue,
            at=clock.now(),
            by=NURSE,
        )
    assert refused.value.findings[0].blocking


def test_an_override_lasts_over_restarts_but_not_over_the_next_death_of_the_battery(site: Site) -> None:
    clock = site.boot(DEAD)
    clock.set(NOW + DAY_SECONDS, reason="pin hỏng", by=NURSE)
    site.machine.run(HOUR)
    assert site.start().now() == NOW + DAY_SECONDS + HOUR
    clock = site.boot(DEAD)
    assert ClockCode.BEHIND not in codes(clock)
    assert codes(clock) == [ClockCode.JUMPED_BACK, ClockCode.OVERRIDDEN]
    clock = site.boot(DEAD - DAY_SECONDS)
    assert codes(clock)[:1] == [ClockCode.BEHIND]
    clock.set(NOW + 3 * DAY_SECONDS, reason="pin hỏng", by=NURSE)
    assert codes(clock) == [ClockCode.OVERRIDDEN]
    with site.database.read() as tables:
        found = clock_marks.overrides(tables)
    assert [(one.ended_at, one.ended_by) for one in found] == [(None, ""), (NOW + 3 * DAY_SECONDS, NURSE)]


def test_an_override_ends_by_itself_when_the_centre_says_that_the_machine_is_right(site: Site) -> None:
    clock = site.boot(DEAD)
    clock.set(NOW + HOUR, reason="pin hỏng", by=NURSE)
    # Somebody has put the machine's clock right; the override is now the fault.
    site.machine.at = site.truth.at = NOW + 2 * HOUR
    clock.look()
    assert codes(clock) == [ClockCode.JUMPED_AHEAD, ClockCode.OVERRIDDEN]
    with site.database.write_transaction() as tables:
        # The wrong hours that it made were not written down.
        assert clock_marks.hard_floor(tables) <= site.truth.at
    site.contact(clock)
    assert (codes(clock), clock.now()) == ([], site.truth.at)
    assert site.acts()[-1] == Action.CLOCK_RELEASED
    with site.database.read() as tables:
        (ended,) = clock_marks.overrides(tables)
    assert ended.ended_by == ""


def test_a_person_ends_an_override(site: Site) -> None:
    clock = site.start()
    clock.set(NOW + 3 * HOUR, reason="xem điện thoại", by=NURSE)
    site.machine.at += 4 * HOUR
    clock.look()
    assert clock.end(by=NURSE)
    assert clock.now() == NOW + 4 * HOUR
    assert not clock.end(by=NURSE)


def test_the_centre_tells_how_slow_the_clock_is_and_the_working_time_follows_its_signed_time(site: Site) -> None:
    site.truth.at = NOW + 3 * HOUR
    clock = site.start()
    site.contact(clock)
    (behind, slow) = clock.findings()
    assert (behind.code, slow.code) == (ClockCode.BEHIND, ClockCode.SLOW)
    assert (slow.seconds, clock.now()) == (3 * HOUR, NOW + 3 * HOUR)
    with site.database.read() as tables:
        stored = clock_marks.anchor(tables)
    assert stored is not None
    assert (stored.anchor.low, stored.anchor.high) == (3 * HOUR, 3 * HOUR + 120)
    clock.set(NOW + 3 * HOUR, reason="theo trung tâm", by=NURSE)
    assert codes(clock) == [ClockCode.OVERRIDDEN]


def test_the_centre_tells_how_fast_the_clock_is(site: Site) -> None:
    site.machine.run(5 * HOUR)
    clock = site.start()
    site.contact(clock)
    (fast,) = clock.findings()
    assert (fast.code, fast.seconds) == (ClockCode.FAST, 5 * HOUR - 120)


def test_a_time_that_was_wrong_by_years_does_not_hold_the_node_for_ever(site: Site) -> None:
    site.machine.at = NOW + 10_000 * DAY_SECONDS
    clock = site.start()
    site.record(clock)
    clock = site.boot(NOW + DAY_SECONDS)
    assert codes(clock)[0] is ClockCode.BEHIND
    clock.set(NOW + DAY_SECONDS, reason="máy để sai năm", by=NURSE)
    assert (clock.now(), codes(clock)) == (NOW + DAY_SECONDS, [])
    assert site.acts()[-1] == Action.CLOCK_CONFIRMED


def test_a_time_that_is_set_in_another_process_holds_at_the_next_look(site: Site) -> None:
    site.start()
    running, other = site.boot(DEAD), site.start()
    other.set(NOW + DAY_SECONDS, reason="pin hỏng", by=NURSE)
    site.machine.run(1)
    running.look()
    assert running.now() == other.now() == NOW + DAY_SECONDS + 1
    assert site.record(running)
    other.set(NOW + 2 * DAY_SECONDS, reason="nhầm ngày", by=NURSE)
    running.look()
    assert running.now() == NOW + 2 * DAY_SECONDS


def test_a_time_that_another_process_takes_back_does_not_hold_the_running_one_up(site: Site) -> None:
    site.machine.at = NOW + 10_000 * DAY_SECONDS
    site.record(site.start())
    running = site.boot(NOW + DAY_SECONDS)
    assert running.now() == NOW + 10_000 * DAY_SECONDS
    site.start().set(NOW + DAY_SECONDS, reason="máy để sai năm", by=NURSE)
    running.look()
    assert (running.now(), codes(running)) == (NOW + DAY_SECONDS, [])


def test_nobody_goes_below_what_the_centre_may_admit(site: Site) -> None:
    site.machine.run(2 * HOUR)
    clock = site.start()
    site.record(clock)
    site.sign(clock)
    for wanted in (NOW, NOW + HOUR):
        with pytest.raises(RefusedError) as refused:
            clock.set(wanted, reason="nhầm", by=NURSE)
        assert refused.value.findings[0].code is EdgeCode.CLOCK_EARLY
    with pytest.raises(RefusedError) as refused:
        clock.set(NOW + 3 * HOUR, reason="  ", by=NURSE)
    assert refused.value.findings[0].code is EdgeCode.REASON_MISSING
    assert (clock.now(), site.acts()) == (NOW + 2 * HOUR, [])


def test_a_claim_that_the_centre_has_refused_holds_the_clock_no_more(site: Site) -> None:
    site.machine.at = NOW + 20 * HOUR
    clock = site.start()
    site.record(clock)
    sealed = site.sign(clock)
    clock = site.boot(NOW + HOUR)
    with pytest.raises(RefusedError):
        clock.set(NOW + 2 * HOUR, reason="máy để sai giờ", by=NURSE)
    with site.database.write_transaction() as tables:
        passes.give_back(tables, sealed.pass_id, state=PassState.RELEASED, at=clock.now())
    clock.set(NOW + 2 * HOUR, reason="máy để sai giờ", by=NURSE)
    assert clock.now() == NOW + 2 * HOUR


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM clock_overrides",
        "UPDATE clock_overrides SET seconds = 5, ended_at = 1",
        "UPDATE clock_overrides SET ended_at = NULL",
        "UPDATE clock_jumps SET seconds = 5",
        "DELETE FROM clock_jumps",
        "DELETE FROM pass_offline_reasons",
    ],
)
def test_what_was_said_and_seen_is_kept(site: Site, statement: str) -> None:
    site.record(site.start())
    site.sign(site.start())
    clock = site.boot(DEAD)
    clock.set(NOW + DAY_SECONDS, reason="pin hỏng", by=NURSE)
    with site.database.write_transaction() as tables:
        tables.execute("INSERT INTO pass_offline_reasons VALUES (1, 'mất sóng', '', 1, 'Sáu')")
        with pytest.raises(IntegrityError):
            tables.execute(statement)


def test_from_a_wrong_clock_to_admission_at_the_centre(site: Site) -> None:
    """A battery that is dead from the first day on: two days of doses, a restart each, and the centre takes it all."""
    admitted: list[str] = []
    for day in (1, 2):
        site.truth.at = NOW + day * DAY_SECONDS
        clock = site.boot(DEAD)
        site.record(clock, day * 3)
        with pytest.raises(PassRefusedError, match="pass-clock-back"):
            site.sign(clock)
        clock.set(site.truth.at, reason="pin hỏng", by=NURSE)
        site.record(clock, day * 3 + 1)
        site.machine.run(HOUR)
        site.truth.at += HOUR
        while True:
            sealed = site.sign(clock, offline_reason="đang dùng giờ đặt tay")
            with site.database.read() as tables:
                stored = passes.find(tables, sealed.pass_id)
                if not passes.unsigned(tables):
                    break
        assert stored is not None
        assert stored.claimed_at == site.truth.at
        site.contact(clock)
        with site.database.read() as tables:
            outcomes = [row[0] for row in tables.execute("SELECT outcome FROM receipts")]
        admitted += outcomes
        assert set(outcomes) == {"admitted"}
    assert len(site.clinic.centre.admitted_doses) == 4


def page(site: Site, tmp_path: Path, roles: tuple[Role, ...] = tuple(Role)) -> tuple[Node, Visitor]:
    node = make_node(tmp_path, site.database, TickingClock(site.machine.at))
    return node, visit(node, site.clinic.centre, roles=roles)


def test_the_page_of_a_clock_that_is_right_doubts_nothing(site: Site, tmp_path: Path) -> None:
    node, visitor = page(site, tmp_path)
    text = visitor.get("/clock")
    assert "Không thấy gì lạ" in text
    assert "Sai giờ?" not in text
    assert re.search(r'<input id="day"[^>]* value="15/04/2022"', text)
    assert node.clock.now() == NOW


def test_a_person_confirms_the_day_on_the_page(site: Site, tmp_path: Path) -> None:
    site.start()
    site.machine.at = DEAD
    node, visitor = page(site, tmp_path)
    text = visitor.get("/doses/new")
    assert "Hôm nay có phải Thứ Sáu, 15/04/2022 không?" in text
    assert "Sai giờ?" in text
    text = visitor.get("/clock")
    assert "Đồng hồ máy đang chỉ 00:00, Thứ Sáu, 01/01/2021" in text
    # A wrong day is not offered for confirmation.
    assert re.search(r'<input id="day"[^>]* value=""', text)
    for form, told in (
        ({"day": "31/02/2022", "time": "10:00", "reason": "pin hỏng"}, "Ngày hoặc giờ không có thật"),
        ({"day": "17/04/2022", "time": "25:00", "reason": "pin hỏng"}, "Ngày hoặc giờ không có thật"),
        ({"day": "17/04/2022", "time": "10:00", "reason": ""}, "Ghi vì sao phải đặt giờ"),
    ):
        text = visitor.post("/clock", {**form, "do": "ask"}, status=422)
        assert told in text
        assert f'value="{form["day"]}"' in text
    text = visitor.post("/clock", {"day": "17/04/2022", "time": "10:00", "reason": "pin hỏng", "do": "ask"}, status=200)
    assert "Bây giờ là 10:00, Chủ Nhật, 17/04/2022?" in text
    assert node.clock.now() == NOW
    hidden = visitor.hidden()
    assert 'value="17/04/2022"' in visitor.post("/clock", {**hidden, "do": "change"}, status=200)
    text = visitor.post("/clock", {**hidden, "do": "confirm"})
    assert "Từ bây giờ máy ghi theo ngày giờ này" in text
    assert node.clock.now() == day_start("2022-04-17") + 10 * HOUR
    assert local_day(node.clock.now()) == "2022-04-17"
    assert "Giờ tự đặt" in visitor.get("/doses/new")
    assert "Hôm nay có phải" not in visitor.text
    with site.database.read() as tables:
        (said,) = clock_marks.overrides(tables)
    assert (said.set_by, said.reason) == (USER, "pin hỏng")
    visitor.get("/clock")
    visitor.post("/clock/end")
    assert "Đang dùng ngày giờ do người đặt" not in visitor.get("/clock")


def test_a_page_goes_by_a_time_that_a_command_has_just_set(site: Site, tmp_path: Path) -> None:
    node, visitor = page(site, tmp_path)
    visitor.get("/clock")
    beside = WorkingClock(site.database, TickingClock(NOW))
    beside.look()
    beside.set(NOW + 3 * DAY_SECONDS, reason="pin hỏng", by=NURSE)
    assert "Giờ tự đặt" in visitor.get("/doses/new")
    assert node.clock.now() == NOW + 3 * DAY_SECONDS


def test_a_nurse_sees_the_doubt_and_whom_to_call_and_records_on(site: Site, tmp_path: Path) -> None:
    site.start()
    site.machine.at = DEAD
    _node, visitor = page(site, tmp_path, roles=(Role.INJECTION,))
    text = visitor.get("/doses/new")
    assert "gọi người ký hoặc quản lý" in text
    assert 'href="/clock"' not in text
    visitor.get("/clock", status=403)


@pytest.mark.parametrize("seconds", ["x", "", "9" * 20, "-" * 3])
def test_a_confirmation_that_no_page_sends_is_refused(site: Site, tmp_path: Path, seconds: str) -> None:
    node, visitor = page(site, tmp_path)
    visitor.get("/clock")
    visitor.post("/clock", {"reason": "x", "seconds": seconds, "do": "confirm"}, status=422)
    assert node.clock.now() == NOW


def test_sessions_go_by_the_steady_clock(site: Site, tmp_path: Path) -> None:
    machine = site.machine
    machine.run(HOUR)
    node = make_node(tmp_path, site.database, TickingClock(machine.at))
    clock = WorkingClock(site.database, machine, machine.elapsed)
    clock.look()
    node = Node(node.config, node.database, clock, node.entropy, node.shelf)
    visitor = visit(node, site.clinic.centre, roles=())
    app = visitor.client.application
    user_id = add_user(node)
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(BADGE, user_id, at=clock.now(), seen_at=clock.steady())
    with visitor.client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = BADGE
    for jump in (30 * DAY_SECONDS, -60 * DAY_SECONDS):
        machine.at += jump
        assert "Đồng hồ của máy" in visitor.get("/clock")
    machine.run(16 * 60)
    visitor.get("/clock", status=303)


def test_commands_set_tell_and_end_the_time(tmp_path: Path) -> None:
    make_clinic(tmp_path).database.close()
    machine = TickingClock(DEAD)

    def run(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
        done = CliRunner().invoke(
            main,
            ["--directory", str(tmp_path), *arguments, "--json"],
            env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
            obj=machine,
        )
        assert done.exit_code == exit_code, done.output
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return found

    told = run("clock")
    assert (told["at"], told["machine_at"], told["override"]) == (NOW, DEAD, None)
    assert [one["code"] for one in told["findings"]] == ["clock-behind"]
    assert [one["code"] for one in run("status")["clock"]] == ["clock-behind"]
    assert [one["code"] for one in run("status")["alone"]] == ["offline-clock"]
    run("clock", "--set", "2022-04-16 08:00", exit_code=2)
    run("clock", "--end", "--set", "2022-04-16 08:00", "--reason", "x", exit_code=2)
    assert run("clock", "--set", "16.4", "--reason", "x", exit_code=1)["code"] == "clock-typed"
    told = run("clock", "--set", "2022-04-16 08:00", "--reason", "pin hỏng", "--by", "Sáu")
    wanted = day_start("2022-04-16") + 8 * HOUR
    assert (told["at"], told["override"]) == (wanted, {"since": wanted, "seconds": wanted - DEAD, "by": "Sáu"})
    machine.at += HOUR
    assert run("status")["at"] == wanted + HOUR
    machine.at = wanted + 2 * HOUR
    assert run("clock", "--end")["override"] is None
    assert run("clock")["at"] == wanted + 2 * HOUR


def test_the_program_goes_by_the_working_clock_and_the_steady_one_of_the_system(tmp_path: Path) -> None:
    make_clinic(tmp_path).database.close()
    node = open_node(tmp_path, PASSPHRASE, environment={}, clock=TickingClock(DEAD))
    assert node.clock.now() == NOW
    node.close()
    first = bootstrap.elapsed()
    assert 0 < first <= bootstrap.elapsed()
    node = open_node(tmp_path, PASSPHRASE, environment={})
    assert node.clock.now() == pytest.approx(bootstrap.SystemClock().now(), abs=5)
    node.close()

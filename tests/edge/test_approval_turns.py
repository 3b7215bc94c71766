"""An approval for more than one PIN: each of its passes is begun once, and what is left stays what both saw."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlcipher3.dbapi2 import IntegrityError  # type: ignore[import-untyped]

from edge.cli_signing import sign as sign_verb
from edge.cli_state import USAGE, State
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.roles import Role
from edge.domain.signing_pass import PassPlan
from edge.store import approvals, passes, settings, users
from edge.store.approvals import Approval, ApprovalState
from edge.store.errors import StoreError
from edge.store.settings import Setting
from edge.store.users import User
from edge.workflow.approve_selection import approve, ask_approval, withdraw_approval
from edge.workflow.plan_passes import outline_selection
from edge.workflow.prepare_pass import Officer, prepare_pass
from edge.workflow.sign_pass import SealedPass, abandon_pass, sign_plan
from edge.workflow.use_approval import plan_approved
from sync_protocol.batch import Purpose, parse_batch
from sync_protocol.bundle import parse_batch_body, parse_bundle
from sync_protocol.manifest import Manifest
from sync_protocol.signers.signer import Signer
from tests.browser.signing_desk import OFFICER_NAME, sign, signing
from tests.browser.visitor import PASSWORD, Visitor, add_user, make_node, visit
from tests.edge.power_cut import Fuse, FusedSigner, PowerCutError
from tests.edge.station import AFTERNOON, DAY_SECONDS, MORNING, Station, make_station
from tests.simulator import POLICY

APPROVER = "Lê Văn Duyệt"
LATE = "mất điện"


@dataclass
class Desk:
    """A station that asks for a second person; three people of today, one of yesterday, one from before the start."""

    station: Station
    signer: User
    manager: User

    def ask(self, *sequences: int) -> int:
        with self.station.database.read() as tables:
            shown = outline_selection(tables, POLICY, sequences, now=AFTERNOON, late_reason=LATE).digest
        return ask_approval(
            self.station.database,
            POLICY,
            sequences,
            shown=shown,
            late_reason=LATE,
            user=self.signer,
            now=AFTERNOON,
        )

    def approved(self) -> int:
        """All five doses: three passes of one turn."""
        number = self.ask(1, 2, 3, 4, 5)
        approve(self.station.database, POLICY, number, user=self.manager, now=AFTERNOON)
        return number

    def plan(self, number: int) -> PassPlan:
        return plan_approved(
            self.station.database, POLICY, number, user=self.signer, officer=OFFICER_NAME, now=AFTERNOON
        )

    def sign(self, number: int, plan: PassPlan | None = None, *, signer: Signer | None = None) -> list[SealedPass]:
        station = self.station
        officer, entropy = Officer(OFFICER_NAME, approval_id=number), station.entropy
        key = signer or station.signer
        found = plan or self.plan(number)
        return list(sign_plan(station.database, found, key, officer=officer, now=AFTERNOON, entropy=entropy))

    def cut(self, number: int) -> None:
        """The power goes while the token signs the second pass."""
        fuse = Fuse(blows_at=3)
        with pytest.raises(PowerCutError):
            self.sign(number, signer=FusedSigner(self.station.signer, fuse))

    def get(self, number: int) -> Approval:
        with self.station.database.read() as tables:
            found = approvals.get(tables, number)
        assert found is not None
        return found

    def sealed(self) -> list[Manifest]:
        """What the signed statements say, read back from the sealed bundles."""
        with self.station.database.read() as tables:
            rows = tables.execute("SELECT inner_bytes FROM bundles WHERE kind = 'batch' ORDER BY sequence").fetchall()
        bodies = [parse_batch_body(parse_bundle(row[0]).claimed.body) for row in rows]
        return [parse_batch(one.statement).statement.manifest for one in bodies]

    def names(self) -> list[tuple[str, str]]:
        return [(one.signer_name, one.approver) for one in self.sealed()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    station = make_station(tmp_path)
    station.record(3)
    station.record(1, given_at=MORNING - DAY_SECONDS)
    station.record(1, given_at=MORNING - 10 * DAY_SECONDS)
    node = make_node(tmp_path, station.database, station.clock)
    ids = [
        add_user(node, login="signer", name=OFFICER_NAME, roles=[Role.SIGNER]),
        add_user(node, login="manager", name=APPROVER, roles=[Role.MANAGER]),
    ]
    with station.database.write_transaction() as tables:
        settings.put(tables, Setting.APPROVAL_REQUIRED, 1, at=AFTERNOON, by=APPROVER)
        signer, manager = (users.get(tables, user_id) for user_id in ids)
    assert signer is not None
    assert manager is not None
    return Desk(station, signer, manager)


@pytest.fixture
def visitor(tmp_path: Path, desk: Desk) -> Visitor:
    return visit(
        make_node(tmp_path, desk.station.database, desk.station.clock), desk.station.centre, roles=[Role.SIGNER]
    )


def refused(desk: Desk, number: int, plan: PassPlan | None = None) -> PassCode:
    with pytest.raises(PassRefusedError) as caught:
        desk.sign(number, plan)
    return caught.value.code


def run(desk: Desk, arguments: Sequence[str], *, status: int = 0) -> dict[str, Any]:
    """Run `sign` at the station; gives what it wrote as data."""
    database = desk.station.database
    node = make_node(database.path.parent, database, desk.station.clock)
    state = State(database.path.parent, {}, _node=node)
    done = CliRunner().invoke(sign_verb, [*arguments, "--pin-stdin", "--json"], obj=state, input=f"{PASSWORD}\n" * 3)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return dict(json.loads(done.stdout)) if status != USAGE else {}


def test_each_pass_is_begun_once_and_the_last_one_uses_it_up(desk: Desk) -> None:
    number = desk.approved()
    first, *others = desk.plan(number).passes
    desk.sign(number, PassPlan((first,), ()))
    assert (desk.get(number).state, desk.get(number).begun) == (ApprovalState.APPROVED, 3)
    assert refused(desk, number, PassPlan((first,), ())) is PassCode.SELECTION_CHANGED
    assert desk.plan(number).passes == tuple(others)
    assert [one.purpose for one in desk.sign(number)] == [Purpose.BACKLOG] * 2
    assert desk.get(number).state is ApprovalState.USED
    assert refused(desk, number) is PassCode.APPROVAL_SETTLED
    assert desk.names() == [(OFFICER_NAME, APPROVER)] * 3
    assert [one.late_reason for one in desk.sealed()] == ["", LATE, LATE]


@pytest.mark.parametrize("what", ["fewer", "other purpose"])
def test_a_pass_that_nobody_was_asked_about_fits_no_part(desk: Desk, what: str) -> None:
    number = desk.approved()
    first = desk.plan(number).passes[0]
    changed = (
        replace(first, doses=first.doses[:2], people=2) if what == "fewer" else replace(first, purpose=Purpose.BACKLOG)
    )
    assert refused(desk, number, PassPlan((changed,), ())) is PassCode.SELECTION_CHANGED
    assert desk.get(number).begun == 0


def test_the_reason_in_the_statement_is_the_one_that_was_approved(desk: Desk) -> None:
    number, station = desk.approved(), desk.station
    officer = Officer(OFFICER_NAME, approver="Người khác", late_reason="lý do khác", approval_id=number)
    plan = desk.plan(number)
    list(sign_plan(station.database, plan, station.signer, officer=officer, now=AFTERNOON, entropy=station.entropy))
    assert [(one.approver, one.late_reason) for one in desk.sealed()] == [
        (APPROVER, ""),
        (APPROVER, LATE),
        (APPROVER, LATE),
    ]


def test_what_is_left_still_has_to_be_what_both_saw(desk: Desk) -> None:
    number = desk.approved()
    plan = desk.plan(number)
    desk.sign(number, PassPlan(plan.passes[:1], ()))
    with desk.station.database.write_transaction() as tables:
        tables.execute("UPDATE people SET phone = '0911', revision = revision + 1 WHERE person_id = 4")
    assert refused(desk, number) is PassCode.SELECTION_CHANGED
    # Nor with a plan from before the change: the rows of the moment decide.
    assert refused(desk, number, PassPlan(plan.passes[1:2], ())) is PassCode.SELECTION_CHANGED
    # The other part is still good by itself.
    assert len(desk.sign(number, PassPlan(plan.passes[2:], ()))) == 1


def test_a_pass_that_is_given_up_takes_its_part_along_and_nothing_else(desk: Desk) -> None:
    number, station = desk.approved(), desk.station
    first = desk.plan(number).passes[0]
    officer = Officer(OFFICER_NAME, approval_id=number)
    prepare_pass(station.database, first, officer=officer, now=AFTERNOON, entropy=station.entropy)
    abandon_pass(station.database, actor=OFFICER_NAME, now=AFTERNOON)
    assert [one.sequences for one in desk.plan(number).passes] == [(4,), (5,)]
    assert refused(desk, number, PassPlan((first,), ())) is PassCode.SELECTION_CHANGED
    # Asked for anew it is another approval, although the doses are the same.
    assert desk.ask(1, 2, 3, 4, 5) != number
    assert len(desk.sign(number)) == 2
    assert desk.get(number).state is ApprovalState.USED


def test_withdrawn_between_two_turns_what_is_left_is_not_signed(desk: Desk) -> None:
    number = desk.approved()
    desk.sign(number, PassPlan(desk.plan(number).passes[:1], ()))
    withdraw_approval(desk.station.database, number, user=desk.manager, now=AFTERNOON)
    assert refused(desk, number) is PassCode.APPROVAL_SETTLED
    assert len(desk.sealed()) == 1


@pytest.mark.parametrize("how", ["role", "closed"])
def test_what_somebody_approved_who_may_not_any_more_is_not_signed(desk: Desk, how: str) -> None:
    number = desk.approved()
    plan = desk.plan(number)
    desk.sign(number, PassPlan(plan.passes[:1], ()))
    with desk.station.database.write_transaction() as tables:
        if how == "role":
            users.set_roles(tables, desk.manager.user_id, [Role.RECEPTION], at=AFTERNOON)
        else:
            users.set_active(tables, desk.manager.user_id, False, at=AFTERNOON)
    assert refused(desk, number) is PassCode.APPROVER_GONE
    assert refused(desk, number, PassPlan(plan.passes[1:], ())) is PassCode.APPROVER_GONE
    other = desk.ask(4, 5)
    with pytest.raises(PassRefusedError) as caught:
        approve(desk.station.database, POLICY, other, user=desk.manager, now=AFTERNOON)
    assert caught.value.code is PassCode.APPROVER_GONE
    assert len(desk.sealed()) == 1


def test_whoever_approved_does_not_sign_under_another_name_either(desk: Desk) -> None:
    number = desk.approved()
    officer = Officer("Nguyễn Văn Khác", approval_id=number, by=APPROVER)
    station = desk.station
    with pytest.raises(PassRefusedError) as caught:
        prepare_pass(
            station.database, desk.plan(number).passes[0], officer=officer, now=AFTERNOON, entropy=station.entropy
        )
    assert caught.value.code is PassCode.APPROVAL_SELF


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approved_passes SET sequences = '[1]'",
        "UPDATE approved_passes SET digest = zeroblob(32)",
        "UPDATE approved_passes SET pass_id = NULL",
        "UPDATE approved_passes SET pass_id = 1 WHERE place = 1",
        "UPDATE approvals SET state = 'used', used_at = 1",
        "INSERT INTO approved_passes SELECT 1, 9, 9, zeroblob(32), '[9]', NULL",
        "DELETE FROM approved_passes",
    ],
)
def test_the_store_itself_keeps_the_parts(desk: Desk, statement: str) -> None:
    number = desk.approved()
    desk.sign(number, PassPlan(desk.plan(number).passes[:1], ()))
    with pytest.raises((IntegrityError, StoreError)), desk.station.database.write_transaction() as tables:
        tables.execute(statement)
    assert desk.get(number).begun == 3


def test_after_a_stop_between_passes_the_rest_is_still_approved(desk: Desk, visitor: Visitor) -> None:
    number = desk.approved()
    desk.cut(number)
    with desk.station.database.read() as tables:
        stored = passes.open_pass(tables)
    assert stored is not None
    assert stored.state is PassState.PREPARED
    visitor.get("/sign")
    text = sign(visitor, {}, path="/sign/resume")
    assert "Còn 1 mũi của lượt ký này" in text
    following = re.search(r'action="(/sign/turn/[0-9a-f]+/next)"', text)
    assert following is not None
    assert "Đã ký 1 mũi tiêm" in sign(visitor, {}, path=following[1])
    assert desk.names() == [(OFFICER_NAME, APPROVER)] * 3
    assert desk.get(number).state is ApprovalState.USED


def test_the_page_of_the_approval_signs_what_is_left(desk: Desk, visitor: Visitor) -> None:
    number = desk.approved()
    desk.cut(number)
    abandon_pass(desk.station.database, actor=OFFICER_NAME, now=AFTERNOON)
    visitor.get(f"/sign/approvals/{number}")
    assert "Đã dùng cho 4 mũi tiêm trong 5 mũi tiêm; còn 1 mũi tiêm" in visitor.text
    assert "Đã ký 1 mũi tiêm" in sign(visitor, signing(visitor))
    assert desk.get(number).state is ApprovalState.USED
    assert [one.doses for one in desk.sealed()] == [3, 1]


def test_the_terminal_signs_what_was_approved_and_nothing_else(desk: Desk) -> None:
    number = desk.ask(2, 4)
    with pytest.raises(PassRefusedError) as caught:
        run(desk, ["--officer", OFFICER_NAME, "--approval", str(number)])
    assert caught.value.code is PassCode.APPROVAL_SETTLED
    approve(desk.station.database, POLICY, number, user=desk.manager, now=AFTERNOON)
    for arguments in (["--officer", OFFICER_NAME], ["--officer", OFFICER_NAME, "--approver", APPROVER]):
        with pytest.raises(PassRefusedError) as caught:
            run(desk, arguments)
        assert caught.value.code is PassCode.APPROVAL_MISSING
    with pytest.raises(PassRefusedError) as caught:
        run(desk, ["--officer", APPROVER, "--approval", str(number)])
    assert caught.value.code is PassCode.APPROVAL_SELF
    for extra in (["--select", "dose=1"], ["--approver", "Ai đó"], ["--late-reason", "khác"]):
        run(desk, ["--officer", OFFICER_NAME, "--approval", str(number), *extra], status=USAGE)
    assert [one["doses"] for one in run(desk, ["--preview", "--approval", str(number)])["planned"]] == [1, 1]
    told = run(desk, ["--officer", OFFICER_NAME, "--approval", str(number)])
    assert [one["doses"] for one in told["sealed"]] == [1, 1]
    assert desk.names() == [(OFFICER_NAME, APPROVER)] * 2
    with pytest.raises(PassRefusedError) as caught:
        run(desk, ["--officer", OFFICER_NAME, "--approval", str(number)])
    assert caught.value.code is PassCode.APPROVAL_SETTLED


@pytest.mark.parametrize("with_approval", [True, False])
def test_the_terminal_goes_on_after_a_stop(desk: Desk, with_approval: bool) -> None:
    number = desk.approved()
    desk.cut(number)
    if not with_approval:
        # What is open was allowed; nothing more is.
        assert len(run(desk, ["--officer", OFFICER_NAME])["sealed"]) == 1
    told = run(desk, ["--officer", OFFICER_NAME, "--approval", str(number)])
    assert len(told["sealed"]) == (2 if with_approval else 1)
    assert desk.names() == [(OFFICER_NAME, APPROVER)] * 3


def test_another_open_pass_stands_in_the_way_of_the_terminal(desk: Desk) -> None:
    number = desk.ask(1)
    approve(desk.station.database, POLICY, number, user=desk.manager, now=AFTERNOON)
    other, station = desk.ask(2), desk.station
    approve(station.database, POLICY, other, user=desk.manager, now=AFTERNOON)
    officer = Officer(OFFICER_NAME, approval_id=other)
    prepare_pass(station.database, desk.plan(other).passes[0], officer=officer, now=AFTERNOON, entropy=station.entropy)
    with pytest.raises(PassRefusedError) as caught:
        run(desk, ["--officer", OFFICER_NAME, "--approval", str(number)])
    assert caught.value.code is PassCode.OPEN_ALREADY
    assert len(run(desk, ["--officer", OFFICER_NAME, "--approval", str(other)])["sealed"]) == 1

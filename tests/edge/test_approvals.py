"""The second person: nobody approves their own, what was approved is what is signed, once, and both names are in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlcipher3.dbapi2 import IntegrityError  # type: ignore[import-untyped]

from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.domain.signing_pass import PassPlan
from edge.store import approvals, audit, passes, settings, users
from edge.store.approvals import Approval, ApprovalState
from edge.store.audit import Action
from edge.store.errors import StoreError
from edge.store.settings import Setting
from edge.store.users import User
from edge.workflow.approve_selection import (
    approve,
    ask_approval,
    refuse_approval,
    withdraw_approval,
)
from edge.workflow.plan_passes import outline_selection
from edge.workflow.prepare_pass import Officer, prepare_pass
from edge.workflow.sign_pass import SealedPass, abandon_pass, sign_plan
from edge.workflow.use_approval import plan_approved
from sync_protocol.batch import parse_batch
from sync_protocol.manifest import Manifest
from tests.browser.signing_desk import OFFICER_NAME, press, preview, sign, signing, type_pin
from tests.browser.signing_desk import desk as desk_address
from tests.browser.visitor import Visitor, add_user, make_node, visit
from tests.edge.station import AFTERNOON, DAY_SECONDS, Station, make_station
from tests.simulator import POLICY

APPROVER = "Lê Văn Duyệt"


@dataclass
class Desk:
    """A station that asks for a second person, with a signer who asks and a manager who decides."""

    station: Station
    signer: User
    manager: User

    def ask(self, *sequences: int, late_reason: str = "") -> int:
        with self.station.database.read() as tables:
            shown = outline_selection(tables, POLICY, sequences, now=AFTERNOON, late_reason=late_reason).digest
        return ask_approval(
            self.station.database,
            POLICY,
            sequences,
            shown=shown,
            late_reason=late_reason,
            user=self.signer,
            now=AFTERNOON,
        )

    def approve(self, approval_id: int, *, user: User | None = None) -> None:
        approve(self.station.database, POLICY, approval_id, user=user or self.manager, now=AFTERNOON)

    def sign(self, approval_id: int, *, now: int = AFTERNOON, name: str = OFFICER_NAME) -> list[SealedPass]:
        station = self.station
        plan = plan_approved(station.database, POLICY, approval_id, user=self.signer, officer=name, now=now)
        officer = Officer(name, approval_id=approval_id)
        signed = sign_plan(station.database, plan, station.signer, officer=officer, now=now, entropy=station.entropy)
        return list(signed)

    def get(self, approval_id: int) -> Approval:
        with self.station.database.read() as tables:
            found = approvals.get(tables, approval_id)
        assert found is not None
        return found

    def change_person(self, person_id: int) -> None:
        with self.station.database.write_transaction() as tables:
            tables.execute(
                "UPDATE people SET phone = '0911', revision = revision + 1 WHERE person_id = ?", (person_id,)
            )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    station = make_station(tmp_path)
    station.record(4)
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
def signer(tmp_path: Path, desk: Desk) -> Visitor:
    return visit(
        make_node(tmp_path, desk.station.database, desk.station.clock), desk.station.centre, roles=[Role.SIGNER]
    )


@pytest.fixture
def manager(tmp_path: Path, desk: Desk) -> Visitor:
    return visit(
        make_node(tmp_path, desk.station.database, desk.station.clock), desk.station.centre, roles=[Role.MANAGER]
    )


def manifests(station: Station) -> list[Manifest]:
    """What the signed statements say, from their stored bytes."""
    with station.database.read() as tables:
        found = [passes.find(tables, number) for number in passes.numbers(tables)]
    signed = [one.statement for one in found if one is not None and one.statement is not None]
    return [parse_batch(statement).statement.manifest for statement in signed]


def refusal(act: Callable[[], object]) -> PassCode:
    """The code with which this is refused."""
    with pytest.raises(PassRefusedError) as caught:
        act()
    return caught.value.code


def test_both_names_are_in_what_is_signed_and_each_act_is_in_the_trail(desk: Desk) -> None:
    number = desk.ask(1, 3)
    desk.approve(number)
    assert [one.doses for one in desk.sign(number)] == [2]
    assert [(one.signer_name, one.approver) for one in manifests(desk.station)] == [(OFFICER_NAME, APPROVER)]
    assert desk.get(number).state is ApprovalState.USED
    with desk.station.database.read() as tables:
        trail = [(one.action, one.actor) for one in audit.entries(tables) if one.subject == f"approval:{number}"]
        audit.verify(tables)
    assert trail == [
        (Action.APPROVAL_ASKED, OFFICER_NAME),
        (Action.APPROVAL_GIVEN, APPROVER),
        (Action.APPROVAL_USED, OFFICER_NAME),
    ]


def test_nobody_approves_what_they_asked_for(desk: Desk) -> None:
    number = desk.ask(1)
    assert refusal(lambda: desk.approve(number, user=desk.signer)) is PassCode.APPROVAL_SELF
    assert (
        refusal(lambda: refuse_approval(desk.station.database, number, user=desk.signer, now=AFTERNOON, remark="không"))
        is PassCode.APPROVAL_SELF
    )
    assert desk.get(number).state is ApprovalState.ASKED


def test_nobody_signs_what_they_approved_not_even_under_another_name(desk: Desk) -> None:
    number = desk.ask(1)
    desk.approve(number)
    assert refusal(lambda: desk.sign(number, name="le van DUYET")) is PassCode.APPROVAL_SELF
    database = desk.station.database
    assert (
        refusal(lambda: plan_approved(database, POLICY, number, user=desk.manager, officer="", now=AFTERNOON))
        is PassCode.APPROVAL_SELF
    )
    assert desk.get(number).state is ApprovalState.APPROVED
    assert manifests(desk.station) == []


def test_the_store_itself_refuses_an_approval_by_its_asker_and_a_step_back(desk: Desk) -> None:
    number = desk.ask(1)
    for statement in (
        "UPDATE approvals SET state = 'approved', decided_by = asked_by, decided_at = 1",
        "UPDATE approvals SET state = 'used', used_at = 1, decided_by = 2",
        "UPDATE approvals SET sequences = '[1,2]'",
        "DELETE FROM approvals",
    ):
        with pytest.raises((IntegrityError, StoreError)), desk.station.database.write_transaction() as tables:
            tables.execute(statement)
    assert desk.get(number).state is ApprovalState.ASKED


def test_nothing_is_signed_without_an_approval_where_the_site_asks_for_one(desk: Desk) -> None:
    station = desk.station
    assert refusal(station.sign) is PassCode.APPROVAL_MISSING
    with station.database.write_transaction() as tables:
        settings.put(tables, Setting.APPROVAL_REQUIRED, 0, at=AFTERNOON, by=APPROVER)
    station.sign()
    assert [one.approver for one in manifests(station)] == [""]


def test_an_approval_is_used_once(desk: Desk) -> None:
    number = desk.ask(1)
    desk.approve(number)
    desk.sign(number)
    assert refusal(lambda: desk.sign(number)) is PassCode.APPROVAL_SETTLED
    # Not for a pass of the same instant with other doses either.
    assert refusal(replace_plan(desk, 2)) is PassCode.APPROVAL_SETTLED


def replace_plan(desk: Desk, sequence: int) -> Callable[[], object]:
    """Signing another dose under the first approval, past the pages."""
    station = desk.station

    def act() -> object:
        planned = next(one for one in station.plan() if sequence in one.sequences)
        officer = Officer(OFFICER_NAME, approval_id=1)
        return list(
            sign_plan(
                station.database,
                PassPlan((planned,), ()),
                station.signer,
                officer=officer,
                now=station.clock.now(),
                entropy=station.entropy,
            )
        )

    return act


def test_one_approval_holds_for_all_passes_of_its_turn(desk: Desk) -> None:
    desk.station.record(1_001)
    numbers = list(range(5, 1_006))
    number = desk.ask(*numbers)
    desk.approve(number)
    assert [one.people for one in desk.sign(number)] == [1_000, 1]
    assert [one.approver for one in manifests(desk.station)] == [APPROVER, APPROVER]


def test_a_pass_that_was_given_up_needs_another_approval(desk: Desk) -> None:
    number = desk.ask(1)
    desk.approve(number)
    station = desk.station
    plan = plan_approved(station.database, POLICY, number, user=desk.signer, officer=OFFICER_NAME, now=AFTERNOON)
    officer = Officer(OFFICER_NAME, approval_id=number)
    prepare_pass(station.database, plan.passes[0], officer=officer, now=AFTERNOON, entropy=station.entropy)
    abandon_pass(station.database, actor=OFFICER_NAME, now=AFTERNOON)
    assert refusal(lambda: desk.sign(number, now=AFTERNOON + 60)) is PassCode.APPROVAL_SETTLED


@pytest.mark.parametrize("what", ["dose", "person", "day"])
def test_what_changed_after_it_was_asked_for_is_neither_approved_nor_signed(desk: Desk, what: str) -> None:
    asked, approved = desk.ask(1, 2), desk.ask(2, 3)
    desk.approve(approved)
    now = AFTERNOON
    if what == "person":
        desk.change_person(2)
    elif what == "day":
        now += DAY_SECONDS
    else:
        with desk.station.database.write_transaction() as tables:
            settings.put(tables, Setting.APPROVAL_REQUIRED, 0, at=AFTERNOON, by=APPROVER)
        desk.station.sign()
    database = desk.station.database
    assert refusal(lambda: approve(database, POLICY, asked, user=desk.manager, now=now)) is PassCode.SELECTION_CHANGED
    assert refusal(lambda: desk.sign(approved, now=now)) is PassCode.SELECTION_CHANGED


def test_asking_twice_for_the_same_gives_the_same_and_for_nothing_is_refused(desk: Desk) -> None:
    assert desk.ask(1, 2) == desk.ask(2, 1) == 1
    assert desk.ask(1) == 2
    assert refusal(lambda: desk.ask(99)) is PassCode.NOTHING_TO_SIGN
    database, user = desk.station.database, desk.signer
    assert (
        refusal(lambda: ask_approval(database, POLICY, [1], shown=bytes(32), late_reason="", user=user, now=AFTERNOON))
        is PassCode.SELECTION_CHANGED
    )


def test_a_refusal_has_a_reason_and_is_the_end(desk: Desk) -> None:
    number, database = desk.ask(1), desk.station.database
    with pytest.raises(RefusedError) as caught:
        refuse_approval(database, number, user=desk.manager, now=AFTERNOON, remark="")
    assert caught.value.findings[0].code is EdgeCode.REASON_MISSING
    refuse_approval(database, number, user=desk.manager, now=AFTERNOON, remark="thiếu một người")
    assert (desk.get(number).state, desk.get(number).remark) == (ApprovalState.REFUSED, "thiếu một người")
    assert refusal(lambda: desk.approve(number)) is PassCode.APPROVAL_SETTLED
    assert refusal(lambda: desk.sign(number)) is PassCode.APPROVAL_SETTLED
    assert desk.ask(1) == number + 1


def test_asker_and_approver_may_take_it_back_until_it_is_used(desk: Desk) -> None:
    database = desk.station.database
    asked, approved, used = desk.ask(1), desk.ask(2), desk.ask(3)
    assert (
        refusal(lambda: withdraw_approval(database, asked, user=desk.manager, now=AFTERNOON)) is PassCode.APPROVAL_OTHER
    )
    withdraw_approval(database, asked, user=desk.signer, now=AFTERNOON)
    desk.approve(approved)
    withdraw_approval(database, approved, user=desk.manager, now=AFTERNOON)
    desk.approve(used)
    desk.sign(used)
    for number in (asked, approved, used):
        assert (
            refusal(partial(withdraw_approval, database, number, user=desk.signer, now=AFTERNOON))
            is PassCode.APPROVAL_SETTLED
        )
    assert refusal(lambda: desk.sign(approved)) is PassCode.APPROVAL_SETTLED


def test_two_people_at_their_browsers(desk: Desk, signer: Visitor, manager: Visitor) -> None:
    text = preview(signer, [1, 3])
    assert 'name="pin"' not in text
    spoken = re.search(r"<code>([0-9A-F ]+)</code>", text)
    text = signer.post("/sign/approvals", signer.hidden())
    assert "Chờ phê duyệt" in text
    assert "Quyết định của bạn" not in text
    # The manager sees the same selection, by its code and by its doses.
    assert "Duyệt ký" in manager.get("/")
    assert "1 lượt đang chờ" in manager.get("/sign/approvals")
    text = manager.get("/sign/approvals/1")
    assert spoken is not None
    assert spoken[1] in text
    assert re.findall(r"19001A-\d{6}</td>", text) == ["19001A-000001</td>", "19001A-000003</td>"]
    # Enter in the remark says neither yes nor no.
    assert 'value="xem đã"' in manager.post("/sign/approvals/1", {"do": "look", "remark": "xem đã"}, status=200)
    assert "Chưa ghi lý do" in manager.post("/sign/approvals/1", {"do": "refuse"}, status=409)
    assert "Đã duyệt, chờ ký" in manager.post("/sign/approvals/1", {"do": "approve", "remark": "đã đối chiếu"})
    assert 'name="pin"' not in manager.text
    assert "1 lượt đã duyệt, chờ ký" in signer.get("/sign")
    assert "Người phê duyệt: Lê Văn Duyệt" in signer.get("/sign/approvals/1")
    form = signing(signer)
    signer.post("/sign/run", form)
    assert desk_address(signer)
    text = signer.get(signer.place)
    assert (OFFICER_NAME in text, APPROVER in text, "2 mũi tiêm của 2 người" in text) == (True, True, True)
    assert "Mật khẩu của tệp khóa ký không đúng" in type_pin(signer, "sai")
    for _ in range(2):
        assert "Đã ký 2 mũi tiêm của 2 người" in sign(signer, form)
    assert [(one.signer_name, one.approver) for one in manifests(desk.station)] == [(OFFICER_NAME, APPROVER)]
    assert "Đã dùng để ký" in manager.get("/sign/approvals/1")


def test_one_request_holds_for_all_turns_each_with_its_pin(desk: Desk, signer: Visitor, manager: Visitor) -> None:
    desk.station.record(1_001)
    preview(signer)
    assert "Yêu cầu phê duyệt số 1: 1.005 mũi tiêm" in signer.post("/sign/approvals", signer.hidden())
    assert "nhập mã 2 lần" in manager.get("/sign/approvals/1")
    manager.post("/sign/approvals/1", {"do": "approve"})
    signer.get("/sign/approvals/1")
    form = signing(signer)
    text = sign(signer, form)
    assert "Đã ký 1.000 mũi tiêm của 1.000 người" in text
    following = re.search(r'action="(/sign/turn/[0-9a-f]+/next)"', text)
    assert following is not None
    assert desk.get(1).state is ApprovalState.APPROVED
    assert "Đã dùng cho 1.000 mũi tiêm trong 1.005 mũi tiêm; còn 5 mũi tiêm" in manager.get("/sign/approvals/1")
    # A second click on the first button signs nothing more.
    assert "Đã ký 1.000 mũi tiêm của 1.000 người" in sign(signer, form)
    assert "Đã ký 5 mũi tiêm của 5 người" in sign(signer, {}, path=following[1])
    assert "của lượt ký này" not in signer.text
    assert [(one.signer_name, one.approver) for one in manifests(desk.station)] == [(OFFICER_NAME, APPROVER)] * 2
    assert desk.get(1).state is ApprovalState.USED
    # And another click on the second one finds what it has made.
    assert "Đã ký 5 mũi tiêm" in sign(signer, {}, path=following[1])
    assert len(manifests(desk.station)) == 2


def test_the_page_says_that_something_has_changed(desk: Desk, signer: Visitor, manager: Visitor) -> None:
    preview(signer, [1, 3])
    signer.post("/sign/approvals", signer.hidden())
    desk.change_person(3)
    text = manager.get("/sign/approvals/1")
    assert "Danh sách đã thay đổi từ khi xin phê duyệt" in text
    assert 'value="approve"' not in text
    assert "Danh sách đã thay đổi" in manager.post("/sign/approvals/1", {"do": "approve"}, status=409)
    assert "Đã rút lại" in signer.post("/sign/approvals/1", {"do": "withdraw"})


def test_the_form_of_the_preview_signs_nothing_where_an_approval_is_needed(desk: Desk, signer: Visitor) -> None:
    preview(signer, [1])
    text = signer.post("/sign/run", signing(signer), status=409)
    assert "phải có người thứ hai phê duyệt" in text
    assert manifests(desk.station) == []


def test_what_nobody_offers_is_refused(desk: Desk, signer: Visitor) -> None:
    preview(signer, [1])
    signer.post("/sign/approvals", {**signer.hidden(), "approved": "xyz"}, status=400)
    desk.ask(1)
    signer.get("/sign")
    signer.post("/sign/approvals/1", {"do": "sign"}, status=400)
    signer.get("/sign/approvals/9", status=404)
    press_on = signer.get("/sign")
    assert "chờ bạn phê duyệt" not in press_on
    assert "Sẽ ký 4 mũi" in press(signer)

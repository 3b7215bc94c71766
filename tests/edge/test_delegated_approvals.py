"""A hub with the two-person rule: what another person approved is signed for the site, once, with both names in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge.cli_handover import sign_delegated
from edge.cli_signing import sign as sign_own
from edge.cli_state import USAGE, State
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.roles import Role
from edge.domain.signing_pass import PassPlan
from edge.store import approvals, settings, users
from edge.store.approvals import Approval, ApprovalState
from edge.store.settings import Setting
from edge.store.users import User
from edge.workflow.approve_selection import approve, ask_approval, ask_delegated
from edge.workflow.check_store import check_store
from edge.workflow.plan_passes import outline_selection
from edge.workflow.prepare_pass import Officer, prepare_pass
from edge.workflow.sign_delegated import delegated_digest, hand_back, plan_delegated
from edge.workflow.sign_pass import SealedPass, abandon_pass, sign_plan
from edge.workflow.use_approval import plan_approved
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import parse_batch_body, parse_bundle
from sync_protocol.delegation import DelegationKind
from sync_protocol.manifest import Manifest
from tests.browser.signing_desk import OFFICER_NAME, sign, signing
from tests.browser.visitor import PASSWORD, Visitor, add_user, make_node, visit
from tests.edge.hub_pair import SITE_NAME, HubPair, delegation, make_pair
from tests.edge.station import AFTERNOON, DAY_SECONDS, FACILITY, NODE
from tests.simulator import POLICY

APPROVER = "Lê Văn Duyệt"
SITE = f"/hub/{NODE}"


@dataclass
class Desk:
    """A hub that asks for a second person; three doses of its site wait there."""

    pair: HubPair
    signer: User
    manager: User

    def hand(self, count: int, *, reason: str = "Mất token") -> None:
        self.pair.site.record(count)
        self.pair.hand(reason=reason)
        self.pair.send()

    def ask(self) -> int:
        database = self.pair.hub.database
        with database.read() as tables:
            shown = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).digest
        return ask_delegated(database, POLICY, NODE, shown=shown, user=self.signer, now=AFTERNOON)

    def approve(self, number: int, *, user: User | None = None, now: int = AFTERNOON) -> None:
        approve(self.pair.hub.database, POLICY, number, user=user or self.manager, now=now)

    def approved(self) -> int:
        number = self.ask()
        self.approve(number)
        return number

    def plan(self, number: int, *, now: int = AFTERNOON) -> PassPlan:
        database = self.pair.hub.database
        return plan_approved(database, POLICY, number, user=self.signer, officer=OFFICER_NAME, now=now)

    def sign(self, number: int, plan: PassPlan | None = None, *, now: int = AFTERNOON) -> list[SealedPass]:
        hub = self.pair.hub
        found = plan or self.plan(number, now=now)
        officer = Officer(OFFICER_NAME, late_reason="lý do khác", approval_id=number)
        return list(sign_plan(hub.database, found, hub.signer, officer=officer, now=now, entropy=hub.entropy))

    def get(self, number: int) -> Approval:
        with self.pair.hub.database.read() as tables:
            found = approvals.get(tables, number)
        assert found is not None
        return found

    def sealed(self) -> list[Manifest]:
        """What the signed statements say, read back from the sealed bundles of the hub."""
        with self.pair.hub.database.read() as tables:
            rows = tables.execute("SELECT inner_bytes FROM bundles WHERE kind = 'batch' ORDER BY sequence").fetchall()
        bodies = [parse_batch_body(parse_bundle(row[0]).claimed.body) for row in rows]
        return [parse_batch(one.statement).statement.manifest for one in bodies]

    def visitor(self, role: Role) -> Visitor:
        hub = self.pair.hub
        return visit(make_node(hub.database.path.parent, hub.database, hub.clock), self.pair.centre, roles=[role])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    pair = make_pair(tmp_path)
    hub = pair.hub
    node = make_node(hub.database.path.parent, hub.database, hub.clock)
    ids = [
        add_user(node, login="signer", name=OFFICER_NAME, roles=[Role.SIGNER]),
        add_user(node, login="manager", name=APPROVER, roles=[Role.MANAGER]),
    ]
    with hub.database.write_transaction() as tables:
        settings.put(tables, Setting.APPROVAL_REQUIRED, 1, at=AFTERNOON, by=APPROVER)
        signer, manager = (users.get(tables, user_id) for user_id in ids)
    assert signer is not None
    assert manager is not None
    desk = Desk(pair, signer, manager)
    desk.hand(3)
    return desk


def refused(desk: Desk, number: int, plan: PassPlan | None = None, *, now: int = AFTERNOON) -> PassCode:
    with pytest.raises(PassRefusedError) as caught:
        desk.sign(number, plan, now=now)
    return caught.value.code


def run(desk: Desk, arguments: Sequence[str], *, status: int = 0) -> dict[str, Any]:
    """Run `sign-delegated` at the hub; gives what it wrote as data."""
    database = desk.pair.hub.database
    node = make_node(database.path.parent, database, desk.pair.hub.clock)
    state = State(database.path.parent, {}, _node=node)
    done = CliRunner().invoke(sign_delegated, [*arguments, "--pin-stdin", "--json"], obj=state, input=f"{PASSWORD}\n")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return dict(json.loads(done.stdout)) if status != USAGE else {}


def test_both_names_and_the_sites_reason_are_in_what_is_sealed_and_it_is_used_once(desk: Desk) -> None:
    number = desk.approved()
    plan = desk.plan(number)
    assert [one.doses for one in desk.sign(number)] == [3]
    (manifest,) = desk.sealed()
    assert (manifest.signer_name, manifest.approver, manifest.late_reason) == (OFFICER_NAME, APPROVER, "Mất token")
    assert (manifest.for_facility, manifest.for_node) == (FACILITY, NODE)
    assert desk.get(number).state is ApprovalState.USED
    desk.pair.send()
    assert {stage for stage, _, _ in desk.pair.stages().values()} == {"receipted"}
    assert refused(desk, number) is PassCode.APPROVAL_SETTLED
    assert refused(desk, number, plan) is PassCode.SELECTION_CHANGED
    assert len(desk.sealed()) == 1
    for node in (desk.pair.site, desk.pair.hub):
        assert check_store(node.database).findings == ()


def test_nobody_approves_what_they_asked_for_nor_signs_what_they_approved(desk: Desk) -> None:
    number = desk.ask()
    with pytest.raises(PassRefusedError) as caught:
        desk.approve(number, user=desk.signer)
    assert caught.value.code is PassCode.APPROVAL_SELF
    desk.approve(number)
    database = desk.pair.hub.database
    for user, officer in ((desk.manager, OFFICER_NAME), (desk.signer, "le van DUYET")):
        with pytest.raises(PassRefusedError) as caught:
            plan_approved(database, POLICY, number, user=user, officer=officer, now=AFTERNOON)
        assert caught.value.code is PassCode.APPROVAL_SELF
    assert desk.sealed() == []


def test_asking_twice_gives_the_same_and_only_what_was_previewed_is_asked_for(desk: Desk) -> None:
    assert desk.ask() == desk.ask() == 1
    with pytest.raises(PassRefusedError) as caught:
        ask_delegated(desk.pair.hub.database, POLICY, NODE, shown=bytes(32), user=desk.signer, now=AFTERNOON)
    assert caught.value.code is PassCode.SELECTION_CHANGED


def test_what_the_site_sends_since_is_neither_in_it_nor_in_its_way(desk: Desk) -> None:
    number = desk.approved()
    desk.hand(2, reason="Lý do mới")
    assert [one.doses for one in desk.sign(number)] == [3]
    assert desk.sealed()[0].late_reason == "Mất token"
    assert desk.sign(desk.approved())[0].doses == 2


@pytest.mark.parametrize("what", ["given back", "delegation ended"])
def test_an_approval_does_not_fit_a_changed_selection(desk: Desk, what: str) -> None:
    asked, hub = desk.ask(), desk.pair.hub
    other = ask_delegated(hub.database, POLICY, NODE, shown=desk.get(asked).digest, user=desk.manager, now=AFTERNOON)
    desk.approve(asked)
    plan = desk.plan(asked)
    if what == "given back":
        hand_back(hub.database, NODE, [2], reason="Sai lô", now=AFTERNOON, by="Y sĩ Bình", entropy=hub.entropy)
    else:
        desk.pair.delegate(delegation(DelegationKind.ONE_DAY, day="2022-04-01"))
    assert refused(desk, asked) is PassCode.SELECTION_CHANGED
    if what == "given back":
        assert refused(desk, asked, plan) is PassCode.SELECTION_CHANGED
        with hub.database.read() as tables:
            rest = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).planned
        assert rest is not None
        assert refused(desk, asked, PassPlan((rest,), ())) is PassCode.SELECTION_CHANGED
    with pytest.raises(PassRefusedError) as caught:
        desk.approve(other, user=desk.signer)
    assert caught.value.code is PassCode.SELECTION_CHANGED
    assert desk.sealed() == []


def test_the_digest_is_of_site_doses_counts_and_reason(desk: Desk) -> None:
    with desk.pair.hub.database.read() as tables:
        planned = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).planned
        fewer = plan_delegated(tables, POLICY, NODE, now=AFTERNOON, sequences=[1, 2]).planned
    assert planned is not None
    assert fewer is not None
    digests = [
        delegated_digest(planned, "Mất token"),
        delegated_digest(planned, "khác"),
        delegated_digest(fewer, "Mất token"),
    ]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("how", ["role", "closed"])
def test_what_somebody_approved_who_may_not_any_more_is_not_signed(desk: Desk, how: str) -> None:
    number = desk.approved()
    plan = desk.plan(number)
    with desk.pair.hub.database.write_transaction() as tables:
        if how == "role":
            users.set_roles(tables, desk.manager.user_id, [Role.INJECTION], at=AFTERNOON)
        else:
            users.set_active(tables, desk.manager.user_id, False, at=AFTERNOON)
    assert refused(desk, number) is PassCode.APPROVER_GONE
    assert refused(desk, number, plan) is PassCode.APPROVER_GONE


def test_a_pass_that_was_given_up_is_asked_for_anew(desk: Desk) -> None:
    number, hub = desk.approved(), desk.pair.hub
    officer = Officer(OFFICER_NAME, approval_id=number)
    prepare_pass(hub.database, desk.plan(number).passes[0], officer=officer, now=AFTERNOON, entropy=hub.entropy)
    abandon_pass(hub.database, actor=OFFICER_NAME, now=AFTERNOON)
    assert refused(desk, number) is PassCode.APPROVAL_SETTLED
    again = desk.approved()
    assert again != number
    assert desk.sign(again)[0].doses == 3


def test_an_approval_of_own_doses_signs_none_of_a_site_nor_the_other_way_round(desk: Desk) -> None:
    delegated, hub = desk.approved(), desk.pair.hub
    hub.record(1)
    with hub.database.read() as tables:
        shown = outline_selection(tables, POLICY, [1], now=AFTERNOON).digest
    own = ask_approval(hub.database, POLICY, [1], shown=shown, late_reason="", user=desk.signer, now=AFTERNOON)
    desk.approve(own)
    assert refused(desk, own, desk.plan(delegated)) is PassCode.SELECTION_CHANGED
    assert refused(desk, delegated, desk.plan(own)) is PassCode.SELECTION_CHANGED
    assert desk.sealed() == []


def test_two_people_at_their_browsers(desk: Desk) -> None:
    signer, manager = desk.visitor(Role.SIGNER), desk.visitor(Role.MANAGER)
    text = signer.get(SITE)
    assert f'action="{SITE}/sign"' not in text
    text = signer.post(f"{SITE}/approval", signer.hidden())
    assert signer.place == "/sign/approvals/1"
    assert f"ký thay cho {SITE_NAME}" in manager.get("/sign/approvals")
    text = manager.get("/sign/approvals/1")
    for words in (
        f"Ký thay cho {SITE_NAME} ({FACILITY}), máy {NODE}: 3 mũi tiêm của 3 người.",
        "15/04/2022",
        "Ký thay",
    ):
        assert words in text
    assert text.count(f"{NODE}-00000") >= 3
    assert "Mất token" in text
    manager.post("/sign/approvals/1", {"do": "approve"})
    signer.get("/sign/approvals/1")
    form = signing(signer)
    text = sign(signer, form)
    assert signer.place == "/hub?done=1"
    assert f"Đã ký 3 mũi tiêm của {SITE_NAME}." in text
    # A second click finds what the first one has signed.
    sign(signer, form)
    assert [(one.signer_name, one.approver) for one in desk.sealed()] == [(OFFICER_NAME, APPROVER)]
    assert "Đã ký" in manager.get("/sign/approvals/1")


def test_the_pages_sign_nothing_of_a_site_without_an_approval(desk: Desk) -> None:
    signer = desk.visitor(Role.SIGNER)
    signer.get(SITE)
    form = {**signer.hidden(), "officer": OFFICER_NAME}
    assert "phải có người thứ hai phê duyệt" in signer.post(f"{SITE}/sign", form, status=409)
    desk.hand(1)
    assert "Danh sách đã thay đổi" in signer.post(f"{SITE}/approval", form, status=409)
    signer.post(f"{SITE}/approval", {**form, "approved": "xyz"}, status=400)
    assert desk.sealed() == []


def test_the_page_says_that_the_site_took_something_back(desk: Desk) -> None:
    desk.ask()
    hub = desk.pair.hub
    hand_back(hub.database, NODE, [1, 2, 3], reason="Sai lô", now=AFTERNOON, by="Y sĩ Bình", entropy=hub.entropy)
    text = desk.visitor(Role.MANAGER).get("/sign/approvals/1")
    assert "Danh sách đã thay đổi từ khi xin phê duyệt" in text
    assert 'value="approve"' not in text


def test_the_terminal_signs_what_was_approved_and_nothing_else(desk: Desk) -> None:
    number = desk.approved()
    desk.hand(1)
    officer = ["--officer", OFFICER_NAME]
    for arguments in (
        [*officer, "--site", NODE, "--approval", "1"],
        officer,
        [*officer, "--approval", "1", "--late-reason", "x"],
    ):
        run(desk, arguments, status=USAGE)
    for arguments, code in (
        ([*officer, "--site", NODE], PassCode.APPROVAL_MISSING),
        (["--officer", APPROVER, "--approval", str(number)], PassCode.APPROVAL_SELF),
        ([*officer, "--approval", "9"], PassCode.APPROVAL_SETTLED),
    ):
        with pytest.raises(PassRefusedError) as caught:
            run(desk, arguments)
        assert caught.value.code is code
    database = desk.pair.hub.database
    state = State(database.path.parent, {}, _node=make_node(database.path.parent, database, desk.pair.hub.clock))
    assert CliRunner().invoke(sign_own, [*officer, "--approval", str(number)], obj=state).exit_code == USAGE
    assert run(desk, ["--preview", "--approval", str(number)])["doses"] == 3
    assert run(desk, [*officer, "--approval", str(number)])["doses"] == 3
    (manifest,) = desk.sealed()
    assert (manifest.signer_name, manifest.approver, manifest.doses) == (OFFICER_NAME, APPROVER, 3)
    with pytest.raises(PassRefusedError) as caught:
        run(desk, [*officer, "--approval", str(number)])
    assert caught.value.code is PassCode.APPROVAL_SETTLED


def test_the_day_after_a_one_day_delegation_nothing_of_it_is_signed(desk: Desk) -> None:
    desk.pair.delegate(delegation(DelegationKind.ONE_DAY))
    number = desk.approved()
    assert refused(desk, number, now=AFTERNOON + 2 * DAY_SECONDS) is PassCode.SELECTION_CHANGED

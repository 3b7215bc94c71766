"""The page of a site that has others sign for it: what it offers, what it asks, what it says of every handover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.roles import Role
from edge.store import bundles, node_epochs
from edge.store.node_epochs import LeftBundle
from edge.workflow.hand_over import take_back_refused
from edge.workflow.sign_delegated import hand_back
from edge.workflow.take_handover import import_handover
from sync_protocol.delegation import DelegationKind
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState
from sync_protocol.verdict import Verdict, VerdictState
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit, words_in
from tests.edge.hub_pair import HUB_NAME, HubPair, delegation, make_pair
from tests.edge.station import AFTERNOON, DAY, DAY_SECONDS, MORNING, NODE

PREVIEW = f"/handover/preview?to=1&day={DAY}"


@pytest.fixture
def pair(tmp_path: Path) -> HubPair:
    return make_pair(tmp_path)


def visitor_of(pair: HubPair, *, roles: tuple[Role, ...] = tuple(Role)) -> Visitor:
    """A browser at the site."""
    return visit(
        make_node(pair.site.database.path.parent, pair.site.database, pair.site.clock), pair.centre, roles=roles
    )


def test_a_site_without_a_delegation_is_told_how_to_get_one(tmp_path: Path) -> None:
    text = visitor_of(make_pair(tmp_path, kind=None)).get("/handover")
    assert "Chưa có đơn vị nào được ký thay cơ sở này" in text
    assert "Xem trước" not in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (DelegationKind.STANDING, f"Cơ sở này do {HUB_NAME} ký thay."),
        (DelegationKind.ON_CALL, f"Khi mất token, có thể nhờ {HUB_NAME} ký thay một ngày."),
        (DelegationKind.ONE_DAY, f"{HUB_NAME} được ký thay các mũi ngày 15/04/2022."),
    ],
)
def test_the_page_says_who_signs_and_offers_the_days(tmp_path: Path, kind: DelegationKind, said: str) -> None:
    pair = make_pair(tmp_path, kind=kind)
    pair.site.record(2)
    pair.site.record(1, given_at=MORNING - 5 * DAY_SECONDS)
    text = visitor_of(pair).get("/handover")
    assert said in text
    assert f'value="{DAY}" checked' in text
    assert ('value="2022-04-10"' in text) == (kind is DelegationKind.STANDING)


def test_what_was_previewed_is_handed_over_and_is_nobody_elses_to_sign(pair: HubPair) -> None:
    pair.site.record(3)
    pair.site.record(1, state=IdentityState.MISMATCH)
    visitor = visitor_of(pair)
    text = visitor.get(PREVIEW)
    assert f"Chuyển 3 mũi tiêm cho {HUB_NAME} ký" in text
    assert f"3 mũi tiêm sẽ do {HUB_NAME} ký" in text
    assert "1 mũi đã chọn không ký được và được để lại" in text
    text = visitor.post("/handover", visitor.hidden())
    assert f"Đã chuyển 3 mũi tiêm cho {HUB_NAME} ký." in text
    assert "3 mũi chưa gửi đi" in text
    assert "0 mũi" in visitor.get("/sign") or "Không có mũi" in visitor.text
    # Where the doses are is said on every page that counts them, with the way to this one.
    for page in ("/", "/day-close"):
        assert "Đã chuyển đơn vị khác ký thay" in visitor.get(page)
        assert "/handover" in visitor.text
    assert "Đã chuyển đơn vị khác ký thay" in visitor.get("/people/1")
    assert "1 mũi đã chuyển ký giữ nguyên thông tin lúc chuyển" in visitor.text
    assert "Mũi này đã chuyển đơn vị khác ký thay" in visitor.get("/doses/1/correct")
    assert not words_in(visitor.addresses, ["Nguyễn", "Thử", "054185"])


def test_a_second_click_hands_nothing_over_twice(pair: HubPair) -> None:
    pair.site.record(2)
    visitor = visitor_of(pair)
    visitor.get(PREVIEW)
    form = visitor.hidden()
    visitor.post("/handover", form)
    assert "Danh sách đã thay đổi" in visitor.post("/handover", form, status=409)
    with pair.site.database.read() as tables:
        assert tables.execute("SELECT count(*) FROM handovers").fetchone()[0] == 1


def test_doses_that_came_meanwhile_are_not_handed_over_unseen(pair: HubPair) -> None:
    pair.site.record(2)
    visitor = visitor_of(pair)
    visitor.get(PREVIEW)
    pair.site.record(1)
    assert "Danh sách đã thay đổi" in visitor.post("/handover", visitor.hidden(), status=409)
    assert {stage for stage, _, _ in pair.stages().values()} == {""}


def test_one_day_needs_its_reason_which_stays_in_the_form(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(2)
    visitor = visitor_of(pair)
    assert 'aria-required="true"' in visitor.get(PREVIEW)
    form = visitor.hidden()
    text = visitor.post("/handover", form, status=422)
    assert 'aria-invalid="true"' in text
    assert "ký" in visitor.post("/handover", {**form, "reason": "x" * 2_001}, status=422)
    text = visitor.post("/handover", {**form, "reason": "Mất token <b>hôm nay</b>"})
    assert "Lý do chuyển: Mất token <b>hôm nay</b>" in text
    assert not words_in(visitor.addresses, ["token <b>", "Mất"])


def test_without_a_day_or_with_days_that_nobody_may_sign_the_page_says_so(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(1)
    visitor = visitor_of(pair)
    assert "Chọn ít nhất một ngày" in visitor.get("/handover/preview?to=1", status=422)
    for address in (
        "/handover/preview?to=1&day=2022-04-01",
        f"{PREVIEW}&day=2022-04-14",
        f"/handover/preview?day={DAY}&to=9",
    ):
        assert "Không có đơn vị nào được ký thay cho các ngày này" in visitor.get(address, status=422)
    visitor.get("/handover/preview?day=x", status=400)
    visitor.get("/handover?done=x")


def settle_signed(pair: HubPair) -> None:
    pair.send()
    pair.sign()
    pair.send()


def settle_given_back(pair: HubPair) -> None:
    pair.send()
    hand_back(pair.hub.database, NODE, [2], reason="Sai lô", now=AFTERNOON, by="Bình", entropy=pair.hub.entropy)
    pair.send()


def settle_refused(pair: HubPair) -> None:
    pair.centre.refuse = [Code.DELEGATION]
    pair.send()


def settle_held(pair: HubPair) -> None:
    verdicts = {
        1: Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE),
        2: Verdict(VerdictState.REFUSED, Code.LOT_EXPIRED),
    }
    pair.centre.judge = lambda dose: verdicts.get(dose.sequence, Verdict(VerdictState.ADMITTED))
    settle_signed(pair)


@pytest.mark.parametrize(
    ("settle", "said"),
    [
        (lambda _: None, ["3 mũi chưa gửi đi. Máy tự gửi khi có mạng"]),
        (HubPair.send, [f"3 mũi chờ {HUB_NAME} ký; trung tâm nhận lúc 16:30"]),
        (settle_signed, [f"{HUB_NAME} ký 3 mũi lúc 16:30: Trần Thị Ánh, chứng thư số"]),
        (settle_given_back, [f"2 mũi chờ {HUB_NAME} ký", "không ký 1 mũi, báo lúc 16:30: “Sai lô”"]),
        (settle_refused, ["Không được nhận", "Các mũi này đã trở lại danh sách chờ ký"]),
        (settle_held, ["ký 3 mũi lúc 16:30", "Trung tâm tạm giữ 1 mũi", "Trung tâm không nhận 1 mũi"]),
    ],
)
def test_each_handover_says_how_far_it_is(pair: HubPair, settle: Callable[[HubPair], None], said: list[str]) -> None:
    pair.site.record(3)
    pair.hand()
    settle(pair)
    text = visitor_of(pair).get("/handover")
    for words in said:
        assert words in text


def test_the_file_for_a_stick_is_taken_by_the_hub(pair: HubPair) -> None:
    pair.site.record(2)
    pair.hand()
    visitor = visitor_of(pair)
    assert "Tải tệp" in visitor.get("/handover")
    answer = visitor.client.get("/handover/1/file", base_url=ADDRESS)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="chuyen-ky-19001A-54001A-1.hcvx"'
    assert import_handover(pair.hub.database, answer.data, at=AFTERNOON, by="Bình") == 1
    visitor.get("/handover/2/file", status=404)
    pair.send()
    pair.sign()
    pair.send()
    assert "Tải tệp" not in visitor.get("/handover")


@pytest.mark.parametrize("role", Role)
def test_signers_and_managers_hand_over(pair: HubPair, role: Role) -> None:
    pair.site.record(1)
    may = role in (Role.SIGNER, Role.MANAGER)
    visitor = visitor_of(pair, roles=(role,))
    for address in ("/handover", PREVIEW):
        visitor.get(address, status=200 if may else 403)


def test_a_site_without_a_delegation_is_not_shown_the_ways_there(tmp_path: Path) -> None:
    visitor = visitor_of(make_pair(tmp_path, kind=None))
    for address in ("/sign", "/sign/approvals"):
        assert 'href="/handover"' not in visitor.get(address)
        assert 'href="/hub"' not in visitor.text


def test_a_site_without_a_signer_is_led_to_the_token_and_to_its_hub(pair: HubPair) -> None:
    pair.site.record(1)
    node = make_node(pair.site.database.path.parent, pair.site.database, pair.site.clock)
    visitor = visit(replace(node, config=replace(node.config, signer="")), pair.centre)
    text = visitor.get("/sign")
    said = text.partition("Token chưa được khai báo")[2].partition("</section>")[0]
    assert 'href="/token"' in said
    assert 'href="/handover"' in said
    assert "Token chưa được khai báo" not in visitor_of(pair).get("/sign")


def test_a_manager_finds_the_page_from_the_approvals(pair: HubPair) -> None:
    assert 'href="/handover"' in visitor_of(pair, roles=(Role.MANAGER,)).get("/sign/approvals")
    pair.delegate(delegation(DelegationKind.STANDING))
    assert 'href="/handover"' in visitor_of(pair, roles=(Role.SIGNER,)).get("/sign")


def test_a_handover_that_stayed_behind_in_an_ended_epoch_is_not_said_to_wait_for_the_network(pair: HubPair) -> None:
    pair.site.record(2)
    made = pair.hand()
    # As a granted epoch of the node leaves it (`continue_epoch`).
    with pair.site.database.write_transaction() as tables:
        bundle = bundles.find(tables, made.epoch, made.bundle)
        assert bundle is not None
        take_back_refused(tables, bundle, actor="Hoa", at=AFTERNOON, code="epoch-ended")
        node_epochs.leave(tables, LeftBundle(made.epoch, made.bundle, None, None), at=AFTERNOON)
    text = visitor_of(pair).get("/handover")
    assert "Chưa gửi được thì máy mở kỳ mới. Các mũi này đã trở lại danh sách chờ ký." in text
    assert "Chờ gửi" not in text
    assert "Chuyển 2 mũi tiêm" in visitor_of(pair).get(PREVIEW)

"""The hub's desk: what waits, site by site, what is signed for whom, what is given back, files that come by stick."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from edge.domain.roles import Role
from edge.store import settings
from edge.store.settings import Setting
from edge.workflow.check_store import check_store
from edge.workflow.hand_over import handover_file
from edge.workflow.prepare_pass import prepare_pass
from edge.workflow.sign_delegated import plan_delegated, plan_shown
from sync_protocol.delegation import DelegationKind
from tests.browser.signing_desk import sign
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit, words_in
from tests.edge.hub_pair import HUB_NAME, SITE_NAME, HubPair, make_pair
from tests.edge.station import AFTERNOON, DAY_SECONDS, NODE, OFFICER
from tests.simulator import POLICY

SITE = f"/hub/{NODE}"


@pytest.fixture
def pair(tmp_path: Path) -> HubPair:
    return make_pair(tmp_path)


def visitor_of(pair: HubPair, *, roles: tuple[Role, ...] = tuple(Role)) -> Visitor:
    """A browser at the hub."""
    return visit(make_node(pair.hub.database.path.parent, pair.hub.database, pair.hub.clock), pair.centre, roles=roles)


def handed(pair: HubPair, count: int = 3, *, reason: str = "") -> None:
    """So many doses of the site wait at the hub."""
    pair.site.record(count)
    pair.hand(reason=reason)
    pair.send()


def send_file(visitor: Visitor, data: bytes) -> str:
    """Bring a file to the page that is open; gives the page at the end."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.text)
    assert token is not None
    answer = visitor.client.post(
        "/hub",
        base_url=ADDRESS,
        data={"csrf_token": token[1], "file": (io.BytesIO(data), "tep.hcvx")},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    return answer.text if answer.status_code != 303 else visitor.follow(answer)


def test_the_hub_alone_is_shown_the_way_here(pair: HubPair) -> None:
    text = visitor_of(pair).get("/sign")
    assert 'href="/hub"' in text
    assert 'href="/handover"' not in text


def test_a_node_that_is_nobodys_hub_says_so(tmp_path: Path) -> None:
    text = visitor_of(make_pair(tmp_path, kind=None)).get("/hub")
    assert "chưa được đăng ký ký thay cho cơ sở nào" in text
    assert 'type="file"' not in text


def test_the_desk_shows_site_by_site_what_waits_since_when_and_why(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    handed(pair, reason="Mất token")
    text = visitor_of(pair).get("/hub")
    for words in (SITE_NAME, f"máy {NODE}", ">3</td>", "15/04/2022", "16:30", "Mất token"):
        assert words in text


def test_the_preview_says_in_words_what_would_be_signed(pair: HubPair) -> None:
    handed(pair)
    text = visitor_of(pair).get(SITE)
    for words in (f"Ký thay 3 mũi tiêm của {SITE_NAME}", "3 người, 3 mũi tiêm", HUB_NAME, "19001A-000003"):
        assert words in text


def test_a_turn_is_begun_for_just_what_was_shown(pair: HubPair) -> None:
    handed(pair)
    visitor = visitor_of(pair)
    visitor.get(SITE)
    form = {**visitor.hidden(), "officer": ""}
    text = visitor.post(f"{SITE}/sign", form, status=409)
    assert 'aria-invalid="true"' in text
    handed(pair, 1)
    text = visitor.post(f"{SITE}/sign", {**form, "officer": "Trần Thị Ánh"}, status=409)
    assert "Danh sách đã thay đổi" in text
    visitor.get(SITE)
    text = visitor.post(f"{SITE}/sign", {**visitor.hidden(), "officer": "Trần Thị Ánh"})
    assert visitor.place.startswith("/sign/turn/")
    assert f"{SITE_NAME} (19001)" in text
    assert "Ký thay" in text


def test_the_pin_is_asked_for_once_and_the_hubs_desk_says_what_was_signed(pair: HubPair) -> None:
    handed(pair)
    visitor = visitor_of(pair)
    visitor.get(SITE)
    text = sign(visitor, {**visitor.hidden(), "officer": "Trần Thị Ánh"}, path=f"{SITE}/sign")
    assert visitor.place == "/hub?done=1"
    assert f"Đã ký 3 mũi tiêm của {SITE_NAME}." in text
    pair.send()
    assert {stage for stage, _, _ in pair.stages().values()} == {"receipted"}
    assert check_store(pair.hub.database).findings == ()


def test_a_pass_that_was_left_open_is_finished_with_the_words_of_its_site(pair: HubPair) -> None:
    handed(pair)
    with pair.hub.database.read() as tables:
        shown = plan_delegated(tables, POLICY, NODE, now=AFTERNOON).digest
    planned = plan_shown(pair.hub.database, POLICY, NODE, shown=shown, now=AFTERNOON)
    prepare_pass(pair.hub.database, planned, officer=OFFICER, now=AFTERNOON, entropy=pair.hub.entropy)
    handed(pair, 1)
    visitor = visitor_of(pair)
    assert "Lượt ký số 1 còn dở dang" in visitor.get("/hub")
    assert f'action="{SITE}/sign"' not in visitor.get(SITE)
    visitor.get("/sign")
    sign(visitor, {}, path="/sign/resume")
    pair.send()
    assert [stage for stage, _, _ in pair.stages().values()] == ["receipted"] * 3 + ["handed"]


def test_a_hub_that_needs_two_people_offers_to_ask_and_not_to_sign(pair: HubPair) -> None:
    handed(pair)
    with pair.hub.database.write_transaction() as tables:
        settings.put(tables, Setting.APPROVAL_REQUIRED, 1, at=AFTERNOON, by="Quản lý")
    text = visitor_of(pair).get(SITE)
    assert "Cần người thứ hai phê duyệt" in text
    assert f'action="{SITE}/approval"' in text
    assert f'action="{SITE}/sign"' not in text


def test_what_was_signed_stands_below_with_what_the_centre_said(pair: HubPair) -> None:
    handed(pair)
    pair.sign()
    visitor = visitor_of(pair)
    text = visitor.get("/hub?done=1")
    assert f"Đã ký 3 mũi tiêm của {SITE_NAME}." in text
    assert "Chờ biên nhận" in text
    pair.send()
    text = visitor.get("/hub")
    assert "Trung tâm đã nhận hết và báo cho cơ sở." in text
    # The site's queue is empty now: its page leads back.
    assert visitor.client.get(SITE, base_url=ADDRESS).status_code == 303


def test_ticked_doses_are_given_back_with_a_reason(pair: HubPair) -> None:
    handed(pair)
    visitor = visitor_of(pair)
    visitor.get(SITE)
    assert "Đánh dấu những mũi cần trả lại" in visitor.post(f"{SITE}/back", {"reason": "Sai lô"}, status=422)
    text = visitor.post(f"{SITE}/back", {"dose": ["2"], "reason": ""}, status=422)
    assert 'value="2" checked' in text
    visitor.post(f"{SITE}/back", {"dose": ["2"], "reason": "x" * 2_001}, status=422)
    text = visitor.post(f"{SITE}/back", {"dose": ["2", "3"], "reason": "Sai lô"})
    assert "Đã trả lại 2 mũi tiêm cho cơ sở" in text
    assert not words_in(visitor.addresses, ["Sai", "lô"])
    pair.send()
    assert pair.stages()[2] == ("", "", "")
    visitor.post(f"{SITE}/back", {"dose": ["2"], "reason": "Sai lô"}, status=409)


def test_a_file_is_taken_once_and_a_wrong_one_is_refused_in_words(pair: HubPair) -> None:
    pair.site.record(2)
    found = pair.hand()
    _, data = handover_file(pair.site.database, found.handover_id, entropy=pair.site.entropy)
    visitor = visitor_of(pair)
    visitor.get("/hub")
    assert "Đã nhận tệp." in send_file(visitor, data)
    assert "không nhận lần hai" in send_file(visitor, data)
    for wrong in (b"", b"khong phai tep", data[:-1] + bytes([data[-1] ^ 1])):
        visitor.get("/hub")
        assert 'role="alert"' in send_file(visitor, wrong)
    with pair.hub.database.read() as tables:
        assert tables.execute("SELECT count(*) FROM site_doses").fetchone()[0] == 2


def test_a_long_list_has_pages(pair: HubPair) -> None:
    handed(pair, 130)
    visitor = visitor_of(pair)
    assert visitor.get(SITE).count('name="dose"') == 100
    assert visitor.get(f"{SITE}?page=2").count('name="dose"') == 30
    assert visitor.get(f"{SITE}?page=99").count('name="dose"') == 30


def test_what_no_delegation_covers_is_said_and_not_offered(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    handed(pair, reason="Mất token")
    pair.hub.clock.at += 2 * DAY_SECONDS
    text = visitor_of(pair).get(SITE)
    assert f"Chưa ký thay được cho {SITE_NAME}" in text
    assert "ủy quyền ký tập trung" in text
    assert f'action="{SITE}/sign"' not in text


@pytest.mark.parametrize("role", Role)
def test_only_signers_open_the_hubs_pages(pair: HubPair, role: Role) -> None:
    handed(pair, 1)
    visitor = visitor_of(pair, roles=(role,))
    for address in ("/hub", SITE):
        visitor.get(address, status=200 if role is Role.SIGNER else 403)


def test_an_address_that_is_no_node_is_refused(pair: HubPair) -> None:
    visitor = visitor_of(pair)
    visitor.get("/hub/xyz-1", status=400)
    assert visitor.client.get("/hub/99999Z", base_url=ADDRESS).status_code == 303

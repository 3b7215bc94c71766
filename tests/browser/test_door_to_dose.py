"""People from the door to a signed dose, on each role's own pages, by keyboard and scanner alone, with the cable out.

Reception, injection, observation, the head of the unit and the manager sit at five browsers at once; the node runs as
it is installed, with no way off the machine. What became of it is read from the store and from what was signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from edge.domain.roles import Role
from edge.store import people, roster
from edge.workflow.check_store import check_store
from sync_protocol.identity import IdentityState
from tests.browser.chrome import shoot
from tests.browser.hand import Hand, hands
from tests.browser.offline import OfflineNode, offline
from tests.browser.pin_page import give_pin
from tests.browser.visitor import PASSWORD, add_user, make_node, words_in
from tests.browser.walked_day import (
    EXPECTED,
    EXPECTED_CARD,
    NEWCOMER,
    NEWCOMER_CARD,
    PEOPLE,
    assert_acts,
    assert_closed,
    assert_recorded,
    assert_signed,
)
from tests.edge.clinic import NOW, Clinic, make_clinic
from tests.edge.station import DAY

PERSONAL: Final = ("Đặng", "%C4%90", "Nguyễn", "054185", "1984", "1985", "ABX1234", PASSWORD)
# One more where the table is idle and has to call; three are allowed.
WALK_PRESSES: Final = 2


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """One person is on today's list; the population pack knows her and somebody who will come without being on it."""
    made = make_clinic(tmp_path)
    made.give_pack([NEWCOMER, EXPECTED])
    node = make_node(tmp_path, made.database)
    for role, name in PEOPLE.items():
        add_user(node, login=role.value, name=name, roles=[role])
    with made.database.write_transaction() as tables:
        person_id = people.add(tables, EXPECTED, state=IdentityState.WAITING, at=NOW - 3_600, by=PEOPLE[Role.MANAGER])
        person = people.get(tables, person_id)
        assert person is not None
        roster.add(tables, DAY, person, product="AZ", at=NOW - 3_600, by=PEOPLE[Role.MANAGER])
    return made


@pytest.fixture
def site(tmp_path: Path, clinic: Clinic) -> Iterator[tuple[OfflineNode, Browser]]:
    with offline(clinic, tmp_path) as running:
        yield running


def test_two_people_from_the_door_to_the_closed_day_by_keyboard_alone(
    site: tuple[OfflineNode, Browser], clinic: Clinic
) -> None:
    node, browser = site
    with hands(browser, node.address) as at:
        settle(at[Role.MANAGER])
        receive(at[Role.RECEPTION], clinic)
        inject(at[Role.INJECTION])
        # The one who was expected: her card at the door, one key at the table.
        counted = at[Role.RECEPTION].presses + at[Role.INJECTION].presses
        observe(at[Role.OBSERVATION], node)
        choose(at[Role.SIGNER])
        approve(at[Role.MANAGER])
        sign(at[Role.SIGNER])
        close_day(at[Role.MANAGER])
        assert counted == WALK_PRESSES
        asked = [url for hand in at.values() for url in hand.asked]
    if node.way:
        assert node.interfaces() == ["lo"]
    node.end()
    assert node.attempts == []
    # The PIN alone went elsewhere on this machine, to the signer process.
    assert all(url.startswith("http://127.0.0.1:") for url in asked)
    assert len([url for url in asked if not url.startswith(node.address)]) == 2
    assert not words_in(asked, PERSONAL)
    with clinic.database.read() as tables:
        assert_recorded(tables)
        assert_signed(tables)
        assert_closed(tables)
        assert_acts(tables)
    assert check_store(clinic.database).findings == ()


def settle(manager: Hand) -> None:
    """Two people sign here, and nobody's screen locks within the hour."""
    manager.key("Alt+0")
    manager.tab_to("a[href='/settings']")
    manager.key("Enter")
    manager.tab_to("#idle-minutes")
    manager.type("60", over=True)
    manager.tab_to("[name=approval-required]")
    manager.page.keyboard.press("ArrowDown")
    assert manager.has("[name=approval-required][value='1']")
    manager.key("Enter")
    assert "Đã lưu" in manager.said("[role=status]")


def receive(reception: Hand, clinic: Clinic) -> None:
    """Somebody nobody knows, with a doubt; then the one on the list, who is counted."""
    reception.at("#card")
    reception.scan(NEWCOMER_CARD)
    reception.at("button")
    reception.key("Enter")
    assert "Số định danh không hợp với năm sinh" in reception.said("#review")
    assert clinic.count("people") == 1
    shoot(reception.page, "walk-reception-doubt")
    reception.at("button")
    reception.key("Enter")
    assert "Số 1: Đặng Thị Ánh vào hàng đợi" in reception.said("[role=status]")
    reception.at("#card")
    reception.presses = 0
    reception.scan(EXPECTED_CARD)
    # Her card says what is known of her, so nothing is left to ask.
    assert f"Số 2: {EXPECTED.name} vào hàng đợi" in reception.said("[role=status]")


def inject(table: Hand) -> None:
    """The vial, once; the first is called with Enter, and whoever is next stands there when the dose is on disk."""
    table.page.clock.install()
    table.at("#card")
    table.key("Alt+m")
    table.at("#product")
    table.type("Astra")
    for text in ("ABX1234", "31/12/2022", "10"):
        table.page.keyboard.press("Tab")
        table.type(text, over=True)
    table.key("Enter")
    table.at("#card")
    table.key("Enter")
    assert "Đặng Thị Ánh" in table.said("#who")
    table.at("button")
    table.key("Enter")
    # What was doubtful at the door is asked once more before it is written into a dose.
    assert "Số định danh không hợp với năm sinh" in table.said("#review")
    table.at("button")
    table.key("Enter")
    assert "Đã lưu 19001A-000001" in table.said("[role=status]")
    assert EXPECTED.name in table.said("#who")
    table.at("button")
    # The key that saved saves nobody else before somebody could have looked; the browser's clock is moved past that.
    table.page.clock.fast_forward(1_000)
    table.presses = 0
    table.key("Enter")
    assert "Đã lưu 19001A-000002" in table.said("[role=status]")


def observe(watch: Hand, node: OfflineNode) -> None:
    """A reaction, and home early with a reason; the other one when her time is over."""
    watch.key("Alt+4")
    watch.at("#card")
    watch.scan("1")
    watch.at("a[href$='/reaction']")
    watch.key("Enter")
    watch.at("[name=kinds]")
    watch.tick()
    watch.tab_to("[name=severity]")
    watch.tick()
    watch.key("Enter")
    assert "Đã ghi phản ứng" in watch.said("[role=status]")
    watch.at("#card")
    watch.scan("1")
    watch.at("a[href$='/reaction']")
    watch.tab_to("summary", back=True)
    watch.page.keyboard.press("Enter")
    watch.tab_to("[name=remark]")
    watch.type("Chuyển lên trạm theo dõi tiếp")
    watch.key("Enter")
    assert "Đã cho số 1 về" in watch.said("[role=status]")
    node.clock.set_to(NOW + 31 * 60)
    watch.at("#card")
    watch.scan("2")
    watch.at("button")
    watch.key("Enter")
    assert "Đã cho số 2 về" in watch.said("[role=status]")
    assert "0 người đang theo dõi" in watch.said()


def choose(head: Hand) -> None:
    """Filter by name, look at everybody again, tick one off and on, preview, and ask the second person."""
    head.key("Alt+6")
    head.at("button[value=preview]")
    head.tab_to("#text", back=True)
    head.type("dang thi")
    assert head.page.locator("#doses tbody tr:visible").count() == 1
    head.key("Enter")
    head.at("#text")
    assert "Ký được: 1 mũi" in head.said("#ready")
    head.page.keyboard.press("Control+A")
    head.page.keyboard.press("Delete")
    head.key("Enter")
    head.at("button[value=preview]")
    head.tab_to("tbody [name=dose]")
    head.tick()
    expect(head.page.locator("[data-count]")).to_have_text("1")
    head.tick()
    expect(head.page.locator("[data-count]")).to_have_text("2")
    shoot(head.page, "walk-signing")
    head.key("Enter")
    assert "Sẽ ký 2 mũi tiêm của 2 người" in head.said("h1")
    head.at("button")
    head.key("Enter")
    assert "Chờ người thứ hai" in head.said()


def approve(manager: Hand) -> None:
    """The second person sees the same list at a browser of their own and says yes."""
    manager.key("Alt+6")
    manager.tab_to("a[href='/sign/approvals/1']")
    manager.key("Enter")
    assert f"{PEOPLE[Role.SIGNER]} xin phê duyệt" in manager.said()
    manager.tab_to("button[value=approve]")
    manager.key("Enter")
    assert "Đã duyệt, chờ ký" in manager.said()


def sign(head: Hand) -> None:
    """The PIN of the signer, at the list that was approved."""
    head.key("Alt+6")
    head.tab_to("a[href='/sign/approvals']")
    head.key("Enter")
    head.tab_to("a[href='/sign/approvals/1']")
    head.key("Enter")
    head.at("button")
    head.key("Enter")
    head.at("#pin")
    give_pin(head.page, "sai")
    assert "Chưa ký được" in head.said("h1")
    head.at("button")
    head.key("Enter")
    give_pin(head.page, PASSWORD)
    assert "Đã ký 2 mũi tiêm của 2 người" in head.said("[role=status]")


def close_day(manager: Hand) -> None:
    """The day's sheet, though no centre can be reached; then its figures, and a file of them."""
    manager.key("Alt+7")
    manager.tab_to("#remark")
    manager.type("Mất mạng cả ngày")
    manager.tab_to("[name=sure]")
    manager.tick()
    manager.key("Enter")
    assert "Đã chốt lúc 17:01" in manager.said("[role=status]")
    assert "chờ gửi" in manager.said("[role=status]")
    manager.key("Alt+8")
    assert "2 mũi tiêm theo giờ" in manager.said()
    shoot(manager.page, "walk-reports")
    manager.tab_to("a[href^='/exports']")
    manager.key("Enter")
    manager.at("button[value=xlsx]")
    manager.key("Enter")
    manager.at("a[href$='/file']")
    with manager.page.expect_download() as download:
        manager.page.keyboard.press("Enter")
    assert download.value.path().read_bytes().startswith(b"PK")

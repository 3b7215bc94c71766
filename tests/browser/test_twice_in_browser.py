"""Everything that comes twice, at once or late: nothing is lost, and nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from edge.bootstrap import Node
from edge.store import people
from edge.store.people import PersonId
from sync_protocol.identity import IdentityState
from tests.browser.chrome import await_focus, fill, open_page, press, press_in, serving, shoot, sign_in
from tests.browser.pin_page import await_outcome, give_pin
from tests.browser.visitor import PASSWORD, USER_PASSWORD, add_user, make_node
from tests.edge.clinic import NOW, NURSE, Clinic, make_clinic, villager
from tests.edge.station import TickingClock

LOGINS: Final = {"sau": "Y tá Nguyễn Thị Sáu", "bay": "Y tá Lê Thị Bảy"}
VIAL: Final = {"lot": "ABX1234", "lot_expiry": "31/12/2022"}
NEWCOMER: Final = {"name": "Lò Thị Bé", "birth_date": "01/03/1985"}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Three people in the store."""
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in (1, 2, 3))
    with made.database.write_transaction() as tables:
        for number in (1, 2, 3):
            people.add(tables, villager(number), state=IdentityState.MATCHED, at=NOW - 900, by=NURSE)
    node = make_node(tmp_path, made.database)
    for login, name in LOGINS.items():
        add_user(node, login=login, name=name)
    return made


@pytest.fixture
def machine() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def site(tmp_path: Path, clinic: Clinic, machine: TickingClock) -> Iterator[tuple[str, Node]]:
    node = make_node(tmp_path, clinic.database, machine)
    with serving(node, clinic.centre) as (address, _app):
        yield address, node


def click_twice(page: Page, name: str) -> None:
    """Double click a button, and let everything that it set off come to its end."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).dblclick(no_wait_after=True)
    page.wait_for_load_state("networkidle")


def test_two_desks_change_one_person_and_both_changes_stay(
    site: tuple[str, Node], browser: Browser, clinic: Clinic
) -> None:
    address, _ = site
    with open_page(browser) as (first, _asked), open_page(browser) as (second, _also):
        for page, login in ((first, "sau"), (second, "bay")):
            sign_in(page, address, login)
            page.goto(f"{address}/people/1")
        fill(first, {"phone": "0911111111"})
        press_in(first, "#phone")
        fill(second, {"name": "Nguyễn Thị Sửa Tên", "phone": "0922222222"})
        press_in(second, "#name")
        assert "Hồ sơ vừa được người khác sửa" in second.inner_text("[role=alert]")
        assert "0911111111" in second.inner_text("#phone-told")
        assert second.input_value("#name") == "Nguyễn Thị Sửa Tên"
        assert second.input_value("#phone") == "0922222222"
        shoot(second, "wide-two-desks")
        press_in(second, "#name")
    with clinic.database.read() as tables:
        stored = people.versions(tables, PersonId(1))
    assert [one.phone for one in stored] == [villager(1).phone, "0911111111", "0922222222"]
    assert stored[-1].name == "Nguyễn Thị Sửa Tên"


def test_a_double_click_and_the_way_back_write_once(site: tuple[str, Node], browser: Browser, clinic: Clinic) -> None:
    address, _ = site
    with open_page(browser) as (page, asked):
        sign_in(page, address, "sau")
        page.goto(f"{address}/reception?person=1")
        click_twice(page, "Vào hàng đợi")
        page.go_back()
        assert "Đã ở hàng đợi, số 1" in page.inner_text("main")
        page.goto(f"{address}/doses/new?visit=1")
        fill(page, VIAL)
        page.select_option("#product", "AZ")
        click_twice(page, "Lưu mũi tiêm")
        page.go_back()
        assert "không còn chờ tiêm" in page.inner_text("main")
        page.goto(f"{address}/sign")
        press_in(page, "button[value=preview]")
        click_twice(page, "Ký 1 mũi tiêm")
        await_focus(page, "#pin")
        page.locator("#pin").fill(PASSWORD)
        click_twice(page, "Ký 1 mũi tiêm")
        await_outcome(page)
        assert "Đã ký 1 mũi tiêm" in page.inner_text("[role=status]")
        page.goto(f"{address}/sign")
        assert "Không có mũi tiêm nào chờ ký" in page.inner_text("main")
        page.goto(f"{address}/day-close")
        page.locator("#remark").fill("Bấm hai lần")
        page.locator("[name=sure]").check()
        click_twice(page, "Chốt ngày")
        page.go_back()
        assert "lần 1" in page.inner_text("[role=status]")
    # A second click waits for the first one's answer.
    for path in ("/reception/arrive", "/doses", "/sign/run"):
        assert asked.count(f"{address}{path}") == 1, path
    assert_once(clinic)


def test_the_same_page_in_two_windows_writes_once(site: tuple[str, Node], browser: Browser, clinic: Clinic) -> None:
    address, _ = site
    with open_page(browser) as (one, _asked):
        sign_in(one, address, "sau")
        two = one.context.new_page()
        for page in (one, two):
            page.goto(f"{address}/reception?person=1")
        press_in(one, "form[action$='/arrive'] button")
        press_in(two, "form[action$='/arrive'] button")
        assert "đã ở hàng đợi từ" in two.inner_text("[role=status]")
        for page in (one, two):
            page.goto(f"{address}/doses/new?visit=1")
            fill(page, VIAL)
            page.select_option("#product", "AZ")
        key = one.locator("main [name=submission]").input_value()
        press_in(one, "#lot")
        # Another form about the same injection is asked about; the same form finds what it wrote.
        press_in(two, "#lot")
        assert "đã có một mũi tiêm trong ngày này" in two.inner_text("[role=alert]")
        assert two.input_value("#lot") == VIAL["lot"]
        two.locator("main [name=submission]").evaluate("(field, key) => field.value = key", key)
        press_in(two, "#lot")
        assert "Đã lưu 19001A-000001" in two.inner_text("[role=status]")
        for page in (one, two):
            page.goto(f"{address}/sign")
            press_in(page, "button[value=preview]")
            press(page, "Enter")
        # Both windows show the one turn; what was typed into the first one holds for both.
        give_pin(one, PASSWORD)
        await_outcome(two)
        for page in (one, two):
            assert "Đã ký 1 mũi tiêm" in page.inner_text("[role=status]")
        for page in (one, two):
            page.goto(f"{address}/day-close")
            page.locator("[name=sure]").check()
            page.locator("#remark").fill("Ghi ở hai nơi")
        for page in (one, two):
            press_in(page, "#remark")
            assert "lần 1" in page.inner_text("[role=status]")
        assert "vừa được chốt ở một trang khác" in two.inner_text("[role=alert]")
        assert two.input_value("#remark") == "Ghi ở hai nơi"
    assert_once(clinic)


def assert_once(clinic: Clinic) -> None:
    """One visit, dose, signature and closing sheet, and nobody new; the batch and the sheet make two bundles."""
    tables = ("visits", "doses", "passes", "closings", "people", "bundles")
    assert [clinic.count(table) for table in tables] == [1, 1, 1, 1, 3, 2]


def test_a_form_sent_from_a_screen_that_was_idle_too_long_waits_behind_the_lock(
    site: tuple[str, Node], machine: TickingClock, browser: Browser, clinic: Clinic
) -> None:
    address, _ = site
    with open_page(browser) as (page, _asked):
        sign_in(page, address, "sau")
        page.goto(f"{address}/reception/new")
        fill(page, NEWCOMER)
        page.locator("input[name=sex][value=F]").check()
        machine.at += 16 * 60
        press_in(page, "#name")
        assert page.url == f"{address}/unlock"
        assert clinic.count("people") == 3
        page.keyboard.type(USER_PASSWORD)
        press(page, "Enter")
        assert {name: page.input_value(f"#{name}") for name in NEWCOMER} == NEWCOMER
        assert page.locator("input[name=sex][value=F]").is_checked()
        press_in(page, "#name")
        assert "Số 1: Lò Thị Bé vào hàng đợi" in page.inner_text("[role=status]")
    assert (clinic.count("people"), clinic.count("visits")) == (4, 1)

"""The reception desk in a real browser: by scanner and keyboard alone, and usable by everybody in each state."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from edge.domain.roles import Role
from edge.store import visits
from edge.workflow.record_dose import Submission
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, await_focus, open_page, press, served, shoot, sign_in
from tests.browser.visitor import add_user, words_in
from tests.edge.clinic import Clinic, facts, list_row, make_clinic, villager, workbook
from tests.edge.station import DAY

LOGIN: Final = "tiep-don"
CARD: Final = "{number}||{name}|{born}|Nữ|Thôn 2, Hòa Hiệp|25122021"
PERSONAL: Final = ("Nguyễn", "%E1%BB%85", "054185", "1985")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Three people in the store, and a pack that knows nine."""
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in range(1, 10))
    for number in (1, 2, 3):
        made.record(Submission(f"dose-{number:04d}", villager(number), facts()))
    return made


def scan(page: Page, number: int, born: str = "01031985") -> None:
    """What a hand scanner types, wherever the cursor is: the card's line and Enter."""
    one = villager(number)
    page.keyboard.type(CARD.format(number=one.number, name=one.name, born=born))
    press(page, "Enter")


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []


def waiting(clinic: Clinic) -> list[int]:
    with clinic.database.read() as tables:
        return [visit.person_id for visit in visits.waiting(tables, DAY)]


@pytest.mark.parametrize("size", SIZES)
def test_people_come_in_by_scanner_and_keyboard_alone(
    tmp_path: Path, browser: Browser, clinic: Clinic, size: str
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser, size) as (page, asked):
        add_user(node, login=LOGIN, roles=(Role.RECEPTION,))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/reception")
        await_focus(page, "#card")
        # Known: scan, Enter.
        scan(page, 1)
        look(page, f"{size}-reception-known")
        press(page, "Enter")
        assert "Số 1:" in page.inner_text("[role=status]")
        # New: scan, Enter.
        scan(page, 4)
        look(page, f"{size}-reception-new")
        press(page, "Enter")
        assert "Số 2:" in page.inner_text("[role=status]")
        assert waiting(clinic) == [1, 4]
        # A card that differs: both sides, Enter takes the card's.
        scan(page, 2, born="04031985")
        look(page, f"{size}-reception-differs")
        press(page, "Enter")
        assert waiting(clinic) == [1, 4, 2]
        # The next card may be scanned while a button has the cursor.
        scan(page, 3)
        await_focus(page, "button")
        scan(page, 1)
        assert "Đã ở hàng đợi, số 1" in page.inner_text("main")
        # Several: digits choose, and so do arrows.
        page.keyboard.type("nguyen thi")
        press(page, "Enter")
        look(page, f"{size}-reception-several")
        names = page.locator("[data-choice] b").all_inner_texts()
        press(page, "ArrowDown", "ArrowDown", "ArrowUp", "Enter")
        assert page.inner_text("h2.what") == names[1]
        page.keyboard.type("nguyen thi")
        press(page, "Enter")
        press(page, "3")
        assert page.inner_text("h2.what") == names[2]
        press(page, "Escape")
        await_focus(page, "#card")
        # Nobody: the form, with a doubt that is said once.
        page.keyboard.type("Lò Thị Bé")
        press(page, "Enter")
        page.locator("#birth_date").fill("01/03/2015")
        page.locator("input[name=sex][value=F]").check()
        press(page, "Enter")
        assert "Trẻ dưới 16 tuổi" in page.inner_text("#review")
        look(page, f"{size}-reception-doubt")
        press(page, "Enter")
        assert "Số 4: Lò Thị Bé vào hàng đợi" in page.inner_text("[role=status]")
        assert not words_in(asked, PERSONAL)


@pytest.mark.parametrize("size", SIZES)
def test_a_list_is_looked_at_and_brought_in(tmp_path: Path, browser: Browser, clinic: Clinic, size: str) -> None:
    rows = [list_row(1), list_row(5), list_row(6, **{"Ngày sinh": "31/02/1985"}), list_row(2, **{"Giới tính": "Nam"})]
    workbook(tmp_path / "list.xlsx", rows)
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser, size) as (page, _):
        add_user(node, login=LOGIN, roles=(Role.RECEPTION,))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/reception/roster")
        page.locator("#file").set_input_files(tmp_path / "list.xlsx")
        with page.expect_navigation():
            page.get_by_role("button", name="Xem trước").click()
        await_focus(page, "button")
        look(page, f"{size}-roster-looked-at")
        press(page, "Enter")
        assert "Đã thêm 2 người" in page.inner_text("[role=status]")
        page.keyboard.type("cuc")
        page.keyboard.press("Control+A")
        page.keyboard.type(villager(5).name)
        assert page.locator("#expected tbody tr:visible").count() == 1
        with page.expect_navigation():
            page.locator("#expected tbody tr:visible button").click()
        look(page, f"{size}-roster")
        assert len(waiting(clinic)) == 1

"""The injection table, observation and the paper in a real browser: by keyboard alone, and usable by everybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from edge.domain.roles import Role
from edge.store import people, visits
from sync_protocol.identity import IdentityState
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, await_focus, open_page, press, served, shoot, sign_in
from tests.browser.visitor import add_user, words_in
from tests.edge.clinic import NOW, NURSE, Clinic, make_clinic, villager
from tests.edge.station import DAY

LOGIN: Final = "ban-tiem"
PERSONAL: Final = ("Nguyễn", "%E1%BB%85", "054185", "1985", "ABX1234")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Three people in the line."""
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in (1, 2, 3))
    with made.database.write_transaction() as tables:
        for number in (1, 2, 3):
            person_id = people.add(tables, villager(number), state=IdentityState.WAITING, at=NOW - 900, by=NURSE)
            visits.arrive(tables, person_id, day=DAY, at=NOW - 900 + number * 60, by=NURSE)
    return made


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_from_the_vial_to_the_paper_by_keyboard_alone(
    tmp_path: Path, browser: Browser, clinic: Clinic, size: str
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser, size) as (page, asked):
        add_user(node, login=LOGIN, roles=(Role.INJECTION, Role.OBSERVATION))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/doses/new")
        look(page, f"{size}-desk-line")
        # The vial: once.
        press(page, "Alt+m")
        await_focus(page, "#product")
        page.keyboard.type("Astra")
        for text in ("ABX1234", "31/12/2022", "10"):
            page.keyboard.press("Tab")
            page.keyboard.press("Control+A")
            page.keyboard.type(text)
        look(page, f"{size}-desk-vial")
        press(page, "Enter")
        # Enter in the empty box calls the first one; Enter again records, and the next one is there.
        await_focus(page, "#card")
        press(page, "Enter")
        look(page, f"{size}-desk-called")
        press(page, "Enter")
        assert "Đã lưu 19001A-000001" in page.inner_text("[role=status]")
        assert villager(2).name in page.inner_text("#who")
        look(page, f"{size}-desk-saved")
        # A card that is scanned while the button has the cursor goes into the box.
        page.keyboard.type(f"{villager(3).number}||{villager(3).name}|01031985|Nữ|x|25122021")
        press(page, "Enter")
        assert villager(3).name in page.inner_text("#who")
        assert clinic.count("doses") == 1

        page.goto(f"{address}/observation")
        page.keyboard.type("1")
        press(page, "Enter")
        look(page, f"{size}-observation-found")
        press(page, "Enter")
        page.keyboard.press("Space")
        page.locator("input[name=severity][value=severe]").focus()
        page.keyboard.press("Space")
        look(page, f"{size}-observation-reaction")
        press(page, "Enter")
        assert "Giữ lại theo dõi" in page.inner_text("main")
        look(page, f"{size}-observation-severe")
        page.get_by_role("link", name="In giấy: số 1").focus()
        press(page, "Enter")
        await_focus(page, "[data-print]")
        look(page, f"{size}-slip")
        assert not words_in(asked, PERSONAL)
        assert all(url.startswith(address) for url in asked)


def test_the_key_that_saved_does_not_save_the_next_one_before_anybody_looked(
    tmp_path: Path, browser: Browser, clinic: Clinic
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser) as (page, _):
        add_user(node, login=LOGIN, roles=(Role.INJECTION,))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/doses/new?visit=1")
        page.fill("#lot", "ABX1234")
        page.fill("#lot_expiry", "31/12/2022")
        page.select_option("#product", "AZ")
        # From here on the page's own clock stands still.
        page.clock.install(time=0)
        page.clock.pause_at(1_000)
        page.focus("#lot")
        press(page, "Enter")
        await_focus(page, "button")
        page.keyboard.press("Enter")
        page.wait_for_load_state("networkidle")
        assert clinic.count("doses") == 1
        assert villager(2).name in page.inner_text("#who")
        page.clock.run_for(1_000)
        press(page, "Enter")
        assert clinic.count("doses") == 2


def test_the_paper_is_one_page_of_a5_with_a_picture_that_can_be_scanned(
    tmp_path: Path, browser: Browser, clinic: Clinic
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser) as (page, _):
        add_user(node, login=LOGIN, roles=(Role.INJECTION, Role.OBSERVATION))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/doses/new?visit=1")
        page.fill("#lot", "ABX1234")
        page.fill("#lot_expiry", "31/12/2022")
        page.select_option("#product", "AZ")
        press(page, "Enter")
        page.goto(f"{address}/doses/1/slip")
        page.emulate_media(media="print")
        assert not page.locator("[data-print]").is_visible()
        box = page.locator(".slip-qr").bounding_box()
        assert box is not None
        # 96 CSS pixels are an inch; the code itself is the picture without four modules on each side.
        modules = int(page.locator(".slip-qr").get_attribute("viewBox").split()[2])  # type: ignore[union-attr]
        assert box["width"] * 25.4 / 96 * (modules - 8) / modules >= 35
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        width, height = (float(text) for text in re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)[0])
        assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (148, 210)

"""One person from the card to the ledger in a real browser, by keyboard alone, served by the node as it is installed.

Screenshots of every page, wide and narrow, are written to `screenshots/` for people to look at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from edge.workflow.record_dose import Submission
from tests.browser.chrome import SIZES, at_work, await_focus, press, shoot
from tests.browser.pin_page import await_outcome, give_pin
from tests.browser.visitor import PASSWORD, words_in
from tests.edge.clinic import NOW, Clinic, facts, make_clinic, villager

CARD: Final = "054185000123|123456789|Đặng Thị Ánh|01031985|Nữ|Thôn 2, Hòa Hiệp|25122021"
PERSONAL: Final = ("Đặng", "%C4%90", "Ánh", "054185000123", "1985")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """A morning's work: people who match, people whose birth date differs, and one person still to come."""
    clinic = make_clinic(tmp_path)
    people = [villager(number) for number in range(1, 13)]
    differing = [villager(number, birth_date="1985-03-02") for number in range(10, 13)]
    clinic.give_pack([*people[:9], *differing, villager(123, name="Đặng Thị Ánh")])
    for number, person in enumerate(people):
        clinic.record(Submission(f"morning-{number:02d}", person, facts(given_at=NOW - 2_000 * (number + 1))))
    return clinic


@pytest.mark.parametrize("size", SIZES)
def test_one_person_from_the_card_to_the_ledger_by_keyboard(
    tmp_path: Path, browser: Browser, clinic: Clinic, size: str
) -> None:
    with at_work(tmp_path, clinic, browser, size=size) as (page, address, asked):
        press(page, "Alt+3")
        # The cursor waits in the box: the scanner types its line and Enter.
        page.keyboard.type(CARD)
        press(page, "Enter")
        assert page.input_value("#name") == "Đặng Thị Ánh"
        shoot(page, f"{size}-dose-filled")
        press(page, "Enter")
        assert "Đã lưu 19001A-000013" in page.inner_text("[role=status]")
        assert "Đã khớp" in page.inner_text("[role=status]")
        shoot(page, f"{size}-dose-saved")
        page.reload()
        assert clinic.count("doses") == 13

        press(page, "Alt+6")
        shoot(page, f"{size}-sign")
        press(page, "Enter")
        assert "Sẽ ký 10 mũi tiêm" in page.inner_text("h1")
        shoot(page, f"{size}-preview")
        # The name is that of who has signed in; Enter goes on to where the PIN is asked for.
        press(page, "Enter")
        await_focus(page, "#pin")
        shoot(page, f"{size}-pin")
        give_pin(page, "sai")
        assert "Chưa ký được" in page.inner_text("h1")
        shoot(page, f"{size}-turn-wrong")
        press(page, "Enter")
        give_pin(page, PASSWORD)
        assert "Đã ký 10 mũi tiêm" in page.inner_text("[role=status]")
        shoot(page, f"{size}-signed")

        press(page, "Alt+9")
        assert "1 gói chờ gửi" in page.inner_text("main")
        shoot(page, f"{size}-sync-pending")
        press(page, "Enter")
        assert "Ở trung tâm từ 16:30" in page.inner_text("main")
        shoot(page, f"{size}-sync-done")
        press(page, "Alt+1")
        shoot(page, f"{size}-today-evening")
        assert not words_in(asked, PERSONAL)
        # The PIN alone went elsewhere: twice, to the signer process on this machine.
        elsewhere = [url for url in asked if not url.startswith(address)]
        assert len(elsewhere) == 2
        assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}", url) for url in elsewhere)


@pytest.mark.parametrize("size", SIZES)
def test_a_birth_date_and_a_lot_are_put_right_by_keyboard(
    tmp_path: Path, browser: Browser, clinic: Clinic, size: str
) -> None:
    with at_work(tmp_path, clinic, browser, size=size) as (page, address, asked):
        page.goto(f"{address}/work-lists?list=identity-mismatch")
        page.locator('a[href^="/people/10?"]').focus()
        press(page, "Enter")
        # The cursor waits in the field that differs.
        await_focus(page, "#birth_date")
        page.keyboard.press("Control+A")
        page.keyboard.type("31/02/1985")
        press(page, "Enter")
        await_focus(page, "#birth_date")
        shoot(page, f"{size}-person-fault")
        page.keyboard.press("Control+A")
        page.keyboard.type("02/03/1985")
        press(page, "Enter")
        assert "Đã khớp" in page.inner_text("[role=status]")
        shoot(page, f"{size}-waiting-fixed")

        page.goto(f"{address}/people/10")
        page.get_by_role("link", name="Đính chính 19001A-000010").focus()
        press(page, "Enter")
        page.fill("#lot", "RIGHT01")
        page.focus("#reason")
        press(page, "Enter")
        await_focus(page, "#reason")
        shoot(page, f"{size}-correct-fault")
        page.keyboard.type("ghi nhầm số lô")
        press(page, "Enter")
        assert "Đã ghi bản đính chính" in page.inner_text("[role=status]")
        shoot(page, f"{size}-person-corrected")
        assert clinic.count("doses") == 13
        assert not words_in(asked, [*PERSONAL, "RIGHT01"])


def test_a_scan_with_the_cursor_nowhere_lands_in_the_box(tmp_path: Path, browser: Browser, clinic: Clinic) -> None:
    with at_work(tmp_path, clinic, browser) as (page, address, _):
        page.goto(f"{address}/doses/new")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.type(CARD)
        press(page, "Enter")
        assert page.input_value("#number") == "054185000123"


def test_faults_are_shown_with_the_cursor_in_the_first_one(tmp_path: Path, browser: Browser, clinic: Clinic) -> None:
    with at_work(tmp_path, clinic, browser) as (page, address, _):
        page.goto(f"{address}/doses/new")
        page.fill("#name", "Lê Thị Sai")
        page.fill("#birth_date", "31/02/1985")
        page.keyboard.press("Alt+n")
        page.fill("#given_time", "25:99")
        page.focus("#given_time")
        press(page, "Enter")
        await_focus(page, "[name=sex], #birth_date")
        assert page.input_value("#birth_date") == "31/02/1985"
        shoot(page, "wide-dose-faults")


def test_filtering_the_list_narrows_what_is_previewed(tmp_path: Path, browser: Browser, clinic: Clinic) -> None:
    with at_work(tmp_path, clinic, browser) as (page, address, _):
        page.goto(f"{address}/sign?state=ready")
        page.fill("#text", "cuc")
        shown = page.locator("#doses tbody tr:visible").count()
        assert 0 < shown < 9
        with page.expect_navigation():
            page.get_by_role("button", name="Xem trước").press("Enter")
        assert f"Sẽ ký {shown} mũi tiêm" in page.inner_text("h1")


def test_the_pages_work_without_javascript(tmp_path: Path, browser: Browser, clinic: Clinic) -> None:
    with at_work(tmp_path, clinic, browser, scripts=False) as (page, address, _):
        page.goto(f"{address}/doses/new")
        page.fill("#card", CARD)
        page.press("#card", "Enter")
        page.click("text=Lưu mũi tiêm")
        assert "Đã lưu" in page.inner_text("main")
        page.goto(f"{address}/sign")
        page.get_by_role("button", name="Xem trước").click()
        page.fill("#officer_name", "Trần Thị Bưởi")
        page.get_by_role("button", name="Ký 10 mũi tiêm").click()
        # Without a script too the page comes again by itself.
        page.locator("#pin").wait_for()
        page.fill("#pin", PASSWORD)
        page.press("#pin", "Enter")
        await_outcome(page)
        assert "Đã ký 10 mũi tiêm" in page.inner_text("main")

"""Delegated signing in a real browser, at both ends: hand over by keyboard, give back, sign at the hub with a PIN."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from edge.store.database import Database
from sync_protocol.delegation import DelegationKind
from tests.browser.accessibility import serious
from tests.browser.chrome import ANYBODY, SIZES, await_focus, fits, open_page, press, served, shoot, sign_in
from tests.browser.visitor import PASSWORD, add_user, words_in
from tests.edge.hub_pair import HUB_NAME, SITE_NAME, HubPair, make_pair
from tests.edge.station import DATA_KEY, NODE


@pytest.fixture
def pair(tmp_path: Path) -> HubPair:
    return make_pair(tmp_path)


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page and nothing of it is cut off."""
    shoot(page, name)
    assert serious(page) == []
    assert fits(page)


@pytest.mark.parametrize("size", SIZES)
def test_a_site_hands_over_by_keyboard(tmp_path: Path, browser: Browser, size: str) -> None:
    pair = make_pair(tmp_path, kind=DelegationKind.ON_CALL)
    pair.site.record(4)
    with (
        served(tmp_path / "site", pair.site.database, pair.centre) as (at, node),
        open_page(browser, size) as (page, asked),
    ):
        add_user(node, login=ANYBODY)
        sign_in(page, at, ANYBODY)
        page.goto(f"{at}/handover")
        look(page, f"{size}-handover-days")
        page.focus("button:has-text('Xem trước')")
        press(page, "Enter")
        assert f"Chuyển 4 mũi tiêm cho {HUB_NAME} ký" in page.inner_text("h1")
        await_focus(page, "#reason")
        look(page, f"{size}-handover-preview")
        press(page, "Enter")
        look(page, f"{size}-handover-reason")
        page.fill("#reason", "Mất token, đã báo cơ quan cấp")
        press(page, "Enter")
        assert f"Đã chuyển 4 mũi tiêm cho {HUB_NAME} ký." in page.inner_text("main")
        pair.send()
        pair.sign()
        pair.send()
        page.goto(f"{at}/handover")
        assert "Trần Thị Ánh, chứng thư số" in page.inner_text("main")
        look(page, f"{size}-handover-signed")
        assert not words_in(asked, ["token, ", "Nguyễn", "054185"])


@pytest.mark.parametrize("size", SIZES)
def test_a_hub_gives_one_back_and_signs_the_others(pair: HubPair, tmp_path: Path, browser: Browser, size: str) -> None:
    pair.site.record(4)
    pair.hand(reason="Chưa có token")
    pair.send()
    with (
        served(tmp_path / "hub", pair.hub.database, pair.centre) as (at, node),
        open_page(browser, size) as (page, asked),
    ):
        add_user(node, login=ANYBODY)
        sign_in(page, at, ANYBODY)
        page.goto(f"{at}/hub")
        look(page, f"{size}-hub")
        page.click("text=Xem và ký")
        assert f"Ký thay 4 mũi tiêm của {SITE_NAME}" in page.inner_text("h1")
        look(page, f"{size}-hub-site")
        page.check("input[name=dose][value='2']")
        page.fill("#reason", "Sai số lô")
        page.click("text=Trả lại cơ sở")
        assert "Đã trả lại 1 mũi tiêm cho cơ sở" in page.inner_text("main")
        page.click("text=Xem và ký")
        page.fill("#officer", "Trần Thị Ánh")
        page.focus("button:has-text('Nhập mã để ký')")
        press(page, "Enter")
        page.wait_for_selector("input[type=password]")
        assert f"{SITE_NAME} (19001)" in page.inner_text("main")
        look(page, f"{size}-hub-pin")
        page.fill("input[type=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/hub?done=1")
        assert f"Đã ký 3 mũi tiêm của {SITE_NAME}." in page.inner_text("main")
        look(page, f"{size}-hub-done")
        assert not words_in(asked, ["lô", "Trần", "054185"])
        assert all(PASSWORD not in address for address in asked)
    assert reopened_states(tmp_path) == ["taken", "back", "taken", "taken"]


def reopened_states(directory: Path) -> list[str]:
    """Where the doses stand at the hub, read by another connection."""
    database = Database(directory / "hub" / "node.db", DATA_KEY)
    with database.read() as tables:
        found = [
            row[0] for row in tables.execute("SELECT state FROM site_doses WHERE node = ? ORDER BY place", (NODE,))
        ]
    database.close()
    return found

"""The people of the site in a real browser: the first account, locking with a half-typed form, shifts, help, idling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from edge.bootstrap import Node
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, await_focus, open_page, press, served, shoot, sign_in
from tests.browser.visitor import USER_PASSWORD, add_user, words_in
from tests.edge.clinic import PASSPHRASE, Clinic, make_clinic

NURSE: Final = "Y tá Nguyễn Thị Sáu"
NEXT_NURSE: Final = "Y tá Lê Thị Bảy"
TYPED: Final = "Trần Thị Giữ Lại"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def site(tmp_path: Path, clinic: Clinic) -> Iterator[tuple[str, Node]]:
    """The node behind its server, without any user."""
    with served(tmp_path, clinic.database, clinic.centre) as served_at:
        yield served_at


@pytest.fixture
def address(site: tuple[str, Node]) -> str:
    """The same with two nurses who do everything."""
    at, node = site
    add_user(node, login="sau", name=NURSE)
    add_user(node, login="bay", name=NEXT_NURSE)
    return at


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []


def half_type(page: Page, address: str) -> None:
    """Begin the form of somebody who is new here; the browser tells the node a moment later."""
    page.goto(f"{address}/doses/new")
    with page.expect_response("**/drafts"):
        page.fill("#name", TYPED)


@pytest.mark.parametrize("size", SIZES)
def test_a_site_begins_with_its_first_account_by_keyboard(site: tuple[str, Node], browser: Browser, size: str) -> None:
    at, _node = site
    with open_page(browser, size) as (page, asked):
        page.goto(at)
        await_focus(page, "#passphrase")
        look(page, f"{size}-house-first-account")
        for text in (PASSPHRASE, "Trần Thị Bưởi", "bưởi", USER_PASSWORD, USER_PASSWORD):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.focus("#repeated")
        press(page, "Enter")
        assert "Trần Thị Bưởi" in page.inner_text("header")
        for name, path in (("users", "/users"), ("audit", "/audit"), ("settings", "/settings"), ("own", "/password")):
            page.goto(at + path)
            look(page, f"{size}-house-{name}")
        page.goto(f"{at}/users/1")
        page.click("details.menu summary")
        look(page, f"{size}-house-user")
        assert not words_in(asked, ["%E1%BA%A7", "Trần", PASSPHRASE])


@pytest.mark.parametrize("size", SIZES)
def test_a_locked_screen_gives_the_half_typed_form_back(address: str, browser: Browser, size: str) -> None:
    with open_page(browser, size) as (page, _):
        sign_in(page, address, "sau")
        page.goto(f"{address}/doses/new")
        page.fill("#name", TYPED)
        # No time to tell the node: locking takes along what is there.
        press(page, "Alt+l")
        assert "Màn hình đã khóa" in page.inner_text("h1")
        assert TYPED not in page.content()
        await_focus(page, "#password")
        look(page, f"{size}-house-unlock")
        page.keyboard.type(USER_PASSWORD)
        press(page, "Enter")
        assert page.url == f"{address}/doses/new"
        assert page.input_value("#name") == TYPED
        assert "Phần gõ dở" in page.inner_text(".draft")
        look(page, f"{size}-house-draft")


def test_the_next_shift_takes_over_what_was_half_typed(address: str, browser: Browser) -> None:
    with open_page(browser) as (page, _):
        sign_in(page, address, "sau")
        half_type(page, address)
        press(page, "Alt+l")
        page.get_by_role("link", name="Người khác đăng nhập").focus()
        press(page, "Enter")
        look(page, "wide-house-shift")
        page.keyboard.type("bay")
        page.keyboard.press("Tab")
        page.keyboard.type(USER_PASSWORD)
        press(page, "Enter")
        assert page.input_value("#name") == TYPED
        assert f"Người gõ: {NURSE}" in page.inner_text(".draft")
        with page.expect_navigation():
            page.get_by_role("button", name="Bỏ phần này").press("Enter")
        assert page.input_value("#name") == ""


def test_a_reload_keeps_what_was_typed_a_moment_ago(address: str, browser: Browser) -> None:
    with open_page(browser) as (page, _):
        sign_in(page, address, "sau")
        half_type(page, address)
        page.reload()
        assert page.input_value("#name") == TYPED


def test_a_screen_that_nobody_touches_locks_itself(address: str, browser: Browser) -> None:
    with open_page(browser) as (page, _):
        page.clock.install()
        sign_in(page, address, "sau")
        page.goto(f"{address}/doses/new")
        page.fill("#name", TYPED)
        with page.expect_navigation(url="**/unlock"):
            page.clock.fast_forward("16:00")
        page.fill("#password", USER_PASSWORD)
        press(page, "Enter")
        assert page.input_value("#name") == TYPED


def test_help_opens_from_the_keyboard_and_belongs_to_the_page(address: str, browser: Browser) -> None:
    with open_page(browser) as (page, _):
        sign_in(page, address, "sau")
        page.goto(f"{address}/sync")
        press(page, "F1")
        assert page.url == f"{address}/help/sync"
        look(page, "wide-house-help")
        press(page, "Alt+h")
        assert page.url == f"{address}/help/start"


def test_without_scripts_locking_and_the_language_work_too(address: str, browser: Browser) -> None:
    with open_page(browser, scripts=False) as (page, _):
        page.goto(f"{address}/sign-in")
        page.fill("#login", "sau")
        page.fill("#password", USER_PASSWORD)
        page.press("#password", "Enter")
        page.click("details.menu summary")
        page.click("text=English")
        assert page.get_attribute("html", "lang") == "en"
        page.click("details.menu summary")
        page.click("form[data-lock] button")
        assert page.url == f"{address}/unlock"
        page.fill("#password", USER_PASSWORD)
        page.press("#password", "Enter")
        assert page.url == f"{address}/"

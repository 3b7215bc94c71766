"""Whom no pack knows, at the reception: asked about at once, and what the centre said, on pages for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.domain.roles import Role
from edge.store import questions
from sync_protocol.population import PackAnswer
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, at_work, open_page, press, served, shoot, sign_in
from tests.browser.visitor import add_user, words_in
from tests.edge.test_questions import Site

LOGIN: Final = "tiep-don"
PERSONAL: Final = ("Nguyễn", "%E1%BB%85", "054185", "1985")


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_whoever_is_unknown_is_asked_about_from_the_reception(tmp_path: Path, browser: Browser, size: str) -> None:
    site = Site(tmp_path)
    site.record(1, 2)
    clinic = site.clinic
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser, size) as (page, asked):
        add_user(node, login=LOGIN, roles=(Role.RECEPTION,))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/reception?person=1")
        assert "Chưa hỏi trung tâm." in page.inner_text(".asked")
        look(page, f"{size}-questions-reception")
        page.locator(".asked button").focus()
        press(page, "Enter")
        page.wait_for_url(f"{address}/reception?person=1")
        assert "chờ trả lời" in page.inner_text(".asked")
        look(page, f"{size}-questions-asked")
        page.goto(f"{address}/work-lists?list=identity-waiting")
        look(page, f"{size}-questions-list")
        page.get_by_role("button", name="Hỏi trung tâm ngay").click()
        assert "Máy đang hỏi trung tâm" in page.inner_text("[role=status]")
        for language in ("English", "Tiếng Việt"):
            page.locator("details.menu summary").click()
            page.get_by_role("button", name=language).click()
            page.goto(f"{address}/work-lists?list=identity-waiting")
            table = page.locator(".work-list .scroll")
            assert table.evaluate("box => box.scrollWidth <= box.clientWidth"), language
            look(page, f"{size}-questions-list-{language[:2].lower()}")
        with clinic.database.read() as tables:
            assert [one.person_id for one in questions.all_questions(tables)] == [1, 2]
        site.send()
        site.answer((1, PackAnswer.BIRTH_DATE_DIFFERS), (2, PackAnswer.UNKNOWN))
        page.goto(f"{address}/people/1")
        assert "khác ngày sinh" in page.inner_text(".asked")
        look(page, f"{size}-questions-answered")
        page.goto(f"{address}/people/2")
        assert "Trung tâm cũng không biết" in page.inner_text(".asked")
        assert not words_in(asked, PERSONAL)


@pytest.mark.parametrize("size", SIZES)
def test_the_answer_comes_into_the_open_page_and_nothing_typed_is_lost(
    tmp_path: Path, browser: Browser, size: str
) -> None:
    site = Site(tmp_path)
    site.record(1, 2)
    clinic = site.clinic
    with served(tmp_path, clinic.database, clinic.centre) as (address, node), open_page(browser, size) as (page, asked):
        add_user(node, login=LOGIN, roles=(Role.RECEPTION,))
        sign_in(page, address, LOGIN)
        page.goto(f"{address}/people/1")
        page.get_by_role("button", name="Hỏi trung tâm ngay").click()
        assert "Máy đang hỏi trung tâm." in page.inner_text("[role=status]")
        page.get_by_label("Điện thoại").fill("0912")
        page.get_by_role("button", name="Hỏi tin ngay").focus()
        site.send()
        site.answer((1, PackAnswer.BIRTH_DATE_DIFFERS))
        expect(page.locator("div[data-identity]")).to_contain_text("khác ngày sinh", timeout=20_000)
        expect(page.locator("div[data-identity] .state")).to_have_text("Chưa khớp")
        expect(page.locator("td[data-identity] .state")).to_have_text("Không khớp với CSDLQG về dân cư")
        assert page.locator("[role=status]").count() == 0
        assert page.get_by_label("Điện thoại").input_value() == "0912"
        expect(page.get_by_role("button", name="Hỏi trung tâm ngay")).to_be_focused()
        look(page, f"{size}-questions-live")
        # At the reception as well; once nobody is asked about any more, the page asks for nothing.
        page.goto(f"{address}/reception?person=2")
        page.locator(".asked button").click()
        page.wait_for_url(f"{address}/reception?person=2")
        site.send()
        site.answer((2, PackAnswer.MATCHED))
        expect(page.locator("[data-identity] .state")).to_have_text("Đã khớp", timeout=20_000)
        assert page.locator(".asked").count() == 0
        assert page.locator("[data-open]").count() == 0
        look(page, f"{size}-questions-live-reception")
        assert not words_in(asked, PERSONAL)


def test_without_scripts_the_page_says_how_to_see_the_answer(tmp_path: Path, browser: Browser) -> None:
    site = Site(tmp_path)
    site.record(1)
    with at_work(tmp_path, site.clinic, browser, size="narrow", scripts=False) as (page, address, _):
        page.goto(f"{address}/people/1")
        page.get_by_role("button", name="Hỏi trung tâm ngay").click()
        assert "Tải lại trang để xem câu trả lời." in page.inner_text(".asked")
        shoot(page, "narrow-questions-no-scripts")
        site.send()
        site.answer((1, PackAnswer.MATCHED))
        page.reload()
        assert "Theo trả lời của trung tâm cho câu hỏi số 1" in page.inner_text("div[data-identity]")

"""A stick in a real browser: chosen by keyboard, written with its progress, pulled in the middle, read back at home."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from sync_protocol.stick_folder import StickFolder
from tests.browser.accessibility import serious
from tests.browser.chrome import ANYBODY, SIZES, fits, open_page, press, served, shoot, sign_in
from tests.browser.visitor import add_user, words_in
from tests.stick.files import sealed_bundle
from tests.stick.neighbours import exchange_all, make_neighbours, sign, states


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page and nothing of it is cut off."""
    shoot(page, name)
    assert serious(page) == []
    assert fits(page)


@pytest.mark.parametrize("size", SIZES)
def test_out_and_in_by_keyboard(tmp_path: Path, browser: Browser, size: str) -> None:
    two = make_neighbours(tmp_path)
    sign(two.site)
    (two.stick / "HCVX").mkdir()
    (two.stick / "HCVX" / "theirs").write_bytes(sealed_bundle(1))
    with (
        served(tmp_path / "site", two.site.database, two.site.centre) as (at, node),
        open_page(browser, size) as (page, asked),
    ):
        add_user(node, login=ANYBODY)
        sign_in(page, at, ANYBODY)
        page.goto(f"{at}/stick")
        look(page, f"{size}-stick-choice")
        page.fill("#typed", str(two.stick))
        press(page, "Enter")
        assert "Gói của cơ sở chưa có biên nhận" in page.inner_text("main")
        look(page, f"{size}-stick-preview")
        press(page, "Enter")
        page.wait_for_selector("text=Có thể rút USB an toàn.")
        look(page, f"{size}-stick-exported")
        assert states(two.site) == ["sealed"]
        page.goto(f"{at}/sync")
        assert "Đã chép ra USB lúc" in page.inner_text("main")
        look(page, f"{size}-stick-on-sync")
        exchange_all(two.carrier)
        two.read(two.carrier)
        two.carry()
        two.export(two.carrier)
        page.goto(f"{at}/stick")
        page.fill("#typed", str(two.stick))
        press(page, "Enter")
        page.click("button:has-text('Nhập từ USB')")
        page.wait_for_selector("text=1 gói của cơ sở đã được trung tâm nhận")
        look(page, f"{size}-stick-imported")
        assert states(two.site) == ["receipted"]
        page.goto(f"{at}/stick")
        assert "Đang mang hộ cơ sở khác" in page.inner_text("main")
        look(page, f"{size}-stick-carried")
        assert not words_in(asked, [str(two.stick), "USB"])


def test_progress_while_it_is_written_and_pulled_in_the_middle(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = make_neighbours(tmp_path)
    sign(two.site)
    sign(two.site)
    goes_on = threading.Event()
    written = StickFolder.put

    def slow(folder: StickFolder, name: str, data: bytes, **more: object) -> bool:
        done = written(folder, name, data, **more)  # type: ignore[arg-type]
        goes_on.wait()
        return done

    # A stick that takes its time: the first file is there, the second one waits.
    monkeypatch.setattr(StickFolder, "put", slow)
    with (
        served(tmp_path / "site", two.site.database, two.site.centre) as (at, node),
        open_page(browser, "wide") as (page, _asked),
    ):
        add_user(node, login=ANYBODY)
        sign_in(page, at, ANYBODY)
        page.goto(f"{at}/stick")
        page.fill("#typed", str(two.stick))
        press(page, "Enter")
        press(page, "Enter")
        page.wait_for_selector("text=Đừng rút USB.")
        page.wait_for_function("() => document.querySelector('progress').value > 0")
        look(page, "wide-stick-writing")
        assert "an toàn" not in page.inner_text("main")
        shutil.rmtree(two.stick)
        goes_on.set()
        page.wait_for_selector("text=Chưa xong")
        look(page, "wide-stick-pulled")
        assert "Cắm lại USB" in page.inner_text("main")
        assert states(two.site) == ["sealed", "sealed"]

"""Lists that no list should be: read as far as they can be, refused in words otherwise; nothing comes in unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import odd_workbooks
from tests.browser.chrome import at_work, await_focus, press, shoot
from tests.edge.clinic import Clinic, make_clinic, villager


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def page(tmp_path: Path, browser: Browser, clinic: Clinic) -> Iterator[Page]:
    """Somebody who may do everything has signed in."""
    with at_work(tmp_path, clinic, browser) as (shown, _, _asked):
        yield shown


def choose(page: Page, path: str, file: Path) -> None:
    """Choose a file on a page and look at it before anything is written."""
    page.goto(urljoin(page.url, path))
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Xem trước").focus()
    press(page, "Enter")


def came_in(clinic: Clinic) -> tuple[int, int]:
    """People and places on the roster."""
    return clinic.count("people"), clinic.count("roster")


def test_a_roster_that_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path, page: Page, clinic: Clinic) -> None:
    for name, (make, said) in odd_workbooks.UNREADABLE.items():
        choose(page, "/reception/roster", make(tmp_path / name))
        assert said in page.inner_text("[role=alert]"), name
        assert page.locator("#file").is_visible()
    shoot(page, "wide-roster-refused")
    assert came_in(clinic) == (0, 0)


@pytest.mark.parametrize(
    ("make", "column"), [(odd_workbooks.merged, "Ngày sinh"), (odd_workbooks.computed, "Họ và tên")]
)
def test_rows_that_can_be_read_come_in_and_the_others_say_why(
    tmp_path: Path, page: Page, clinic: Clinic, make: odd_workbooks.Maker, column: str
) -> None:
    choose(page, "/reception/roster", make(tmp_path / "list.xlsx"))
    assert "1 dòng cần xem" in page.inner_text("#rows")
    assert column in page.inner_text("main table")
    assert came_in(clinic) == (0, 0)
    await_focus(page, "button")
    press(page, "Enter")
    assert "Đã thêm 1 người" in page.inner_text("[role=status]")
    assert villager(5).name in page.inner_text("#expected")
    # The same file again doubles nobody.
    choose(page, "/reception/roster", tmp_path / "list.xlsx")
    assert "đã trong danh sách" in page.inner_text("main")
    assert came_in(clinic) == (1, 1)


def test_a_corrected_list_that_is_none_is_refused_beside_the_file(tmp_path: Path, page: Page, clinic: Clinic) -> None:
    before = clinic.count("audit")
    for name, (make, _) in odd_workbooks.UNREADABLE.items():
        choose(page, "/work-lists/import", make(tmp_path / name))
        assert page.inner_text("#file-told").endswith(")"), name
        await_focus(page, "#file")
    shoot(page, "wide-import-refused")
    assert clinic.count("audit") == before

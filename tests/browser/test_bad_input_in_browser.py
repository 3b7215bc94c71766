"""What nobody should type, and somebody does: each is answered in words, beside what was typed, and changes nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page

from edge.store import people
from edge.workflow.record_dose import Submission
from tests.browser.chrome import at_work, await_focus, fill, press, press_in, shoot
from tests.edge.clinic import Clinic, facts, make_clinic, villager

WRITTEN: Final = ("people", "visits", "doses", "roster", "audit")
MEGABYTE: Final = 1_000_000
UNREADABLE: Final = "Không đọc được mã QR của thẻ căn cước"
# Lines for the scanner's box, and whether they claim to be a card.
BAD_LINES: Final = (
    ("054185000123||Đặng Thị Ánh|01031985|Nữ", True),
    ("054185000123|Đặng Thị Ánh", True),
    ("054185000123||Đặng\x07 Thị Ánh|01031985|Nữ|Thôn 2|25122021", True),
    ("054185000123||Đặng\u202e Thị Ánh|01031985|Nữ|Thôn 2|25122021", True),
    ("０５４１８５０００１２３||Đặng Thị Ánh|01031985|Nữ|Thôn 2|25122021", True),
    ("054185000123||Đặng Thị Ánh|31021985|Nữ|Thôn 2|25122021", True),
    ("０５４１８５０００１２３", False),
    ("9" * MEGABYTE, False),
)
# A field, what is typed there, and where the cursor comes to stand: day and time of a dose are one instant.
BAD_TIMES: Final = (
    ("given_day", "31/02/2022", "given_day"),
    ("given_day", "16/04/2022", "given_day"),
    ("given_time", "23:59", "given_day"),
    ("lot_expiry", "31/02/2022", "lot_expiry"),
)
EMOJI: Final = "Lò Thị Bé 😀"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """One person in the store."""
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in range(1, 5))
    made.record(Submission("mui-so-01", villager(1), facts()))
    return made


@pytest.fixture
def page(tmp_path: Path, browser: Browser, clinic: Clinic) -> Iterator[Page]:
    """Somebody who may do everything has signed in."""
    with at_work(tmp_path, clinic, browser) as (shown, _, _asked):
        yield shown


def written(clinic: Clinic) -> dict[str, int]:
    """How many rows there are of everything that a desk writes."""
    return {table: clinic.count(table) for table in WRITTEN}


def go(page: Page, path: str) -> None:
    """Open another page of the same node."""
    page.goto(urljoin(page.url, path))


def new_person(page: Page, name: str, born: str, number: str = "") -> None:
    """Open the empty form of the reception desk, fill it and send it with Enter."""
    go(page, "/reception/new")
    fill(page, {"birth_date": born, "number": number})
    page.locator("input[name=sex][value=F]").check()
    page.locator("#name").focus()
    # As an input method gives it: no key of a keyboard is an emoji.
    page.keyboard.insert_text(name)
    press(page, "Enter")


@pytest.mark.parametrize("desk", ["/reception", "/doses/new"])
def test_a_line_that_is_no_card_stays_in_the_box_with_the_reason(page: Page, clinic: Clinic, desk: str) -> None:
    before = written(clinic)
    go(page, desk)
    for line, is_card in BAD_LINES:
        await_focus(page, "#card")
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(line)
        press(page, "Enter")
        told = page.inner_text("#card-told")
        assert (UNREADABLE in told) == is_card, line[:40]
        assert told.endswith("."), line[:40]
        kept = page.input_value("#card")
        assert kept == line if len(line) < 200 else line.startswith(kept) and len(kept) >= 200
    shoot(page, f"wide-bad-line-{desk.strip('/').replace('/', '-')}")
    assert written(clinic) == before


def test_a_megabyte_in_any_field_of_a_form_loses_nothing_of_the_others(page: Page, clinic: Clinic) -> None:
    before = written(clinic)
    for name in ("number", "phone", "guardian", "group"):
        go(page, "/reception/new")
        page.locator("details summary", has_text="Trẻ em").click()
        fill(page, {"name": "Lò Thị Bé", "birth_date": "01/03/1985"})
        page.locator("input[name=sex][value=F]").check()
        page.locator(f"#{name}").focus()
        page.keyboard.insert_text("9" * MEGABYTE)
        press(page, "Enter")
        assert page.inner_text(f"#{name}-told"), name
        assert page.input_value("#name") == "Lò Thị Bé"
        assert page.input_value(f"#{name}").startswith("9" * 12)
    assert written(clinic) == before


def test_a_name_typed_with_loose_marks_is_the_same_name(page: Page, clinic: Clinic) -> None:
    one = villager(2)
    loose = unicodedata.normalize("NFD", one.name)
    assert loose != one.name
    new_person(page, loose, "01/03/1985", one.number)
    assert f"Số 1: {one.name} vào hàng đợi" in page.inner_text("[role=status]")
    with clinic.database.read() as tables:
        assert [found.recipient.name for found in people.with_number(tables, one.number)] == [one.name]
    new_person(page, one.name, "01/03/1985", one.number)
    assert "đã ở hàng đợi" in page.inner_text("[role=status]")
    assert (clinic.count("people"), clinic.count("visits")) == (2, 1)


def test_another_letter_that_looks_the_same_makes_no_second_person(page: Page, clinic: Clinic) -> None:
    new_person(page, "Đặng Thị Na", "01/03/1985")
    for letter in "ÐƉ":
        new_person(page, f"{letter}ặng Thị Na", "01/03/1985")
        # The one who is known stands beside, and the cursor on her.
        assert page.input_value("#name") == f"{letter}ặng Thị Na"
        assert (clinic.count("people"), clinic.count("visits")) == (2, 1)
        await_focus(page, "button")
        press(page, "Enter")
        assert "Số 1:" in page.inner_text("[role=status]")
    assert (clinic.count("people"), clinic.count("visits")) == (2, 1)


def test_a_picture_in_a_name_is_refused_beside_the_name(page: Page, clinic: Clinic) -> None:
    before = written(clinic)
    new_person(page, EMOJI, "01/03/1985")
    await_focus(page, "#name")
    assert "Họ tên" in page.inner_text("#name-told")
    assert page.input_value("#name") == EMOJI
    go(page, "/doses/new")
    fill(page, {"name": EMOJI, "birth_date": "01/03/1985", "lot": "ABX1234", "lot_expiry": "31/12/2022"})
    page.locator("input[name=sex][value=F]").check()
    page.select_option("#product", "AZ")
    press_in(page, "#lot")
    assert page.inner_text("#name-told")
    assert page.input_value("#name") == EMOJI
    assert page.input_value("#lot") == "ABX1234"
    go(page, "/people/1")
    fill(page, {"name": EMOJI})
    press_in(page, "#name")
    await_focus(page, "#name")
    assert page.inner_text("#name-told")
    assert page.input_value("#name") == EMOJI
    assert written(clinic) == before


def test_a_day_of_birth_that_cannot_be_is_said_at_the_door(page: Page, clinic: Clinic) -> None:
    before = written(clinic)
    for born in ("31/02/1985", "01/01/2030", "15/13/1985", "０１/03/1985"):
        new_person(page, "Lò Thị Bé", born)
        await_focus(page, "#birth_date")
        assert page.inner_text("#birth_date-told"), born
        assert page.input_value("#birth_date") == born
        assert page.input_value("#name") == "Lò Thị Bé"
    assert written(clinic) == before


def test_a_day_or_time_of_a_dose_that_cannot_be_is_said_at_the_table(page: Page, clinic: Clinic) -> None:
    before = written(clinic)
    for field, text, told in BAD_TIMES:
        go(page, "/doses/new?person=1")
        page.keyboard.press("Alt+n")
        fill(page, {"lot": "ABX1234", "lot_expiry": "31/12/2022", "dose_number": "2", field: text})
        press_in(page, f"#{field}")
        await_focus(page, f"#{told}")
        assert page.inner_text(f"#{told}-told"), text
        assert page.input_value(f"#{field}") == text
        assert page.input_value("#lot") == "ABX1234"
    assert written(clinic) == before

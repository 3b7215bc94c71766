"""Passports at the site: found by the scanner, shown, printed; an independent reader reads what Chromium prints."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page

from edge.domain.roles import Role
from sync_protocol.hc1_verification import verify_hc1
from sync_protocol.passports import IssuedCertificate
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, await_focus, picture, press, served, shoot, sign_in
from tests.browser.visitor import add_user
from tests.edge.certified_clinic import make_certified, revoke
from tests.edge.clinic import NOW, Clinic, villager
from tests.protocol.passports import ec_signer, trust_in

LOGIN: Final = "ban-tiem"
LONG_NAME: Final = "Công Tằng Tôn Nữ Nguyễn Thị Phương Thảo Quỳnh Như"
PEOPLE: Final = [villager(1), villager(2, name=LONG_NAME), villager(3), villager(4), villager(5)]
# The content between the margins, in CSS pixels of 1/96 inch; printed at 288 dots an inch.
PAPERS: Final = {"a4": (688, 1_017), "a6": (359, 521)}
DOTS_EACH: Final = 3

Certified = tuple[Clinic, dict[int, IssuedCertificate]]


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    """Five people with certificates, one of which was taken back."""
    clinic, certificates = make_certified(tmp_path, PEOPLE)
    revoke(clinic, certificates[4])
    return clinic, certificates


def opened(browser: Browser, address: str, size: tuple[int, int]) -> Page:
    width, height = size
    page = browser.new_context(
        viewport={"width": width, "height": height}, locale="vi-VN", device_scale_factor=DOTS_EACH
    ).new_page()
    sign_in(page, address, LOGIN)
    return page


def read(image: bytes) -> list[str]:
    """What a reader that knows nothing of us finds in a picture."""
    return sorted(found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(image)).convert("L")))


@pytest.mark.parametrize("form", ["a4", "a6"])
@pytest.mark.parametrize("person", [1, 2])
def test_the_paper_is_one_page_and_its_code_verifies(
    tmp_path: Path, browser: Browser, certified: Certified, form: str, person: int
) -> None:
    clinic, certificates = certified
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.OBSERVATION,))
        page = opened(browser, address, PAPERS[form])
        page.goto(f"{address}/people/{person}/passport?form={form}")
        await_focus(page, "[data-print]")
        page.emulate_media(media="print")
        picture(page, f"passport-{form}-{person}")
        assert read(page.screenshot(full_page=True)) == [certificates[person].hc1]
        box = page.locator(".pass-qr").bounding_box()
        assert box is not None
        # UI: a code is printed at least 35 mm wide.
        assert box["width"] * 25.4 / 96 >= 45
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        page.context.close()
    assert verify_hc1(certificates[person].hc1, trust_in(ec_signer()), at=NOW).content.entry


def test_from_the_scanner_to_the_paper_by_keyboard_alone(
    tmp_path: Path, browser: Browser, certified: Certified
) -> None:
    clinic, certificates = certified
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.INJECTION,))
        page = opened(browser, address, SIZES["wide"])
        page.goto(f"{address}/passports")
        await_focus(page, "#card")
        page.keyboard.type(PEOPLE[1].number)
        press(page, "Enter")
        await_focus(page, "[data-print]")
        assert re.fullmatch(r".*/people/\d+/passport", page.url)
        assert read(page.screenshot(full_page=True)) == [certificates[2].hc1]
        press(page, "Escape")
        await_focus(page, "#card")
        # A name that several bear is chosen by a key.
        page.keyboard.type("nguyen")
        press(page, "Enter")
        assert not re.search(r"nguyen|0541", page.url)
        page.context.close()


@pytest.mark.parametrize("size", SIZES)
def test_on_a_screen_everybody_can_use_the_pages(
    tmp_path: Path, browser: Browser, certified: Certified, size: str
) -> None:
    clinic, certificates = certified
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.RECEPTION, Role.MANAGER))
        page = opened(browser, address, SIZES[size])
        for name, path in (
            ("passports", "/passports"),
            ("passports-none", "/passports?day=2022-04-01"),
            ("passport", "/people/2/passport"),
            ("passport-small", "/people/2/passport?form=a6"),
            ("passport-revoked", "/people/4/passport"),
            ("passports-print", "/passports/print"),
            ("passport-person", "/people/2"),
            ("passport-today", "/"),
            ("passport-help", "/help/passports"),
        ):
            page.goto(f"{address}{path}")
            shoot(page, f"{size}-{name}")
            assert serious(page) == [], name
        page.goto(f"{address}/people/4/passport")
        assert page.locator(".pass-qr").count() == 0
        page.goto(f"{address}/passports/print")
        assert page.locator(".pass-qr").count() == len(certificates) - 1
        page.context.close()


def test_a_day_in_a_row_is_a_sheet_for_each(tmp_path: Path, browser: Browser, certified: Certified) -> None:
    clinic, certificates = certified
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.SIGNER,))
        page = opened(browser, address, SIZES["wide"])
        for form in ("a4", "a6"):
            page.goto(f"{address}/passports/print?form={form}")
            pdf = page.pdf(prefer_css_page_size=True)
            assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == len(certificates) - 1
        page.context.close()

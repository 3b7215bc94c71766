"""The PIN of a token in a real browser: pad for fingers, warnings before a try is spent, and never to the node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from edge.store import passes
from edge.web.frame.desk_turn import desk_turns
from tests.browser import chrome
from tests.browser.accessibility import serious
from tests.browser.chrome import ANYBODY, SIZES, await_focus, open_page, press, press_in, shoot, sign_in
from tests.browser.pin_page import await_outcome, give_pin
from tests.browser.visitor import add_user, make_node
from tests.edge.station import Station, make_station, organisation_signer
from tests.softhsm import PIN, SoftHsm, softhsm_in

_DESK: Final = re.compile(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as hsm:
        yield hsm


@contextmanager
def at_pin(
    directory: Path, station: Station, hsm: SoftHsm, browser: Browser, *, size: str = "wide", host: str = "127.0.0.1"
) -> Iterator[tuple[Page, list[Request]]]:
    """The page that asks for a token's PIN over two doses, and everything that the browser asks for."""
    station.record(2)
    signer = organisation_signer()
    token = hsm.add_token("TRAM 19001", key=signer._private_key, certificate=signer.certificate)
    node = make_node(directory, station.database, station.clock)
    node = replace(node, config=replace(node.config, signer=token.uri))
    add_user(node, login=ANYBODY)
    with (
        chrome.serving(node, station.centre) as (address, app),
        open_page(browser, size) as (page, _asked),
    ):
        requests: list[Request] = []
        page.on("request", lambda request: requests.append(request))  # noqa: PLW0108
        named = address.replace("127.0.0.1", host)
        sign_in(page, named, ANYBODY)
        page.goto(f"{named}/sign")
        press_in(page, "button[value=preview]")
        press(page, "Enter")
        await_focus(page, "#pin")
        yield page, requests
        desk_turns(app).stop()


@pytest.mark.parametrize("size", SIZES)
def test_the_pin_is_typed_on_the_pad_and_goes_to_the_signer_alone(
    tmp_path: Path, browser: Browser, station: Station, hsm: SoftHsm, size: str
) -> None:
    with at_pin(tmp_path, station, hsm, browser, size=size) as (page, requests):
        assert serious(page) == []
        shoot(page, f"{size}-pin-token")
        for digit in f"7{PIN}9":
            page.locator(f"[data-digit='{digit}']").click()
        page.locator("[data-digit=back]").click()
        assert page.input_value("#pin") == f"7{PIN}"
        page.locator("[data-digit='']").click()
        assert page.input_value("#pin") == ""
        for digit in PIN:
            page.locator(f"[data-digit='{digit}']").click()
        # A finger's keys are large enough (WCAG 2.2, 2.5.8; the house wants 44 pixels).
        boxes = [one.bounding_box() for one in page.locator("[data-digit]").all()]
        assert all(box is not None and min(box["width"], box["height"]) >= 44 for box in boxes)
        press_in(page, "#pin")
        await_outcome(page)
        assert "Đã ký 2 mũi tiêm của 2 người" in page.inner_text("[role=status]")
        holding = [one for one in requests if PIN in (one.url + (one.post_data or ""))]
        assert [(_DESK.fullmatch(one.url) is not None, one.method) for one in holding] == [(True, "POST")]


def test_what_caps_lock_or_an_input_method_does_is_said_before_a_try_is_spent(
    tmp_path: Path, browser: Browser, station: Station, hsm: SoftHsm
) -> None:
    with at_pin(tmp_path, station, hsm, browser) as (page, requests):
        caps, marks = page.locator("[data-caps]"), page.locator("[data-marks]")
        assert (caps.is_visible(), marks.is_visible()) == (False, False)
        # As a keyboard reports it while Caps Lock is on.
        press_with = """on => document.getElementById("pin").dispatchEvent(
            new KeyboardEvent("keydown", {key: "a", bubbles: true, modifierCapsLock: on}))"""
        page.evaluate(press_with, True)
        expect(caps).to_be_visible()
        page.keyboard.type("8361295ư")
        expect(marks).to_be_visible()
        # Enter sends nothing that no token has.
        page.keyboard.press("Enter")
        expect(page.locator("#pin")).to_be_focused()
        shoot(page, "wide-pin-warned")
        assert not [one for one in requests if _DESK.fullmatch(one.url)]
        page.evaluate(press_with, False)
        expect(caps).to_be_hidden()
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        expect(marks).to_be_hidden()
        give_pin(page, PIN)
        assert "Đã ký 2 mũi tiêm" in page.inner_text("[role=status]")


def test_the_page_under_the_machines_other_name_works_as_well(
    tmp_path: Path, browser: Browser, station: Station, hsm: SoftHsm
) -> None:
    with at_pin(tmp_path, station, hsm, browser, host="localhost") as (page, _requests):
        give_pin(page, PIN)
        assert "Đã ký 2 mũi tiêm" in page.inner_text("[role=status]")


def test_a_wrong_pin_says_so_and_asks_for_a_confirmation(
    tmp_path: Path, browser: Browser, station: Station, hsm: SoftHsm
) -> None:
    with at_pin(tmp_path, station, hsm, browser) as (page, _requests):
        give_pin(page, "00000000")
        assert "Chương trình không tự thử lại" in page.inner_text("[role=alert]")
        press(page, "Enter")
        await_outcome(page)
        page.locator("[name=sure]").check()
        shoot(page, "wide-turn-sure")
        page.get_by_role("button", name="Làm lại").click()
        give_pin(page, PIN)
        assert "Đã ký 2 mũi tiêm" in page.inner_text("[role=status]")


def test_a_turn_that_is_cancelled_leads_back_to_the_list(
    tmp_path: Path, browser: Browser, station: Station, hsm: SoftHsm
) -> None:
    with at_pin(tmp_path, station, hsm, browser) as (page, _requests):
        page.get_by_role("button", name="Hủy, chưa ký").click()
        assert "Ký được: 2 mũi" in page.inner_text("#ready")


def test_two_clicks_on_the_button_are_one_pin_and_the_way_back_leads_to_no_second_form(
    tmp_path: Path, browser: Browser, station: Station, hsm: SoftHsm
) -> None:
    with at_pin(tmp_path, station, hsm, browser) as (page, requests):
        page.fill("#pin", PIN)
        page.get_by_role("button", name="Ký 2 mũi tiêm").dblclick(no_wait_after=True)
        await_outcome(page)
        assert "Đã ký 2 mũi tiêm" in page.inner_text("[role=status]")
        assert len([one for one in requests if _DESK.fullmatch(one.url)]) == 1
        page.go_back()
        page.reload()
        assert page.locator("#pin").count() == 0
        with station.database.read() as tables:
            assert passes.signed_passes(tables) == 1

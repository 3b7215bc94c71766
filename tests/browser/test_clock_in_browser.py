"""A dead clock battery and a long silence, in a real browser: seen on each page, put right by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from edge.store import link
from edge.workflow.working_clock import WorkingClock
from sync_protocol.days import day_start
from tests.browser.accessibility import serious
from tests.browser.chrome import ANYBODY, SIZES, open_page, press, serving, shoot, sign_in
from tests.browser.visitor import add_user, make_node
from tests.edge.clinic import DAY_SECONDS, NOW, Clinic, make_clinic, villager
from tests.edge.station import Station, TickingClock, make_station

DEAD = day_start("2021-01-01") + 9 * 60


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = make_clinic(tmp_path)
    made.give_pack([villager(1)])
    return made


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_person_says_what_day_it_is_by_keyboard(tmp_path: Path, clinic: Clinic, browser: Browser, size: str) -> None:
    WorkingClock(clinic.database, TickingClock(NOW)).look()
    node = make_node(tmp_path, clinic.database, TickingClock(DEAD))
    add_user(node, login=ANYBODY)
    with serving(node, clinic.centre) as (address, _app), open_page(browser, size) as (page, _asked):
        sign_in(page, address, ANYBODY)
        page.goto(f"{address}/doses/new")
        look(page, f"clock-{size}-doubt")
        page.get_by_role("link", name="Xác nhận ngày giờ").click()
        look(page, f"clock-{size}-behind")
        page.locator("#day").fill("17/04/2022")
        page.locator("#time").fill("8:05")
        page.locator("#time").press("Tab")
        page.keyboard.type("Pin đồng hồ hỏng, máy khởi động về năm 2021")
        press(page, "Enter")
        look(page, f"clock-{size}-ask")
        press(page, "Enter")
        page.get_by_text("Đã ghi nhận").wait_for()
        look(page, f"clock-{size}-set")
        assert node.clock.now() == day_start("2022-04-17") + 8 * 3_600 + 5 * 60


def test_the_facts_of_the_header_share_one_line_also_without_network_and_with_a_wrong_clock(
    tmp_path: Path, clinic: Clinic, browser: Browser
) -> None:
    with clinic.database.write_transaction() as tables:
        link.note_failed(tables, at=NOW, code="forked", jitter=0.5)
    WorkingClock(clinic.database, TickingClock(NOW)).look()
    node = make_node(tmp_path, clinic.database, TickingClock(DEAD))
    add_user(node, login=ANYBODY)
    with serving(node, clinic.centre) as (address, _app), open_page(browser) as (page, _asked):
        sign_in(page, address, ANYBODY)
        for width in (1366, 1024):
            page.set_viewport_size({"width": width, "height": 768})
            page.goto(f"{address}/sync")
            look(page, f"header-{width}-offline")
            facts = page.locator(".facts > div").all()
            boxes = [box for one in facts if (box := one.bounding_box())]
            assert len(boxes) == 5
            assert len({round(box["y"]) for box in boxes}) == 1
            assert page.locator(".clock-chip").count() == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_long_silence_is_seen_where_the_day_is_and_where_one_signs(
    tmp_path: Path, browser: Browser, size: str
) -> None:
    station: Station = make_station(tmp_path)
    station.clock.at = NOW + 3 * DAY_SECONDS + 1_800
    station.record(3, given_at=station.clock.at - 3_600)
    with station.database.write_transaction() as tables:
        link.note_reached(tables, at=NOW + DAY_SECONDS)
        link.note_failed(tables, at=NOW + 2 * DAY_SECONDS, code="network", jitter=0.5)
        tables.execute("INSERT INTO signed_sets VALUES ('trust-list', 1, x'00', ?, ?)", (NOW + 8 * DAY_SECONDS, NOW))
    node = make_node(tmp_path, station.database, station.clock)
    add_user(node, login=ANYBODY)
    with serving(node, station.centre) as (address, _app), open_page(browser, size) as (page, _asked):
        sign_in(page, address, ANYBODY)
        page.goto(f"{address}/")
        look(page, f"alone-{size}-today")
        page.goto(f"{address}/sync")
        look(page, f"alone-{size}-sync")
        page.goto(f"{address}/sign")
        page.get_by_role("button", name="Xem trước").first.click()
        page.locator("#offline_reason").wait_for()
        look(page, f"alone-{size}-preview")
        page.locator("#officer_name").press("Enter")
        page.get_by_text("cần ghi lý do").first.wait_for()
        look(page, f"alone-{size}-refused")

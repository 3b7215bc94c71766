"""A certificate registered from the token in a real browser, by keyboard; the page in every state, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.web.frame.certificate_words import serial_words
from edge.workflow import examine_token
from sync_protocol.registration_list import RegistrationState
from sync_protocol.signers.token_modules import Place
from tests.browser.accessibility import serious
from tests.browser.chrome import ANYBODY, SIZES, fits, open_page, press, served, shoot, sign_in
from tests.browser.visitor import add_user, words_in
from tests.builders import ec_key
from tests.edge.station import AFTERNOON, DAY_SECONDS, Station, make_station
from tests.edge.test_certificates import HERE, ask_number, listed, of, revoked, row_of, serial_of, signer_of, standings
from tests.softhsm import PIN, SoftHsm, softhsm_in


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as made:
        monkeypatch.setattr(examine_token, "known_places", lambda *_: (Place(made.module_path, "SoftHSM"),))
        monkeypatch.delenv("HCVX_PKCS11_MODULE", raising=False)
        yield made


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []
    assert fits(page)


@pytest.mark.parametrize("size", SIZES)
def test_a_certificate_is_registered_from_the_token_by_keyboard(
    tmp_path: Path, station: Station, hsm: SoftHsm, browser: Browser, size: str
) -> None:
    signer = signer_of("token", organisation=HERE)
    hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer))
    with (
        served(tmp_path, station.database, station.centre) as (address, node),
        open_page(browser, size) as (page, asked),
    ):
        add_user(node, login=ANYBODY)
        sign_in(page, address, ANYBODY)
        page.goto(f"{address}/certificates")
        press(page, "Enter")
        page.wait_for_selector("#officer-1")
        look(page, f"{size}-certificates-found")
        press(page, "Enter")
        page.wait_for_selector("#pin")
        look(page, f"{size}-certificates-pin")
        page.keyboard.type(PIN)
        press(page, "Enter")
        page.wait_for_selector(".note.good")
        look(page, f"{size}-certificates-asked")
        assert serial_words(serial_of(signer)) in page.inner_text("main")
        assert words_in(asked, [PIN]) == []
    assert [one.serial for one in standings(station)] == [serial_of(signer)]


@pytest.mark.parametrize("size", SIZES)
def test_every_state_of_a_certificate_is_seen_at_a_glance(
    tmp_path: Path, station: Station, browser: Browser, size: str
) -> None:
    now = AFTERNOON
    signing = row_of(
        signer_of("signing"), organisation=HERE, not_after=now + 5 * DAY_SECONDS, crl_at=now - 9 * DAY_SECONDS
    )
    soon = row_of(signer_of("soon"), organisation=HERE, not_after=now + 25 * DAY_SECONDS, crl_at=now - DAY_SECONDS)
    asked = row_of(signer_of("asked"), state=RegistrationState.ASKED, remark="registration-conflict")
    refused = row_of(signer_of("refused"), state=RegistrationState.REFUSED, remark="registration-refused")
    gone = replace(revoked(signer_of("gone")), organisation=HERE)
    listed(station, signing, soon, asked, refused, gone)
    ask_number(station, "54:03:A1:F0")
    station.record(3)
    with served(tmp_path, station.database, station.centre) as (address, node), open_page(browser, size) as (page, _):
        add_user(node, login=ANYBODY)
        sign_in(page, address, ANYBODY)
        for name, path in (
            ("certificates", "/certificates"),
            ("certificates-today", "/"),
            ("certificates-sign", "/sign"),
        ):
            page.goto(address + path)
            look(page, f"{size}-{name}")
        expect(page.locator(".note.warning").first).to_contain_text("còn 25 ngày")
        page.goto(f"{address}/certificates")
        page.fill("#serial", "không phải số")
        page.click("text=Gửi đăng ký số này")
        look(page, f"{size}-certificates-fault")
        expect(page.locator("#serial")).to_be_focused()

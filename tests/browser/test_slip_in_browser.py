"""The slip from the printer to the verifier: Chromium prints it, an independent reader reads it, nothing is online."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page

from edge.domain.roles import Role
from edge.workflow.prepare_pass import Officer
from edge.workflow.record_dose import Submission
from sync_protocol import base45
from sync_protocol.errors import Code
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, await_focus, picture, served, shoot, sign_in
from tests.browser.offline import island
from tests.browser.visitor import add_user
from tests.edge.clinic import NOW, Clinic, facts, make_clinic, villager
from tests.edge.signed_clinic import record_people, sign_all
from tests.protocol.slips import WHEN, certificate_of, slip_signer, trust_list

LOGIN: Final = "theo-doi"
# The content of an A5 page between its margins, in CSS pixels of 1/96 inch; printed at 288 dots an inch.
PAPER: Final = (484, 729)
DOTS_EACH: Final = 3
LONG_NAME: Final = "Công Tằng Tôn Nữ Nguyễn Thị Phương Thảo Quỳnh Như"
# A verifier that ends at once when anything in it touches the network.
_WALLED: Final = (
    "import os, sys\n"
    "sys.addaudithook(lambda event, _: os._exit(99) if event.startswith('socket.') else None)\n"
    "from sync_protocol.__main__ import main\n"
    "main()\n"
)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """Three doses that are signed, and one that is not."""
    made = make_clinic(tmp_path)
    record_people(made, [villager(1), villager(2, name=LONG_NAME), villager(3)])
    sign_all(made, slip_signer(), officer=Officer("Trần Thị Ánh, trưởng trạm"))
    made.record(Submission("dose-0099", villager(4), facts(given_at=NOW - 600)))
    return made


def opened(browser: Browser, address: str, size: tuple[int, int], path: str) -> Page:
    """The page in a browser of its own, signed in, with so many dots to a pixel as a printer has."""
    width, height = size
    page = browser.new_context(
        viewport={"width": width, "height": height}, locale="vi-VN", device_scale_factor=DOTS_EACH
    ).new_page()
    sign_in(page, address, LOGIN)
    page.goto(f"{address}{path}")
    await_focus(page, "[data-print]")
    return page


def printed(page: Page, name: str) -> bytes:
    """A picture of the page as it comes out of the printer."""
    page.emulate_media(media="print")
    picture(page, name)
    return page.screenshot(full_page=True)


def read(image: bytes) -> list[str]:
    """What a reader that knows nothing of us finds in a picture."""
    return sorted(found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(image)).convert("L")))


def verify(way: Sequence[str], *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the verifier where there is no network; gives its exit code and what it says."""
    command = [*way, sys.executable, "-c", _WALLED, "--json", "--at", WHEN, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def test_what_chromium_prints_is_read_back_verified_offline_and_refused_after_any_change(
    tmp_path: Path, browser: Browser, clinic: Clinic
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.OBSERVATION,))
        page = opened(browser, address, PAPER, "/doses/1/slip")
        image = printed(page, "slip-signed-paper")
        page.context.close()
    tracking, text = read(image)
    assert tracking == "19001A-000001"
    trust, file, photograph = tmp_path / "trust.cose", tmp_path / "slip.txt", tmp_path / "slip.png"
    trust.write_bytes(trust_list(certificate_of(slip_signer())))
    file.write_text(text + "\n", "ascii")
    photograph.write_bytes(image)
    with island() as way:
        for source in (file, photograph):
            code, [found] = verify(way, "--trust", trust, source)
            assert (code, found["kind"], found["facts"]["standing"]) == (0, "slip", "provisional"), found
            assert found["facts"]["dose_id"] == "19001A-000001"
            assert found["facts"]["name"] == villager(1).name
        # One character at each hundredth place, and the prefix.
        changed = [text[:place] + other(text[place]) + text[place + 1 :] for place in range(6, len(text), 100)]
        file.write_text("\n".join([*changed, text.replace("HCVX1", "HCVX2", 1), text[:-1]]) + "\n", "ascii")
        code, refusals = verify(way, "--trust", trust, file)
        assert code == 1
        expected = [*(Code.SLIP_DAMAGED for _ in changed), Code.VERSION, Code.SLIP_DAMAGED]
        assert [found["code"] for found in refusals] == expected
        nobody = tmp_path / "nobody.cose"
        nobody.write_bytes(trust_list())
        assert verify(way, "--trust", nobody, photograph)[1][0]["code"] == Code.SIGNER_UNKNOWN


def other(character: str) -> str:
    """The next character of the alphabet."""
    alphabet = base45.ALPHABET.decode()
    return alphabet[(alphabet.index(character) + 1) % len(alphabet)]


def test_the_wall_around_the_verifier_ends_what_goes_online() -> None:
    program = _WALLED.replace("from sync_protocol.__main__ import main", "import socket; main = socket.socket")
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 99


@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_the_paper_is_one_page_of_a5_and_its_codes_are_large_enough(
    tmp_path: Path, browser: Browser, clinic: Clinic, sequence: int
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.OBSERVATION,))
        page = opened(browser, address, PAPER, f"/doses/{sequence}/slip")
        printed(page, f"slip-paper-{sequence}")
        codes = page.locator(".slip-qr")
        assert codes.count() == (1 if sequence == 4 else 2)
        box, modules = codes.first.bounding_box(), codes.first.get_attribute("viewBox")
        assert box is not None
        assert modules is not None
        side = box["width"] * 25.4 / 96
        assert side >= (49.9 if sequence == 4 else 69.9)
        assert side / int(modules.split()[2]) >= 0.4
        # The mark is the largest thing in letters.
        assert page.evaluate(
            "Math.max(...[...document.querySelectorAll('main *')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
            " === parseFloat(getComputedStyle(document.querySelector('.slip-mark')).fontSize)"
        )
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        page.context.close()


@pytest.mark.parametrize("size", SIZES)
def test_on_a_screen_everybody_can_use_it_and_the_code_is_read_off_it(
    tmp_path: Path, browser: Browser, clinic: Clinic, size: str
) -> None:
    with served(tmp_path, clinic.database, clinic.centre) as (address, node):
        add_user(node, login=LOGIN, roles=(Role.OBSERVATION,))
        page = opened(browser, address, SIZES[size], "/doses/2/slip")
        shoot(page, f"{size}-slip-signed")
        assert serious(page) == []
        tracking, text = read(page.screenshot(full_page=True))
        assert (tracking, text[:6]) == ("19001A-000002", "HCVX1:")
        page.context.close()

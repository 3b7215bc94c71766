"""A slow upload watched in the browser: its progress, the plug pulled in the middle, and what the page says of it.

Node and centre are real; between them stands a proxy that lets through as many bytes as the test allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.link_ends import NIGHT, prepare
from central.app import create_app, open_desk
from central.store.database import open_engine
from central.web.streaming import StreamingServer
from edge.bootstrap import Node
from edge.clients.http_central import HttpCentral
from edge.exchanger import Exchanger
from edge.store.database import Database
from sync_protocol.endpoints import TRANSFERS
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, open_page, press, serving, shoot, sign_in
from tests.browser.visitor import USER_PASSWORD, add_user, make_node
from tests.central.scenario import SetClock
from tests.central.template import Template
from tests.edge.http_centre import serve_bytes
from tests.edge.station import DATA_KEY, TickingClock
from tests.system.gated_proxy import GatedProxy, gated_proxy
from tests.system.test_cut_at_every_byte import running

LOGIN: Final = "sáu"
DOSES: Final = 2_000
PORTAL: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlogin"


@dataclass(slots=True)
class Site:
    """A node behind its server, its way to the centre, and what runs its exchanges."""

    address: str
    node: Node
    proxy: GatedProxy
    exchanger: Exchanger


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Template]:
    """A node with a signed day, and the centre at which it is enrolled."""
    directory = tmp_path_factory.mktemp("slow")
    template = Template.make(directory / "template")
    prepare(directory, template, count=DOSES)
    return directory, template


@pytest.fixture
def site(tmp_path: Path, prepared: tuple[Path, Template]) -> Iterator[Site]:
    """A copy of both, joined by a proxy that lets nothing through yet."""
    made, template = prepared
    database = Database(made / "node" / "node.db", DATA_KEY)
    database.copy_to(tmp_path / "node.db")
    database.close()
    (tmp_path / "centre.db").write_bytes((made / "centre" / "centre.db").read_bytes())
    centre = replace(
        Template(made / "centre", template.keys, template.authority)
        .world(made / "centre", open_engine(f"sqlite:///{tmp_path / 'centre.db'}"))
        .centre,
        clock=SetClock(NIGHT),
    )
    with _served_centre(centre) as port, gated_proxy(port) as (proxy, url):
        opened = Database(tmp_path / "node.db", DATA_KEY)
        node = make_node(tmp_path, opened, TickingClock(NIGHT))
        exchanger = Exchanger(node, lambda: HttpCentral(url, connect_seconds=10, silence_seconds=30))
        add_user(node, login=LOGIN)
        with serving(node, exchanger) as (address, _):
            yield Site(address, node, proxy, exchanger)
            proxy.unplug()
            exchanger.close()
    centre.engine.dispose()


@contextmanager
def _served_centre(centre: object) -> Iterator[int]:
    desk = open_desk(centre)  # type: ignore[arg-type]
    server = StreamingServer(
        create_app(centre, desk),  # type: ignore[arg-type]
        desk,
        host="127.0.0.1",
        port=0,
        threads=4,
        body_bytes=TRANSFERS.request_bytes,
    )
    with running(server) as port:
        yield port


def open_sync(page: Page, site: Site) -> None:
    """Sign in and go to the page; the exchange that it begins by itself stands at the closed gate."""
    sign_in(page, site.address, LOGIN)
    page.goto(f"{site.address}/sync")


def look(page: Page, name: str) -> None:
    """Write a screenshot, and see that everybody can use the page."""
    shoot(page, name)
    assert serious(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_slow_upload_is_watched_unplugged_and_delivered(site: Site, browser: Browser, size: str) -> None:
    with open_page(browser, size) as (page, _):
        open_sync(page, site)
        site.proxy.allow(12_000)
        words = page.locator("[data-words]")
        expect(words).to_contain_text("Đang gửi", timeout=20_000)
        expect(page.locator("#going")).to_be_visible()
        assert float(page.locator("#going").get_attribute("value") or "0") > 0
        expect(page.locator("tr#bundle-1-1 [data-reached]")).not_to_have_text("0 B", timeout=20_000)
        # What it costs is counted while it runs, not when it is over.
        expect(page.locator("[data-used='today']")).not_to_have_text("0 B", timeout=20_000)
        expect(page.locator("[data-used='today'] + .of")).to_contain_text("KB")
        look(page, f"{size}-sync-going")
        # Nothing is green that has no receipt.
        assert page.locator(".journey li.done").count() == 0
        # Pressed again it says that one runs, and nothing is sent twice.
        page.get_by_role("button", name="Gửi ngay").press("Enter")
        expect(page.get_by_text("Bấm thêm không làm nhanh hơn")).to_be_visible()
        before = page.locator("#going").get_attribute("value") or ""
        site.proxy.allow(8_000)
        expect(page.locator("#going")).not_to_have_attribute("value", before, timeout=20_000)
        site.proxy.unplug()
        expect(page.locator(".sending .state")).to_contain_text("Mất mạng", timeout=20_000)
        expect(page.locator("tr#bundle-1-1")).to_contain_text("thử lại lúc")
        assert page.locator("#going").count() == 0
        # Only what will have arrived: the last bytes that the network took may be lost.
        assert float(page.locator("tr#bundle-1-1 progress").get_attribute("value") or "0") > 4_000
        assert float(page.locator("tr#bundle-1-2 progress").get_attribute("value") or "0") < 8_000
        assert page.locator(".journey li.done").count() == 0
        look(page, f"{size}-sync-unplugged")
        site.proxy.plug_in()
        page.get_by_role("button", name="Gửi ngay").press("Enter")
        expect(page.locator(".sending .what")).to_have_text("Mọi gói đã có biên nhận", timeout=30_000)
        assert page.locator(".journey li.done").count() == 3
        look(page, f"{size}-sync-delivered")
    # What was there already was not sent again: all of it twice would be more.
    assert site.proxy.passed < 45_000


def test_without_scripts_the_page_tells_the_same(site: Site, browser: Browser) -> None:
    with open_page(browser, scripts=False) as (page, _):
        page.goto(f"{site.address}/sign-in")
        page.fill("#login", LOGIN)
        page.fill("#password", USER_PASSWORD)
        page.press("#password", "Enter")
        page.goto(f"{site.address}/sync")
        # The exchange that signing in began stands at the closed gate, or is about to.
        while not page.locator("[data-words]").count():
            page.reload()
        site.proxy.plug_in()
        site.exchanger.wait()
        page.goto(f"{site.address}/sync")
        assert page.inner_text(".sending .what") == "Mọi gói đã có biên nhận"


def test_the_sign_in_page_of_a_wifi_is_not_the_centre(
    tmp_path: Path, prepared: tuple[Path, Template], browser: Browser
) -> None:
    made, _ = prepared
    database = Database(made / "node" / "node.db", DATA_KEY)
    database.copy_to(tmp_path / "node.db")
    database.close()
    with serve_bytes(PORTAL, until=b"") as url:
        opened = Database(tmp_path / "node.db", DATA_KEY)
        node = make_node(tmp_path, opened, TickingClock(NIGHT))
        exchanger = Exchanger(node, lambda: HttpCentral(url, connect_seconds=10, silence_seconds=10))
        add_user(node, login=LOGIN)
        with serving(node, exchanger) as (address, _), open_page(browser) as (page, _):
            sign_in(page, address, LOGIN)
            exchanger.wait()
            page.goto(f"{address}/sync")
            expect(page.locator(".sending .state")).to_have_text("Không phải trung tâm")
            expect(page.locator(".sending")).to_contain_text("trang đăng nhập của Wi-Fi")
            assert page.locator(".journey li.done").count() == 0
            look(page, "wide-sync-portal")
            press(page, "Enter")
        exchanger.close()

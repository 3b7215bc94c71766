"""Every page of a busy site, in both languages and sizes: usable by everybody, and loading nothing from elsewhere.

The screenshots in `screenshots/` are for people to look at; what a program can see is asserted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from edge.app import create_app
from edge.store import users
from edge.store.database import Tables
from tests.browser.accessibility import serious
from tests.browser.busy_site import CLOSING_REMARK, EVERYBODY, YESTERDAY, BusySite, make_busy_site
from tests.browser.chrome import fits, open_page, picture, served, shoot, sign_in
from tests.edge.clinic import HEADINGS
from tests.edge.station import make_station
from tests.translations import VIETNAMESE

# Where a page is about one thing, an address with a number that the busy site has.
ADDRESSES: Final = {
    "/": ("/", f"/?day={YESTERDAY}"),
    "/people/<int(max=999999999):person_id>": ("/people/10", "/people/10?list=identity-mismatch&day=all"),
    "/people/<int(max=999999999):person_id>/passport": ("/people/10/passport",),
    "/doses/<int(max=999999999):sequence>/correct": ("/doses/7/correct",),
    "/doses/<int(max=999999999):sequence>/slip": ("/doses/7/slip",),
    "/observation/<int(max=999999999):visit_id>/reaction": ("/observation/{visit_id}/reaction",),
    "/reception/visits/<int(max=999999999):visit_id>/cancel": ("/reception/visits/{waiting_id}/cancel",),
    "/sign/approvals/<int(max=999999999):approval_id>": ("/sign/approvals/{approval_id}",),
    "/users/<int(max=999999999):user_id>": ("/users/{user_id}",),
    "/work-lists": ("/work-lists", "/work-lists?cause=mismatch"),
    "/day-close": ("/day-close", f"/day-close?day={YESTERDAY}"),
    "/day-close/sheet": (f"/day-close/sheet?day={YESTERDAY}&revision=1",),
    "/help/<page>": tuple(f"/help/{page}" for page in ("reception", "injection", "signing")),
}
# Asked for while something runs, seen in the walks; or by a browser alone.
ELSEWHERE: Final = frozenset(
    {
        "/static/<path:filename>",
        "/evidence/file",
        "/sync/progress",
        "/exports/<work_id>",
        "/exports/<work_id>/file",
        "/audit/verify/<work_id>",
        "/certificates/found/<work_id>",
        "/certificates/desk/<turn_id>",
        "/stick/<work_id>",
        "/token/<work_id>",
        "/token/trial/<trial_id>",
        "/work-lists/import/<plan_id>",
        "/sign/preview",
        "/handover/preview",
        "/handover/<int(max=999999999):handover_id>/file",
        "/hub/<site_node>",
        "/sign/turn/<turn_id>",
        "/first-account",
        "/unlock",
        "/waiting/<reason>",
    }
)
# The site's own name, an example of a person's, and the other language in its own words.
NAMES: Final = ["Trạm Y tế xã Hòa Hiệp", "Y tá Nguyễn Thị Sáu", "Tiếng Việt"]
_SAID: Final = """() => [document.title, document.body.innerText,
    ...[...document.querySelectorAll('*')].flatMap(one => ['aria-label', 'title', 'placeholder', 'alt', 'data-label',
        'data-busy', 'data-loses'].map(name => one.getAttribute(name) || ''))].join('\\n')"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> BusySite:
    return make_busy_site(tmp_path_factory.mktemp("busy"))


@contextmanager
def everybody_at(site: BusySite, browser: Browser, size: str, language: str) -> Iterator[tuple[Page, str, list[str]]]:
    """A page where somebody with all roles has signed in and reads this language."""
    with site.clinic.database.write_transaction() as tables:
        tables.execute("UPDATE users SET language = ?", (language,))
    directory = site.node.config.directory
    with (
        served(directory, site.clinic.database, site.clinic.centre) as (address, _),
        open_page(browser, size) as (page, asked),
    ):
        page.goto(f"{address}/sign-in")
        if language == "en":
            page.context.add_cookies([{"name": "language", "value": "en", "url": address}])
        sign_in(page, address, EVERYBODY)
        yield page, address, asked


def addresses(site: BusySite) -> list[str]:
    """An address for every page that can be asked for."""
    app = create_app(site.node)
    rules = sorted(
        rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and rule.rule not in ELSEWHERE
    )
    with site.clinic.database.read() as tables:
        waiting_id = tables.execute("SELECT min(visit_id) FROM visits WHERE state = 'waiting'").fetchone()[0]
    return [
        address.format(
            visit_id=site.visit_id, waiting_id=waiting_id, approval_id=site.approval_id, user_id=site.user_id
        )
        for rule in rules
        for address in ADDRESSES.get(rule, (rule,))
    ]


@pytest.mark.parametrize(("size", "language"), [("wide", "vi"), ("wide", "en"), ("narrow", "vi")])
def test_every_page_is_for_everybody(site: BusySite, browser: Browser, size: str, language: str) -> None:
    found: list[str] = []
    with everybody_at(site, browser, size, language) as (page, address, asked):
        for path in addresses(site):
            answer = page.goto(address + path)
            assert answer is not None
            assert answer.status == 200, path
            picture(page, f"{language}-{size}-{name_of(path)}")
            found += [] if fits(page) else [f"{path}: too wide"]
            found += [f"{path}: {said}" for said in serious(page)]
            assert page.evaluate("document.documentElement.lang") == language, path
            if language == "en":
                found += [f"{path}: {left!r}" for left in vietnamese_left(page, data_of(site))]
        assert all(url.startswith(address) for url in asked)
    assert found == []


@pytest.mark.parametrize("language", ["vi", "en"])
def test_pages_for_nobody_are_for_everybody_too(tmp_path: Path, browser: Browser, language: str) -> None:
    station = make_station(tmp_path)
    found: list[str] = []
    with (
        served(tmp_path, station.database, station.centre) as (address, _),
        open_page(browser, "narrow") as (page, asked),
    ):
        page.context.add_cookies([{"name": "language", "value": language, "url": address}])
        for path in ("/", "/sign-in", "/nowhere"):
            page.goto(address + path)
            shoot(page, f"{language}-narrow-nobody-{name_of(path)}")
            found += [f"{path}: {said}" for said in serious(page)]
            if language == "en":
                found += [f"{path}: {left!r}" for left in vietnamese_left(page, NAMES)]
        assert all(url.startswith(address) for url in asked)
    assert found == []


def test_a_page_that_is_not_for_everybody_is_found(browser: Browser) -> None:
    with open_page(browser) as (page, _):
        page.set_content("<html lang='vi'><title>a</title><main><h1>a</h1><img src='data:,'><input></main></html>")
        assert {said.split(" ")[0] for said in serious(page)} >= {"image-alt", "label"}
        assert vietnamese_left(page, []) == []
        page.set_content("<p>Mũi tiêm của Ánh</p>")
        assert vietnamese_left(page, ["Ánh"]) == ["Mũi tiêm của"]


def vietnamese_left(page: Page, data: list[str]) -> list[str]:
    """Lines of a page, without what people typed, that still hold Vietnamese letters."""
    text = str(page.evaluate(_SAID))
    for one in sorted(data, key=len, reverse=True):
        text = text.replace(one, "").replace(one.upper(), "")
    return sorted({line.strip()[:120] for line in text.splitlines() if VIETNAMESE.search(line)})


def data_of(site: BusySite) -> list[str]:
    """What people typed and what the catalogue names: it is the same in every language."""
    with site.clinic.database.read() as tables:
        found = {text for query in _TYPED for text in texts(tables, query)}
        found |= {user.name for user in users.all_users(tables)}
    catalogue = site.clinic.catalogue
    found |= {unit.name for unit in catalogue.units} | {product.name for product in catalogue.products}
    # The other language names itself in its own words, the slip is for readers of both, and lists keep their headings.
    found |= {"Tiếng Việt", "TẠM THỜI", CLOSING_REMARK, *HEADINGS, "Mã hồ sơ", "Phiên bản", "… đúng"}
    return [one for one in found if VIETNAMESE.search(one)]


_TYPED: Final = (
    "SELECT name FROM people",
    "SELECT vaccinator FROM doses",
    "SELECT station FROM doses",
    "SELECT reaction FROM doses",
    "SELECT late_reason FROM doses",
    "SELECT replace_reason FROM doses",
    "SELECT recorded_by FROM doses",
    "SELECT signer_name FROM passes",
    "SELECT name FROM devices",
    "SELECT remark FROM visits",
    "SELECT facility_name FROM node",
    "SELECT actor FROM audit",
    "SELECT details FROM audit",
    "SELECT value FROM settings",
)


def texts(tables: Tables, query: str) -> list[str]:
    """The texts that a query of one column gives."""
    return [str(row[0]) for row in tables.execute(query) if row[0]]


def name_of(path: str) -> str:
    """A file name for an address."""
    return path.strip("/").replace("/", "-").replace("?", "-").replace("=", "-").replace("&", "-") or "today"

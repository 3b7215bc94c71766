"""A real Chromium, a node that serves it, and keys pressed in it; screenshots are written for people to look at."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright

from edge.app import create_app, make_server
from edge.bootstrap import Node
from edge.exchanger import Exchanger
from edge.store.database import Database
from tests.browser.visitor import USER_PASSWORD, add_user, make_node, send_now
from tests.edge.clinic import Clinic
from tests.simulator import SimulatedCentre

CHROMIUM: Final = shutil.which("chromium") or "chromium: run `make packages`"
SCREENSHOTS: Final = Path(__file__).parents[2] / "screenshots"
OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Somebody who does everything.
ANYBODY: Final = "sáu"
SIZES: Final = {"wide": (1366, 768), "narrow": (360, 740)}


@contextmanager
def started_chromium(program: str = CHROMIUM) -> Iterator[Browser]:
    """Chromium without a window; another program is one that leads to it."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield started
        started.close()


@contextmanager
def served(directory: Path, database: Database, centre: SimulatedCentre) -> Iterator[tuple[str, Node]]:
    """The node behind its server in a thread; gives its address and the node."""
    node = make_node(directory, database)
    with serving(node, centre) as (address, _app):
        yield address, node


@contextmanager
def serving(node: Node, centre: SimulatedCentre | Exchanger) -> Iterator[tuple[str, Flask]]:
    """As `served`, for a node that is open already; gives its address and its application."""
    if isinstance(centre, Exchanger):
        app = create_app(node, exchanger=centre)
    else:
        app = create_app(node, send_now=send_now(node, centre))
    server = make_server(node, "127.0.0.1", 0, app=app)

    def answer() -> None:
        try:
            server.run()
        except OSError as error:
            # Closing takes the socket away from under a server that is just waiting for it.
            if error.errno != errno.EBADF:
                raise

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}", app  # type: ignore[union-attr]
    finally:
        server.close()
        thread.join(timeout=10)
        # Its threads hold connections of their own to the store: over a whole run they would be too many to wait for.
        server.task_dispatcher.shutdown()
        node.database.close()


@contextmanager
def open_page(browser: Browser, size: str = "wide", *, scripts: bool = True) -> Iterator[tuple[Page, list[str]]]:
    """A page of this size in a browser of its own, and every address that it asked for."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="vi-VN", java_script_enabled=scripts
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: pytest.fail(f"a script of ours failed: {error.name}"))
    yield page, asked
    context.close()


@contextmanager
def at_work(
    directory: Path, clinic: Clinic, browser: Browser, *, size: str = "wide", scripts: bool = True
) -> Iterator[tuple[Page, str, list[str]]]:
    """The clinic's node behind its server, and somebody who does everything signed in at a page of this size.

    Gives the page, the node's address, and every address that the page asked for.
    """
    with (
        served(directory, clinic.database, clinic.centre) as (address, node),
        open_page(browser, size, scripts=scripts) as (page, asked),
    ):
        add_user(node, login=ANYBODY)
        sign_in(page, address, ANYBODY)
        yield page, address, asked


def sign_in(page: Page, address: str, login: str) -> None:
    """Sign in by keyboard."""
    page.goto(f"{address}/sign-in")
    give_password(page, login)


def give_password(page: Page, login: str) -> None:
    """Sign in on the page that asks for it: the cursor waits in the first field."""
    await_focus(page, "#login")
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type(USER_PASSWORD)
    press(page, "Enter")


def shoot(page: Page, name: str) -> None:
    """Write a screenshot of the whole page; no page may be wider than the window."""
    assert fits(page), f"{name} is too wide"
    picture(page, name)


def fits(page: Page) -> bool:
    """Whether nobody has to scroll sideways."""
    # Before the style sheet is there a page is as wide as its words.
    page.wait_for_load_state("load")
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def picture(page: Page, name: str) -> None:
    """Write a screenshot of the whole page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def await_focus(page: Page, selector: str) -> None:
    """Waits until the cursor is where the page puts it, which the browser does a moment after loading."""
    page.locator(f":is({selector}):focus").wait_for()


def press(page: Page, *keys: str) -> None:
    """Press keys; the last one leads to another page, where the cursor is where that page wants it."""
    for key in keys[:-1]:
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press(keys[-1])
    if page.locator("[autofocus]").count():
        await_focus(page, "[autofocus]")


def press_in(page: Page, selector: str, key: str = "Enter") -> None:
    """Put the cursor there and press a key that leads to another page."""
    page.locator(selector).focus()
    press(page, key)


def fill(page: Page, texts: Mapping[str, str]) -> None:
    """Write into the fields of the form that is open, by their names."""
    for name, text in texts.items():
        page.locator(f"#{name}").fill(text)

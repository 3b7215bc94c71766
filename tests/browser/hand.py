"""Somebody at a browser with a keyboard and a hand scanner and no mouse; what they press is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Browser, Page

from edge.domain.roles import Role
from tests.browser.chrome import await_focus, open_page, press, sign_in
from tests.browser.visitor import USER_PASSWORD

# Nobody tabs further than this to what they do all day.
_TABS: Final = 30


@dataclass(slots=True)
class Hand:
    """One person at one browser.

    Attributes:
        asked: every address that the browser asked for.
        presses: keys that were pressed and lines that were scanned; a line that is typed letter by letter is not
            counted, nor is the way from field to field.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    presses: int = 0

    def key(self, key: str) -> None:
        """Press a key that leads to another page."""
        self.presses += 1
        press(self.page, key)

    def scan(self, line: str) -> None:
        """What a hand scanner does: the line wherever the cursor is, and Enter."""
        self.presses += 1
        self.page.keyboard.type(line)
        press(self.page, "Enter")

    def type(self, text: str, *, over: bool = False) -> None:
        """Type where the cursor is; with `over` in the place of what is there."""
        if over:
            self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tick(self) -> None:
        """Press the space bar on what has the cursor."""
        self.page.keyboard.press("Space")

    def tab_to(self, selector: str, *, back: bool = False) -> None:
        """Go with the tabulator until the cursor is there."""
        for _ in range(_TABS):
            if self.has(selector):
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"the tabulator does not lead to {selector}")

    def at(self, selector: str) -> None:
        """Assert that the cursor is where this page puts it."""
        await_focus(self.page, selector)

    def has(self, selector: str) -> bool:
        """Whether the cursor is there now."""
        return self.page.locator(f":is({selector}):focus").count() == 1

    def said(self, place: str = "main") -> str:
        """What the page says there."""
        return self.page.inner_text(place)

    def unlock(self) -> None:
        """Give the password where the screen was locked."""
        self.at("#password")
        self.type(USER_PASSWORD)
        press(self.page, "Enter")


@contextmanager
def hands(browser: Browser, address: str, roles: tuple[Role, ...] = tuple(Role)) -> Iterator[dict[Role, Hand]]:
    """Somebody of each role, each in a browser of their own, all at once; their logins are the roles' names."""
    with ExitStack() as stack:
        found = {}
        for role in roles:
            page, asked = stack.enter_context(open_page(browser))
            sign_in(page, address, role.value)
            found[role] = Hand(page, asked)
        yield found

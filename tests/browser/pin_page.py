"""The page of a turn at the token in a real browser: it waits for the token by itself, and goes on by itself."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.chrome import await_focus, press


def give_pin(page: Page, pin: str) -> None:
    """Type the PIN as soon as it is asked for, send it with Enter, and return when the turn is over."""
    await_focus(page, "#pin")
    page.keyboard.type(pin)
    press(page, "Enter")
    await_outcome(page)


def await_outcome(page: Page) -> None:
    """Return when the page does not follow a turn any more: the list with what was signed, or what went wrong."""
    # The footer comes last, so a page that is only half there, since it comes again by itself, is not the outcome.
    page.locator("body:not(:has([data-turn])) > footer").wait_for()

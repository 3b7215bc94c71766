"""Somebody at the page that shows the form with the PIN: types as a browser sends it, and sees where they are led."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import Final
from urllib.parse import urlencode, urlsplit

from sync_protocol.signers.at_desk import DeskPlace, DeskScreen, ShownDesk
from tests.softhsm import PIN

ORIGIN: Final = "http://127.0.0.1:8750"
PLACE: Final = DeskPlace(ORIGIN, "/sign/turn/1", path=f"/{7:032x}", seconds=60)


def give(action: str, pin: str, *, origin: str = ORIGIN) -> tuple[int, str]:
    """Send the form with the PIN as a browser does; gives the status and the address to which it is sent back."""
    place = urlsplit(action)
    connection = HTTPConnection(place.netloc)
    headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", place.path, body=urlencode({"pin": pin}), headers=headers)
        answer = connection.getresponse()
    finally:
        connection.close()
    return answer.status, answer.headers.get("Location", "")


class Typist(DeskScreen):
    """Does something as soon as the form is shown, in a thread of its own, as a browser beside the program.

    Attributes:
        answers: what came of what was sent.
        was_taken: whether the program learnt that something was typed.
    """

    def __init__(self, act: Callable[[Typist], None] | None = None, *, pin: str = PIN) -> None:
        self.pin = pin
        self.act = act or Typist.type
        self.answers: list[tuple[int, str]] = []
        self.was_taken = False
        self.cancel: Callable[[], None] = lambda: None
        self.desk: ShownDesk | None = None
        self._thread = Thread(target=lambda: self.act(self))

    def begin(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel

    def show(self, desk: ShownDesk) -> None:
        self.desk = desk
        self._thread.start()

    def taken(self) -> None:
        self.was_taken = True

    def type(self) -> None:
        """Type the PIN and send it."""
        self.send(self.pin)

    def send(self, pin: str, *, origin: str = ORIGIN) -> None:
        """Send something, and note what comes back: a connection that ends is (0, "")."""
        assert self.desk is not None
        try:
            self.answers.append(give(self.desk.action, pin, origin=origin))
        except (HTTPException, OSError):
            self.answers.append((0, ""))

    def leave(self) -> None:
        """Wait until everything was sent."""
        if self._thread.ident is not None:
            self._thread.join(30)

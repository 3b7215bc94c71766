"""One browser at a large site's node, without the browser: asks, keeps cookies, sends forms, and takes the time."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode

from tests.browser.visitor import USER_PASSWORD

_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_TIMEOUT_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `seconds` from sending the request to the last byte."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode()

    @property
    def location(self) -> str:
        """Where the answer leads to, or ""."""
        return self.headers.get("Location", "")


@dataclass(slots=True)
class Browser:
    """One session at a node on this machine; follows no redirect by itself."""

    port: int
    cookies: SimpleCookie = field(default_factory=SimpleCookie)
    token: str = ""
    _connection: http.client.HTTPConnection | None = None

    def sign_in(self, login: str) -> None:
        """Sign somebody in whose password is that of the tests. RuntimeError where that fails."""
        self.get("/sign-in")
        answer = self.post("/sign-in", {"login": login, "password": USER_PASSWORD})
        if answer.status != 303 or "sign-in" in answer.location:
            raise RuntimeError(f"signing in was answered with {answer.status}")
        # The session is another one now, and so is the token of its forms.
        self.get("/doses/new")

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._ask("GET", path, b"", {})

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form with the token of the session."""
        body = urlencode({"csrf_token": self.token, **form}).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "null",
            "Sec-Fetch-Site": "same-origin",
        }
        return self._ask("POST", path, body, headers)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_SECONDS)
        cookies = "; ".join(f"{name}={one.value}" for name, one in self.cookies.items())
        sent = {**headers, "Cookie": cookies} if cookies else dict(headers)
        started = time.perf_counter()
        self._connection.request(method, path, body or None, sent)
        response = self._connection.getresponse()
        data = response.read()
        seconds = time.perf_counter() - started
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                self.cookies.load(value)
        answer = Answer(path, response.status, dict(response.getheaders()), data, seconds)
        if "html" in response.headers.get("Content-Type", ""):
            found = _TOKEN.search(answer.text)
            self.token = found[1] if found else self.token
        return answer

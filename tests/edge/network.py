"""A node on a network: both servers over one application, and browsers that trust the node's certificate alone."""

from __future__ import annotations

import html
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask

from edge.app import create_app
from edge.bootstrap import Node, SystemClock
from edge.clients.server_tls import server_context
from edge.domain.roles import Role
from edge.lan import make_lan_server
from edge.store.passwords import Passwords
from edge.web.house.devices import Lan
from edge.workflow.node_certificate import NodeCertificate, node_certificate
from tests.browser.visitor import ADDRESS, USER_PASSWORD, Visitor, add_user

# Another address of this machine, so that names of the one server are foreign to the other.
HOST: Final = "127.0.0.2"
NAME: Final = "tram-y-te"
LOGIN: Final = "sau"
PATIENCE_SECONDS: Final = 60
PASSWORD: Final = b"for one loading"
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(slots=True)
class Network:
    """The node as it is reached from outside. `manager` is the browser on the machine itself."""

    node: Node
    app: Flask
    certificate: NodeCertificate
    authority: Path
    port: int
    manager: Visitor

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def tablet(self) -> Tablet:
        """A browser on the network that has opened no page yet."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.authority)
        # One address has so many connections and no more: those of other tests are gone.
        session.headers["Connection"] = "close"
        return Tablet(session, self.url)

    def admitted(self, name: str = "Máy tính bảng bàn tiêm 2") -> Tablet:
        """A tablet that asked and was let in."""
        tablet = self.tablet()
        code = tablet.ask(name)
        self.manager.get("/devices")
        self.manager.post("/devices/code", {"code": code})
        return tablet

    def connect(self) -> socket.socket:
        """A connection on which nothing has been said."""
        return socket.create_connection((HOST, self.port), timeout=PATIENCE_SECONDS)


@dataclass(slots=True)
class Tablet:
    """One browser on the network; follows no redirects by itself."""

    session: requests.Session
    url: str
    text: str = ""

    def get(self, path: str, **options: object) -> requests.Response:
        return self._seen(self.session.get(self.url + path, allow_redirects=False, timeout=60, **options))  # type: ignore[arg-type]

    def post(
        self, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send a form of the page that is open, as a browser does."""
        found = _TOKEN.search(self.text)
        token = {"csrf_token": html.unescape(found[1])} if found else {}
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        answer = self.session.post(
            self.url + path,
            data=token | dict(form or {}),
            headers=own | dict(headers or {}),
            allow_redirects=False,
            timeout=60,
        )
        return self._seen(answer)

    def ask(self, name: str) -> str:
        """Ask to be let in; gives the code that the page shows."""
        assert self.get("/device").status_code == 200
        assert self.post("/device", {"name": name}).status_code == 303
        self.get("/device")
        shown = re.search(r'class="spoken">(\d{3} \d{3})<', self.text)
        assert shown is not None, self.text
        return shown[1]

    def sign_in(self) -> None:
        """Sign the one user in."""
        assert self.get("/sign-in").status_code == 200
        answer = self.post("/sign-in", {"login": LOGIN, "password": USER_PASSWORD})
        assert answer.status_code == 303, answer.text

    def _seen(self, answer: requests.Response) -> requests.Response:
        self.text = answer.text
        return answer


@contextmanager
def on_network(node: Node, directory: Path, *, request_seconds: float = PATIENCE_SECONDS) -> Iterator[Network]:
    """The node behind a real server with TLS, with one user of all roles."""
    certificate = node_certificate(
        # The time of the browsers is the real one, also where the node's stands still.
        node.database,
        (HOST,),
        NAME,
        entropy=node.entropy,
        at=SystemClock().now(),
        by="thử",
    )
    authority = directory / "authority.pem"
    authority.write_bytes(certificate.certificate.public_bytes(Encoding.PEM))
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    app = create_app(node, passwords=cheap, lan=Lan(f"https://{HOST}:8443/", certificate.fingerprint))
    add_user(node, login=LOGIN, roles=tuple(Role))
    server = make_lan_server(
        app,
        server_context(certificate, password=PASSWORD),
        address=HOST,
        port=0,
        hosts=certificate.names,
        threads=4,
        request_seconds=request_seconds,
    )
    thread = threading.Thread(target=server.serve)
    thread.start()
    manager = Visitor(app.test_client())
    manager.get("/sign-in")
    manager.post("/sign-in", {"login": LOGIN, "password": USER_PASSWORD})
    try:
        yield Network(node, app, certificate, authority, server.bind_addr[1], manager)
    finally:
        server.stop()
        thread.join()


__all__ = ["ADDRESS", "HOST", "LOGIN", "NAME", "PATIENCE_SECONDS", "Network", "Tablet", "on_network"]

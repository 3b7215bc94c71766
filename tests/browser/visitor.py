"""Somebody at the station's browser, without the browser: asks for pages of a node, fills in forms, follows answers."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.app import create_app
from edge.bootstrap import Node
from edge.config import Config
from edge.domain.roles import Role
from edge.store import users
from edge.store.database import Database
from edge.store.users import UserId
from edge.web.frame import access
from edge.web.frame.desk_turn import desk_turns
from edge.workflow.exchange import ExchangeResult, exchange
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.working_clock import WorkingClock
from sync_protocol.names import fold
from sync_protocol.signers.software import write_pkcs12
from tests.builders import SeededEntropy
from tests.edge.clinic import NOW
from tests.edge.station import TickingClock, organisation_signer
from tests.simulator import SimulatedCentre

ADDRESS: Final = "http://127.0.0.1:8750"
PASSWORD: Final = "mat-khau-tep-khoa"
USER: Final = "Y tá Nguyễn Thị Sáu"
USER_PASSWORD: Final = "mật khẩu của Sáu"
BADGE: Final = "thẻ của trình duyệt thử"
_OPENED: Final[list[Flask]] = []
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_ADDRESSES: Final = re.compile(r'(?:href|action|formaction|src)="([^"]*)"')


@dataclass(slots=True)
class Visitor:
    """One browser session. `addresses` is every address that a page named or an answer sent the browser to.

    `place` is the address of the page that is open.
    """

    client: FlaskClient
    addresses: set[str] = field(default_factory=set)
    text: str = ""
    place: str = ""

    def get(self, path: str, *, status: int = 200) -> str:
        """Open a page; gives its text."""
        self.place = path
        return self._seen(self.client.get(path, base_url=ADDRESS), status)

    def post(
        self, path: str, form: Mapping[str, str | Sequence[str]] | None = None, *, status: int | None = None
    ) -> str:
        """Send a form of the page that is open, with its token, as a browser does; follows redirects."""
        self.addresses.add(path)
        found = _TOKEN.search(self.text) or _TOKEN.search(self.get("/sign"))
        assert found is not None
        answer = self.client.post(
            path,
            base_url=ADDRESS,
            data={"csrf_token": found[1], **(form or {})},
            headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        )
        if status is None:
            assert answer.status_code == 303, answer.text
            return self.follow(answer)
        return self._seen(answer, status)

    def follow(self, answer: TestResponse) -> str:
        """Go where an answer leads, and on as long as answers lead on; gives the text of the page at the end."""
        while answer.status_code == 303:
            self.place = answer.headers["Location"]
            self.addresses.add(self.place)
            answer = self.client.get(self.place, base_url=ADDRESS)
        return self._seen(answer, 200)

    def hidden(self) -> dict[str, str | Sequence[str]]:
        """The hidden fields of the page that is open; those that occur more than once as lists."""
        found: dict[str, list[str]] = {}
        for name, value in _HIDDEN.findall(self.text):
            found.setdefault(name, []).append(value)
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    def fields(self, action: str = "/doses") -> dict[str, str | Sequence[str]]:
        """All fields of the form with this address on the page that is open, filled as they stand."""
        form = re.search(rf'<form[^>]* action="{action}"[^>]*>(.*?)</form>', self.text, re.DOTALL)
        assert form is not None, action
        found: dict[str, list[str]] = {}
        for tag in re.findall(r"<input[^>]*>", form[1]):
            name, value = re.search(r' name="(\w+)"', tag), re.search(r' value="([^"]*)"', tag)
            is_ticked = "checked" in tag or ('type="radio"' not in tag and 'type="checkbox"' not in tag)
            if name and is_ticked:
                found.setdefault(name[1], []).append(value[1] if value else "")
        for name_, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form[1], re.DOTALL):
            found[name_] = re.findall(r'value="([^"]*)" selected', options) or [""]
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    def _seen(self, answer: TestResponse, status: int) -> str:
        assert answer.status_code == status, answer.text
        self.text = html.unescape(answer.text)
        self.addresses.update(map(html.unescape, _ADDRESSES.findall(answer.text)))
        return self.text


def make_node(directory: Path, database: Database, clock: TickingClock | None = None) -> Node:
    """The open node as `hcvx-edge run` has it, with a software signer in a file."""
    file = directory / "signer.p12"
    if not file.exists():
        signer = organisation_signer()
        assert signer.certificate is not None
        file.write_bytes(write_pkcs12(signer._private_key, signer.certificate, password=PASSWORD))
    config = Config(directory, signer=f"software:{file}")
    working = WorkingClock(database, clock or TickingClock(NOW))
    working.look()
    return Node(config, database, working, SeededEntropy(77), CatalogueShelf(database))


def send_now(node: Node, centre: SimulatedCentre) -> Callable[[], ExchangeResult]:
    """What the button "send now" does."""
    return lambda: exchange(node.database, centre, now=node.clock.now, entropy=SeededEntropy(78))


def visit(node: Node, centre: SimulatedCentre, *, roles: Collection[Role] = tuple(Role)) -> Visitor:
    """A browser that has opened no page yet, with somebody signed in who has these roles; none for nobody."""
    app = create_app(node, send_now=send_now(node, centre))
    _OPENED.append(app)
    client = app.test_client()
    if roles:
        user_id = add_user(node, roles=roles)
        with app.test_request_context(base_url=ADDRESS):
            access.sessions().start(BADGE, user_id, at=node.clock.now())
        # The cookie is signed with the application's own secret, as a browser holds it.
        with client.session_transaction(base_url=ADDRESS) as cookie:
            cookie[access.BADGE] = BADGE
    return Visitor(client)


def stop_turns() -> None:
    """End what still waits for a PIN in the applications that were visited: a signer process would outlive its test."""
    while _OPENED:
        desk_turns(_OPENED.pop()).stop()


def add_user(node: Node, *, login: str = "", name: str = USER, roles: Collection[Role] = tuple(Role)) -> UserId:
    """An account with the password `USER_PASSWORD`, or the one that is there already."""
    login = login or "_".join(sorted(roles))
    with node.database.write_transaction() as tables:
        found = users.with_login(tables, fold(login))
        if found is not None:
            return found.user_id
        hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(USER_PASSWORD)
        return users.add(
            tables, login=fold(login), name=name, roles=roles, password=hashed, must_change=False, at=NOW, by=name
        )


def words_in(addresses: Iterable[str], words: Iterable[str]) -> list[str]:
    """Those of the words that stand in one of the addresses."""
    joined = "\n".join(addresses)
    return [word for word in words if word and word in joined]

"""A marked person on every page and in every form: whoever acted is in the trail, and the person in nothing but pages.

Addresses, cookies, names of files, headers, the log, the trail and every file of the node and of the temporary
directory are searched for them.
"""

from __future__ import annotations

import base64
import io
import logging
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from werkzeug.test import TestResponse

from edge.bootstrap import Node
from edge.store import users
from edge.web.frame import access
from edge.web.frame.long_work import long_work
from tests.browser.visitor import ADDRESS, BADGE, USER, USER_PASSWORD, Visitor, make_node, visit
from tests.edge.clinic import NOW, Clinic, make_clinic, villager
from tests.system.test_no_personal_data import BORN, NAME, NUMBERS, PHONE, findings, leaks

OWN: Final = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
CARD: Final = f"{NUMBERS[0]}||{NAME}|{BORN:%d%m%Y}|Nữ|Thôn 2|25122021"
# What somebody has in mind, reads or is called by alone: changes of these are nobody's act.
QUIET: Final = frozenset({"drafts", "audit", "sqlite_sequence"})
# So are the language that somebody reads, and the wrong passwords before those that lock an account.
_ACCOUNTS: Final = "SELECT user_id, login, name, roles, password, is_active, must_change, changed_at FROM users"
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(slots=True)
class Watcher:
    """A browser whose every answer is kept without its page, and after each form what it has changed in the store."""

    visitor: Visitor
    node: Node
    kept: dict[str, bytes] = field(default_factory=dict)
    text: str = ""
    posted: set[str] = field(default_factory=set)

    def get(self, path: str) -> str:
        """Open a page; the answer to a form that led nowhere is open already."""
        if not path:
            return self.text
        answer = self.visitor.client.get(path, base_url=ADDRESS)
        self._keep(f"GET {path}", answer)
        self.text = answer.text if answer.mimetype == "text/html" else self.text
        return self.text

    def post(self, path: str, form: Mapping[str, Any], *, status: int = 303) -> str:
        """Send a form; gives where it leads to. What it changed is noted in the trail, by who has signed in."""
        before, entries = self._tables(), self._entries()
        token = _TOKEN.search(self.text) or _TOKEN.search(self.get("/sync"))
        assert token is not None
        data = {"csrf_token": token[1], **form}
        answer = self.visitor.client.post(path, base_url=ADDRESS, data=data, headers=OWN)
        shown = answer.text if answer.mimetype == "text/html" and not answer.location else ""
        assert answer.status_code == status, (path, shown)
        self._keep(f"POST {path}", answer)
        self.posted.add(path)
        after, acts = self._tables(), self._entries()[len(entries) :]
        changed = {name for name in after if after[name] != before[name]} - QUIET
        assert not changed or acts, (path, changed)
        assert {actor for _action, actor in acts} <= {USER}, (path, acts)
        self.text = shown or self.text
        return answer.headers.get("Location", "")

    def hidden(self) -> dict[str, str | Sequence[str]]:
        self.visitor.text = self.text
        return self.visitor.hidden()

    def _keep(self, label: str, answer: TestResponse) -> None:
        assert answer.status_code < 500, label
        headers = [f"{name}: {value}" for name, value in answer.headers.items()]
        cookies = [_opened(value) for name, value in answer.headers.items() if name == "Set-Cookie"]
        self.kept[f"{len(self.kept)} {label}"] = b"\n".join([label.encode(), *map(str.encode, headers), *cookies])

    def _tables(self) -> dict[str, list[tuple[Any, ...]]]:
        with self.node.database.read() as tables:
            names = [row[0] for row in tables.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            found = {name: tables.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
            found["users"] = tables.execute(_ACCOUNTS).fetchall()
            return found

    def _entries(self) -> list[tuple[str, str]]:
        with self.node.database.read() as tables:
            return tables.execute("SELECT action, actor FROM audit ORDER BY entry").fetchall()


def _opened(cookie: str) -> bytes:
    """What the cookie of a session says."""
    text = cookie.partition("=")[2].partition(";")[0].removeprefix('"')
    is_packed, payload = text.startswith("."), text.lstrip(".").partition(".")[0]
    try:
        data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return text.encode()
    return zlib.decompress(data) if is_packed else data


def person(**changes: str) -> dict[str, str]:
    form = {"name": NAME, "sex": "F", "birth_date": f"{BORN:%d/%m/%Y}", "number": NUMBERS[0], "phone": PHONE}
    return form | {"nationality": "VN", "guardian": NAME, "submission": "nguoi-danh-dau", **changes}


def at_the_door(desk: Watcher) -> None:
    desk.get("/reception")
    desk.post("/reception/find", {"card": CARD}, status=200)
    desk.post("/reception/find", {"card": CARD + "|" * 9}, status=200)
    desk.post("/reception/new", {"card": NAME}, status=200)
    desk.post("/reception/people", person(birth_date=NAME), status=422)
    desk.post("/reception/people", person(number=NUMBERS[1][:11]), status=422)
    desk.get(desk.post("/reception/people", person()))
    for text in (NAME, PHONE, NUMBERS[0], CARD, NAME.split()[2]):
        desk.get(desk.post("/reception/find", {"card": text}))
    desk.post("/reception/take", person(person="1", revision="1", submission="nhan-lai-0001", phone=""))
    csv = f"Họ và tên,Ngày sinh,Giới tính,Số điện thoại\n{NAME},{BORN:%d/%m/%Y},Nữ,{PHONE}\n{NAME},31/02/1931,{NAME},\n"
    file = (io.BytesIO(csv.encode()), f"{NAME}.csv")
    desk.post("/reception/roster/plan", {"file": file, "day": "2022-04-15"}, status=200)
    desk.get(desk.post("/reception/roster/apply", {**desk.hidden(), "proposals": "accept"}))


def at_the_table(desk: Watcher) -> None:
    stations = {"idle-minutes": "15", "approval-required": "0", "observation-minutes": "30", "stations": "Bàn 1"}
    desk.post("/settings", stations)
    vial = {"product": "AZ", "lot": "ABX1234", "lot_expiry": "31/12/2022", "doses": "10", "station": "Bàn 1"}
    desk.post("/vials", {**vial, "submission": "lo-danh-dau-01"})
    desk.get(desk.post("/doses/card", {"card": ""}))
    dose = {"product": "AZ", "lot": "ABX1234", "lot_expiry": "31/12/2022", "dose_number": "1", "vial": "1"}
    form = {**dose, "person": "1", "visit": "1", "vaccinator": NAME, "station": "Bàn 1", "submission": "mui-danh-dau-1"}
    desk.post("/doses", {**form, **person(), "name": NAME * 9}, status=422)
    desk.get(desk.post("/doses", form))
    for text in (NAME, PHONE, CARD):
        desk.post("/doses/card", {"card": text}, status=200)
    desk.post("/vials/1/close", {})
    desk.post("/vials/1/reopen", {})


def in_the_waiting_room(desk: Watcher) -> None:
    for text in (NAME, PHONE, CARD, NUMBERS[0]):
        desk.get(desk.post("/observation/find", {"card": text}))
    desk.get("/observation/1/reaction")
    told = {"kinds": "other", "other": NAME, "severity": "mild", "outcome": "watched", "treatment": PHONE}
    desk.get(desk.post("/observation/1/reaction", {**desk.hidden(), **told}))
    desk.post("/observation/1/leave", {"remark": NAME})
    desk.post("/observation/1/return", {})
    desk.post("/observation/1/leave", {"remark": f"{NAME} về"})
    for page in ("/doses/1/slip", "/doses/2/slip", "/people/1", "/doses/2/correct", f"/people/{NAME}"):
        desk.get(page)
    desk.post("/people/1", {**person(birth_date=NAME), "revision": "1"}, status=422)
    desk.post("/people/1", {**person(guardian=f"{NAME} Ba"), "revision": "1"})
    desk.post("/people/1", {**person(guardian=NAME * 2), "revision": "1"}, status=409)


def in_the_office(desk: Watcher) -> None:
    desk.post("/work-lists?list=identity-waiting", {"text": NAME}, status=200)
    desk.post("/work-lists?list=identity-waiting", {"text": PHONE}, status=200)
    desk.post("/identity/check", {"list": "identity-waiting"})
    desk.post("/work-lists/export?list=identity-mismatch", {}, status=200)
    file = (io.BytesIO(NAME.encode()), f"{NAME}.xlsx")
    desk.post("/work-lists/import", {"file": file}, status=422)
    for text in (NAME, PHONE):
        desk.get(desk.post("/sign", {"text": text, "do": "search", "from": "2022-04-15", "to": "2022-04-15"}))
    desk.get(desk.post("/sign", {"do": "preview"}))
    desk.post("/sign/run", {"officer": NAME, "approved": "00" * 32}, status=409)
    for step in ("cancel", "again", "next"):
        desk.post(f"/sign/turn/{0:032x}/{step}", {"sure": NAME}, status=409)
    for kind in ("xlsx", "csv"):
        place = desk.post("/exports", {"from": "2022-04-15", "to": "2022-04-15", "format": kind})
        long_work(desk.visitor.client.application).wait()
        desk.get(place)
        desk.get(f"{place}/file")
    desk.post("/day-close", {"day": "2022-04-15", "sure": "yes", "revision": "1", "remark": NAME})
    desk.get("/day-close/sheet?day=2022-04-15&revision=1")


def in_the_house(desk: Watcher) -> None:
    desk.post("/drafts", {"place": "/doses/new", **person()}, status=204)
    desk.get("/doses/new")
    desk.post("/drafts/drop", {"place": "/doses/new"})
    desk.post("/language", {"language": "en", "back": f"/nowhere/{NAME}"})
    desk.post("/language", {"language": "vi", "back": "/"})
    new = {"name": "Lê Văn Mới", "login": "moi", "roles": "reception", "password": "mật khẩu mới tinh"}
    desk.post("/users", new)
    desk.post("/users", {**new, "login": NAME * 9}, status=422)
    desk.post("/users/2/roles", {"roles": "injection"})
    desk.post("/users/2/password", {"password": "mật khẩu mới nữa"})
    desk.post("/users/2/close", {})
    desk.post("/users/2/reopen", {})
    desk.post("/audit/verify", {})
    desk.post("/lock", {"back": "/reception"})
    desk.post("/reception/people", {"place": "/reception/new", **person(submission="nguoi-thu-hai-1")})
    desk.get("/unlock")
    desk.post("/unlock", {"password": NAME}, status=422)
    desk.get(desk.post("/unlock", {"password": USER_PASSWORD}))
    for page in ("/", "/sync", "/reports", "/audit", "/devices", "/settings", f"/{NAME}?number={NUMBERS[0]}"):
        desk.get(page)
    desk.post("/sign-out", {})


@dataclass(slots=True)
class Day:
    """What was kept of a day, and where its files are."""

    watcher: Watcher
    clinic: Clinic
    log: str
    spilled: list[str]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    directory, spill = tmp_path_factory.mktemp("node"), tmp_path_factory.mktemp("spill")
    clinic = make_clinic(directory)
    clinic.give_pack([villager(1)])
    node = make_node(directory, clinic.database)
    visitor = visit(node, clinic.centre)
    app = visitor.client.application
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    opened: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(spill))
        # A file that is made and unlinked at once would be found nowhere: its making is what is noted.
        for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp", "mkdtemp"):
            patch.setattr(tempfile, name, lambda *_, name=name, **__: opened.append(name))
        with node.database.write_transaction() as tables:
            user = users.all_users(tables)[0]
            assert user.name == USER
        with app.test_request_context(base_url=ADDRESS):
            access.sessions().start(BADGE, user.user_id, at=NOW)
        watcher = Watcher(visitor, node)
        watcher.get("/sync")
        for part in (at_the_door, at_the_table, in_the_waiting_room, in_the_office, in_the_house):
            part(watcher)
    logging.getLogger().removeHandler(handler)
    yield Day(watcher, clinic, said.getvalue(), opened)
    clinic.database.close()


def test_nothing_but_pages_names_the_person(day: Day) -> None:
    asked = {label: data for label, data in day.watcher.kept.items() if NAME not in label}
    assert {label: leaks(data) for label, data in asked.items() if leaks(data)} == {}
    # Whoever types a name into the address themselves gets it back in no header.
    typed = {label: data.partition(b"\n")[2] for label, data in day.watcher.kept.items() if NAME in label}
    assert {label: leaks(data) for label, data in typed.items() if leaks(data)} == {}
    assert len(typed) == 2


def test_neither_log_nor_trail_names_the_person(day: Day) -> None:
    with day.clinic.database.read() as tables:
        trail = [" ".join(map(str, row)) for row in tables.execute("SELECT action, actor, subject, details FROM audit")]
    assert leaks(day.log.encode()) == []
    assert leaks("\n".join(trail).encode()) == []
    assert len(trail) > 30


def test_no_file_holds_the_person_in_the_clear(day: Day) -> None:
    assert findings({}, day.clinic.database.path.parent) == []
    # Not a moment either: neither uploads nor exports nor sorts went through a temporary file.
    assert day.spilled == []


def test_the_person_was_there(day: Day) -> None:
    """Without this the tests above could be green because nothing happened."""
    assert len(day.watcher.posted) > 35
    with day.clinic.database.read() as tables:
        rows = tables.execute("SELECT name FROM people").fetchall()
        remarks = tables.execute("SELECT remark FROM visits").fetchall()
        reasons = tables.execute("SELECT reaction, vaccinator FROM doses").fetchall()
    for found in (rows, remarks, reasons):
        assert NAME in str(found)

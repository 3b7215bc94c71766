"""Eight browsers at once: no error, nobody twice, numbers without a gap, each dose in one batch at most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Final

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.app import create_app
from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import users, visits
from edge.store.passwords import Passwords
from edge.web.frame import access
from edge.workflow.check_store import check_store
from tests.browser.signing_desk import type_pin
from tests.browser.visitor import ADDRESS, USER_PASSWORD, Visitor, add_user, make_node
from tests.edge.clinic import NOW, PASSPHRASE, Clinic, make_clinic, villager
from tests.edge.station import DAY

OWN: Final = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
BROWSERS: Final = 8
# People whom each browser takes through the whole day.
EACH: Final = 4
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_KEY: Final = re.compile(r'name="submission" value="([^"]+)"')
_VISIT: Final = re.compile(r"visit=(\d+)")
_PERSON: Final = re.compile(r'name="person" value="(\d+)"')
_SEQUENCE: Final = re.compile(r'name="sequence" value="(\d+)"')


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = make_clinic(tmp_path)
    made.give_pack(villager(number) for number in range(1, 1 + BROWSERS * EACH))
    return made


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic) -> Node:
    return make_node(tmp_path, clinic.database)


@pytest.fixture
def app(node: Node) -> Flask:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    return create_app(node, passwords=Passwords(cheap))


@dataclass(slots=True)
class Browser:
    """One signed-in browser; keeps every status that it was answered with."""

    client: FlaskClient
    statuses: list[int]
    token: str = ""

    def get(self, path: str) -> str:
        answer = self.client.get(path, base_url=ADDRESS)
        self.statuses.append(answer.status_code)
        found = _TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer.text

    def post(self, path: str, form: dict[str, str | Sequence[str]]) -> TestResponse:
        data = {"csrf_token": self.token, **form}
        answer = self.client.post(path, base_url=ADDRESS, data=data, headers=OWN)
        self.statuses.append(answer.status_code)
        return answer


def browser(app: Flask, node: Node, number: int) -> Browser:
    badge = f"the thu {number}"
    user_id = add_user(node, login=f"nguoi {number}", name=f"Người Làm {'ABCDEFGHIJ'[number]}")
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(badge, user_id, at=NOW)
    client = app.test_client()
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = badge
    return Browser(client, [])


def at_once(works: Sequence[Callable[[], object]]) -> list[object]:
    """Do these works in threads of their own, beginning together; what one raises is raised here."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], object]) -> object:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begin, works))


def form_of(number: int) -> dict[str, str | Sequence[str]]:
    one = villager(number)
    born = "/".join(reversed(one.birth_date.split("-")))
    form: dict[str, str | Sequence[str]] = {"name": one.name, "sex": "F", "birth_date": born, "number": one.number}
    return {**form, "phone": one.phone, "nationality": "VN", "submission": f"nguoi-moi-{number:04d}"}


def day_of(one: Browser, numbers: Sequence[int]) -> None:
    """Take people from the door to the way home."""
    one.get("/reception")
    for number in numbers:
        where = one.post("/reception/people", form_of(number)).headers["Location"]
        found = _VISIT.search(where)
        assert found is not None, where
        visit_id = found[1]
        text = one.get(f"/doses/new?visit={visit_id}")
        person, key = _PERSON.search(text), _KEY.findall(text)
        assert person is not None
        dose = {"product": "AZ", "lot": "ABX1234", "lot_expiry": "31/12/2022", "dose_number": "1"}
        form = {**dose, "person": person[1], "visit": visit_id, "vaccinator": "Lê Văn Kim", "station": "Bàn 1"}
        sent = {**form, "submission": key[-1]}
        # A double click: both are answered alike.
        assert [one.post("/doses", sent).status_code for _ in range(2)] == [303, 303]
        page = f"/observation/{visit_id}/reaction"
        text = one.get(page)
        sequence = _SEQUENCE.search(text)
        assert sequence is not None
        told = {"kinds": ["fever"], "severity": "mild", "outcome": "watched", "began": "", "sequence": sequence[1]}
        assert one.post(page, {**told, "submission": _KEY.findall(text)[-1]}).status_code == 303
        assert one.post(f"/observation/{visit_id}/leave", {"remark": "Về sớm"}).status_code == 303
        one.get("/sign")
        one.post("/day-close", {"sure": "yes", "day": DAY, "revision": str(number)})


def test_eight_browsers_take_people_through_the_day_while_it_is_closed(app: Flask, node: Node, clinic: Clinic) -> None:
    browsers = [browser(app, node, number) for number in range(BROWSERS)]
    shares = [range(1 + at * EACH, 1 + (at + 1) * EACH) for at in range(BROWSERS)]
    at_once([lambda one=one, share=share: day_of(one, share) for one, share in zip(browsers, shares, strict=True)])  # type: ignore[misc]
    answered = Counter(status for one in browsers for status in one.statuses)
    assert max(answered) < 500, answered
    people = BROWSERS * EACH
    with node.database.read() as tables:
        numbers = [row[0] for row in tables.execute("SELECT number FROM visits ORDER BY number")]
        assert numbers == list(range(1, people + 1))
        assert [row[0] for row in tables.execute("SELECT sequence FROM doses ORDER BY sequence")] == list(
            range(1, 2 * people + 1)
        )
        revisions = [row[0] for row in tables.execute("SELECT revision FROM closings ORDER BY revision")]
        assert revisions == list(range(1, len(revisions) + 1))
        bundles = [row[0] for row in tables.execute("SELECT sequence FROM bundles ORDER BY sequence")]
        assert bundles == list(range(1, len(revisions) + 1))
        assert not visits.observed(tables, DAY)
    assert clinic.count("people") == people
    assert check_store(node.database).findings == ()


def test_one_form_that_eight_browsers_send_is_one_person_one_visit_one_dose(
    app: Flask, node: Node, clinic: Clinic
) -> None:
    browsers = [browser(app, node, number) for number in range(BROWSERS)]
    for one in browsers:
        one.get("/reception")
    came = at_once([lambda one=one: one.post("/reception/people", form_of(1)).status_code for one in browsers])  # type: ignore[misc]
    dose = {"product": "AZ", "lot": "ABX1234", "lot_expiry": "31/12/2022", "dose_number": "1", "person": "1"}
    sent = {**dose, "visit": "1", "vaccinator": "Lê Văn Kim", "submission": "mot-phieu-0001"}
    given = at_once([lambda one=one: one.post("/doses", sent).status_code for one in browsers])  # type: ignore[misc]
    left = at_once(
        [lambda one=one: one.post("/observation/1/leave", {"remark": "Về"}).status_code for one in browsers]  # type: ignore[misc]
    )
    assert {*came, *given, *left} == {303}
    assert [clinic.count(name) for name in ("people", "visits", "doses")] == [1, 1, 1]
    with node.database.read() as tables:
        acts = Counter(row[0] for row in tables.execute("SELECT action FROM audit WHERE entry > 1"))
    assert {acts[name] for name in ("visit-opened", "dose-recorded", "visit-observed", "visit-left")} == {1}


def test_eight_tables_that_call_at_once_call_eight_people(app: Flask, node: Node, clinic: Clinic) -> None:
    browsers = [browser(app, node, number) for number in range(BROWSERS)]
    browsers[0].get("/reception")
    for number in range(1, 1 + BROWSERS):
        assert browsers[0].post("/reception/people", form_of(number)).status_code == 303
    for one in browsers:
        one.get("/doses/new")
    places = at_once([lambda one=one: one.post("/doses/card", {"card": ""}).headers["Location"] for one in browsers])  # type: ignore[misc]
    assert sorted(map(str, places)) == [f"/doses/new?visit={number}" for number in range(1, 1 + BROWSERS)]


def test_two_who_sign_at_once_sign_each_dose_once(app: Flask, node: Node, clinic: Clinic) -> None:
    browsers = [browser(app, node, number) for number in range(2)]
    day_of(browsers[0], range(1, 4))

    def sign(one: Browser) -> TestResponse:
        one.get("/sign")
        place = one.post("/sign", {"do": "preview"}).headers["Location"]
        text = one.get(place)
        approved = re.search(r'name="approved" value="([0-9a-f]+)"', text)
        choice = re.search(r"choice=([0-9a-f]+)", place)
        assert approved is not None
        assert choice is not None
        form = {"approved": approved[1], "choice": choice[1], "officer": "Trần Thị Ánh"}
        return one.post("/sign/run", {**form})

    answers = at_once([lambda one=one: sign(one) for one in browsers])  # type: ignore[misc]
    places = [str(answer.headers.get("Location", "")) for answer in answers if isinstance(answer, TestResponse)]
    # The token is for one of them; the other is told that somebody is at it.
    assert sorted(map(bool, places)) == [False, True]
    winner, place = next((one, place) for one, place in zip(browsers, places, strict=True) if place)
    assert "Đã ký 3 mũi tiêm" in type_pin(Visitor(winner.client, place=place))
    with node.database.read() as tables:
        assert tables.execute("SELECT count(*), sum(doses) FROM passes WHERE state = 'sealed'").fetchone() == (1, 3)
        actors = {row[0] for row in tables.execute("SELECT actor FROM audit WHERE action LIKE 'pass-%'")}
    # The trail names who had signed in, whatever name was typed as the signing officer's.
    assert actors < {"Người Làm A", "Người Làm B"}
    assert len(actors) == 1
    assert check_store(node.database).findings == ()


def test_guessing_from_eight_browsers_locks_the_account_before_the_right_password_is_tried(
    app: Flask, node: Node
) -> None:
    add_user(node, login="sau", roles=[Role.INJECTION])
    clients = [app.test_client() for _ in range(BROWSERS)]
    tokens = []
    for client in clients:
        found = _TOKEN.search(client.get("/sign-in", base_url=ADDRESS).text)
        assert found is not None
        tokens.append(found[1])

    def guess(at: int) -> int:
        form = {"csrf_token": tokens[at], "login": "sau", "password": f"sai mật khẩu {at}"}
        return clients[at].post("/sign-in", base_url=ADDRESS, data=form, headers=OWN).status_code

    assert set(at_once([lambda at=at: guess(at) for at in range(BROWSERS)])) == {422}  # type: ignore[misc]
    with node.database.read() as tables:
        user = users.with_login(tables, "SAU")
    assert user is not None
    # Those that were compared while the account was locked do not count.
    assert user.failures == 5
    form = {"csrf_token": tokens[0], "login": "sau", "password": USER_PASSWORD}
    assert clients[0].post("/sign-in", base_url=ADDRESS, data=form, headers=OWN).status_code == 422


def test_the_first_account_is_made_once_however_many_ask_at_once(app: Flask, node: Node, clinic: Clinic) -> None:
    clients = [app.test_client() for _ in range(4)]
    tokens = []
    for client in clients:
        found = _TOKEN.search(client.get("/first-account", base_url=ADDRESS).text)
        assert found is not None
        tokens.append(found[1])

    def make(at: int) -> int:
        password = f"mật khẩu đầu tiên {at}"
        form = {
            "csrf_token": tokens[at],
            "passphrase": PASSPHRASE,
            "name": f"Người {'ABCD'[at]}",
            "login": f"nguoi{at}",
        }
        form |= {"password": password, "repeated": password}
        return clients[at].post("/first-account", base_url=ADDRESS, data=form, headers=OWN).status_code

    assert sorted(map(str, at_once([lambda at=at: make(at) for at in range(4)]))) == ["303", "422", "422", "422"]  # type: ignore[misc]
    assert clinic.count("users") == 1

"""A hostile browser at the site's pages: every form without its rights, every field with what nobody types."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from flask import Flask

from edge.bootstrap import Node
from edge.clients.dose_workbook import Heading, write_csv
from edge.domain.roles import Role
from edge.domain.sign_in import LONGEST_LOCK_SECONDS
from edge.domain.vial import VialContents
from edge.store import users
from edge.web.frame import access
from edge.workflow.open_vial import open_vial
from edge.workflow.receive_person import receive_known
from edge.workflow.record_dose import Submission
from tests.browser.visitor import ADDRESS, BADGE, USER_PASSWORD, Visitor, add_user, make_node, visit
from tests.builders import SeededEntropy
from tests.edge.clinic import NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock
from tests.role_document import Door, doors

OWN: Final = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
FOREIGN: Final = (
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://127.0.0.1:8750"},
    {"Sec-Fetch-Site": "none"},
)
# What nobody types: beyond numbers, days, lengths, alphabets; words of SQL, FTS, HTML, spreadsheets, paths, formats.
EVIL: Final = (
    *("", "0", "-1", "999999999", "9223372036854775808", "1e9", "١٢", "１", "²", "1_000", " 1"),
    *("'", '"', "%", "_", "*", "a OR b NEAR(", '"a" AND', "name:x", "' OR 1=1 --", "a" * 5_000, "a " * 300),
    *("\x00", "a\x00b", "\u202eabc", "\u200b", "😀", "Ð", "e\u0301" * 99, "<script>", "{{7*7}}", "%(name)s", "%s"),
    *("2022-02-31", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "01/01/0001", "31/12/9999", "25:61"),
    *("../../etc/passwd", "//evil.example", "/\\evil.example", "javascript:alert(1)", "=1+1", "all", "yes", "next"),
)
_ARGUMENT: Final = re.compile(r"<[^<>]+>")
_FIELD: Final = re.compile(
    r"(?:request\.(?:args|form|values|files)|asked|fields|sent)(?:\.get(?:list)?\(|\[)\"([\w-]+)\""
)
_LEAVES: Final = frozenset(
    {"accounts.leave", "accounts.lock", "users.close", "users.give_roles", "users.give_password"}
)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """People with doses, one of whom waits, and an open vial: row 1 of everything is there."""
    made = make_clinic(tmp_path)
    for number in (1, 2, 3):
        made.record(Submission(f"dose-{number:04d}", villager(number), facts()))
    receive_known(made.database, made.record(_again(1)).person_id, key="visit-0001", at=NOW, by=NURSE)
    contents = VialContents("AZ", "ABX1234", "2022-12-31", doses=10, station="Bàn 1")
    open_vial(made.database, contents, key="vial-0001", at=NOW, by=NURSE)
    return made


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Node:
    return make_node(tmp_path, clinic.database, clock)


@pytest.fixture
def visitor(node: Node, clinic: Clinic) -> Visitor:
    return visit(node, clinic.centre)


def _again(number: int) -> Submission:
    return Submission(f"dose-{number:04d}", villager(number), facts())


def app_of(visitor: Visitor) -> Flask:
    return visitor.client.application


def fields() -> list[str]:
    """Every name by which a page of ours reads an address or a form, and those of the long forms."""
    pages = Path(access.__file__).parent.parent
    found = {name for file in pages.rglob("*.py") for name in _FIELD.findall(file.read_text("utf-8"))}
    assert len(found) > 50
    typed = "number birth_date sex phone address_unit nationality guardian group product lot lot_expiry dose_number"
    more = "given_day given_time vaccinator station severity began treatment doses idle-minutes late_reason officer"
    return sorted(found | set(typed.split()) | set(more.split()))


class Draw:
    """Picks from lists, the same each time."""

    def __init__(self, seed: int) -> None:
        self._entropy = SeededEntropy(seed)

    def below(self, bound: int) -> int:
        return int.from_bytes(self._entropy.token(4)) % bound

    def form(self, names: Sequence[str], most: int) -> dict[str, str]:
        """Some of the names, each with something evil."""
        chosen = {names[self.below(len(names))] for _ in range(1 + self.below(most))}
        return {name: EVIL[self.below(len(EVIL))] for name in sorted(chosen)}


def path_of(door: Door, argument: str = "1") -> str:
    return _ARGUMENT.sub(argument, door.address)


def token(visitor: Visitor) -> str:
    """Of the session, which begins anew where the last form has ended it."""
    with app_of(visitor).test_request_context(base_url=ADDRESS):
        access.sessions().start(BADGE, users.UserId(1), at=NOW)
    with visitor.client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = BADGE
    found = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/sync"))
    assert found is not None
    return found[1]


def posts(visitor: Visitor) -> Iterator[Door]:
    return (door for door in doors(app_of(visitor)) if door.method == "POST")


def everything(clinic: Clinic) -> list[object]:
    """What all tables hold."""
    with clinic.database.read() as tables:
        names = [row[0] for row in tables.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [(name, tables.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names]


def test_no_address_breaks_a_page_whatever_stands_in_it(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    draw, names = Draw(1), fields()
    with caplog.at_level(logging.WARNING):
        for door in doors(app_of(visitor)):
            if door.method != "GET":
                continue
            for turn in range(24):
                asked = draw.form(names, 1 + turn)
                answer = visitor.client.get(path_of(door), base_url=ADDRESS, query_string=asked)
                assert answer.status_code < 500, (door.address, asked)
            for argument in ("0", "999999999", "9999999999", "x", "１", "%00", "..%2f", "a" * 300):
                assert visitor.client.get(path_of(door, argument), base_url=ADDRESS).status_code < 500, door
    assert caplog.text == ""


def test_the_first_and_the_last_day_of_the_calendar_are_days(visitor: Visitor) -> None:
    for day in ("0001-01-01", "0001-03-31", "9999-12-31"):
        for page in ("/day-close", "/vials", "/", "/reports", "/exports", "/sign", "/work-lists", "/audit"):
            address = {"day": day, "from": day, "to": day}
            assert visitor.client.get(page, base_url=ADDRESS, query_string=address).status_code < 500, (page, day)


def test_no_form_breaks_a_page_whatever_stands_in_it(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    draw, names = Draw(2), fields()
    with caplog.at_level(logging.WARNING):
        for door in posts(visitor):
            if door.endpoint in _LEAVES:
                continue
            good = token(visitor)
            for _ in range(25):
                form = draw.form(names, 40) | {"csrf_token": good}
                answer = visitor.client.post(path_of(door), base_url=ADDRESS, data=form, headers=OWN)
                assert answer.status_code < 500, (door.address, form)
                if answer.status_code == 303 and answer.headers["Location"].startswith(("/sign-in", "/unlock")):
                    good = token(visitor)
    assert "Traceback" not in caplog.text
    assert "unexpected" not in caplog.text


def test_each_form_needs_our_origin_our_host_and_the_token_of_its_session(visitor: Visitor, clinic: Clinic) -> None:
    good, before, asked = token(visitor), everything(clinic), 0
    for door in posts(visitor):
        path = path_of(door)
        for headers in FOREIGN:
            answer = visitor.client.post(path, base_url=ADDRESS, data={"csrf_token": good}, headers=headers)
            assert answer.status_code == 403, (door.address, headers)
        for host in ("evil.example", "127.0.0.1.evil.example"):
            answer = visitor.client.post(path, base_url=f"http://{host}:8750", data={"csrf_token": good}, headers=OWN)
            assert answer.status_code in (400, 403), (door.address, host)
            assert "<" not in answer.text or answer.status_code == 403
        for wrong in ("", "of another session"):
            answer = visitor.client.post(path, base_url=ADDRESS, data={"csrf_token": wrong}, headers=OWN)
            led_back = answer.status_code == 303 and answer.headers["Location"] == "/"
            # 404 where the page that would say so is about nothing that is there.
            assert answer.status_code in (400, 404) or led_back, (door.address, wrong)
        asked += 1
    assert asked > 40
    assert everything(clinic) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_every_answer_is_kept_by_nobody_and_framed_by_nobody(visitor: Visitor, method: str) -> None:
    for path in (
        "/",
        "/nowhere",
        "/static/nowhere.css",
        "/static/../app.py",
        "/people/999",
        "/doses",
        "/exports/ab/file",
    ):
        answer = visitor.client.open(path, method=method, base_url=ADDRESS, headers=OWN)
        assert answer.status_code < 500, path
        if path.startswith("/static") and method == "OPTIONS":
            # Which methods a file of ours has is an answer without a body.
            assert answer.data == b""
            continue
        assert answer.headers["Cache-Control"] == "no-store", path
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path


def test_a_clock_that_was_put_right_keeps_nobody_out(visitor: Visitor, node: Node, clock: TickingClock) -> None:
    wrong = NOW + 8 * 365 * 86_400
    with node.database.write_transaction() as tables:
        found = users.with_login(tables, "_".join(sorted(Role)).upper()) or users.all_users(tables)[0]
        users.set_roles(tables, found.user_id, tuple(Role), at=wrong)
        users.note_tries(tables, found.user_id, failures=9, locked_until=wrong + LONGEST_LOCK_SECONDS)
    client = app_of(visitor).test_client()
    page = client.get("/sign-in", base_url=ADDRESS)
    good = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert good is not None
    form = {"csrf_token": good[1], "login": found.login, "password": USER_PASSWORD}
    answer = client.post("/sign-in", base_url=ADDRESS, data=form, headers=OWN)
    assert answer.status_code == 303
    assert client.get("/", base_url=ADDRESS).status_code == 200
    # What is changed from now on ends the session as before.
    clock.at += 60
    with node.database.write_transaction() as tables:
        users.set_roles(tables, found.user_id, tuple(Role), at=clock.at)
    assert client.get("/", base_url=ADDRESS).status_code == 303


@pytest.mark.parametrize("text", ["x;=1+1", 'x; "=1+1', "x;\u00a0@SUM(A1)", " =1+1", '"=1+1', "Nhập chậm: a;+84"])
def test_no_cell_of_a_csv_acts_where_semicolons_part_cells(text: str) -> None:
    line = write_csv([Heading("Một"), Heading("Hai")], [("1", text)]).decode("utf-8-sig").splitlines()[1]
    for cell in re.split("[;,]", line):
        assert not re.match(r"[ \"\u00a0]*[=+\-@]", cell), cell


def test_what_belongs_to_another_user_is_not_there(visitor: Visitor, node: Node) -> None:
    places = []
    for path, form in (("/exports", {"format": "csv"}), ("/audit/verify", {}), ("/sign", {"do": "all"})):
        data = {"csrf_token": token(visitor), **form}
        answer = visitor.client.post(path, base_url=ADDRESS, data=data, headers=OWN)
        places.append(answer.headers["Location"])
    other_id = add_user(node, login="khac", name="Người Khác")
    with app_of(visitor).test_request_context(base_url=ADDRESS):
        access.sessions().start("thẻ khác", other_id, at=NOW)
    theirs = app_of(visitor).test_client()
    with theirs.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = "thẻ khác"
    for place in places[:2]:
        assert visitor.client.get(place, base_url=ADDRESS).status_code == 200
        for tail in ("", "/file", "/cancel"):
            assert theirs.get(place + tail, base_url=ADDRESS).status_code in (404, 405, 422)
    # The other one's ticks are not known under their key: there is nothing to preview.
    answer = theirs.get(f"/sign/preview?choice={places[2].rpartition('choice=')[2]}", base_url=ADDRESS)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign")


def test_large_forms_and_files_are_refused_before_they_are_read(visitor: Visitor) -> None:
    good = token(visitor)
    for path, name, size in (("/drafts", "name", 600_000), ("/sign", "text", 600_000)):
        data = {"csrf_token": good, "place": "/doses/new", name: "x" * size}
        assert visitor.client.post(path, base_url=ADDRESS, data=data, headers=OWN).status_code == 413
    for path in ("/work-lists/import", "/reception/roster/plan"):
        kind = "multipart/form-data; boundary=x"
        answer = visitor.client.post(path, base_url=ADDRESS, data=bytes(7_000_000), content_type=kind, headers=OWN)
        assert answer.status_code == 413, path


def test_a_door_that_breaks_is_noticed(visitor: Visitor) -> None:
    """Without this the tests above could be green because nothing reaches the views."""
    app = app_of(visitor)

    @access.allow_signed_in()
    def broken(**_: object) -> str:
        raise ValueError(NURSE)

    app.view_functions["sync.show"] = broken
    assert visitor.client.get("/sync", base_url=ADDRESS).status_code == 500

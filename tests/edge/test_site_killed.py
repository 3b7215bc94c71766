"""The server killed while four browsers receive and record: what was answered is on disk, and the store is whole."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from edge.workflow.check_store import check_store
from tests.browser.visitor import USER_PASSWORD, add_user, make_node
from tests.edge.clinic import Clinic, make_clinic, open_database, villager

_CHILD: Final = """
import sys
from pathlib import Path
from edge.app import make_server
from tests.browser.visitor import make_node
from tests.edge.clinic import open_database

directory = Path(sys.argv[1])
server = make_server(make_node(directory, open_database(directory)), "127.0.0.1", 0)
print(server.effective_port, flush=True)
server.run()
"""
_BROWSERS: Final = 4
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_PERSON: Final = re.compile(r'name="person" value="(\d+)"')
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


class Browser:
    """A browser that speaks to the server's socket; everything fails once the server is gone."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = self._token = ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, where it leads to, text."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Cookie": self._cookie} | (_FORM if form is not None else {})
        body = None if form is None else urlencode({"csrf_token": self._token, **form})
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        self._cookie = answer.getheader("Set-Cookie", self._cookie).partition(";")[0]
        found = _TOKEN.search(text)
        self._token = found[1] if found else self._token
        return answer.status, answer.getheader("Location", ""), text


class Answered:
    """What the browsers were told is done; set once there is enough of it."""

    def __init__(self, enough: int) -> None:
        self.visits: list[str] = []
        self.doses: list[str] = []
        self.is_enough = threading.Event()
        self._enough = enough

    def note(self, where: list[str], key: str) -> None:
        where.append(key)
        if len(self.visits) + len(self.doses) >= self._enough:
            self.is_enough.set()


def work(browser: Browser, first: int, answered: Answered) -> None:
    """Receive and record one person after the other until the server is gone."""
    try:
        browser.ask("GET", "/sign-in")
        browser.ask("POST", "/sign-in", {"login": f"nguoi {first}", "password": USER_PASSWORD})
        browser.ask("GET", "/reception")
        for number in range(first, first + 900):
            one = villager(number)
            born = "/".join(reversed(one.birth_date.split("-")))
            form = {"name": one.name, "sex": "F", "birth_date": born, "number": one.number, "nationality": "VN"}
            status, leads, _ = browser.ask("POST", "/reception/people", {**form, "submission": f"nguoi-{number:06d}"})
            assert status == 303, number
            answered.note(answered.visits, f"nguoi-{number:06d}")
            page = browser.ask("GET", f"/doses/new?visit={leads.rpartition('visit=')[2]}")[2]
            person = _PERSON.search(page)
            assert person is not None
            dose = {"product": "AZ", "lot": "ABX1234", "lot_expiry": "31/12/2022", "dose_number": "1"}
            dose |= {"person": person[1], "vaccinator": "Lê Văn Kim", "submission": f"mui-{number:08d}"}
            assert browser.ask("POST", "/doses", dose)[0] == 303, number
            answered.note(answered.doses, f"mui-{number:08d}")
    except (OSError, http.client.HTTPException):
        # The server is gone, in the middle of whatever it was.
        return


def run_and_kill(directory: Path, turn: int) -> Answered:
    """Serve, let four browsers work, and kill the server when enough was answered."""
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(directory)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    port = int(child.stdout.readline())
    answered = Answered(enough=12 + 5 * turn)
    firsts = [1_000 * (1 + at + _BROWSERS * turn) for at in range(_BROWSERS)]
    threads = [threading.Thread(target=work, args=(Browser(port), first, answered)) for first in firsts]
    for thread in threads:
        thread.start()
    assert answered.is_enough.wait(60)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    for thread in threads:
        thread.join()
    return answered


def test_a_server_that_is_killed_keeps_what_it_answered_and_a_whole_store(tmp_path: Path) -> None:
    directory = tmp_path / "node"
    clinic: Clinic = make_clinic(directory)
    node = make_node(directory, clinic.database)
    for first in range(1_000, 1_000 * (1 + 3 * _BROWSERS), 1_000):
        add_user(node, login=f"nguoi {first}", name=f"Người {'ABCDEFGHIJKL'[first // 1_000 - 1]}")
    clinic.database.close()
    visits: set[str] = set()
    doses: set[str] = set()
    for turn in range(3):
        answered = run_and_kill(directory, turn)
        visits, doses = visits | set(answered.visits), doses | set(answered.doses)
        database = open_database(directory)
        assert check_store(database).findings == ()
        with database.read() as tables:
            stored = tables.execute("SELECT submission, number FROM visits ORDER BY number").fetchall()
            given = {row[0] for row in tables.execute("SELECT submission FROM doses")}
            observed = {row[0] for row in tables.execute("SELECT sequence FROM visits WHERE sequence IS NOT NULL")}
            sequences = {row[0] for row in tables.execute("SELECT sequence FROM doses")}
            told = {row[0] for row in tables.execute("SELECT subject FROM audit WHERE action = 'dose-recorded'")}
        assert visits <= {row[0] for row in stored}
        assert doses <= given
        assert [row[1] for row in stored] == list(range(1, len(stored) + 1))
        # A dose, its place in the waiting room and its line in the trail: all or none.
        assert observed == sequences
        assert told == {f"dose:{sequence}" for sequence in sequences}
        database.close()
    assert len(visits) + len(doses) >= 12 + 17 + 22

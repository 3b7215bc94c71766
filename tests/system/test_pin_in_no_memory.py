"""One second after a pass the PIN is in no living process, in no argument, in no file and in nothing that was said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from bench.site_browser import Browser
from edge.workflow.record_dose import Submission
from tests.browser.offline import OfflineNode
from tests.browser.visitor import add_user
from tests.browser.visitor import make_node as node_of
from tests.demo.story import StoryClock
from tests.edge.clinic import NOW, facts, make_clinic, villager
from tests.softhsm import softhsm_in

ROOT: Final = Path(__file__).parents[2]
LOGIN: Final = "sau"
AFTER_SECONDS: Final = 1.0
_FORM: Final = re.compile(r'<form method="post" action="(http://127\.0\.0\.1:\d+/[0-9a-f]{32})"')
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of processes as Linux shows it")


@dataclass(slots=True)
class Desk:
    """A node that runs as it is installed, with a token whose PIN nobody in this process knows."""

    node: OfflineNode
    folder: Path
    seed: Path

    def canary(self, verb: str, *arguments: object) -> str:
        """Do something in a process that knows the PIN, and ends."""
        return subprocess.run(
            [sys.executable, "-m", "tests.system.pin_canary", verb, self.seed, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def sign(self) -> float:
        """A whole pass at the pages; gives the machine's monotonic time at its end."""
        browser = Browser(self.node.port)
        browser.sign_in(LOGIN)
        browser.get("/sign")
        preview = browser.get(browser.post("/sign", {"do": "preview"}).location)
        form = {**dict(_HIDDEN.findall(preview.text)), "officer": "Trần Thị Ánh"}
        place = browser.post("/sign/run", form).location
        while not (found := _FORM.search(browser.get(place).text)):
            pass
        assert json.loads(self.canary("type", found[1], self.node.address)) == [303, self.node.address + place]
        while not (answer := browser.get(place)).location:
            assert "Chưa ký được" not in answer.text, answer.text
        signed_at = time.monotonic()
        assert "Đã ký 3 mũi tiêm của 3 người" in browser.get(answer.location).text
        browser.close()
        return signed_at

    def look(self, *, not_before: float) -> dict[str, Any]:
        """Where the PIN is, in this process and all below it and in every file."""
        found: dict[str, Any] = json.loads(self.canary("scan", os.getpid(), not_before, self.folder))
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "node"
    folder.mkdir()
    clinic = make_clinic(folder)
    people = [villager(number) for number in range(1, 4)]
    clinic.give_pack(people)
    for number, person in enumerate(people):
        clinic.record(Submission(f"mui-so-{number:04d}", person, facts(given_at=NOW - 600 * (number + 1))))
    add_user(node_of(folder, clinic.database), login=LOGIN)
    clinic.database.close()
    clock = StoryClock(folder / "clock")
    clock.set_to(NOW)
    with softhsm_in(tmp_path / "hsm") as hsm:
        node = OfflineNode(folder, (), clock)
        made = Desk(node, folder, tmp_path / "seed")
        node.signer = made.canary("make", hsm.folder, hsm.module_path).strip()
        node.start()
        try:
            yield made
        finally:
            node.end()


def test_one_second_after_a_pass_the_pin_is_nowhere_and_a_planted_leak_is_found(desk: Desk) -> None:
    signed_at = desk.sign()
    seen = desk.look(not_before=signed_at + AFTER_SECONDS)
    # This process, the node, and the helper that Python keeps beside whoever starts processes.
    assert {os.getpid(), desk.node.process_id} < set(seen["watched"])
    assert seen["found"] == []

    # Planted: a process of ours that holds it.
    holds = [sys.executable, "-m", "tests.system.pin_canary", "hold", str(desk.seed)]
    with subprocess.Popen(holds, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert f"{holder.pid} memory text" in desk.look(not_before=0)["found"]
        holder.communicate()

    # Planted: a form of the node's own to which it is sent.
    desk.canary("leak", desk.node.port, LOGIN)
    assert f"{desk.node.process_id} memory text" in desk.look(not_before=0)["found"]
    # The traces of what was found are places, and nothing that was said or written holds more.
    desk.node.end()
    (desk.folder / "said").write_text(desk.node.said)
    assert desk.look(not_before=0)["found"] == []

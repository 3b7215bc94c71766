"""The node in a process of its own: it has no way off the machine, and a kill in the middle of a form loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.browser.chrome import fill, give_password, open_page, press_in, sign_in
from tests.browser.offline import island, offline
from tests.browser.visitor import add_user, make_node
from tests.edge.clinic import make_clinic

NEWCOMER: Final = {"name": "Lò Thị Bé", "birth_date": "01/03/1985"}
VIAL: Final = {"lot": "ABX1234", "lot_expiry": "31/12/2022"}


def test_a_node_that_is_killed_and_started_again_gets_the_typed_form(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    add_user(make_node(tmp_path, clinic.database), login="sau")
    with offline(clinic, tmp_path) as (node, chromium), open_page(chromium) as (page, _asked):
        sign_in(page, node.address, "sau")
        page.goto(f"{node.address}/doses/new")
        with page.expect_response("**/drafts"):
            fill(page, NEWCOMER)
        node.end(signal.SIGKILL)
        node.start()
        # What was told to the node a moment after it was typed is there again.
        page.reload()
        give_password(page, "sau")
        assert page.input_value("#name") == NEWCOMER["name"]
        assert "Phần gõ dở" in page.inner_text(".draft")
        # And so is what was sent while the node was away from its memory.
        fill(page, VIAL)
        page.locator("input[name=sex][value=F]").check()
        page.select_option("#product", "AZ")
        node.end(signal.SIGKILL)
        node.start()
        press_in(page, "#lot")
        assert "Biểu mẫu vừa gửi chưa được ghi" in page.inner_text("main")
        assert clinic.count("doses") == 0
        give_password(page, "sau")
        assert {name: page.input_value(f"#{name}") for name in (*NEWCOMER, *VIAL)} == NEWCOMER | VIAL
        press_in(page, "#lot")
        assert "Đã lưu 19001A-000001" in page.inner_text("[role=status]")
        assert (clinic.count("doses"), clinic.count("people")) == (1, 1)
        node.end()
        assert node.attempts == []


def test_both_walls_hold(tmp_path: Path) -> None:
    reach_out = (
        "import pathlib, socket, sys; from tests.browser.no_way_out import watch;"
        "watch(pathlib.Path(sys.argv[1])) if sys.argv[1] else None;"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    )
    record = tmp_path / "attempts"
    watched = subprocess.run([sys.executable, "-c", reach_out, str(record)], capture_output=True, check=False)
    assert watched.returncode == 1
    assert record.read_text() == "socket.connect 192.0.2.1\n"
    with island() as way:
        alone = subprocess.run([*way, sys.executable, "-c", reach_out, ""], capture_output=True, check=False)
    assert not way or b"Network is unreachable" in alone.stderr

"""The node is stopped, or killed, in each state of a turn: no signer process and no port stays, the pass goes on."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.pass_journal import PassState
from edge.store import passes
from edge.store.database import Database
from edge.workflow.check_store import check_store
from tests.browser.signing_desk import preview, sign
from tests.browser.visitor import make_node, visit
from tests.edge.station import DATA_KEY, make_station
from tests.token.conftest import KeyName
from tests.token.fault_token import FaultToken
from tests.token.stopped_turn import STATES
from tests.typist import give

_ROOT = Path(__file__).parents[2]


def _runs() -> Iterator[tuple[str, signal.Signals]]:
    for state in STATES:
        yield state, signal.SIGTERM
        yield state, signal.SIGKILL


@pytest.mark.parametrize(("state", "how"), tuple(_runs()))
def test_a_node_that_is_stopped_leaves_nothing_behind_and_the_pass_goes_on(
    fault_token_with: Callable[[KeyName], FaultToken], tmp_path: Path, state: str, how: signal.Signals
) -> None:
    station = make_station(tmp_path)
    station.record(2)
    station.database.close()
    token = fault_token_with("p256")
    if STATES[state]:
        token.fault("hang", STATES[state])
    program = [sys.executable, "-m", "tests.token.stopped_turn", str(tmp_path), token.uri, str(token.folder), state]
    with subprocess.Popen(program, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        node.stdin.write(token.pin + "\n")
        node.stdin.flush()
        signer, _, action = node.stdout.readline().rstrip("\n").partition(" ")
        handle = os.pidfd_open(int(signer))
        node.send_signal(how)
        node.wait(60)
    ended = select.poll()
    ended.register(handle, select.POLLIN)
    assert ended.poll(30_000)
    os.close(handle)
    if action:
        with pytest.raises(ConnectionRefusedError):
            give(action, token.pin)
    # The next start.
    token.mend()
    with closing(Database(tmp_path / "node.db", DATA_KEY)) as database:
        with database.read() as tables:
            left = [one.state for number in passes.numbers(tables) if (one := passes.find(tables, number))]
        assert left == ([PassState.PREPARED] if state == "prepared" else [])
        started = make_node(tmp_path, database, station.clock)
        visitor = visit(replace(started, config=replace(started.config, signer=token.uri)), station.centre)
        visitor.get("/sign")
        if left:
            text = sign(visitor, {}, path="/sign/resume", pin=token.pin)
        else:
            preview(visitor)
            text = sign(visitor, pin=token.pin)
        assert "Đã ký 2 mũi" in text
        assert check_store(database).findings == ()
    assert len(set(token.given_to_sign())) == 1
    assert token.wrong_pins == 0
    assert multiprocessing.active_children() == []

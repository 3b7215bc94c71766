"""The node's own process is killed at every step of the journal; the next start finds the same bytes, or none."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from edge.domain.pass_journal import PassState
from edge.workflow.sign_pass import resume_pass
from tests.edge.station import AFTERNOON
from tests.token.conftest import KEY_NAMES, KeyName
from tests.token.fault_token import FaultToken
from tests.token.killed_node import AT_THE_END
from tests.token.turn import Turn, assert_signed_once, make_turn

_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Kill:
    """When the node dies.

    Attributes:
        name: the moment in words.
        left: what the next start must find.
        asked: how often `C_Sign` was called in the end, the resumed pass included.
        moment: the statement of the store before which it dies, or "".
        fault: what the shim does, as (file, text), or None.
    """

    name: str
    left: PassState | None
    asked: int
    moment: str = ""
    fault: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


_KILLS: Final = (
    Kill("while it prepares", None, 1, moment="INSERT INTO passes"),
    Kill("before the prepared pass is durable", None, 1, moment="SELECT entry, digest FROM audit"),
    Kill("after prepared", PassState.PREPARED, 1, fault=("kill-before", "C_SignInit node")),
    Kill("before the signature", PassState.PREPARED, 2, fault=("kill-before", "C_Sign node")),
    Kill("after the signature", PassState.PREPARED, 2, fault=("kill-after", "C_Sign node")),
    Kill("before signed", PassState.PREPARED, 2, moment="UPDATE passes SET state = 'signed'"),
    Kill("after signed", PassState.SIGNED, 1, moment="INSERT INTO bundles"),
    Kill("before sealed", PassState.SIGNED, 1, moment="UPDATE passes SET state = 'sealed'"),
    Kill("after sealed", PassState.SEALED, 1, moment=AT_THE_END),
)


def _run_killed(turn: Turn, moment: str) -> None:
    program = [sys.executable, "-m", "tests.token.killed_node", str(turn.station.database.path), turn.token.uri, moment]
    done = subprocess.run(program, cwd=_ROOT, input=turn.token.pin + "\n", text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL


def test_a_driver_that_does_not_let_go_outlives_no_node_that_is_killed(
    fault_token_with: Callable[[KeyName], FaultToken],
) -> None:
    token = fault_token_with("p256")
    # The library keeps the interpreter to itself meanwhile, so that no thread of the process can end it.
    token.fault("hang", "C_Finalize")
    program = [sys.executable, "-m", "tests.token.killed_at_the_end", token.uri, str(token.folder)]
    # What stays of it would keep its output open: no more than one line is read.
    with subprocess.Popen(program, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        node.stdin.write(token.pin + "\n")
        node.stdin.flush()
        process_id = int(node.stdout.readline())
        assert node.wait(60) == -signal.SIGKILL
    assert token.count("C_Finalize") == 1
    try:
        signer = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    ended = select.poll()
    ended.register(signer, select.POLLIN)
    assert ended.poll(30_000)
    os.close(signer)


def _runs() -> Iterator[tuple[Kill, KeyName]]:
    for number, kill in enumerate(_KILLS):
        # Where the token is not asked again it is all one which key has signed: the short slice takes them in turns.
        is_one_enough = kill.left is not PassState.PREPARED and os.environ.get("HCVX_CAMPAIGN") != "full"
        for key in (KEY_NAMES[number % 2],) if is_one_enough else KEY_NAMES:
            yield kill, key


@pytest.mark.parametrize(("kill", "key"), tuple(_runs()), ids=str)
def test_a_node_killed_at_any_step_signs_the_same_bytes_once(
    fault_token_with: Callable[[KeyName], FaultToken], tmp_path: Path, key: KeyName, kill: Kill
) -> None:
    turn = make_turn(tmp_path / "station", fault_token_with(key))
    turn.station.database.close()
    if kill.fault is not None:
        turn.token.fault(*kill.fault)
    _run_killed(turn, kill.moment)
    turn.token.mend()
    after = turn.reopened()
    assert after.left() is kill.left
    payload = after.payload()
    database = after.station.database
    match kill.left:
        case PassState.SEALED:
            assert resume_pass(database, None, now=AFTERNOON, entropy=after.station.entropy) is None
        case PassState.SIGNED:
            # The token has done its part: neither it nor a PIN is needed any more.
            assert resume_pass(database, None, now=AFTERNOON, entropy=after.station.entropy) is not None
        case _:
            after.sign()
    assert_signed_once(after, payload=payload, asked=kill.asked)


def test_killed_at_one_step_after_the_other_one_pass_comes_out(
    fault_token_with: Callable[[KeyName], FaultToken], tmp_path: Path
) -> None:
    turn = make_turn(tmp_path / "station", fault_token_with("p256"))
    turn.station.database.close()
    payloads = set()
    for kill in _KILLS[:-1:2]:
        if kill.fault is not None:
            turn.token.fault(*kill.fault)
        _run_killed(turn, kill.moment)
        turn.token.mend()
        turn = turn.reopened()
        payloads.add(turn.payload())
        turn.station.database.close()
    turn = turn.reopened()
    assert turn.left() is PassState.SIGNED
    resume_pass(turn.station.database, None, now=AFTERNOON, entropy=turn.station.entropy)
    # None before it was prepared; one and the same ever after.
    (payload,) = payloads - {None}
    assert_signed_once(turn, payload=payload, asked=2)

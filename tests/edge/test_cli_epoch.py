"""The verb `begin-epoch` without a network: the request is kept for the next exchange, and that is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from edge.cli import main
from edge.store import node_epochs
from edge.store.database import Database
from edge.store.key_file import open_key_file
from sync_protocol.enrolment_file import parse_enrolment_file
from tests.edge.http_centre import serve_centre
from tests.edge.station import AFTERNOON, TickingClock
from tests.simulator import SimulatedCentre

SECRET = {"HCVX_EDGE_PASSPHRASE": "mật khẩu của trạm"}
# Nobody listens on the port for discarding.
NOWHERE = {**SECRET, "HCVX_EDGE_CENTRE_URL": "http://127.0.0.1:9"}


def run(directory: Path, *arguments: str, env: dict[str, str]) -> tuple[Result, dict[str, Any]]:
    """Run a verb with `--json`; gives what came of it and its data."""
    clock = TickingClock(AFTERNOON)
    done = CliRunner().invoke(main, ["--directory", str(directory / "node"), *arguments, "--json"], env=env, obj=clock)
    return done, json.loads(done.stdout)


def open_request(directory: Path) -> bytes:
    """The sealed bytes of the request that waits to be sent."""
    node = directory / "node"
    database = Database(node / "node.db", open_key_file(node / "node.key.json", SECRET["HCVX_EDGE_PASSPHRASE"]))
    with database.read() as tables:
        asked = node_epochs.open_ask(tables)
    database.close()
    assert asked is not None
    return asked.sealed


def test_a_request_made_without_a_network_is_kept_for_the_next_exchange_and_says_so(tmp_path: Path) -> None:
    centre = SimulatedCentre(TickingClock(AFTERNOON).now)
    with serve_centre(centre) as url:
        file = centre.enrolment_file("19001A", facility="19001", facility_name="Trạm", centre_url=url)
        (tmp_path / "enrolment").write_bytes(file)
        spoken = parse_enrolment_file(file).fingerprint
        run(tmp_path, "init", env=SECRET)
        run(tmp_path, "enrol", str(tmp_path / "enrolment"), "--fingerprint", spoken, env=SECRET)
    kept = []
    for _ in range(2):
        done, data = run(tmp_path, "begin-epoch", env=NOWHERE)
        assert (done.exit_code, data["code"]) == (3, "network")
        assert "✓ Yêu cầu đã lưu trên máy; máy tự gửi ở lần liên lạc tới" in done.stderr
        kept.append(open_request(tmp_path))
    # `epoch_turn` of each exchange sends what is open, these bytes again and again.
    assert kept[0] == kept[1]

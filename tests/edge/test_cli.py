"""The commands from `init` to `check`, as the demo drives them: words, data, exit codes, and each verb twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge.bootstrap import SystemClock
from edge.cli import main
from edge.store import node_identity
from edge.store.database import Database
from edge.store.key_file import open_key_file
from edge.web.frame.formats import iso_day
from sync_protocol.days import day_start, local_day, to_datetime
from sync_protocol.enrolment_file import parse_enrolment_file
from sync_protocol.errors import Code
from sync_protocol.population import PersonKey, build_pack, sign_pack
from sync_protocol.sealing import seal
from sync_protocol.signers.software import write_pkcs12
from tests.builders import SeededEntropy, ec_key, issue_certificate, make_ca
from tests.edge.clinic import list_row, villager, workbook
from tests.edge.http_centre import serve_centre
from tests.edge.station import Station, TickingClock, organisation_signer
from tests.simulator import Fault, SimulatedCentre

PASSPHRASE = "mật khẩu của trạm"
PASSWORD = "mật khẩu tệp khóa"
ROOT = Path(__file__).parents[2]
# Five in the afternoon of the local day before the real one: the tests do not depend on the hour at which they run.
AFTERNOON = day_start(local_day(SystemClock().now())) - 7 * 3_600


class AfternoonClock:
    """The clock of these tests."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return AFTERNOON


@dataclass(slots=True)
class Desk:
    """A person at the terminal of a node, and a centre at a real address."""

    directory: Path
    url: str
    centre: SimulatedCentre

    def run(self, *arguments: str, exit_code: int = 0, typed: str | None = None) -> dict[str, Any]:
        """Run a verb with `--json`; gives its data."""
        done = CliRunner().invoke(
            main,
            ["--directory", str(self.directory / "node"), *arguments, "--json"],
            input=typed,
            env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
            obj=AfternoonClock(),
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        assert done.exit_code == exit_code, done.output
        data: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return data

    def sign(self, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        """Run `sign` with the software key."""
        key = f"software:{self.directory / 'key.p12'}"
        options = ["--signer", key, "--officer", "Trần Thị Ánh", "--pin-stdin", *arguments]
        return self.run("sign", *options, typed=f"{PASSWORD}\n", exit_code=exit_code)

    def begin(self) -> None:
        """Initialise and enrol."""
        self.run("init")
        file = self.centre.enrolment_file("19001A", facility="19001", facility_name="Trạm", centre_url=self.url)
        (self.directory / "enrolment").write_bytes(file)
        spoken = parse_enrolment_file(file).fingerprint
        self.run("enrol", str(self.directory / "enrolment"), "--fingerprint", spoken)

    def pack(self, count: int) -> Path:
        """A population pack of the first so many people of the list, sealed to the node."""
        now = AFTERNOON
        people = [villager(number) for number in range(1, count + 1)]
        pack = build_pack(
            [PersonKey(one.number, one.name, sex=one.sex, birth_date=one.birth_date) for one in people],
            pack_key=bytes(32),
            version=1,
            facility="19001",
            issued_at=now - 60,
            expires_at=now + 86_400,
        )
        node = self.directory / "node"
        database = Database(node / "node.db", open_key_file(node / "node.key.json", PASSPHRASE))
        with database.read() as tables:
            recipient = node_identity.get(tables).opening_key.public_key()
        database.close()
        path = self.directory / "pack"
        path.write_bytes(seal(sign_pack(pack, self.centre.publisher), recipient=recipient, entropy=SeededEntropy()))
        return path

    def day_list(self, count: int) -> Path:
        """A day list of today."""
        path = self.directory / "list.xlsx"
        today = iso_day(local_day(AFTERNOON))
        rows = [
            list_row(number) | {"Ngày tiêm": today, "Giờ tiêm": "00:00", "Hạn dùng": "31/12/2099"}
            for number in range(1, count + 1)
        ]
        workbook(path, rows)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    centre = SimulatedCentre(AfternoonClock().now)
    key = ec_key("organisation")
    at = to_datetime(AFTERNOON) - timedelta(days=30)
    certificate = issue_certificate(make_ca("Thử", at), key, subject="Trạm", at=at)
    (tmp_path / "key.p12").write_bytes(write_pkcs12(key, certificate, password=PASSWORD))
    with serve_centre(centre) as url:
        yield Desk(tmp_path, url, centre)


def test_a_whole_day_by_commands_each_of_them_twice(desk: Desk) -> None:
    desk.begin()
    assert desk.run("init", exit_code=1)["code"] == "store-exists"
    enrolled = desk.run("enrol", str(desk.directory / "enrolment"), "--fingerprint", "0")
    assert enrolled == {"ok": True, "node": "19001A", "facility": "19001", "epoch": 1}

    day_list = str(desk.day_list(10))
    dry = desk.run("import", day_list)
    assert (dry["applied"], dry["rows"]["new"]) == (False, 10)
    assert desk.run("status")["recorded"] == 0
    assert desk.run("import", day_list, "--apply")["rows"]["new"] == 10
    again = desk.run("import", day_list, "--apply")["rows"]
    assert (again["new"], again["same"]) == (0, 10)

    pack = str(desk.pack(8))
    assert desk.run("check-identity", exit_code=1)["code"] == "no-pack"
    assert desk.run("import-pack", pack)["people"] == 8
    assert desk.run("import-pack", pack)["version"] == 1
    assert desk.run("check-identity")["checked"] == 10
    assert desk.run("check-identity")["checked"] == 0

    preview = desk.run("sign", "--preview")
    assert preview["planned"][0]["doses"] == 8
    assert sum(preview["refused"].values()) == 2
    signed = desk.sign("--select", "dose=1-5")
    assert (signed["sealed"][0]["doses"], signed["token_operations"]) == (5, 1)
    assert desk.sign()["sealed"][0]["doses"] == 3
    assert desk.sign()["sealed"] == []

    desk.centre.faults = [Fault.ANSWER_LOST]
    assert desk.run("sync", "--once", exit_code=3)["code"] == "centre-busy"
    assert desk.run("sync", "--once")["unsent"] == 0
    assert desk.run("sync", "--once")["admitted"] == 0
    assert len(desk.centre.admitted_doses) == 8

    status = desk.run("status", "--day", "today")
    assert status["recorded"] == status["admitted"] + sum(status["waiting"].values()) == 10
    assert (status["signed"], status["received"], status["admitted"], status["passes"]) == (8, 8, 8, 2)
    check = desk.run("check")
    assert (check["findings"], check["doses"], check["receipts"]) == ([], 8, 3)


def test_recording_from_standard_input_is_idempotent_and_reports_every_fault(desk: Desk) -> None:
    desk.begin()
    fields = {
        "name": "Nguyễn Thị Bưởi",
        "sex": "Nữ",
        "birth_date": "01/03/1985",
        "number": "054185000001",
        "product": "AZ",
        "lot": "ABX1234",
        "lot_expiry": "31/12/2099",
        "dose_number": "1",
    }
    text = json.dumps(fields)
    assert desk.run("record", "-", typed=text) == {"ok": True, "sequence": 1, "repeat": False}
    assert desk.run("record", "-", typed=text)["repeat"]
    assert desk.run("status")["recorded"] == 1
    broken = json.dumps(fields | {"birth_date": "31/02/1985", "lot": ""})
    assert desk.run("record", "-", typed=broken, exit_code=1)["code"] == "date-invalid"
    odd = json.dumps(fields | {"number": "054185000002", "lot_expiry": "", "name": "Trần Thị Cúc"})
    assert desk.run("record", "-", typed=odd, exit_code=1)["code"] == "lot-expiry-unknown"
    assert desk.run("record", "-", "--confirm", "lot-expiry-unknown", typed=odd)["sequence"] == 2


def test_refusals_have_their_code_and_nothing_personal_in_words(desk: Desk) -> None:
    assert desk.run("status", exit_code=1)["code"] in {"store-missing", "store-key-file"}
    desk.begin()
    assert desk.run("sign", "--select", "name", exit_code=1)["code"] == "pass-filter"
    assert desk.run("sign", "--abandon") == {"ok": True, "abandoned": False}
    done = CliRunner().invoke(
        main,
        ["--directory", str(desk.directory / "node"), "record", "-"],
        input=json.dumps({"name": "Người Bí Mật", "number": "054185999999"}),
        env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
    )
    assert done.exit_code == 1
    assert "Bí Mật" not in done.output
    assert "054185999999" not in done.output
    wrong = CliRunner().invoke(
        main, ["--directory", str(desk.directory / "node"), "status"], env={"HCVX_EDGE_PASSPHRASE": "sai mật khẩu"}
    )
    assert wrong.exit_code == 1
    assert "store-passphrase" in wrong.output


def test_a_wrong_password_of_the_key_leaves_nothing_behind(desk: Desk) -> None:
    desk.begin()
    desk.run("import", str(desk.day_list(2)), "--apply")
    desk.run("import-pack", str(desk.pack(2)))
    desk.run("check-identity")
    key = f"software:{desk.directory / 'key.p12'}"
    options = ["--signer", key, "--officer", "Trần Thị Ánh", "--pin-stdin"]
    assert desk.run("sign", *options, typed="sai\n", exit_code=1)["code"] == "key-file-password"
    assert desk.run("status")["open_pass"] is None
    assert desk.run("sign", exit_code=1)["code"] == "pass-signer-name"
    assert desk.run("sign", "--officer", "Trần Thị Ánh", exit_code=1)["code"] == "pass-signer-unset"


def test_more_than_one_turn_is_asked_for_a_pin_each(desk: Desk) -> None:
    desk.begin()
    node = desk.directory / "node"
    database = Database(node / "node.db", open_key_file(node / "node.key.json", PASSPHRASE))
    station = Station(database, desk.centre, TickingClock(AFTERNOON), SeededEntropy(), organisation_signer())
    station.record(1_001, given_at=AFTERNOON - 3_600)
    database.close()
    # One line is one PIN: the second turn gets none, and what the first has signed stays signed.
    assert desk.sign(exit_code=1)["code"] == "token-pin-empty"
    assert desk.run("status")["signed"] == 1_000
    assert [one["people"] for one in desk.sign()["sealed"]] == [1]
    assert desk.run("status")["signed"] == 1_001


def test_settings_that_are_wrong_are_usage(desk: Desk) -> None:
    desk.begin()
    (desk.directory / "node" / "node.toml").write_text('host = "0.0.0.0"\n')
    assert desk.run("status", exit_code=2)["code"] == "config"


def test_a_centre_that_turns_the_node_away_is_a_failure_and_says_why(desk: Desk) -> None:
    desk.begin()
    desk.run("import", str(desk.day_list(2)), "--apply")
    desk.run("import-pack", str(desk.pack(2)))
    desk.run("check-identity")
    desk.sign()
    desk.centre.problems = [Code.NODE_DENIED]
    answer = desk.run("sync", "--once", exit_code=1)
    assert (answer["code"], answer["unsent"]) == ("node-denied", 1)


def test_sync_until_all_is_sent_ends_when_the_centre_turns_the_node_away(desk: Desk) -> None:
    desk.begin()
    desk.run("import", str(desk.day_list(2)), "--apply")
    desk.run("import-pack", str(desk.pack(2)))
    desk.run("check-identity")
    desk.sign()
    desk.centre.problems = [Code.NODE_DENIED]
    answer = desk.run("sync", exit_code=1)
    assert (answer["code"], answer["unsent"]) == ("node-denied", 1)


def test_a_day_that_is_no_day_is_refused(desk: Desk) -> None:
    desk.begin()
    assert desk.run("status", "--day", "31/12/2022", exit_code=1)["code"] == "field-invalid"


def test_run_serves_the_pages_on_loopback_and_stops_when_told(desk: Desk) -> None:
    desk.begin()
    environment = {**os.environ, "HCVX_EDGE_PASSPHRASE": PASSPHRASE, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", "from edge.cli import main; main()", "--directory", str(desk.directory / "node")]
    with subprocess.Popen(
        [*command, "run", "--port", "0"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(address) as page:
            assert "Trạm" in page.read().decode()
        process.terminate()
        assert process.wait(timeout=60) == 0

"""A marker person goes through the whole day; afterwards nothing that is not theirs names them.

Their name, numbers, phone and birth date occur nowhere else. They stand on day lists, in forms and in the population
registry, rightly and with every fault that lists have, and pass through the real command lines of site and centre in
processes of their own. Then every output, every file name, every byte that travelled and every file is searched for
them. Only what is meant to name them is left out: what people typed in (`in/`), the passports (`out/`) and the
centre's own database.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
import xlsxwriter

from sync_protocol.names import fold, icao
from tests.demo.processes import free_port, wait_for_port
from tests.demo.story import Day, StoryClock

_ROOT = Path(__file__).parent.parent.parent
_SECRET = "chi-de-thu-nghiem"
_SECRETS = {
    f"HCVX_{name}": _SECRET
    for name in ("EDGE_PASSPHRASE", "CENTRAL_PASSWORD", "CENTRAL_SIGNER_PIN", "CENTRAL_KEY_FILE_PASSWORD")
}
_NONE: Mapping[str, str] = {}
_EXEMPT = ("in/", "out/", "centre/centre.db")

NAME = "Đường Thị Khuyêng Ngoạng"
PARTS = ("Khuyêng", "Ngoạng")
NUMBERS = ("019131748206", "019131748214")
PHONE = "0987310264"
BORN = dt.date(1931, 2, 17)

_HEADINGS = (
    "Họ và tên", "Ngày sinh", "Giới tính", "Số điện thoại", "CMND/CCCD/Hộ chiếu", "Loại vắc xin", "Số lô", "Hạn dùng",
    "Mũi số", "Ngày tiêm", "Giờ tiêm", "Người tiêm", "Người giám hộ",
)  # fmt: skip


def forms() -> dict[str, bytes]:
    """Every way in which the person could be written, by a word for it."""
    names = [NAME, " ".join(PARTS), *PARTS]
    texts = {form for name in names for form in (name, name.upper(), name.lower(), fold(name), fold(name).lower())}
    texts |= {icao(NAME), "<".join(map(fold, PARTS))}
    texts |= {f"{BORN:%Y-%m-%d}", f"{BORN:%d/%m/%Y}", f"{BORN:%d-%m-%Y}", f"{BORN:%d.%m.%Y}", f"{BORN:%d%m%Y}"}
    texts |= {f"{BORN:%Y%m%d}", f"{BORN.day}/{BORN.month}/{BORN.year}"}
    for number in (*NUMBERS, PHONE):
        # Without its leading zero a number also stands for the whole one and for +84….
        texts |= {number[1:], *(mark.join(_groups(number)) for mark in " .-")}
    found: dict[str, bytes] = {}
    for text in texts:
        for shape in ("NFC", "NFD"):
            shaped = unicodedata.normalize("NFD" if shape == "NFD" else "NFC", text)
            found |= {f"{text} {shape}": shaped.encode(), f"{text} {shape} UTF-16": shaped.encode("utf-16-le")}
            found |= {f"{text} {shape} JSON": json.dumps(shaped)[1:-1].encode()}
            found |= {f"{text} {shape} address": quote(shaped).encode()}
    for number in NUMBERS:
        found |= {
            f"{number} as integer": int(number).to_bytes(5),
            f"{number} reversed": int(number).to_bytes(5, "little"),
        }
    return found


def _groups(number: str) -> list[str]:
    first = len(number) % 3 + 3
    return [number[:first], *(number[place : place + 3] for place in range(first, len(number), 3))]


_FORMS = forms()


def leaks(data: bytes) -> list[str]:
    """Which forms stand in some bytes, in either case."""
    lower = data.lower()
    return [word for word, form in _FORMS.items() if form in data or form.lower() in lower]


def findings(outputs: Mapping[str, bytes], directory: Path) -> list[str]:
    """Where the person is found: outputs by their label, files by their path."""
    found = [f"{label}: {word}" for label, data in outputs.items() for word in leaks(data)]
    for path in sorted(directory.rglob("*")):
        place = path.relative_to(directory).as_posix()
        found += [f"name of {place}: {word}" for word in leaks(place.encode())]
        if path.is_file() and not place.startswith(_EXEMPT):
            found += [f"{place}: {word}" for word in leaks(path.read_bytes())]
    return found


@dataclass(slots=True)
class Stage:
    """The directory of a day, its clock, and everything that was said."""

    directory: Path
    clock: StoryClock
    outputs: dict[str, bytes] = field(default_factory=dict)

    def start(
        self, program: str, verbs: Sequence[Sequence[object]], over: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Starts verbs of a program one after the other in one process."""
        place = str(self.directory / ("site" if program == "edge" else "centre"))
        line: list[str] = []
        for verb in verbs:
            line += [*(["THEN"] if line else []), "--directory", place, *map(str, verb)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.demo.program", program, str(self.clock.file), *line],
            cwd=_ROOT,
            env={**os.environ, **_SECRETS, "PYTHONUTF8": "1", **over},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self,
        program: str,
        *verbs: Sequence[object],
        typed: str = "",
        fails: bool = False,
        over: Mapping[str, str] = _NONE,
    ) -> str:
        """Runs verbs, keeps what they say, and gives their standard output.

        Args:
            program: "edge" or "central".
            verbs: with their arguments.
            typed: standard input.
            fails: whether the last verb has to end with something else than 0.
            over: settings over the program's own.
        """
        process = self.start(program, verbs, over)
        out, err = process.communicate(typed.encode(), timeout=120)
        self.keep(f"{program} {verbs[-1][0]}", out, err)
        assert (process.returncode != 0) == fails, (verbs, out.decode(), err.decode())
        return out.decode()

    def both(self, program: str, *verbs: Sequence[object], typed: str = "", over: Mapping[str, str] = _NONE) -> str:
        """Runs each verb twice, once for people and once for programs."""
        twice = [shown for verb in verbs for shown in (verb, [*verb, "--json"])]
        return self.run(program, *twice, typed=typed, over=over)

    def keep(self, label: str, *said: bytes) -> None:
        """Keeps what was said, to be searched."""
        for data in said:
            self.outputs[f"{len(self.outputs)} {label}"] = data


class Line:
    """A line to the centre that keeps a copy of everything that travels; `port` is where it listens."""

    def __init__(self, target_port: int) -> None:
        self.copies: list[bytes] = []
        line = self

        class Relay(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", target_port)) as upstream:
                    upwards = threading.Thread(target=line.carry, args=(self.request, upstream))
                    upwards.start()
                    line.carry(upstream, self.request)
                    upwards.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        """Copies one direction until it ends, and lets the other end know."""
        whole = bytearray()
        # Where one end has hung up, what came until then is kept.
        with suppress(OSError):
            while data := source.recv(65_536):
                whole += data
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        self.copies.append(bytes(whole))

    def close(self) -> None:
        """Stops listening, once every connection has ended."""
        self._server.shutdown()
        self._server.server_close()


def _row(**changes: str) -> dict[str, str]:
    day = f"{Day.yesterday().date:%d/%m/%Y}"
    expiry = f"{Day.yesterday().date + dt.timedelta(days=90):%d/%m/%Y}"
    texts = (NAME, f"{BORN:%d/%m/%Y}", "Nữ", PHONE, NUMBERS[0], "AstraZeneca", "LB0417", expiry, "1", day, "08:15")
    return dict(zip(_HEADINGS, (*texts, "Lý Thị Duyên", " ".join(PARTS)), strict=True)) | changes


def _rows() -> list[dict[str, str]]:
    """The person as they are, and with every fault that day lists have."""
    return [
        _row(),
        _row(),
        _row(**{"Số lô": "KHAC01"}),
        _row(**{"CMND/CCCD/Hộ chiếu": NUMBERS[0][1:], "Mũi số": "2", "Số điện thoại": PHONE[1:]}),
        _row(**{"Ngày sinh": "31/02/1931"}),
        _row(**{"Loại vắc xin": NAME}),
        _row(**{"Họ và tên": " ".join(reversed(NAME.split()))}),
        _row(**{"Giới tính": NAME}),
        _row(**{"CMND/CCCD/Hộ chiếu": NUMBERS[0][:11]}),
        _row(**{"CMND/CCCD/Hộ chiếu": ""}),
        _row(**{"CMND/CCCD/Hộ chiếu": NUMBERS[1]}),
        _row(**{"Mũi số": NUMBERS[1], "Ngày tiêm": PHONE}),
        _row(**{"Họ và tên": NAME * 8}),
    ]


def _write_inputs(place: Path) -> None:
    place.mkdir()
    rows = _rows()
    with (place / "list.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _HEADINGS)
        writer.writeheader()
        writer.writerows(rows)
    book = xlsxwriter.Workbook(str(place / "list.xlsx"))
    sheet = book.add_worksheet("Danh sách")
    for line, cells in enumerate([_HEADINGS, *({**row, "Số lô": "KHAC02"}.values() for row in rows)]):
        sheet.write_row(line, 0, cells)
    book.close()
    (place / "no-header.csv").write_text("\n".join(",".join(row.values()) for row in rows), "utf-8")
    (place / "torn.xlsx").write_bytes((place / "list.xlsx").read_bytes()[:900] + NAME.encode())
    people = [f"{NUMBERS[0]},{NAME},Nữ,{BORN},05692", f"{NUMBERS[1]},{NAME},Nữ,1940-01-01,05692"]
    faulty = [
        f"{NUMBERS[0][1:]},{NAME},Nữ,{BORN},",
        f"{NUMBERS[0]},{NAME},{NAME},{BORN},",
        f"{NUMBERS[0]},{NAME},Nữ,{NAME},",
    ]
    header = "SoDinhDanh,HoVaTen,GioiTinh,NgayThangNamSinh,MaXa"
    (place / "registry.csv").write_text("\n".join([header, *people, *faulty]), "utf-8")
    (place / "registry-without-header.csv").write_text("\n".join(people), "utf-8")
    form = {"name": NAME, "sex": "Nữ", "birth_date": f"{BORN:%d/%m/%Y}", "number": NUMBERS[1], "phone": PHONE}
    form |= {
        "product": "AZ",
        "lot": "LB0417",
        "lot_expiry": _row()["Hạn dùng"],
        "dose_number": "3",
        "given_time": "08:40",
    }
    bad: dict[str, object] = {
        "torn": json.dumps(form, ensure_ascii=False)[:-9],
        "unknown": form | {NAME: PHONE},
        "nested": form | {"name": [NAME]},
        "dates": form | {"birth_date": NAME, "given_day": NUMBERS[0], "sex": NAME},
        "future": form | {"given_day": "01/01/2099", "guardian": NAME},
        "long": form | {"name": NAME * 9, "reaction": NAME * 40},
        "product": form | {"product": NAME, "lot": PHONE},
    }
    for name, content in {"good": form, **bad}.items():
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (place / f"form-{name}.json").write_text(text, "utf-8")


@contextmanager
def _serving(
    stage: Stage, program: str, *verb: object, over: Mapping[str, str] = _NONE
) -> Iterator[subprocess.Popen[bytes]]:
    """A server as long as the block runs; then it is killed, as by a power cut."""
    process = stage.start(program, [verb], over)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        stage.keep(f"{program} run", *process.communicate(timeout=30))


def _play(stage: Stage) -> None:
    day, place, port = Day.yesterday(), stage.directory, free_port()
    given, made = place / "in", place / "out"
    stage.clock.set_to(day.at(6))
    key = place / "key.p12"
    site = ["enrol", "19042", "19042A", "--name", "Trạm Thử", "--unit", "05692", "--out", place / "enrolment.hcvx"]
    issue = ["issue-organisation-certificate", "--organisation", "Trạm Thử", "--officer", "Hà Nụ", "--out", key]
    init = ["init", "--public-url", f"http://127.0.0.1:{port}", "--port", port]
    said = stage.both("central", init, ["import-registry", given / "registry.csv"], issue, site)
    documents = [json.loads(text) for text in said.replace("}\n{", "}\0{").split("\0")]
    serial, fingerprint = documents[2]["serial"], documents[3]["fingerprint"]
    stage.both("central", ["register-certificate", "19042", serial, "--officer", "Hà Nụ"])
    stage.run("central", ["import-registry", given / "registry-without-header.csv", "--json"], fails=True)
    with _serving(stage, "central", "run") as centre:
        wait_for_port(port, centre)  # type: ignore[arg-type]
        _site_day(stage, Line(port), fingerprint=fingerprint, key=key, day=day)
    stage.clock.set_to(day.at(22))
    exports = [["export-trust", "--form", form, "--out", place / f"trust.{form}"] for form in ("gateway", "signed")]
    said = stage.both("central", ["end-of-day"], ["export-ledger", "--out", place / "ledger.hcvx"], *exports)
    stage.keep("issued", said[: said.index("}")].encode())
    handed = [["passports", "--to", made / "passports.txt"], ["passports", "--into", made / "each"]]
    stage.both("central", *handed, ["status"], ["check"])
    stage.run("central", ["passports", "--passport", NAME, "--json"], fails=True)
    _verify(stage, made / "passports.txt")


def _site_day(stage: Stage, line: Line, *, fingerprint: str, key: Path, day: Day) -> None:
    given, over = stage.directory / "in", {"HCVX_EDGE_CENTRE_URL": f"http://127.0.0.1:{line.port}"}
    stage.clock.set_to(day.at(7))
    enrol = ["enrol", stage.directory / "enrolment.hcvx", "--fingerprint", fingerprint]
    stage.run("edge", ["init"], over=over)
    stage.both("edge", enrol, over=over)
    stage.both("central", ["build-pack", "19042A", "--out", stage.directory / "pack.hcvx"])
    stage.both("edge", ["import-pack", stage.directory / "pack.hcvx"])
    stage.clock.set_to(day.at(11))
    with _serving(stage, "edge", "run", "--port", "0", over=over) as pages:
        assert pages.stderr is not None
        said = pages.stderr.readline()
        stage.keep("edge run", said)
        _ask_for_no_page(stage, next(word for word in said.decode().split() if word.startswith("http://")))
        for name in ("list.csv", "list.xlsx"):
            apply = ["import", given / name, "--apply", "--proposals", "accept"]
            stage.both("edge", ["import", given / name], apply, over=over)
        confirmed = [word for code in ("dose-order", "person-near", "dose-interval") for word in ("--confirm", code)]
        stage.both("edge", ["record", given / "form-good.json", *confirmed], ["check-identity"])
        for form in ("torn", "unknown", "nested", "dates", "future", "long", "product"):
            stage.run("edge", ["record", given / f"form-{form}.json", *(["--json"] if form < "m" else [])], fails=True)
        for name in ("no-header.csv", "torn.xlsx"):
            stage.run("edge", ["import", given / name, "--json"], fails=True)
        for condition in (f"nam={NAME}", f"day={NAME}", f"dose={PHONE}"):
            stage.run("edge", ["sign", "--preview", "--select", condition], fails=True)
        # The pages hold the store open, so the write-ahead log is there to be searched.
        shutil.copytree(stage.directory / "site", stage.directory / "stolen")
    sign = ["sign", "--signer", f"software:{key}", "--officer", "Hà Nụ"]
    stage.run("edge", [*sign, "--pin-stdin"], typed=f"{NUMBERS[0]}\n", fails=True)
    named = ["sign", "--preview", "--select", f"name={PARTS[0]}"]
    stage.both("edge", named, [*sign, "--pin-stdin"], typed=f"{_SECRET}\n" * 2)
    _site_papers(stage, over)
    stage.both("edge", ["sync", "--once"], ["status"], ["status", "--day", "today"], ["check"], over=over)
    line.close()
    stage.keep("what travelled", *line.copies)


def _site_papers(stage: Stage, over: Mapping[str, str]) -> None:
    """What the site takes out, takes in and sends at the end of the day, and its accounts."""
    given, made = stage.directory / "in", stage.directory / "out"
    for verb in ("export", "export-work-list"):
        stage.run("edge", [verb, made / "nowhere" / "x.xlsx", "--json"], over=over, fails=True)
    made.mkdir()
    for name in ("doses.xlsx", "doses.csv"):
        stage.run("edge", ["export", made / name], over=over)
    stage.run("edge", ["export", made / f"{NAME}.txt", "--json"], over=over, fails=True)
    stage.run("edge", ["export-work-list", made / "work.xlsx"], over=over)
    stage.both("edge", ["import-work-list", made / "work.xlsx"], over=over)
    stage.both("edge", ["import-work-list", made / "work.xlsx", "--apply"], over=over)
    for name in ("list.xlsx", "torn.xlsx", "list.csv"):
        stage.run("edge", ["import-work-list", given / name, "--json"], over=over, fails=True)
    over = {**over, "HCVX_EDGE_USER_PASSWORD": _SECRET}
    stage.run("edge", ["user", "add", "sau", "--name", "Y tá Nguyễn Thị Sáu"], ["user", "list", "--json"], over=over)
    stage.run("edge", ["user", "add", NAME, "--name", NAME * 9, "--json"], over=over, fails=True)
    stage.run("edge", ["user", "reset", "sau"], ["user", "close", PHONE], over=over, fails=True)
    stage.both("edge", ["close-day", "--remark", "Đủ phiếu."], over=over)


def _ask_for_no_page(stage: Stage, address: str) -> None:
    try:
        with urllib.request.urlopen(f"{address}{quote(NAME)}?number={NUMBERS[0]}") as page:
            stage.keep("page", page.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            stage.keep("page that is not there", refusal.read())


def _verify(stage: Stage, passports: Path) -> None:
    text = passports.read_text("ascii").splitlines()[0]
    flipped = text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:]
    trust = ["--trust", str(stage.directory / "trust.signed")]
    refused = ["--text", flipped, "--text", f"HC1:{NAME}", "--text", NAME]
    for words in ([*refused], [*refused, "--json"], [str(stage.directory / "ledger.hcvx")]):
        at = ["--at", f"{Day.yesterday().date}T23:00:00"]
        command = [sys.executable, "-m", "sync_protocol", *trust, *at, *words]
        done = subprocess.run(
            command, cwd=_ROOT, capture_output=True, check=False, env={**os.environ, "PYTHONUTF8": "1"}
        )
        assert done.returncode == (1 if refused[0] in words else 0), done.stdout.decode() + done.stderr.decode()
        stage.keep("hcvx-verify", done.stdout, done.stderr)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A whole day with the person in it."""
    directory = tmp_path_factory.mktemp("marker")
    _write_inputs(directory / "in")
    stage = Stage(directory, StoryClock(directory / "story-clock"))
    _play(stage)
    return stage


def test_nothing_that_is_not_theirs_names_the_person(stage: Stage) -> None:
    assert findings(stage.outputs, stage.directory) == []


def test_the_person_was_there(stage: Stage) -> None:
    """Without this the test above could be green because nothing happened."""
    assert NAME.encode() in (stage.directory / "centre" / "centre.db").read_bytes()
    assert (stage.directory / "out" / "passports.txt").read_text("ascii").startswith("HC1:")
    assert len(list((stage.directory / "out" / "each").iterdir())) == 1
    assert (stage.directory / "stolen" / "node.db-wal").stat().st_size > 100_000
    travelled = [data for label, data in stage.outputs.items() if label.endswith("what travelled")]
    for mark in (b"POST /v1/enrolments", b"POST /v1/transfers", b"POST /v1/feed"):
        assert any(mark in data for data in travelled)
    assert sum(b"HTTP/1.1 200 OK" in data for data in travelled) >= 3
    said = b"".join(stage.outputs.values()).decode(errors="replace")
    assert "Traceback" not in said
    for code in ("number-lost-zero", "date-invalid", "row-repeated", "pass-filter", "key-file-password", "list-header"):
        assert code in said


def test_each_form_of_the_person_is_seen_in_output(tmp_path: Path) -> None:
    assert len(_FORMS) > 150
    for word, form in _FORMS.items():
        assert word in str(findings({"x": b"row 7: " + form + b" is wrong"}, tmp_path))
    assert findings({"x": "dòng 7: họ tên không hợp lệ, 17/02/1932, 0987310265".encode()}, tmp_path) == []


def _plain_database(site: Path) -> None:
    with sqlite3.connect(site / "cache.db") as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE people (name TEXT, born TEXT)")
        database.execute("INSERT INTO people VALUES (?, ?)", (NAME, BORN.isoformat()))
        database.commit()
        shutil.copy(site / "cache.db-wal", site / "node.db-wal")
    database.close()
    for path in site.glob("cache.db*"):
        path.unlink()


def _log_line(site: Path) -> None:
    (site / "node.log").write_text(f"row refused: {fold(NAME).lower()}", "utf-8")


def _file_name(site: Path) -> None:
    (site / unicodedata.normalize("NFD", f"phiếu {NAME}.pdf")).touch()


def _appended_bytes(site: Path) -> None:
    with (site / "node.db").open("ab") as file:
        file.write(PHONE.encode("utf-16-le"))


@pytest.mark.parametrize("plant", [_plain_database, _log_line, _file_name, _appended_bytes])
def test_a_planted_leak_is_found(stage: Stage, tmp_path: Path, plant: object) -> None:
    shutil.copytree(stage.directory / "site", tmp_path / "site")
    assert findings({}, tmp_path) == []
    assert callable(plant)
    plant(tmp_path / "site")
    assert findings({}, tmp_path) != []

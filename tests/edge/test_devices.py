"""Letting devices in: asking, comparing the code, taking back; and the certificate with which the node shows itself."""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from edge.bootstrap import Node
from edge.clients.lan_addresses import host_name, lan_addresses
from edge.config import is_lan_address
from edge.domain.refusals import RefusedError
from edge.domain.roles import Role
from edge.lan_place import find_place
from edge.store import audit, devices
from edge.store.database import Database
from edge.store.devices import DeviceState
from edge.web.frame.qr_svg import draw_qr
from edge.workflow.admit_device import (
    ADMITTED_SECONDS,
    ASK_SECONDS,
    MOST_ASKING,
    NAME_CHARS,
    admit_by_code,
    admit_device,
    ask_admission,
    asking_devices,
    find_device,
    refuse_device,
    withdraw_device,
)
from edge.workflow.node_certificate import LIFE_DAYS, RENEW_DAYS, node_certificate
from tests.browser.visitor import make_node, visit
from tests.builders import SeededEntropy
from tests.edge.clinic import DAY_SECONDS, NOW, PASSPHRASE, Clinic, make_clinic
from tests.edge.network import HOST, Network, on_network

MANAGER = "Bùi Văn Quản"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def database(clinic: Clinic) -> Database:
    return clinic.database


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic) -> Node:
    return make_node(tmp_path, clinic.database)


@pytest.fixture
def network(tmp_path: Path, node: Node) -> Iterator[Network]:
    with on_network(node, tmp_path) as network:
        yield network


def code_of(database: Database, token: str) -> str:
    found = find_device(database, token, at=NOW)
    assert found is not None
    return found.code


def state_of(database: Database, token: str, *, at: int = NOW) -> DeviceState | None:
    found = find_device(database, token, at=at)
    return None if found is None else found.state


def actions(database: Database) -> list[str]:
    with database.read() as tables:
        return [f"{entry.action} {entry.subject} {entry.actor}" for entry in audit.entries(tables)][-6:]


def test_a_device_is_let_in_by_its_code_and_every_step_is_in_the_audit_trail(database: Database) -> None:
    entropy = SeededEntropy(5)
    first = ask_admission(database, "Bàn tiêm 1", entropy=entropy, at=NOW)
    second = ask_admission(database, "  Bàn\u202e tiêm\n2 ", entropy=entropy, at=NOW)
    assert state_of(database, first.token) is DeviceState.ASKED
    assert [one.name for one in asking_devices(database, at=NOW)] == ["Bàn tiêm 2", "Bàn tiêm 1"]
    typed = code_of(database, first.token)
    admit_by_code(database, f" {typed[:3]} {typed[3:]} ", at=NOW, by=MANAGER)
    refuse_device(database, second.device_id, at=NOW, by=MANAGER)
    assert [state_of(database, one.token) for one in (first, second)] == [DeviceState.ADMITTED, DeviceState.REFUSED]
    withdraw_device(database, first.device_id, at=NOW, by=MANAGER)
    assert state_of(database, first.token) is DeviceState.WITHDRAWN
    assert actions(database)[-5:] == [
        "device-asked device:1 Thiết bị mới",
        "device-asked device:2 Thiết bị mới",
        f"device-admitted device:1 {MANAGER}",
        f"device-refused device:2 {MANAGER}",
        f"device-withdrawn device:1 {MANAGER}",
    ]


def test_the_store_holds_no_token_that_a_thief_could_use(database: Database) -> None:
    asked = ask_admission(database, "Bàn tiêm 1", entropy=SeededEntropy(5), at=NOW)
    with database.read() as tables:
        rows = [tuple(row) for row in tables.execute("SELECT * FROM devices")]
    assert asked.token not in str(rows)
    assert bytes.fromhex(asked.token) not in [value for row in rows for value in row]


def test_what_was_decided_is_not_decided_again(database: Database) -> None:
    asked = ask_admission(database, "Bàn tiêm 1", entropy=SeededEntropy(5), at=NOW)
    code = code_of(database, asked.token)
    with pytest.raises(RefusedError, match="device-decided"):
        withdraw_device(database, asked.device_id, at=NOW, by=MANAGER)
    refuse_device(database, asked.device_id, at=NOW, by=MANAGER)
    for decide in (admit_device, refuse_device, withdraw_device):
        with pytest.raises(RefusedError, match="device-decided"):
            decide(database, asked.device_id, at=NOW, by=MANAGER)
    for typed in (code, "", "x"):
        with pytest.raises(RefusedError, match="device-code"):
            admit_by_code(database, typed, at=NOW, by=MANAGER)


def test_an_ask_is_over_after_ten_minutes_and_an_admission_after_a_year(database: Database) -> None:
    entropy = SeededEntropy(5)
    late = ask_admission(database, "Bàn tiêm 1", entropy=entropy, at=NOW)
    good = ask_admission(database, "Bàn tiêm 2", entropy=entropy, at=NOW)
    last = NOW + ASK_SECONDS - 1
    admit_device(database, good.device_id, at=last, by=MANAGER)
    assert len(asking_devices(database, at=last)) == 1
    assert asking_devices(database, at=last + 1) == []
    assert state_of(database, late.token, at=last + 1) is None
    with pytest.raises(RefusedError, match="device-decided"):
        admit_device(database, late.device_id, at=last + 1, by=MANAGER)
    assert state_of(database, good.token, at=last + ADMITTED_SECONDS - 1) is DeviceState.ADMITTED
    assert state_of(database, good.token, at=last + ADMITTED_SECONDS) is None


def test_a_crowd_that_asks_is_bounded_and_makes_room_again(database: Database) -> None:
    entropy = SeededEntropy(5)
    for number in range(MOST_ASKING):
        ask_admission(database, f"Máy {number}", entropy=entropy, at=NOW)
    assert len({one.code for one in asking_devices(database, at=NOW)}) == MOST_ASKING
    with pytest.raises(RefusedError, match="device-many"):
        ask_admission(database, "Máy thừa", entropy=entropy, at=NOW)
    ask_admission(database, "Máy sau", entropy=entropy, at=NOW + ASK_SECONDS + 1)
    with database.read() as tables:
        assert len(devices.in_state(tables, DeviceState.ASKED, limit=100)) == 1


@pytest.mark.parametrize("name", ["", " \t\n", "x" * (NAME_CHARS + 1), "\u200b"])
def test_a_device_without_a_readable_name_is_not_noted(database: Database, name: str) -> None:
    with pytest.raises(RefusedError, match="device-name"):
        ask_admission(database, name, entropy=SeededEntropy(5), at=NOW)
    assert asking_devices(database, at=NOW) == []


def test_the_manager_lets_in_beside_the_code_refuses_and_withdraws(network: Network) -> None:
    good, bad = network.tablet(), network.tablet()
    codes = [good.ask("Máy tính bảng bàn tiêm 2"), bad.ask("Máy lạ")]
    assert good.get("/device").headers["Refresh"]
    text = network.manager.get("/devices")
    assert all(code in text for code in codes)
    assert network.certificate.fingerprint in text
    assert f"https://{HOST}:8443/" in text
    network.manager.post(address(text, "Nhận Máy tính bảng bàn tiêm 2"))
    network.manager.post(address(network.manager.text, "Từ chối Máy lạ"))
    assert good.get("/sign-in").status_code == 200
    assert "đã từ chối thiết bị này" in bad.get("/device").text
    assert "chưa, từ khi máy khởi động" not in network.manager.get("/devices")
    # Asking twice is one ask; a device that was turned away may ask again.
    assert bad.ask("Máy lạ lần nữa")
    assert bad.post("/device", {"name": "Bấm hai lần"}).status_code == 303
    assert "Bấm hai lần" not in network.manager.get("/devices")


def test_a_wrong_code_and_a_missing_name_are_told_where_they_were_typed(network: Network) -> None:
    network.manager.get("/devices")
    text = network.manager.post("/devices/code", {"code": "000000"}, status=422)
    assert "Không có thiết bị nào đang chờ với mã này" in text
    tablet = network.tablet()
    tablet.get("/device")
    assert tablet.post("/device", {"name": " "}).status_code == 422
    assert "Thiết bị chưa có tên" in tablet.text


def test_this_machine_itself_needs_no_admission(network: Network) -> None:
    assert network.manager.client.get("/device", base_url="http://127.0.0.1:8750").headers["Location"] == "/"
    network.manager.get("/devices")
    network.manager.post("/device", {"name": "Chính máy này"}, status=303)
    assert asking_devices(network.node.database, at=NOW) == []


def test_only_the_manager_sees_devices_and_without_the_network_the_page_says_so(node: Node, clinic: Clinic) -> None:
    others = visit(node, clinic.centre, roles=set(Role) - {Role.MANAGER})
    others.get("/devices", status=403)
    assert "Chưa mở cho Wi-Fi" in visit(node, clinic.centre, roles={Role.MANAGER}).get("/devices")


def test_the_certificate_names_the_addresses_and_is_kept(database: Database) -> None:
    made = node_certificate(database, ("192.168.1.7",), "tram-hh", entropy=SeededEntropy(1), at=NOW, by=MANAGER)
    stated = made.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert stated.get_values_for_type(x509.IPAddress) == [IPv4Address("192.168.1.7")]
    assert stated.get_values_for_type(x509.DNSName) == ["tram-hh"]
    names = made.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert names[0].value == "TRAM Y TE XA HOA HIEP (19001A)"
    life = made.certificate.not_valid_after_utc - made.certificate.not_valid_before_utc
    assert life == dt.timedelta(days=LIFE_DAYS)
    assert made.fingerprint.replace(" ", "") == made.certificate.fingerprint(SHA256()).hex().upper()[:32]
    assert [len(group) for group in made.fingerprint.split()] == [4] * 8
    again = node_certificate(database, ("192.168.1.7",), "tram-hh", entropy=SeededEntropy(2), at=NOW, by=MANAGER)
    assert again.certificate == made.certificate
    assert again.key.private_numbers() == made.key.private_numbers()
    assert [line.split()[0] for line in actions(database)].count("lan-certificate-made") == 1


def test_the_certificate_is_made_anew_before_it_ends_and_for_another_address(database: Database) -> None:
    def made(at: int, address: str = "192.168.1.7", name: str = "tram") -> x509.Certificate:
        entropy = SeededEntropy(at)
        return node_certificate(database, (address,), name, entropy=entropy, at=at, by=MANAGER).certificate

    first = made(NOW)
    end = int(first.not_valid_after_utc.timestamp())
    assert made(end - RENEW_DAYS * DAY_SECONDS) == first
    second = made(end - RENEW_DAYS * DAY_SECONDS + 1)
    assert second != first
    assert made(NOW, address="192.168.1.8") not in (first, second)
    # A name that DNS cannot write is left out.
    odd = made(NOW, name="máy trạm").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(list(odd)) == 1


def test_addresses_are_those_of_one_machine() -> None:
    assert all(is_lan_address(address) and not address.startswith("127.") for address in lan_addresses())
    assert host_name()
    refused = ("", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "192.168.1", "tram-y-te")
    assert not any(is_lan_address(text) for text in refused)


def test_the_place_is_the_one_asked_for_or_that_of_the_settings(node: Node) -> None:
    assert find_place(node, "192.168.1.9").shown.url == "https://192.168.1.9:8443/"
    set_up = replace(node, config=replace(node.config, lan_address="192.168.1.7", lan_port=9443))
    place = find_place(set_up)
    assert place.shown.url == "https://192.168.1.7:9443/"
    assert place.certificate.names[0] == "192.168.1.7"
    assert place.shown.fingerprint == place.certificate.fingerprint
    with pytest.raises(RefusedError, match="lan-address"):
        find_place(node, "0.0.0.0")


def test_the_drawn_code_has_the_standards_quiet_zone() -> None:
    picture = draw_qr("https://192.168.1.7:8443/")
    starts = [(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h", picture.path)]
    assert min(min(pair) for pair in starts) == 4
    assert picture.size == 25 + 8


def test_run_lan_serves_both_and_says_where(tmp_path: Path, clinic: Clinic) -> None:
    clinic.database.close()
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    settings = {
        "HCVX_EDGE_LAN_PORT": str(port),
        "HCVX_EDGE_PASSPHRASE": PASSPHRASE,
        "HCVX_EDGE_EXCHANGE_SECONDS": "86400",
    }
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    program = [sys.executable, "-c", "from edge.cli import main; main()", "--directory", str(tmp_path)]
    command = [*program, "run", "--port", "0", "--lan", "--address", HOST]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as run:
        assert run.stderr is not None
        said = ""
        while "Người quản lý nhận" not in said:
            line = run.stderr.readline()
            assert line, said
            said += line
        certificate = ssl.get_server_certificate((HOST, port))
        (tmp_path / "authority.pem").write_text(certificate)
        page = requests.get(f"https://{HOST}:{port}/", verify=str(tmp_path / "authority.pem"), timeout=60)
        assert "Kết nối thiết bị này với Trạm Y tế xã Hòa Hiệp" in page.text
        loopback = next(word for word in said.split() if word.startswith("http://127.0.0.1:"))
        assert requests.get(loopback, timeout=60).status_code == 200
        run.terminate()
        assert run.wait(timeout=60) == 0
    digest = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256()).hex().upper()
    assert " ".join(digest[place : place + 4] for place in range(0, 32, 4)) in said
    assert f"https://{HOST}:{port}/" in said
    assert "█" in said


def address(text: str, button: str) -> str:
    """Where the button with this spoken name sends its form."""
    found = re.search(rf'formaction="([^"]+)" aria-label="{button}"', text)
    assert found is not None
    return found[1]

"""The clinic's Wi-Fi: TLS or nothing, no page for a device that nobody let in, and nobody slow who holds the others."""

from __future__ import annotations

import select
import ssl
import stat
import tempfile
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge.app import LOOPBACK
from edge.clients.server_tls import server_context
from edge.domain.refusals import RefusedError
from edge.lan import make_lan_server
from edge.lan_sockets import ADDRESS_CONNECTIONS
from edge.web.frame.security import FORM_BYTES, UPLOAD_BYTES
from tests.browser.visitor import make_node
from tests.edge.clinic import Clinic, make_clinic
from tests.edge.network import ADDRESS, HOST, NAME, PASSWORD, Network, Tablet, on_network
from tests.patience import until

SLOW_FORM = (
    f"POST /device HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 10000\r\n\r\nname="
).encode()


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    return make_clinic(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def network(clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    directory = clinic.database.path.parent
    with on_network(make_node(directory, clinic.database), tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest.fixture(scope="module")
def hasty(clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """The same node behind a server that waits one second for a request."""
    node = make_node(clinic.database.path.parent, clinic.database)
    with on_network(node, tmp_path_factory.mktemp("hasty"), request_seconds=1) as network:
        yield network


def paths(network: Network) -> list[tuple[str, str]]:
    """Every route with each of its methods, filled in with something."""
    found = [("GET", "/nowhere"), ("GET", "/static/../node.db")]
    with network.app.test_request_context(base_url=ADDRESS):
        for rule in network.app.url_map.iter_rules():
            if rule.endpoint != "static":
                path = rule.rule
                for argument in rule.arguments:
                    start = path.index("<")
                    path = path[:start] + "1" + path[path.index(">") + 1 :]
                    assert argument
                found += [(method, path) for method in sorted(rule.methods or ()) if method in ("GET", "POST")]
    return found


def assert_closed_out(tablet: Tablet, network: Network) -> None:
    """No page but one gives anything to this browser; it may be in another language."""
    for method, path in paths(network):
        answer = tablet.get(path) if method == "GET" else tablet.post(path)
        if path in ("/device", "/language"):
            continue
        assert (answer.status_code, answer.headers.get("Location")) == (303, "/device"), f"{method} {path}"
        assert "Sáu" not in answer.text


def test_a_device_that_nobody_let_in_sees_one_page_whatever_it_asks_for(network: Network) -> None:
    assert_closed_out(network.tablet(), network)


def test_that_page_tells_the_name_of_the_site_and_nothing_else(network: Network) -> None:
    text = network.tablet().get("/device").text
    assert "Trạm Y tế xã Hòa Hiệp" in text
    for said in ("Chưa gửi", "chưa ký", "Đĩa trống", "Alt 1", "Sáu"):
        assert said not in text


def test_no_header_and_no_cookie_of_its_own_making_lets_a_device_in(network: Network) -> None:
    tablet = network.tablet()
    forged = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1;host=localhost;proto=http",
        "hcvx.lan-hosts": "",
        "Cookie": "__Host-hcvx-device=" + "0" * 64,
    }
    answer = tablet.get("/sync", headers=forged)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/device")


def test_a_device_that_was_let_in_signs_in_like_any_browser_and_stops_when_it_is_withdrawn(network: Network) -> None:
    tablet = network.admitted()
    assert tablet.get("/device").headers["Location"] == "/"
    tablet.sign_in()
    assert tablet.get("/sync").status_code == 200
    assert tablet.get("/devices").status_code == 200
    text = network.manager.get("/devices")
    network.manager.post(text.split('action="')[-1].split('"')[0])
    assert_closed_out(tablet, network)
    assert "không còn được dùng" in tablet.get("/device").text
    # Whoever was signed in there is not named on that page.
    assert "Sáu" not in tablet.text


def test_every_cookie_is_for_https_and_no_script(network: Network) -> None:
    tablet = network.admitted("Máy có cookie")
    tablet.sign_in()
    for path in ("/", "/sign-in", "/device", "/devices"):
        tablet.get(path)
    cookies = list(cast("CookieJar", tablet.session.cookies))
    assert {cookie.name.partition("-")[0] for cookie in cookies} == {"__Host", "hcvx"}
    assert all(cookie.secure and cookie.has_nonstandard_attr("HttpOnly") for cookie in cookies)
    assert all(cookie.get_nonstandard_attr("SameSite") == "Strict" for cookie in cookies)
    assert not network.manager.client.get("/sign-in", base_url=ADDRESS).headers.get("Set-Cookie", "").count("Secure")


@pytest.mark.parametrize("host", ["evil.example", *LOOPBACK, "127.0.0.3", f"{HOST}.evil.example"])
def test_a_foreign_name_is_refused_on_the_network(network: Network, host: str) -> None:
    answer = network.tablet().get("/device", headers={"Host": host})
    assert answer.status_code == 400
    assert "<" not in answer.text


@pytest.mark.parametrize("host", [HOST, NAME])
def test_the_names_of_the_network_are_foreign_on_loopback(network: Network, host: str) -> None:
    assert network.tablet().get("/device", headers={"Host": host}).status_code == 200
    assert network.manager.client.get("/", base_url=f"http://{host}:8750").status_code == 400


def test_a_form_that_another_page_sent_is_refused(network: Network) -> None:
    tablet = network.admitted("Máy bị dụ")
    tablet.sign_in()
    tablet.get("/devices")
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert tablet.post("/devices/code", {"code": "1"}, headers=foreign).status_code == 403


def test_plain_http_is_not_answered(network: Network) -> None:
    with network.connect() as connection:
        connection.sendall(f"GET /device HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        answer = connection.recv(1_000)
        # At most the alert by which TLS says no; no line of HTTP.
        assert not answer.startswith(b"HTTP")


def test_an_older_tls_is_refused(network: Network) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(network.authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with network.connect() as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection, server_hostname=HOST)


def test_a_body_that_is_too_large_or_without_length_is_refused_unread(network: Network) -> None:
    tablet = network.tablet()
    tablet.get("/device")
    assert tablet.post("/device", {"name": "x" * FORM_BYTES}).status_code == 413
    for headers in (f"Content-Length: {UPLOAD_BYTES + 1}", "Transfer-Encoding: chunked", "Content-Length: -1"):
        with greeted(network) as connection:
            connection.sendall(f"POST /device HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n\r\n".encode())
            assert connection.recv(1_000).split()[1] in (b"413", b"411")


def test_slow_bodies_time_out_and_hold_nobody_else(hasty: Network) -> None:
    slow = [greeted(hasty) for _ in range(ADDRESS_CONNECTIONS - 2)]
    for connection in slow:
        connection.sendall(SLOW_FORM)
    assert hasty.tablet().get("/device").status_code == 200
    for connection in slow:
        assert connection.recv(1_000).startswith(b"HTTP/1.1 408 ")
        connection.close()


def test_a_body_that_drips_is_not_waited_for_longer_than_one_that_stops(hasty: Network) -> None:
    with greeted(hasty) as connection:
        connection.sendall(SLOW_FORM)
        # Each byte comes long before the second is over; the whole never would.
        while not select.select([connection], [], [], 0.05)[0]:
            connection.send(b"x")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 408 ")


def test_connections_that_say_nothing_hold_no_thread_and_are_few_for_each_address(network: Network) -> None:
    silent = [network.connect() for _ in range(ADDRESS_CONNECTIONS - 1)]
    assert network.tablet().get("/device", headers={"Connection": "close"}).status_code == 200
    silent.append(network.connect())
    with network.connect() as one_too_many:
        assert one_too_many.recv(1) == b""
    for connection in silent:
        connection.close()
    # The server learns of the closings one after the other, and the next test has the same address.
    until(lambda: is_let_in(network), "the address has room again")


def test_the_server_does_not_say_what_it_is(network: Network) -> None:
    headers = network.tablet().get("/device").headers
    assert not headers.get("Server")
    assert "Strict-Transport-Security" not in headers
    assert headers["Cache-Control"] == "no-store"


def test_the_key_is_nowhere_in_the_clear(
    network: Network, clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[int] = []

    class Watched:
        """The node's certificate, which looks at the file that it is about to be written to."""

        def pem(self, password: bytes) -> bytes:
            seen.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
            pem = network.certificate.pem(password)
            assert b"ENCRYPTED PRIVATE KEY" in pem
            return pem

    server_context(Watched(), password=PASSWORD)
    assert (seen, list(tmp_path.iterdir())) == ([0o600], [])
    key = network.certificate.key
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    scalar = key.private_numbers().private_value.to_bytes(32)
    for path in clinic.database.path.parent.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not any(secret in data for secret in (der, scalar, scalar.hex().encode(), b"PRIVATE KEY")), path


def test_an_address_that_is_not_this_machines_is_refused_with_its_code(network: Network) -> None:
    context = server_context(network.certificate, password=PASSWORD)
    with pytest.raises(RefusedError, match="lan-address"):
        make_lan_server(network.app, context, address="203.0.113.7", port=0, hosts=(), threads=1)
    with pytest.raises(RefusedError, match="lan-address"):
        make_lan_server(network.app, context, address=HOST, port=network.port, hosts=(), threads=1)


def is_let_in(network: Network) -> bool:
    try:
        greeted(network).close()
    except OSError:
        return False
    return True


def greeted(network: Network) -> ssl.SSLSocket:
    """A connection after its handshake."""
    context = ssl.create_default_context(cafile=str(network.authority))
    return context.wrap_socket(network.connect(), server_hostname=HOST)

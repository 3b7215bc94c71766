"""Lists are fetched at the addresses of trusted certificates alone, bounded in size and time, and not twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from central.clients.crl_http import CrlAnswer, fetch_crl
from central.store import crls, trust
from central.store.database import read_transaction, write_transaction
from central.workflow.fetch_crls import FetchedCrl, failed, fetch_crls
from central.workflow.trust_status import trust_status
from sync_protocol import limits
from sync_protocol.api import NetworkError
from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code
from tests.builders import ec_key
from tests.central.scenario import EVENING, MORNING, World
from tests.revocation_lists import make_crl


@dataclass
class Authority:
    """A web server of an authority: what it has at each path, and what it was asked."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def authority() -> Iterator[Authority]:
    shown = Authority()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.asked.append((self.path, dict(self.headers)))
            tag = f'"{hash(shown.pages.get(self.path))}"'
            if self.path in shown.moved:
                self.send_response(302)
                self.send_header("Location", shown.moved[self.path])
                self.end_headers()
            elif self.path not in shown.pages:
                self.send_error(404)
            elif self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                self.end_headers()
            else:
                self.send_response(200)
                self.send_header("ETag", tag)
                self.send_header("Last-Modified", "Fri, 15 Apr 2022 00:00:00 GMT")
                self.end_headers()
                try:
                    self.wfile.write(shown.pages[self.path])
                except OSError:
                    # The other side has had enough.
                    self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        shown.url = f"http://127.0.0.1:{server.server_port}"
        yield shown
        server.shutdown()
        thread.join()


class TestClient:
    def test_a_list_that_has_not_changed_is_not_sent_again(self, authority: Authority) -> None:
        authority.pages["/a.crl"] = b"list"
        first = fetch_crl(f"{authority.url}/a.crl")
        assert first.body == b"list"
        again = fetch_crl(f"{authority.url}/a.crl", etag=first.etag, modified=first.modified)
        assert again == CrlAnswer(None, first.etag, first.modified)
        assert authority.asked[1][1]["If-Modified-Since"] == "Fri, 15 Apr 2022 00:00:00 GMT"
        authority.pages["/a.crl"] = b"newer"
        assert fetch_crl(f"{authority.url}/a.crl", etag=first.etag).body == b"newer"

    def test_an_answer_over_the_size_is_given_up(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CRL_BYTES", 100_000)
        authority.pages["/fits.crl"], authority.pages["/large.crl"] = bytes(100_000), bytes(100_001)
        assert fetch_crl(f"{authority.url}/fits.crl").body == bytes(100_000)
        with pytest.raises(NetworkError, match="longer"):
            fetch_crl(f"{authority.url}/large.crl")

    def test_an_answer_that_takes_too_long_is_given_up(self, authority: Authority) -> None:
        authority.pages["/a.crl"] = bytes(1_000)
        with pytest.raises(NetworkError, match="too long"):
            fetch_crl(f"{authority.url}/a.crl", whole_seconds=0)

    @pytest.mark.parametrize(
        "location",
        [
            "http://localhost:{port}/b.crl",
            "http://127.0.0.1:1/b.crl",
            "file:///etc/passwd",
            "ftp://127.0.0.1:{port}/b.crl",
            "//elsewhere.example/b.crl",
            "https://127.0.0.1:{port}/b.crl",
        ],
    )
    def test_a_redirect_leads_nowhere_else(self, authority: Authority, location: str) -> None:
        authority.pages["/b.crl"] = b"list"
        authority.moved["/a.crl"] = location.format(port=authority.url.rsplit(":", 1)[1])
        with pytest.raises(NetworkError, match="another host"):
            fetch_crl(f"{authority.url}/a.crl")
        assert [path for path, _ in authority.asked] == ["/a.crl"]

    def test_a_redirect_within_the_place_is_followed_but_not_for_ever(self, authority: Authority) -> None:
        authority.pages["/b.crl"] = b"list"
        authority.moved |= {"/a.crl": "/b.crl", "/round.crl": "/round.crl"}
        assert fetch_crl(f"{authority.url}/a.crl").body == b"list"
        with pytest.raises(NetworkError, match="redirects"):
            fetch_crl(f"{authority.url}/round.crl")
        assert len(authority.asked) == 6

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.crl", "http://[bad/a.crl", "http:///a.crl"])
    def test_a_place_that_does_not_answer_is_a_network_error(self, url: str) -> None:
        with pytest.raises(NetworkError):
            fetch_crl(url)

    def test_a_page_that_is_missing_is_a_network_error(self, authority: Authority) -> None:
        with pytest.raises(NetworkError, match="404"):
            fetch_crl(f"{authority.url}/none.crl")


def naming(world: World, *urls: str, seed: str = "naming", key_seed: str | None = None) -> Certificate:
    """A registered certificate that names addresses; signed by the training authority, or by a stranger's key."""
    issuer = world.authority
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url) for url in urls], None, None, None)
    key = issuer.key if key_seed is None else ec_key(key_seed)
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, seed)]))
        .issuer_name(issuer.certificate.x509.subject)
        .public_key(ec_key(seed).public_key())
        .serial_number(len(seed) + 1)
        .not_valid_before(to_datetime(MORNING))
        .not_valid_after(to_datetime(MORNING + 10**7))
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = parse_certificate(signed.public_bytes(Encoding.DER))
    site = world.site()
    world.register(site.facility, certificate)
    with write_transaction(world.centre.engine) as connection:
        trust.put_seen(connection, [certificate], at=MORNING)
    return certificate


def fetched(world: World) -> list[FetchedCrl]:
    def ask(url: str, etag: str, modified: str) -> CrlAnswer:
        return fetch_crl(url, etag=etag, modified=modified)

    return fetch_crls(world.centre.engine, fetch=ask, now=world.clock.now())


def list_of(world: World, *, at: int = EVENING - 60, number: int = 1) -> bytes:
    return make_crl(world.authority.certificate, world.authority.key, {5: MORNING}, at=at, number=number)


def test_lists_are_taken_once_and_asked_for_by_their_tag(any_world: World, authority: Authority) -> None:
    naming(any_world, f"{authority.url}/a.crl")
    authority.pages["/a.crl"] = list_of(any_world)
    assert [(one.outcome, one.is_good) for one in fetched(any_world)] == [("taken", True)]
    assert [one.outcome for one in fetched(any_world)] == ["unchanged"]
    assert "If-None-Match" in authority.asked[1][1]
    authority.pages["/a.crl"] = list_of(any_world, at=EVENING - 30, number=2)
    assert [one.outcome for one in fetched(any_world)] == ["taken"]
    (status,) = trust_status(any_world.centre.engine, now=EVENING).authorities
    assert [(one.url, one.outcome, one.asked_at) for one in status.sources] == [
        (f"{authority.url}/a.crl", "taken", EVENING)
    ]


def test_one_address_that_fails_holds_up_no_other_and_a_refused_list_is_sent_whole_again(
    world: World, authority: Authority
) -> None:
    naming(world, f"{authority.url}/0.crl", f"{authority.url}/1.crl", f"{authority.url}/2.crl")
    authority.pages |= {"/1.crl": b"<html>", "/2.crl": list_of(world)}
    found = fetched(world)
    assert [one.outcome for one in found] == ["unreachable", Code.CRL_INVALID.value, "taken"]
    assert [one.url[-6:] for one in failed(found)] == ["/0.crl", "/1.crl"]
    assert [one.outcome for one in fetched(world)] == ["unreachable", Code.CRL_INVALID.value, "unchanged"]
    with read_transaction(world.centre.engine) as connection:
        assert crls.sources(connection)[f"{authority.url}/1.crl"].etag == ""


def test_an_older_list_from_the_net_does_not_take_the_place_of_a_newer_one(world: World, authority: Authority) -> None:
    naming(world, f"{authority.url}/a.crl")
    authority.pages["/a.crl"] = list_of(world, number=2)
    fetched(world)
    authority.pages["/a.crl"] = list_of(world, at=EVENING - 90)
    assert [one.outcome for one in fetched(world)] == [Code.CRL_OLDER.value]
    with read_transaction(world.centre.engine) as connection:
        assert [one.number for one in crls.held_crls(connection)] == [2]


def test_a_certificate_that_no_trusted_authority_signed_sends_the_centre_nowhere(
    world: World, authority: Authority
) -> None:
    naming(world, f"{authority.url}/a.crl", key_seed="stranger")
    authority.pages["/a.crl"] = list_of(world)
    assert fetched(world) == []
    assert authority.asked == []

"""The centre over HTTP: `CentralApi` upon requests, bounded in bytes and time, trusting nothing that it carries.

What comes back is only bytes until its own module has verified it. An answer of another media type, a redirect or
a page of a captive portal is "not the centre": harmless, and worth trying again.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError

from edge.clients.centre_answers import as_it_comes, not_the_centre, read_answer, require_answer
from edge.clients.centre_tls import anchored_context, tls_fault
from edge.clients.send_window import BLOCK_BYTES, IS_COUNTED, POOLS, CountedBody, SendWindow
from edge.clients.socket_options import DEAD_SECONDS, NO_DELAY, Option, dead_link_options
from sync_protocol.api import NetworkError, NetworkFault, RemoteProblem
from sync_protocol.endpoints import (
    BUNDLES,
    CATALOGUE,
    DIGEST_HEADER,
    ENROLMENTS,
    EPOCHS,
    FEED,
    SHOWN_EPOCHS,
    SHOWN_RECEIPTS,
    TRANSFERS,
    TREE_HEAD,
    TRUST_LIST,
    VERSION,
    VERSION_HEADER,
    Endpoint,
)
from sync_protocol.errors import ProtocolError
from sync_protocol.feed_page import PageReader

# A 2G modem may take seconds to get a channel; a silent server is given up after a minute.
CONNECT_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Traffic:
    """Bytes of HTTP that left and came: heads and bodies, without what TLS and the network add.

    Attributes:
        done_bytes: what left with requests that are over.
        body: of the request that is on its way; another thread may look at how far it is.
    """

    done_bytes: int = 0
    received_bytes: int = 0
    body: CountedBody | None = None

    @property
    def sent_bytes(self) -> int:
        """What left up to now."""
        body = self.body
        return self.done_bytes + (0 if body is None else body.taken)

    def note_body(self, body: bytes | CountedBody) -> None:
        """Count the body of a request that is over."""
        # In this order: who looks on in between sees less for a moment, never the same bytes twice.
        self.body = None
        self.done_bytes += body.taken if isinstance(body, CountedBody) else len(body)

    def note_heads(self, response: requests.Response) -> None:
        """Count the heads of a request and of its answer as they are written on the line."""
        asked = response.request
        line = f"{asked.method} {asked.path_url} HTTP/1.1"
        self.done_bytes += _head_bytes(line, asked.headers) + len("Host: \r\n") + len(asked.url or "")
        self.received_bytes += _head_bytes(f"HTTP/1.1 {response.status_code} {response.reason}", response.headers)


def _head_bytes(line: str, headers: Mapping[str, str | bytes]) -> int:
    return len(line) + 4 + sum(len(name) + len(value) + 4 for name, value in headers.items())


class HttpCentral:
    """The centre at one address; implements `CentralApi`.

    Args:
        centre_url: "https://…" without a slash at the end, as enrolled.
        connect_seconds: how long to wait for a connection.
        silence_seconds: how long to wait for the next byte, and for all of them but what `answer_patience` allows.
        dead_seconds: how long what was sent may stay unconfirmed, where the platform counts that.
        anchors: PEM of `read_anchors`, the only authorities that are believed; b"" for the system's list.

    Attributes:
        traffic: bytes of HTTP so far, both ways.
    """

    def __init__(
        self,
        centre_url: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        dead_seconds: float = DEAD_SECONDS,
        anchors: bytes = b"",
    ) -> None:
        self.traffic = Traffic()
        self._context = anchored_context(anchors) if anchors else None
        self._url = centre_url
        self._timeouts = (connect_seconds, silence_seconds)
        self._session = requests.Session()
        # An idle node asks every few minutes over a link that is paid for by the byte: no header that nobody reads.
        self._session.headers.clear()
        self._dead_seconds = dead_seconds
        self._window = SendWindow()
        self._mount()
        # Proxies of the surroundings are honoured, passwords from a netrc file are not sent.
        self._session.auth = _no_credentials

    def offer(self, sealed: bytes) -> bytes:
        """Offer one sealed bundle; gives the unverified receipt. Raises NetworkError, RemoteProblem."""
        return self._call(BUNDLES, sealed)

    def transfer(self, ticket: bytes, content: bytes, *, sent: Callable[[int], None]) -> bytes:
        """Send bundles from the offsets of a request on; gives the unverified answer.

        Raises NetworkError, with `is_cut` where the connection stood and broke; RemoteProblem.
        """
        body = CountedBody(ticket + content, sent)
        begun = time.monotonic()
        answer = self._call(TRANSFERS, body)
        seconds = time.monotonic() - begun
        if IS_COUNTED:
            # The kernel tells the window of each connection, and none is opened anew for another one.
            return answer
        if not content:
            self._window.note_round_trip(seconds)
        elif self._window.note_sent(len(body), seconds=seconds):
            self._mount()
        return answer

    def enrol(self, request: bytes) -> bytes:
        """Hand in a sealed enrolment request; gives the unverified answer. Raises NetworkError, RemoteProblem."""
        return self._call(ENROLMENTS, request)

    def begin_epoch(self, request: bytes) -> bytes:
        """Hand in a sealed request for a new epoch; gives the unopened answer. Raises NetworkError, RemoteProblem."""
        return self._call(EPOCHS, request)

    def show_epochs(self, showing: bytes) -> bytes:
        """Show a restored centre what it signed; gives the unopened answer. Raises NetworkError, RemoteProblem."""
        return self._call(SHOWN_EPOCHS, showing)

    def show_receipts(self, receipts: bytes) -> bytes:
        """Show receipts that the centre may have lost; gives its count. Raises NetworkError, RemoteProblem."""
        return self._call(SHOWN_RECEIPTS, receipts)

    def tree_head(self) -> bytes:
        """The newest tree head, unverified. Raises NetworkError, RemoteProblem."""
        return self._call(TREE_HEAD, b"")

    def trust_list(self) -> bytes:
        """The newest trust list, unverified. Raises NetworkError, RemoteProblem."""
        return self._call(TRUST_LIST, b"")

    def catalogue(self) -> bytes:
        """The newest catalogue, unverified. Raises NetworkError, RemoteProblem."""
        return self._call(CATALOGUE, b"")

    def feed(self, request: bytes) -> Iterator[bytes]:
        """What follows in the node's feed: sealed pages as they arrive, unverified, the first one always.

        Raises NetworkError, with `is_cut` where the answer broke off; RemoteProblem.
        """
        reader, pages = PageReader(), 0
        try:
            with self._asked(FEED, request, {}) as response:
                require_answer(response, FEED)
                for data in self._counted(response):
                    for page in reader.add(data):
                        pages += 1
                        yield page
                if reader.is_within or not pages:
                    raise NetworkError("the answer was cut off", try_again=True, is_cut=True)
        except ProtocolError as error:
            if isinstance(error, RemoteProblem):
                raise
            raise not_the_centre("an answer that no centre of ours gives") from error

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _mount(self) -> None:
        # Trying again is the outbox's decision, never the library's.
        options = [
            NO_DELAY,
            *dead_link_options(self._dead_seconds),
            *(() if IS_COUNTED else self._window.socket_options),
        ]
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(options, self._context))

    def _call(self, endpoint: Endpoint, body: bytes | CountedBody) -> bytes:
        headers = {}
        if endpoint.request_type and isinstance(body, bytes):
            headers[DIGEST_HEADER] = hashlib.sha256(body).hexdigest()
        with self._asked(endpoint, body, headers) as response:
            require_answer(response, endpoint)
            answer = read_answer(response, endpoint.answer_bytes)
            self.traffic.received_bytes += len(answer)
            return answer

    def _counted(self, response: requests.Response) -> Iterator[bytes]:
        for data in as_it_comes(response):
            self.traffic.received_bytes += len(data)
            yield data

    @contextmanager
    def _asked(
        self, endpoint: Endpoint, body: bytes | CountedBody, headers: dict[str, str]
    ) -> Iterator[requests.Response]:
        """An answer whose body is still to be read; what goes wrong while it is read is translated too."""
        if len(body) > endpoint.request_bytes:
            raise ValueError("the request is larger than its endpoint allows")
        self.traffic.body = body if isinstance(body, CountedBody) else None
        headers = {**headers, VERSION_HEADER: VERSION, "User-Agent": "hcvx-edge", "Accept-Encoding": "identity"}
        if endpoint.request_type:
            headers["Content-Type"] = endpoint.request_type
        try:
            with self._session.request(
                endpoint.method,
                self._url + endpoint.path,
                data=body if len(body) else None,
                headers=headers,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                self.traffic.note_heads(response)
                yield response
        except requests.exceptions.ProxyError as error:
            raise NetworkError(
                "the proxy does not pass the call on", try_again=True, fault=NetworkFault.PROXY
            ) from error
        except requests.exceptions.SSLError as error:
            raise NetworkError(
                "the centre's TLS certificate does not verify", try_again=False, fault=tls_fault(error)
            ) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise NetworkError(
                "the enrolled address is not usable", try_again=False, fault=NetworkFault.ADDRESS
            ) from error
        except (requests.exceptions.RequestException, TransportError, OSError) as error:
            # The text of these exceptions holds addresses, so only the kind is told.
            is_cut = isinstance(body, CountedBody) and body.taken > 0
            raise NetworkError(
                f"the centre was not reached ({type(error).__name__})", try_again=True, is_cut=is_cut
            ) from error
        finally:
            self.traffic.note_body(body)


class _Adapter(HTTPAdapter):
    """Connections that hold little of what has not arrived, straight or by way of a proxy."""

    def __init__(self, options: list[Option], context: ssl.SSLContext | None) -> None:
        self._options: dict[str, Any] = {"socket_options": options, "blocksize": BLOCK_BYTES}
        self._context = context
        if context is not None:
            self._options["ssl_context"] = context
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **given: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **given, **self._options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **given, **self._options)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Who is believed; with anchors of ours nothing is added to them."""
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """The same for the connection itself."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if self._context is not None:
            pool = {"cert_reqs": "CERT_REQUIRED"}
        return host, pool


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

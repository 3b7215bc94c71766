"""The centre over HTTP: `CentralApi` upon requests, bounded in bytes and time, trusting nothing that it carries.

What comes back is only bytes until its own module has verified it. An answer of another media type, a redirect or
a page of a captive portal is "not the centre": harmless, and worth trying again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError

from edge.clients.send_window import BLOCK_BYTES, POOLS, CountedBody, SendWindow
from sync_protocol.api import NetworkError, parse_problem
from sync_protocol.endpoints import (
    BUNDLES,
    CATALOGUE,
    DIGEST_HEADER,
    ENROLMENTS,
    FEED,
    PROBLEM_BYTES,
    PROBLEM_MEDIA_TYPE,
    RETRY_AFTER_HEADER,
    TRANSFERS,
    TREE_HEAD,
    TRUST_LIST,
    VERSION,
    VERSION_HEADER,
    Endpoint,
)
from sync_protocol.errors import ProtocolError

# A 2G modem may take seconds to get a channel; a silent server is given up after a minute.
CONNECT_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 60.0
# A centre that asks for more than a day of silence is misconfigured.
LONGEST_RETRY_AFTER_SECONDS: Final = 24 * 3600
_CHUNK_BYTES: Final = 16 * 1024
_NUMBER_DIGITS: Final = 18
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_LATER: Final = frozenset({429, 503})


class HttpCentral:
    """The centre at one address; implements `CentralApi`.

    Args:
        centre_url: "https://…" without a slash at the end, as enrolled.
        connect_seconds: how long to wait for a connection.
        silence_seconds: how long to wait for the next byte.
    """

    def __init__(
        self, centre_url: str, *, connect_seconds: float = CONNECT_SECONDS, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        self._url = centre_url
        self._timeouts = (connect_seconds, silence_seconds)
        self._session = requests.Session()
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
        if not content:
            self._window.note_round_trip(seconds)
        elif self._window.note_sent(len(body), seconds=seconds):
            self._mount()
        return answer

    def enrol(self, request: bytes) -> bytes:
        """Hand in a sealed enrolment request; gives the unverified answer. Raises NetworkError, RemoteProblem."""
        return self._call(ENROLMENTS, request)

    def tree_head(self) -> bytes:
        """The newest tree head, unverified. Raises NetworkError, RemoteProblem."""
        return self._call(TREE_HEAD, b"")

    def trust_list(self) -> bytes:
        """The newest trust list, unverified. Raises NetworkError, RemoteProblem."""
        return self._call(TRUST_LIST, b"")

    def catalogue(self) -> bytes:
        """The newest catalogue, unverified. Raises NetworkError, RemoteProblem."""
        return self._call(CATALOGUE, b"")

    def feed(self, request: bytes) -> bytes:
        """What follows in the node's feed, sealed and unverified. Raises NetworkError, RemoteProblem."""
        return self._call(FEED, request)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _mount(self) -> None:
        # Trying again is the outbox's decision, never the library's.
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._window))

    def _call(self, endpoint: Endpoint, body: bytes | CountedBody) -> bytes:
        if len(body) > endpoint.request_bytes:
            raise ValueError("the request is larger than its endpoint allows")
        headers = {VERSION_HEADER: VERSION, "User-Agent": "hcvx-edge", "Accept-Encoding": "identity"}
        headers["Accept"] = f"{endpoint.answer_type}, {PROBLEM_MEDIA_TYPE}"
        if endpoint.request_type:
            headers["Content-Type"] = endpoint.request_type
        if endpoint.request_type and isinstance(body, bytes):
            headers[DIGEST_HEADER] = hashlib.sha256(body).hexdigest()
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
                return _answer(response, endpoint)
        except requests.exceptions.SSLError as error:
            raise NetworkError("the centre's TLS certificate does not verify", try_again=False) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise NetworkError("the enrolled address is not usable", try_again=False) from error
        except (requests.exceptions.RequestException, TransportError, OSError) as error:
            # The text of these exceptions holds addresses, so only the kind is told.
            is_cut = isinstance(body, CountedBody) and body.taken > 0
            raise NetworkError(
                f"the centre was not reached ({type(error).__name__})", try_again=True, is_cut=is_cut
            ) from error


class _Adapter(HTTPAdapter):
    """Connections that hold little of what has not arrived, straight or by way of a proxy."""

    def __init__(self, window: SendWindow) -> None:
        self._options = {"socket_options": window.socket_options, "blocksize": BLOCK_BYTES}
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **given: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **given, **self._options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **given, **self._options)
        manager.pool_classes_by_scheme = POOLS
        return manager


def _answer(response: requests.Response, endpoint: Endpoint) -> bytes:
    status = response.status_code
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if status in _REDIRECTS:
        raise NetworkError("a redirect: what answered is not the centre", try_again=True)
    if status == _OK and media_type == endpoint.answer_type:
        return _read(response, endpoint.answer_bytes)
    if status in _LATER:
        raise NetworkError(
            "the centre asks to come later", try_again=True, retry_after_seconds=_retry_after(response.headers)
        )
    if media_type == PROBLEM_MEDIA_TYPE and status != _OK:
        try:
            problem = parse_problem(_read(response, PROBLEM_BYTES))
        except ProtocolError as error:
            raise NetworkError("an answer that no centre of ours gives", try_again=True) from error
        raise problem
    raise NetworkError(f"status {status} of another kind: what answered is not the centre", try_again=True)


def _read(response: requests.Response, most_bytes: int) -> bytes:
    """Read a body of at most so many bytes, never decompressing; a longer one is not the centre's."""
    found = bytearray()
    for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
        found += chunk
        if len(found) > most_bytes:
            raise NetworkError("the answer is longer than any answer of the centre", try_again=True)
    stated = _number(response.headers.get("Content-Length", ""))
    if stated is not None and stated != len(found):
        raise NetworkError("the answer was cut off", try_again=True)
    return bytes(found)


def _retry_after(headers: requests.structures.CaseInsensitiveDict[str]) -> int | None:
    # Only the form in seconds is ours; a date of a proxy's clock is not believed.
    seconds = _number(headers.get(RETRY_AFTER_HEADER, ""))
    return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER_SECONDS)


def _number(text: str) -> int | None:
    # Headers may hold any Latin-1 character, superscript digits among them, and thousands of digits.
    return int(text) if len(text) <= _NUMBER_DIGITS and text.isascii() and text.isdigit() else None


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

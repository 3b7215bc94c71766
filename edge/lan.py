"""The pages on the clinic's Wi-Fi: over HTTPS and nothing else, behind cheroot.

Whoever is on the Wi-Fi may open connections and be slow. So nobody can hold what others need:

1. A connection that says nothing waits in the selector and holds no thread; one address has a few connections at most.
2. A thread for input and output shakes hands and reads a request to its end, bounded in size and in time waited.
3. The page is made by a thread of the pool, of which there are as many as the loopback server has: each has a
   connection to the store.
4. The answer is complete by then and is sent by the thread of step 2, again bounded in time waited.
"""

from __future__ import annotations

import logging
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from io import BytesIO
from typing import TYPE_CHECKING, Final, cast

from cheroot.wsgi import Gateway_10, Server

from edge.domain.refusals import EdgeCode, refuse
from edge.lan_sockets import CONNECTIONS, REQUEST_SECONDS, Connection, Tls
from edge.web.frame.security import FORM_BYTES, LAN_HOSTS, UPLOAD_BYTES

if TYPE_CHECKING:
    import socket

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]
# More than two addresses can hold with what they are allowed.
_READERS: Final = 40
_IDLE_SECONDS: Final = 20
_HEADER_BYTES: Final = 32 * 1024
_QUEUE: Final = 64
_UPLOADS: Final = 2
_LOG: Final = logging.getLogger("edge.lan")


class _Gateway(Gateway_10):
    """Reads the whole request, has the page made, sends the whole answer."""

    def respond(self) -> None:
        length = self.req.inheaders.get(b"Content-Length", b"0")
        if self.req.chunked_read or not length.isdigit():
            # Forms have a length; a body without one would be read until its end, wherever that is.
            self.req.close_connection = True
            self.start_response("411 Length Required", [("Content-Length", "0")])
            return
        with self.req.server.uploads if int(length) > FORM_BYTES else nullcontext():
            body = self.req.rfile.read()
            if len(body) != int(length):
                raise ConnectionError("the request ended before its end")
            self.env["wsgi.input"] = BytesIO(body)
            status, headers, pieces = self.req.server.make_page(self.env)
        self.start_response(status, headers)
        for piece in filter(None, pieces):
            self.write(piece)
        self.req.ensure_headers_sent()


class LanServer(Server):
    """Answers until `stop()`: `serve()` of a prepared server blocks.

    Attributes:
        hosts: names under which the pages may be asked for here.
        uploads: held by those whose body is larger than any form, so that strangers cannot fill the memory.
    """

    ConnectionClass = Connection

    def __init__(
        self,
        address: tuple[str, int],
        app: WSGIApplication,
        context: ssl.SSLContext,
        *,
        hosts: tuple[str, ...],
        threads: int,
        request_seconds: float,
    ) -> None:
        super().__init__(
            address, app, numthreads=_READERS, max=_READERS, request_queue_size=_QUEUE, timeout=_IDLE_SECONDS
        )
        self.hosts = hosts
        self.gateway = _Gateway
        self.ssl_adapter = Tls(context, request_seconds)
        # What the server calls itself is nobody's business; bodies are bounded before they are read.
        self.server_name = ""
        self.max_request_header_size = _HEADER_BYTES
        self.max_request_body_size = UPLOAD_BYTES
        self.keep_alive_conn_limit = CONNECTIONS
        self.uploads = threading.BoundedSemaphore(_UPLOADS)
        self._pages = ThreadPoolExecutor(threads, thread_name_prefix="lan-page")

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Take the address, or close what was opened for it. Raises OSError."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: Connection) -> None:
        """A new connection waits until it says something, like one that was answered before."""
        if conn.is_new:
            conn.is_new = False
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def make_page(self, environ: WSGIEnvironment) -> tuple[str, Headers, list[bytes]]:
        """Have the application answer in a thread of the pool: status, headers, body."""
        return self._pages.submit(_make_page, self.wsgi_app, environ | {LAN_HOSTS: self.hosts}).result()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:  # noqa: ARG002
        """Log the kind of what went wrong; what a stranger sent is not repeated."""
        kind = sys.exc_info()[0]
        # A connection that breaks is nothing to tell: tablets fall asleep.
        if traceback and kind is not None and not issubclass(kind, OSError):
            _LOG.warning("unexpected %s on the network", kind.__name__)

    def stop(self) -> None:
        """Answer nobody any more; pages that are being made are finished first."""
        super().stop()
        self._pages.shutdown()


def make_lan_server(
    app: WSGIApplication,
    context: ssl.SSLContext,
    *,
    address: str,
    port: int,
    hosts: tuple[str, ...],
    threads: int,
    request_seconds: float = REQUEST_SECONDS,
) -> LanServer:
    """Listen, without answering yet: `serve()` of the result answers until `stop()`.

    Args:
        app: the application that the loopback server has as well.
        context: the server's side of TLS, with the node's certificate.
        address: IPv4 address of this machine.
        port: TCP port, 0 for any free one (`bind_addr` of the result).
        hosts: names under which browsers may ask here.
        threads: how many pages may be made at once.
        request_seconds: how long one request is waited for.

    Raises:
        RefusedError: LAN_ADDRESS where the address is not this machine's or the port is taken.
    """
    server = LanServer((address, port), app, context, hosts=hosts, threads=threads, request_seconds=request_seconds)
    try:
        server.prepare()
    except OSError:
        raise refuse(EdgeCode.LAN_ADDRESS, "address") from None
    return server


def _make_page(app: WSGIApplication, environ: WSGIEnvironment) -> tuple[str, Headers, list[bytes]]:
    status, headers, pieces = "", cast("Headers", []), cast("list[bytes]", [])

    def start(given: str, given_headers: Headers, _: object = None) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = given, given_headers
        return pieces.append

    answer: Iterable[bytes] = app(environ, start)
    try:
        pieces.extend(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    return status, [_guarded(*header) for header in headers], pieces


def _guarded(name: str, value: str) -> tuple[str, str]:
    """A cookie that was set here is sent here only, whoever set it."""
    is_open = name.lower() == "set-cookie" and "; secure" not in value.lower()
    return name, f"{value}; Secure" if is_open else value

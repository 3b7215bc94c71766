"""The simulated centre behind a real socket, and a socket that answers whatever a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sync_protocol.api import NetworkError, RemoteProblem, encode_problem
from sync_protocol.endpoints import (
    BUNDLES,
    CATALOGUE,
    ENDPOINTS,
    ENROLMENTS,
    FEED,
    PROBLEM_MEDIA_TYPE,
    TRANSFERS,
    TREE_HEAD,
    TRUST_LIST,
    Endpoint,
    status_of,
)
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed_page import framed
from tests.simulator import SimulatedCentre

_REQUEST_BYTES = 64 * 1024
_PATIENCE_SECONDS = 5.0
# The body of every request to `serve_bytes`: by its end the server knows that it has read all of it.
REQUEST_BODY = b"sealed"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@contextmanager
def serve_centre(centre: SimulatedCentre) -> Iterator[str]:
    """Serve the simulator on a free port; gives its address."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        endpoint = next((one for one in ENDPOINTS if one.path == environ["PATH_INFO"]), None)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        calls: dict[Endpoint, Callable[[], bytes]] = {
            BUNDLES: lambda: centre.offer(body),
            TRANSFERS: lambda: centre.transfer(body, b"", sent=lambda _: None),
            ENROLMENTS: lambda: centre.enrol(body),
            TREE_HEAD: centre.tree_head,
            TRUST_LIST: centre.trust_list,
            CATALOGUE: centre.catalogue,
            FEED: lambda: b"".join(map(framed, centre.feed(body))),
        }
        if endpoint is None or environ["REQUEST_METHOD"] != endpoint.method:
            return _problem(start, Code.NOT_RECOGNISED)
        try:
            answer = calls[endpoint]()
        except NetworkError as error:
            headers = [("Retry-After", str(error.retry_after_seconds))] if error.retry_after_seconds else []
            start("503 Later", [("Content-Type", "text/plain"), *headers])
            return [b"later"]
        except RemoteProblem as problem:
            return _problem(start, problem.code, encode_problem(problem.code, rule=problem.rule, head=problem.head))
        except ProtocolError as error:
            return _problem(start, error.code)
        start("200 OK", [("Content-Type", endpoint.answer_type), ("Content-Length", str(len(answer)))])
        return [answer]

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    with _running(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def serve_bytes(answer: bytes, *, until: bytes = REQUEST_BODY) -> Iterator[str]:
    """A socket that sends these bytes, whatever was asked; gives its address.

    Each request is read up to the bytes of `until`; with none of those the answer comes as soon as anything has come.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_all() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(_PATIENCE_SECONDS)
                # The request is read to its end, so that closing does not reset the answer on its way.
                request = b""
                while not request or not request.endswith(until):
                    piece = connection.recv(_REQUEST_BYTES)
                    if not piece:
                        return
                    request += piece
                connection.sendall(answer)

    thread = threading.Thread(target=answer_all, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def _running(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _problem(start: StartResponse, code: Code, body: bytes = b"") -> list[bytes]:
    start(f"{status_of(code)} Problem", [("Content-Type", PROBLEM_MEDIA_TYPE)])
    return [body or encode_problem(code)]

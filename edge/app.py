"""The node's web application: every page, behind every check, served to this machine and to no other.

`hcvx-edge run` puts `create_app` behind waitress and starts the background exchange; `serve` is the pages alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Flask
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from edge.bootstrap import Node
from edge.jobs import exchange_once, open_central
from edge.web.desks import correction, injection, people
from edge.web.frame import access, formats, language, problems, security
from edge.web.frame.header import header
from edge.web.frame.node import Behind, attach, require_enrolment
from edge.web.house import accounts, sync
from edge.web.office import signing, today
from edge.workflow.exchange import ExchangeResult

# Where the pages are served, and the names under which a browser may ask for them. Not ::1, since werkzeug's check of
# the Host cannot name an IPv6 address, and a page without that check is not served.
LOOPBACK: Final = ("127.0.0.1", "localhost")


def create_app(node: Node, *, send_now: Callable[[], ExchangeResult] | None = None) -> Flask:
    """Build the application over an open node.

    Args:
        node: stays the caller's to close.
        send_now: runs one exchange in the caller's thread; None for one with the centre of the enrolment.
    """
    app = problems.Pages("edge.web")
    security.install(
        app, hosts=LOOPBACK, secret=node.entropy.token(security.SECRET_BYTES), place=str(node.config.directory)
    )
    app.before_request(require_enrolment)
    problems.install(app)
    attach(app.extensions, Behind(node, send_now or (lambda: _exchange(node))))
    formats.install(app)
    language.install(app)
    for page in (accounts, today, people, correction, injection, signing, sync):
        app.register_blueprint(page.blueprint)
    access.install(app)
    app.context_processor(lambda: {"header": header(), "user": access.signed_in_user()})
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    return app


def make_server(
    node: Node, host: str, port: int, *, send_now: Callable[[], ExchangeResult] | None = None
) -> BaseWSGIServer | MultiSocketServer:
    """Listen, without answering yet: `run()` of the result answers until `close()`.

    Args:
        host: 127.0.0.1 or localhost; everything else is a ValueError, since the pages know no users yet.
        port: TCP port, 0 for any free one (`effective_port` of the result).
        send_now: as in `create_app`.
    """
    if host not in LOOPBACK:
        raise ValueError("the pages are served on a loopback address only")
    return create_server(
        create_app(node, send_now=send_now),
        host=host,
        port=port,
        threads=node.config.threads,
        # What the server calls itself is nobody's business; bodies are bounded before they are buffered.
        ident="",
        max_request_body_size=security.FORM_BYTES,
    )


def serve(node: Node, host: str, port: int) -> None:
    """Answer until the process is told to stop. Arguments as `make_server`; the node stays the caller's to close."""
    server = make_server(node, host, port)
    try:
        server.run()
    finally:
        server.close()


def _exchange(node: Node) -> ExchangeResult:
    central = open_central(node)
    try:
        return exchange_once(node, central)
    finally:
        central.close()

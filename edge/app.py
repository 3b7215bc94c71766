"""The node's web application: every page, behind every check, and the server for this machine's own browser.

`hcvx-edge run` puts `create_app` behind waitress and starts the background exchange; with `--lan` the same application
stands behind the server of `edge.lan` as well. `make_server` is the pages alone.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Final

from flask import Flask, Response
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from edge.bootstrap import Node
from edge.exchanger import Exchanger
from edge.jobs import open_central
from edge.store.passwords import Passwords
from edge.web.desks import (
    asking,
    correction,
    injection,
    observation,
    passports,
    people,
    reaction,
    reception,
    roster,
    slip,
    vials,
)
from edge.web.frame import (
    access,
    clock_watch,
    desk_turn,
    drafts,
    formats,
    guard,
    language,
    long_work,
    problems,
    security,
)
from edge.web.frame.header import frame, header_if_read
from edge.web.frame.node import Behind, attach, behind, require_enrolment
from edge.web.house import (
    accounts,
    audit,
    certificates,
    clock,
    devices,
    epoch,
    evidence,
    first_account,
    settings_page,
    stick,
    sync,
    token,
    users,
)
from edge.web.house import help as help_pages
from edge.web.office import (
    approvals_page,
    closing,
    exports,
    handover,
    hub,
    list_import,
    reports,
    signing,
    signing_run,
    signing_turn,
    today,
    token_trial,
    work_lists,
)
from edge.workflow.exchange_progress import Asked

# Where the pages are served, and the names under which a browser may ask for them. Not ::1, since werkzeug's check of
# the Host cannot name an IPv6 address, and a page without that check is not served.
LOOPBACK: Final = ("127.0.0.1", "localhost")
# More than any answer has.
_MEMORY_BYTES: Final = 256 * 1024 * 1024


def create_app(
    node: Node,
    *,
    send_now: Callable[[], object] | None = None,
    passwords: Passwords | None = None,
    exchanger: Exchanger | None = None,
    lan: devices.Lan | None = None,
) -> Flask:
    """Build the application over an open node.

    Args:
        node: stays the caller's to close.
        send_now: runs one exchange in the caller's thread, in place of an exchanger.
        exchanger: runs the exchanges; stays the caller's to close. None for one with the centre of the enrolment.
        passwords: how the users' passwords are protected; None for the cost that real ones need.
        lan: where the pages are served on the clinic's network, if they are.
    """
    app = problems.Pages("edge.web")
    # First of all: nothing is said to a device that nobody has let in.
    devices.install(app, lan)
    long_work.install(app, node.clock.steady)
    node.database.before_close(long_work.long_work(app).stop)
    node.database.before_close(desk_turn.install(app).stop)
    security.install(
        app,
        (require_enrolment, guard.require),
        hosts=LOOPBACK,
        secret=node.entropy.token(security.SECRET_BYTES),
        place=str(node.config.directory),
    )
    problems.install(app)
    clock_watch.install(app)
    attach(app.extensions, _behind(node, send_now, exchanger))
    app.after_request(_send_what_was_sealed)
    formats.install(app)
    language.install(app)
    for page in (
        *(accounts, first_account, users, audit, settings_page, help_pages, drafts, today, token, certificates, clock),
        *(reception, roster, people, asking, passports, correction, injection),
        *(work_lists, list_import),
        *(vials, observation, reaction, slip),
        *(handover, hub),
        *(signing, signing_run, signing_turn, approvals_page, sync, stick, epoch, devices, reports, exports, closing),
        *(token_trial, evidence),
    ):
        app.register_blueprint(page.blueprint)
    access.install(app, passwords or Passwords())
    app.context_processor(frame)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    return app


def make_server(
    node: Node,
    host: str,
    port: int,
    *,
    send_now: Callable[[], object] | None = None,
    app: Flask | None = None,
) -> BaseWSGIServer | MultiSocketServer:
    """Listen, without answering yet: `run()` of the result answers until `close()`.

    Args:
        host: 127.0.0.1 or localhost; everything else is a ValueError, since plain HTTP never leaves this machine.
        port: TCP port, 0 for any free one (`effective_port` of the result).
        send_now: as in `create_app`.
        app: as `create_app` gave it, where another server has it too; None for one of its own.
    """
    if host not in LOOPBACK:
        raise ValueError("the pages are served on a loopback address only")
    # That a request waits a moment for a thread is nothing to tell the person at the terminal.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return create_server(
        app or create_app(node, send_now=send_now),
        host=host,
        port=port,
        threads=node.config.threads,
        # What the server calls itself is nobody's business; bodies are bounded before they are buffered.
        ident="",
        max_request_body_size=security.UPLOAD_BYTES,
        # What does not fit into memory would go to a file, in the clear: everything that is served or taken does.
        inbuf_overflow=_MEMORY_BYTES,
        outbuf_overflow=_MEMORY_BYTES,
    )


def settle(app: Flask) -> None:
    """Do what the first visitor would wait for; to be called once, before the first page.

    Templates are compiled, which takes some 20 ms for each page. Then Python is told that what is loaded by now stays:
    each full collection of garbage would look through all of it, which takes some 60 ms in the middle of a page.
    """
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    gc.collect()
    gc.freeze()


def _behind(node: Node, send_now: Callable[[], object] | None, exchanger: Exchanger | None) -> Behind:
    if send_now is not None:
        return Behind(
            node, lambda asked: asked is not Asked.PERSON or send_now() is not None, lambda: None, lambda: None
        )
    if exchanger is None:
        exchanger = Exchanger(node, lambda: open_central(node))
        node.database.before_close(exchanger.close)
    return Behind(node, exchanger.ask, exchanger.going, exchanger.wait)


def _send_what_was_sealed(response: Response) -> Response:
    """A page whose header shows something unsent has it sent at once, unless a pause holds."""
    known = header_if_read()
    if known is not None and known.is_due:
        behind().ask(Asked.SEALED)
    return response

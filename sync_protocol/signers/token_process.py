"""The signer process: everything of a vendor's module happens here, and the PIN dies here.

Started with the spawn method (on Linux and Windows alike), so it inherits no memory of ours: neither
unlocked stores nor other keys. It answers requests in turn, logs in at most once, and ends after the
first failure, at the end of the pipe, or when our process ends in whatever way.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from sync_protocol.signers.pin_guard import PIN_BYTES, check_pin
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.signers.token_messages import Failed, LoggedIn, Login, Reply, Request, Scan, Scanned, Sign, Signed

if TYPE_CHECKING:
    from sync_protocol.signers.token_session import TokenSession


def serve(connection: Connection) -> None:
    """The process's main function: answers requests until the pipe ends or one of them fails."""
    _be_silent()
    _leave_no_core()
    _end_with_parent()
    # Imported here, not above: our own process imports this file for the name of `serve` and has no
    # business with the library that loads vendors' modules.
    from sync_protocol.signers.token_session import TokenSession  # noqa: PLC0415

    session = TokenSession()
    with connection, contextlib.suppress(EOFError, OSError):
        try:
            while True:
                reply = _answer(session, connection, connection.recv())
                connection.send(reply)
                if isinstance(reply, Failed):
                    break
        finally:
            # A token that is gone cannot be logged out of; the process ends anyway.
            with contextlib.suppress(TokenError):
                session.close()


def _answer(session: TokenSession, connection: Connection, request: Request) -> Reply:
    before = session.operations
    try:
        match request:
            case Scan():
                return Scanned(session.scan(request.module_path))
            case Login():
                _log_in(session, request, connection.recv_bytes(PIN_BYTES))
                return LoggedIn()
            case Sign():
                return Signed(tuple(session.sign(request.mechanism, data) for data in request.inputs))
            case _:
                assert_never(request)
    except TokenError as error:
        return Failed(error.code, error.detail, session.operations - before)


def _log_in(session: TokenSession, login: Login, raw: bytes) -> None:
    pin = raw.decode("utf-8")
    # Checked once more at this end: nothing but a plausible PIN may cost a try.
    check_pin(pin)
    session.log_in(login, pin)


def _be_silent() -> None:
    """Vendors' modules print; nothing of it may reach the program's output or a log."""
    with Path(os.devnull).open("wb") as nothing:
        for stream in (1, 2):
            os.dup2(nothing.fileno(), stream)


def _leave_no_core() -> None:
    """A module that crashes must not leave the PIN in a core file. Windows writes none unless told to."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    """Ends this process, even inside a hanging module, when our own process is gone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

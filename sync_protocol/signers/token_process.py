"""The signer process: everything of a vendor's module happens here, and the PIN dies here.

Started with the spawn method (on Linux and Windows alike), so it inherits no memory of ours: neither
unlocked stores nor other keys. It answers requests in turn, logs in at most once, and ends after the
first failure, at the end of the pipe, or when our process ends in whatever way.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from sync_protocol.signers.pin_form import wipe
from sync_protocol.signers.pin_guard import PIN_BYTES, check_pin
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import (
    AwaitPin,
    DeskOpened,
    Failed,
    FileSeen,
    LoggedIn,
    Login,
    LoginAtDesk,
    LookAtFile,
    OpenDesk,
    PinTaken,
    Reply,
    Request,
    Scan,
    Scanned,
    Sign,
    Signed,
    Unlocked,
    UnlockFile,
)

if TYPE_CHECKING:
    from sync_protocol.signers.pin_desk import PinDesk
    from sync_protocol.signers.software_session import SoftwareSession
    from sync_protocol.signers.token_session import TokenSession

# Longer than our process waits, in seconds: only where that is gone itself does it come to this.
_SCAN_SECONDS: Final = 60
_CLOSE_SECONDS: Final = 5


def serve(connection: Connection) -> None:
    """The process's main function: answers requests until the pipe ends or one of them fails."""
    _be_silent()
    _leave_no_core()
    _end_with_parent()
    turn = _Turn(connection)
    with connection, contextlib.suppress(EOFError, OSError):
        try:
            while True:
                reply = turn.answer(connection.recv())
                connection.send(reply)
                if isinstance(reply, Failed):
                    break
        finally:
            # A token that is gone cannot be logged out of; the process ends anyway.
            with contextlib.suppress(TokenError), _at_most(_CLOSE_SECONDS):
                turn.close()


class _Turn:
    """What this process holds: one token or one file, the desk if there is one, and what was typed there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token: TokenSession | None = None
        self._file: SoftwareSession | None = None
        self._desk: PinDesk | None = None
        self._typed = bytearray()

    def answer(self, request: Request) -> Reply:
        """Do what is asked, or say why not."""
        before = self._operations
        try:
            return self._do(request)
        except TokenError as error:
            return Failed(error.code, error.detail, self._operations - before)

    def close(self) -> None:
        """Log out. Raises TokenError if the token is gone or fails."""
        if self._desk is not None:
            self._desk.close()
        if self._token is not None:
            self._token.close()

    @property
    def _operations(self) -> int:
        session = self._token or self._file
        return 0 if session is None else session.operations

    def _do(self, request: Request) -> Reply:
        # What is imported here is not imported above: our own process imports this file for the name of `serve`, and
        # has no business with the library that loads vendors' modules, nor with the desk.
        match request:
            case Scan():
                from sync_protocol.signers.token_session import TokenSession  # noqa: PLC0415

                self._token = TokenSession()
                with _at_most(_SCAN_SECONDS):
                    return Scanned(self._token.scan(request.module_path))
            case LookAtFile():
                from sync_protocol.signers.software_session import SoftwareSession  # noqa: PLC0415

                self._file = SoftwareSession(request.path)
                return FileSeen()
            case OpenDesk():
                from sync_protocol.signers.pin_desk import PinDesk  # noqa: PLC0415

                self._desk = PinDesk(origin=request.origin, back=request.back, path=request.path)
                return DeskOpened(self._desk.port)
            case AwaitPin():
                # Our process speaks only when it is answered: whatever shows at the pipe meanwhile is its end.
                self._typed = self._at_desk().await_pin(request.seconds, lambda: not self._connection.poll())
                return PinTaken()
            case Login():
                self._log_in(request, bytearray(self._connection.recv_bytes(PIN_BYTES)))
                return LoggedIn()
            case LoginAtDesk():
                self._at_desk().send_back()
                self._log_in(request.login, self._typed)
                return LoggedIn()
            case UnlockFile():
                self._at_desk().send_back()
                if self._file is None:
                    raise TokenError(TokenCode.CLOSED)
                return Unlocked(self._file.unlock(_text(self._typed)))
            case Sign():
                session = self._token or self._file
                if session is None:
                    raise TokenError(TokenCode.CLOSED)
                return Signed(tuple(session.sign(request.mechanism, data) for data in request.inputs))
            case _:
                assert_never(request)

    def _at_desk(self) -> PinDesk:
        if self._desk is None:
            raise TokenError(TokenCode.CLOSED)
        return self._desk

    def _log_in(self, login: Login, raw: bytearray) -> None:
        if self._token is None:
            raise TokenError(TokenCode.CLOSED)
        pin = _text(raw)
        # Checked once more at this end: nothing but a plausible PIN may cost a try.
        check_pin(pin)
        self._token.log_in(login, pin)


def _text(raw: bytearray) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise TokenError(TokenCode.PIN_CHARACTERS) from None
    finally:
        wipe(raw)


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


@contextlib.contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """End this process by the system where the block takes longer than our own process waits for it.

    While a driver is loaded or left the library keeps the interpreter to itself: no thread could end the process then.
    """
    if sys.platform == "win32":
        yield
        return
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _end_with_parent() -> None:
    """Ends this process, even inside a hanging module, when our own process is gone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

"""Our end of the pipe to the signer process: starts it, asks with a time limit, and is rid of it for certain.

A hanging or crashing module costs us that process and nothing else. After any failure the link is closed:
what state the token is in is unknown, and only a fresh process (and a person with the PIN) may go on.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import threading
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TypeVar

from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import Failed, Request, Signed
from sync_protocol.signers.token_process import serve

ReplyT = TypeVar("ReplyT")


@dataclass(frozen=True, slots=True)
class TokenTimeouts:
    """How long a token may take, in seconds. Real ones take 0.1 s to several seconds for a signature.

    Attributes:
        scan: starting the process, loading the module and reading all tokens.
        login: checking the PIN and finding the key.
        signature: one signature.
        close: logging out; after that the process is ended by force.
    """

    scan: float = 30.0
    login: float = 30.0
    signature: float = 30.0
    close: float = 3.0


class _CancelledError(Exception):
    """Nobody wants to wait any more."""


class TokenLink:
    """One signer process, and the turn-taking with it.

    Args:
        timeouts: how long to wait for what.

    Attributes:
        process_id: the signer process's number at the operating system, also after its end.
        operations: how many signatures the token has made.

    Raises:
        TokenError: PROCESS_DIED if the process cannot be started.
    """

    def __init__(self, timeouts: TokenTimeouts) -> None:
        self.timeouts = timeouts
        # Spawn everywhere: nothing of our memory goes along, and threads of ours do no harm.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._cancelled, self._cancels = context.Pipe(duplex=False)
        self._process = context.Process(target=serve, args=(theirs,), name="hcvx-signer", daemon=True)
        try:
            self._process.start()
        except OSError as error:
            raise TokenError(TokenCode.PROCESS_DIED, type(error).__name__) from None
        finally:
            # From here on only the child holds its end, so its death shows as the end of the pipe.
            theirs.close()
        # One queue: the lock is held for a whole request and its answer.
        self._turn = threading.Lock()
        self._cancel_once = threading.Lock()
        self._open = True
        self.process_id = self._process.pid
        self.operations = 0

    def ask(
        self,
        request: Request,
        answer: type[ReplyT],
        *,
        seconds: float,
        secret: bytearray | None = None,
        for_person: bool = False,
    ) -> ReplyT:
        """Sends one request and waits for its answer.

        Args:
            request: what to do.
            answer: the type of the answer.
            seconds: how long to wait.
            secret: bytes that follow the request; overwritten here once they are handed on.
            for_person: a person is waited for, and `cancel` ends the wait.

        Raises:
            TokenError: what the token answered; TIMEOUT, PROCESS_DIED, PIN_CANCELLED; CLOSED after `close` or after any
                failure.
        """
        with self._turn:
            if not self._open:
                raise TokenError(TokenCode.CLOSED)
            try:
                reply = self._exchange(request, seconds=seconds, secret=secret, for_person=for_person)
            except _CancelledError:
                # The token is not at work: it is given the time to be logged out of.
                self._end(force=False)
                raise TokenError(TokenCode.PIN_CANCELLED) from None
            except BaseException:
                # Ctrl-C too: an answer left in the pipe would be taken for the next one.
                self._end(force=True)
                raise
            if isinstance(reply, answer):
                self.operations += len(reply.signatures) if isinstance(reply, Signed) else 0
                return reply
            # The child is about to end by itself, and is given the time to log out.
            self._end(force=False)
            if isinstance(reply, Failed):
                self.operations += reply.operations
                raise TokenError(reply.code, reply.detail)
            raise TokenError(TokenCode.PROCESS_DIED, "an answer of the wrong kind")

    def cancel(self) -> None:
        """Ends the wait for a person, now or when it begins; from any thread, as often as one likes."""
        with self._cancel_once:
            # Its end shows at the other end, in whatever `ask` is waiting there.
            self._cancels.close()

    def close(self) -> None:
        """Lets the process log out and end; ends it by force if it does not. May be called twice."""
        with self._turn:
            self._end(force=False)

    def _exchange(
        self, request: Request, *, seconds: float, secret: bytearray | None, for_person: bool = False
    ) -> object:
        try:
            self._connection.send(request)
            if secret is not None:
                self._connection.send_bytes(secret)
        except OSError:
            raise TokenError(TokenCode.PROCESS_DIED) from None
        finally:
            if secret is not None:
                secret[:] = bytes(len(secret))
        try:
            # The process itself is watched too: on Windows a process that dies early leaves its pipe open.
            watched = [self._connection, self._process.sentinel, *([self._cancelled] if for_person else ())]
            ready = wait(watched, seconds)
            if not ready:
                raise TokenError(TokenCode.TIMEOUT, f"{type(request).__name__}, {seconds:g} s")
            # An answer that came at the same moment is worth more.
            if ready == [self._cancelled]:
                raise _CancelledError
            if not self._connection.poll():
                raise TokenError(TokenCode.PROCESS_DIED, type(request).__name__)
            reply: object = self._connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            raise TokenError(TokenCode.PROCESS_DIED, type(request).__name__) from None
        return reply

    def _end(self, *, force: bool) -> None:
        if not self._open:
            return
        self._open = False
        # The end of the pipe is the child's sign to log out and leave.
        self._connection.close()
        self._cancelled.close()
        with self._cancel_once:
            self._cancels.close()
        if not force:
            self._process.join(self.timeouts.close)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(self.timeouts.close)
        # A process that the system cannot end (a driver stuck in the kernel) is left to it.
        with contextlib.suppress(ValueError):
            self._process.close()

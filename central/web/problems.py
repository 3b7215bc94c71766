"""The one table from exceptions to HTTP: routes of the sync calls contain no `try`."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from central.domain.admission import PlaceError
from central.store.database import StoreError
from sync_protocol import endpoints
from sync_protocol.api import encode_problem
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.token_errors import TokenError

_LOG = logging.getLogger("central.web")
# Long enough for a write lock to pass, short enough for somebody who waits.
_RETRY_SECONDS = 5
# An upload on a bad link takes about ten seconds; whoever finds all slots taken comes back after a few of them.
_BUSY_SECONDS = 30
_SYNC_PREFIX = "/v1/"


def handle_problems(app: Flask) -> None:
    """Turns what can go wrong in a sync call into a problem body; pages keep Flask's own answers."""

    def on_protocol_error(error: ProtocolError) -> Response:
        # Codes and rules name fields, never people, so they may be logged.
        _LOG.info("%s refused: %s", request.path, error)
        head = error.head if isinstance(error, PlaceError) else None
        answer = problem(error.code, rule=error.rule, body=encode_problem(error.code, rule=error.rule, head=head))
        if error.code is Code.LATER:
            answer.headers[endpoints.RETRY_AFTER_HEADER] = str(_BUSY_SECONDS)
        return answer

    def on_environment(error: StoreError | TokenError) -> Response:
        _LOG.error("%s: %s: %s", request.path, type(error).__name__, error)
        answer = problem(Code.LATER, rule="the centre cannot take it now")
        answer.headers[endpoints.RETRY_AFTER_HEADER] = str(_RETRY_SECONDS)
        return answer

    def on_too_large(error: RequestEntityTooLarge) -> Response | HTTPException:
        if not request.path.startswith(_SYNC_PREFIX):
            return error
        return problem(Code.TOO_LARGE, rule="the body is larger than this call takes")

    app.register_error_handler(ProtocolError, on_protocol_error)
    app.register_error_handler(StoreError, on_environment)
    app.register_error_handler(TokenError, on_environment)
    app.register_error_handler(RequestEntityTooLarge, on_too_large)


def problem(code: Code, *, rule: str, body: bytes | None = None) -> Response:
    """A problem answer with the status of the table."""
    content = encode_problem(code, rule=rule) if body is None else body
    return Response(content, status=endpoints.status_of(code), content_type=endpoints.PROBLEM_MEDIA_TYPE)

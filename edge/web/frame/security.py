"""What stands before every page: Host, Origin, CSRF, sizes, the session's cookie, and the headers of every answer.

A page on this machine can be asked for by every web page that the same browser shows. So a request must name a host
of ours, come from a page of ours when it changes something, and carry the token of its session. The answer tells the
browser to load nothing from anywhere else, to be framed by nobody, and to keep no copy of people's data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from flask import Flask, Response, request
from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]
from werkzeug.exceptions import Forbidden

# A form with 3,000 ticked doses has some 40 KB.
FORM_BYTES: Final = 512 * 1024
SECRET_BYTES: Final = 32
# Our forms are urlencoded; a form of many parts is none of ours.
_FORM_PARTS: Final = 50
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)


def install(app: Flask, *, hosts: Sequence[str], secret: bytes, place: str) -> None:
    """Put the checks before every page of the application.

    Args:
        hosts: names under which this machine's browser may ask, without port.
        secret: signs the sessions, 32 bytes; a restart ends them.
        place: where the node lives; browsers share cookies between ports, so each node's cookie has a name of its own.
    """
    app.config.update(
        SECRET_KEY=secret,
        TRUSTED_HOSTS=list(hosts),
        MAX_CONTENT_LENGTH=FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        MAX_FORM_PARTS=_FORM_PARTS,
        SESSION_COOKIE_NAME=f"hcvx-{hashlib.sha256(place.encode()).hexdigest()[:8]}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        # A form may lie open over lunch: its token lives as long as the session.
        WTF_CSRF_TIME_LIMIT=None,
        # Our pages send no Referer; `_refuse_foreign_origin` looks at what browsers send instead.
        WTF_CSRF_SSL_STRICT=False,
    )
    # The order matters: a foreign origin is refused before its body is read for a token.
    app.before_request(_refuse_foreign_origin)
    CSRFProtect(app)
    app.after_request(_add_headers)


def _refuse_foreign_origin() -> None:
    if request.method in _SAFE:
        return
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    own = request.host_url.rstrip("/")
    if site is None and origin == own:
        return
    # Without a Referer browsers name the origin "null"; no page can forge the header that says "same-origin".
    if site != "same-origin" or origin not in (None, "null", own):
        raise Forbidden


def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    # Pages hold people's data: no copy of them stays on the disk.
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response

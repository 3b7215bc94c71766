"""What stands before every page: Host, Origin, CSRF, sizes, the session's cookie, and the headers of every answer.

A page on this machine can be asked for by every web page that the same browser shows. So a request must name a host
of ours, come from a page of ours when it changes something, and carry the token of its session. The answer tells the
browser to load nothing from anywhere else, to be framed by nobody, and to keep no copy of people's data.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from flask import Flask, Request, Response, current_app, g, request
from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]
from werkzeug.exceptions import Forbidden

# A form with 3,000 ticked doses has some 40 KB.
FORM_BYTES: Final = 512 * 1024
# What the server takes at all: the largest upload that a view accepts, and its form around it.
UPLOAD_BYTES: Final = 9 * 1024 * 1024
SECRET_BYTES: Final = 32
_ACCEPTS: Final = "hcvx_accepts"
_View = TypeVar("_View", bound=Callable[..., object])
# Our forms are urlencoded; a form of many parts is none of ours.
_FORM_PARTS: Final = 50
# Where the server of the clinic's network, and it alone, leaves the names under which it may be asked. A header never
# comes to stand here: in the environment of a request every header's name begins with HTTP_.
LAN_HOSTS: Final = "hcvx.lan-hosts"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; "
    "form-action 'self'{also}; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY.format(also=""),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)


def install(
    app: Flask, guards: Sequence[Callable[[], Any]], *, hosts: Sequence[str], secret: bytes, place: str
) -> None:
    """Put the checks before every page of the application.

    Args:
        guards: run in order once the origin is known to be ours, before the form's token is looked at; one that gives
            an answer ends the request.
        hosts: names under which this machine's browser may ask, without port; other machines by those of `LAN_HOSTS`.
        secret: signs the sessions, 32 bytes; a restart ends them.
        place: where the node lives; browsers share cookies between ports, so each node's cookie has a name of its own.
    """

    class SiteRequest(Request):
        """A request that may name the hosts of the server that it came to."""

        def __init__(self, environ: dict[str, Any], populate_request: bool = True, shallow: bool = False) -> None:
            super().__init__(environ, populate_request, shallow)
            self.trusted_hosts = list(environ.get(LAN_HOSTS, hosts))

        def _get_file_stream(self, *_: object, **__: object) -> io.BytesIO:
            # werkzeug would put a larger upload into a temporary file, in the clear.
            return io.BytesIO()

    app.request_class = SiteRequest
    app.config.update(
        SECRET_KEY=secret,
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
    for guard in guards:
        app.before_request(guard)
    # What may be uploaded is decided before the body is read for the form's token.
    app.before_request(_bound_body)
    CSRFProtect(app)
    app.after_request(_add_headers)


def accept_upload(size_bytes: int) -> Callable[[_View], _View]:
    """Say that a view takes a file of up to so many bytes, at most 8 MiB; stands below the route."""

    def mark(view: _View) -> _View:
        setattr(view, _ACCEPTS, size_bytes)
        return view

    return mark


def _bound_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    size_bytes = getattr(view, _ACCEPTS, 0)
    if size_bytes:
        # The form around the file, as any other form.
        request.max_content_length = size_bytes + FORM_BYTES


def allow_form_to(origin: str) -> None:
    """Let the page of this request send a form to one more place, and let the browser name the page's origin there."""
    g.form_goes_to = origin


def came_over_lan() -> bool:
    """Whether the request came from the clinic's network, and not from this machine's own browser."""
    return LAN_HOSTS in request.environ


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
    also = g.get("form_goes_to")
    if also is not None:
        response.headers["Content-Security-Policy"] = _POLICY.format(also=f" {also}")
        # With "no-referrer" browsers send the origin "null" along with a form, and nobody could tell whose form it is.
        response.headers["Referrer-Policy"] = "strict-origin"
    # Pages hold people's data: no copy of them stays on the disk, nor of the page that says that a file is not there.
    if request.endpoint != "static" or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    return response

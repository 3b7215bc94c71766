"""What every answer of the centre carries, and which requests are not looked at at all."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from sync_protocol import contexts

# Pages come with their own style sheet and no script; pictures are inline SVG or data.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


def secure(app: Flask, *, public_url: str, body_bytes: int) -> None:
    """Bounds bodies, answers under known host names only, and sets the headers of every answer.

    Args:
        app: the application.
        public_url: where the centre is reached from outside.
        body_bytes: the largest body of any call; each call may be stricter.
    """
    app.config["MAX_CONTENT_LENGTH"] = body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = 64 * 1024
    hosts = frozenset({(urlsplit(public_url).hostname or "").lower(), *_LOOPBACK})

    def check_host() -> None:
        # A page of another site that has its name point here (DNS rebinding) gets nothing.
        if _host_name(request.host) not in hosts:
            abort(421)

    def add_headers(response: Response) -> Response:
        if response.mimetype == contexts.FEED_ANSWER.content_type:
            # What nodes ask for every few minutes on 2G; no browser reads it, and it opens for that node alone.
            return response
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.before_request(check_host)
    app.after_request(add_headers)


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()

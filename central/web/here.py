"""The pages show people's records and ask nobody who they are, so they are served on this machine alone."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from flask import Blueprint, abort, request

_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def serve_here_only(pages: Blueprint) -> None:
    """Answers requests that come from this machine and name it; all others get 403."""

    def check_here() -> None:
        # The name is checked too: a proxy on this machine that passes a public name on is not an operator here.
        name = request.host.rsplit(":", 1)[0] if not request.host.startswith("[") else request.host[1:].split("]")[0]
        try:
            is_here = ip_address(request.remote_addr or "").is_loopback
        except ValueError:
            is_here = False
        if not is_here or name.lower() not in _LOOPBACK_NAMES:
            abort(403)

    pages.before_request(check_here)

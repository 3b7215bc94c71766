"""Which roles may open which page. Every view says so itself; a view that does not is a mistake of ours.

`require` runs before every page: without an account yet it leads to the first one, without a session to the sign-in, in
a locked session to the password, and past a role that is missing to a page that says whom to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, cast

from flask import Flask, current_app, g, redirect, request, session, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from edge.domain.roles import Role
from edge.store import users
from edge.store.users import User
from edge.web.frame.node import node
from edge.web.frame.sessions import Session, Sessions

BADGE: Final = "who"
# How long a browser may lie untouched before it asks for the password again.
IDLE_SECONDS: Final = 15 * 60
# For views that need a person, whatever the role.
SIGNED_IN: Final = frozenset(Role)
# For views without a person: signing in, the first account, the language, a device that asks to be admitted.
ANYBODY: Final[frozenset[Role]] = frozenset()
_KEY: Final = "hcvx-sessions"
_ALLOWED: Final = "hcvx_allowed"
_View = TypeVar("_View", bound=Callable[..., object])


class RoleMissingError(Forbidden):
    """The person at this browser has none of the roles that the page is for."""

    def __init__(self, needed: frozenset[Role]) -> None:
        super().__init__()
        self.needed = needed


def allow(*roles: Role) -> Callable[[_View], _View]:
    """Say which roles may open a view; stands below the route."""
    return _mark(frozenset(roles))


def allow_signed_in() -> Callable[[_View], _View]:
    """Everybody who has signed in may open the view."""
    return _mark(SIGNED_IN)


def allow_anybody() -> Callable[[_View], _View]:
    """Nobody has to sign in for the view."""
    return _mark(ANYBODY)


def _mark(roles: frozenset[Role]) -> Callable[[_View], _View]:
    def mark(view: _View) -> _View:
        setattr(view, _ALLOWED, roles)
        return view

    return mark


def allowed_roles(app: Flask, endpoint: str) -> frozenset[Role]:
    """The roles that a view is for: `ANYBODY`, `SIGNED_IN` or some. KeyError where the view does not say."""
    if endpoint == "static":
        return ANYBODY
    view = app.view_functions[endpoint]
    if not hasattr(view, _ALLOWED):
        raise KeyError(f"{endpoint} does not say who may open it")
    return cast("frozenset[Role]", getattr(view, _ALLOWED))


def install(app: Flask) -> None:
    """Ask before every page who is there. Raises KeyError for a view that does not say whom it is for."""
    for endpoint in app.view_functions:
        allowed_roles(app, endpoint)
    app.extensions[_KEY] = Sessions()
    app.before_request(require)


def sessions() -> Sessions:
    """The sessions of the current application."""
    return cast("Sessions", current_app.extensions[_KEY])


def require() -> Response | None:
    """Let the page begin, or lead to where somebody signs in. Raises RoleMissingError."""
    if request.endpoint is None:
        # No such page: what says so needs nobody.
        return None
    needed = allowed_roles(current_app, request.endpoint)
    if request.endpoint == "static":
        return None
    user, is_locked = _who()
    if user is not None and not is_locked:
        g.user = user
    if needed == ANYBODY:
        return None
    if user is None or is_locked:
        return redirect(url_for("accounts.sign_in"), 303)
    if not user.roles & needed:
        raise RoleMissingError(needed)
    return None


def current_user() -> User:
    """Who is at this browser; only behind `require`, on a page that is not for anybody."""
    return cast("User", g.user)


def signed_in_user() -> User | None:
    """Who is at this browser, if somebody is."""
    found: User | None = g.get("user")
    return found


def current_session() -> Session | None:
    """The session of this browser, locked or not."""
    token = session.get(BADGE, "")
    if not isinstance(token, str) or not token:
        return None
    return sessions().find(token, at=node().clock.now(), idle_seconds=IDLE_SECONDS)


def _who() -> tuple[User | None, bool]:
    found = current_session()
    if found is None:
        return None, False
    with node().database.read() as tables:
        user = users.get(tables, found.user_id)
    return (user if user is not None and user.is_active else None), found.is_locked

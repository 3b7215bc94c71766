"""Which roles may open which page, and who is at this browser.

Every view says for whom it is; a view that does not is a mistake of ours. `guard` holds every request against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from flask import Flask, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import Forbidden

from edge.domain.roles import Role
from edge.store import settings, users
from edge.store.passwords import Passwords
from edge.store.settings import Setting
from edge.store.users import User
from edge.web.frame.node import node
from edge.web.frame.sessions import TOKEN_BYTES, Sessions

BADGE: Final = "who"
# Stands in the address of what a page asks for by itself.
WATCHED: Final = "watched"
# For views that need a person, whatever the role.
SIGNED_IN: Final = frozenset(Role)
# For views without a person: signing in, the first account, the language, a device that asks to be admitted.
ANYBODY: Final[frozenset[Role]] = frozenset()
_SESSIONS: Final = "hcvx-sessions"
_PASSWORDS: Final = "hcvx-passwords"
_ALLOWED: Final = "hcvx_allowed"
_View = TypeVar("_View", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is at this browser. `wanted` is the page with which a locked session goes on."""

    user: User
    is_locked: bool
    wanted: str
    idle_seconds: int


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


def install(app: Flask, passwords: Passwords) -> None:
    """Prepare an application whose views are all registered. Raises KeyError for one that does not say whom it is for.

    Args:
        passwords: how passwords are protected and compared.
    """
    for endpoint in app.view_functions:
        allowed_roles(app, endpoint)
    app.extensions[_SESSIONS] = Sessions()
    app.extensions[_PASSWORDS] = passwords
    app.session_interface = _Cookies()
    app.jinja_env.globals["may_open"] = may_open


def sessions() -> Sessions:
    """The sessions of the current application."""
    return cast("Sessions", current_app.extensions[_SESSIONS])


def passwords() -> Passwords:
    """How the current application protects passwords."""
    return cast("Passwords", current_app.extensions[_PASSWORDS])


def may_open(endpoint: str) -> bool:
    """Whether whoever is at this browser may open a page. KeyError where there is no such page."""
    user = signed_in_user()
    return user is not None and bool(user.roles & allowed_roles(current_app, endpoint))


def current_user() -> User:
    """Who is at this browser; only on a page that is not for anybody."""
    user = signed_in_user()
    assert user is not None
    return user


def signed_in_user() -> User | None:
    """Who is at this browser with an open session, if somebody is; read once for each request."""
    found = current_visit()
    return None if found is None or found.is_locked else found.user


def current_visit() -> Visit | None:
    """The user and the standing of this browser's session, locked or not; read once for each request."""
    if "visit" not in g:
        g.visit = _visit()
    found: Visit | None = g.visit
    return found


def forget_visit() -> None:
    """Let this request's page be one for nobody: the store, which knows who it is, cannot be asked."""
    g.visit = None


def begin_session(user: User) -> None:
    """Sign somebody in at this browser, under a token and a cookie that nobody has seen before."""
    open_node = node()
    end_session()
    token = open_node.entropy.token(TOKEN_BYTES).hex()
    sessions().start(token, user.user_id, at=open_node.clock.now(), seen_at=open_node.clock.steady())
    session[BADGE] = token
    g.pop("visit", None)


def continue_session() -> None:
    """Unlock this browser's session under a fresh token; forms that lie open in it keep their own."""
    open_node = node()
    fresh = open_node.entropy.token(TOKEN_BYTES).hex()
    sessions().unlock(badge(), fresh, at=open_node.clock.now(), seen_at=open_node.clock.steady())
    session[BADGE] = fresh
    g.pop("visit", None)


def end_session() -> None:
    """Forget this browser's session and everything in its cookie."""
    sessions().end(badge())
    session.clear()
    g.pop("visit", None)


def badge() -> str:
    """The token of this browser, or ""."""
    token = session.get(BADGE, "")
    return token if isinstance(token, str) else ""


def _visit() -> Visit | None:
    token = badge()
    if not token:
        return None
    open_node = node()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        idle_seconds = 60 * settings.get(tables, Setting.IDLE_MINUTES)
        found = sessions().find(
            token, at=open_node.clock.steady(), idle_seconds=idle_seconds, is_use=WATCHED not in request.args
        )
        user = None if found is None else users.get(tables, found.user_id)
    if found is None or user is None:
        return None
    # Another process may have closed the account or changed it: `hcvx-edge user` knows no sessions. What was changed in
    # a time to come was changed before the clock was put right: it ends nobody's session.
    if not user.is_active or found.started_at < user.changed_at <= now:
        sessions().end(token)
        return None
    return Visit(user, is_locked=found.is_locked, wanted=found.wanted, idle_seconds=idle_seconds)


class _Cookies(SecureCookieSessionInterface):
    """The session's cookie, for https alone where the page came by https."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return request.is_secure

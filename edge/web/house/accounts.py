"""Signing in and out: who is at this browser."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from edge.store import users
from edge.web.frame.access import BADGE, allow_anybody, allow_signed_in, sessions
from edge.web.frame.node import node
from edge.web.frame.sessions import TOKEN_BYTES
from sync_protocol.names import fold

blueprint = Blueprint("accounts", __name__)

_HASHER: Final = PasswordHasher()


@blueprint.get("/sign-in")
@allow_anybody()
def sign_in() -> str:
    """Login and password."""
    return render_template("house/sign_in.html")


@blueprint.post("/sign-in")
@allow_anybody()
def enter() -> Response:
    """Begin a session."""
    open_node = node()
    with open_node.database.read() as tables:
        user = users.with_login(tables, fold(request.form.get("login", "")))
    try:
        if user is None or not user.is_active:
            return redirect(url_for("accounts.sign_in"), 303)
        _HASHER.verify(user.password, request.form.get("password", ""))
    except VerificationError:
        return redirect(url_for("accounts.sign_in"), 303)
    token = open_node.entropy.token(TOKEN_BYTES).hex()
    sessions().start(token, user.user_id, at=open_node.clock.now())
    session.clear()
    session[BADGE] = token
    return redirect(url_for("today.show"), 303)


@blueprint.post("/sign-out")
@allow_signed_in()
def leave() -> Response:
    """End the session."""
    sessions().end(str(session.get(BADGE, "")))
    session.clear()
    return redirect(url_for("accounts.sign_in"), 303)

"""What stands before every page: is somebody signed in, is the screen locked, is it a page for this person.

It runs after the check of the origin and before that of the form's token: a form without a session is answered with
the way in, never with a page that shows the people of the site. What such a form carries is kept.
"""

from __future__ import annotations

from typing import Final

from flask import current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.store import users
from edge.web.frame import drafts
from edge.web.frame.access import (
    ANYBODY,
    RoleMissingError,
    Visit,
    allowed_roles,
    badge,
    current_visit,
    sessions,
)
from edge.web.frame.account_form import AccountForm
from edge.web.frame.node import node

# What somebody may do who has to choose a password of their own first.
_BEFORE_PASSWORD: Final = frozenset(
    {"accounts.password", "accounts.change_password", "accounts.leave", "accounts.lock", "help.show"}
)
SIGN_IN_FIELDS: Final = ("login", "password")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def require() -> Response | tuple[str, int] | None:
    """Let the page begin, or lead to where somebody signs in. Raises RoleMissingError."""
    if request.endpoint in (None, "static"):
        # No such page: what says so needs nobody.
        return None
    assert request.endpoint is not None
    needed = allowed_roles(current_app, request.endpoint)
    if needed == ANYBODY:
        return None
    visit = current_visit()
    if visit is None:
        return _lead_in()
    if visit.is_locked:
        return _lead_to_password(visit)
    if visit.user.must_change and request.endpoint not in _BEFORE_PASSWORD:
        return redirect(url_for("accounts.password"), 303)
    if not visit.user.roles & needed:
        raise RoleMissingError(needed)
    return None


def _lead_in() -> Response | tuple[str, int]:
    with node().database.read() as tables:
        nobody_yet = users.is_empty(tables)
    if nobody_yet:
        return redirect(url_for("first_account.form"), 303)
    if request.method in _SAFE:
        wanted = request.full_path.rstrip("?") if drafts.is_page(request.path) and request.path != "/" else None
        return redirect(url_for("accounts.sign_in", next=wanted), 303)
    place = request.form.get("place", "")
    if not drafts.is_page(place):
        return redirect(url_for("accounts.sign_in"), 303)
    # Nobody is known whose draft this could be: the sign-in page carries it until somebody is.
    form = AccountForm(SIGN_IN_FIELDS)
    page = render_template("house/sign_in.html", form=form, place=place, kept=drafts.texts_of_request())
    return page, 403


def _lead_to_password(visit: Visit) -> Response:
    if request.method in _SAFE:
        wanted = request.full_path.rstrip("?") if drafts.is_page(request.path) else ""
    else:
        wanted = drafts.keep_request(visit.user) or ""
        if wanted.partition("?")[0] == request.path:
            # The query may name more than the form: a selection, a list to go back to.
            wanted = request.full_path.rstrip("?")
    sessions().lock(badge(), wanted=wanted)
    return redirect(url_for("accounts.unlock"), 303)

"""Who is at this browser: signing in and out, locking and unlocking the screen, one's own password and language.

Locking loses nothing: the same person goes on where the screen was locked. When another one signs in instead, that is
a change of shift, and what was half typed goes to the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.wrappers import Response

from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.store import audit, users
from edge.store.drafts import NEVER_KEPT
from edge.store.passwords import SALT_BYTES
from edge.store.users import UserId
from edge.web.frame import drafts
from edge.web.frame.access import (
    allow_anybody,
    allow_signed_in,
    badge,
    begin_session,
    continue_session,
    current_user,
    current_visit,
    end_session,
    passwords,
    sessions,
    signed_in_user,
)
from edge.web.frame.account_form import AccountForm, typed
from edge.web.frame.desk_turn import desk_turns
from edge.web.frame.guard import SIGN_IN_FIELDS
from edge.web.frame.language import COOKIE, LANGUAGES, VIETNAMESE, _
from edge.web.frame.node import node
from edge.web.frame.places import first_page
from edge.workflow.manage_users import change_own_password
from edge.workflow.sign_in import prove
from edge.workflow.sign_in import sign_in as sign_in_workflow

blueprint = Blueprint("accounts", __name__)

_YEAR_SECONDS: Final = 365 * 24 * 3_600
_UNLOCK: Final = ("password",)
_OWN: Final = ("old_password", "password", "repeated")


@blueprint.get("/sign-in")
@allow_anybody()
def sign_in() -> str | Response:
    """Login and password; nobody is listed."""
    user = signed_in_user()
    if user is not None:
        return redirect(first_page(user), 303)
    with node().database.read() as tables:
        if users.is_empty(tables):
            return redirect(url_for("first_account.form"), 303)
    return _sign_in_page(AccountForm(SIGN_IN_FIELDS))


@blueprint.post("/sign-in")
@allow_anybody()
def enter() -> Response:
    """Begin a session. In a locked browser this is the change of shift."""
    open_node = node()
    user = sign_in_workflow(
        open_node.database,
        request.form.get("login", ""),
        request.form.get("password", ""),
        passwords=passwords(),
        at=open_node.clock.now(),
    )
    before = current_visit()
    if before is not None and before.user.user_id != user.user_id:
        drafts.hand_over(before.user, user)
    place = request.form.get("place", "")
    if drafts.is_page(place):
        drafts.keep(user, place, _carried())
    begin_session(user)
    if before is not None:
        end_waiting_of(before.user.user_id)
    for wanted in (place, request.form.get("next", ""), "" if before is None else before.wanted):
        if drafts.may_open(user, wanted):
            return redirect(wanted, 303)
    return redirect(first_page(user), 303)


@blueprint.get("/unlock")
@allow_anybody()
def unlock() -> str | Response:
    """The password of whoever locked the screen, or the way in for somebody else."""
    visit = current_visit()
    if visit is None:
        return redirect(url_for("accounts.sign_in"), 303)
    return _unlock_page(AccountForm(_UNLOCK)) if visit.is_locked else redirect(first_page(visit.user), 303)


@blueprint.post("/unlock")
@allow_anybody()
def go_on() -> Response:
    """Go on just where the screen was locked."""
    visit = current_visit()
    if visit is None:
        return redirect(url_for("accounts.sign_in"), 303)
    open_node = node()
    password = request.form.get("password", "")
    user = prove(open_node.database, visit.user.user_id, password, passwords=passwords(), at=open_node.clock.now())
    continue_session()
    return redirect(visit.wanted if drafts.may_open(user, visit.wanted) else first_page(user), 303)


@blueprint.post("/lock")
@allow_signed_in()
def lock() -> Response:
    """Lock the screen now: somebody leaves the desk."""
    back = request.form.get("back", "")
    sessions().lock(badge(), wanted=back if drafts.is_page(back) else "")
    return redirect(url_for("accounts.unlock"), 303)


@blueprint.post("/sign-out")
@allow_signed_in()
def leave() -> Response:
    """End the session."""
    user = current_user()
    with node().database.write_transaction() as tables:
        audit.append(tables, audit.Action.SIGNED_OUT, f"user:{user.user_id}", actor=user.name, at=node().clock.now())
    end_session()
    end_waiting_of(user.user_id)
    return redirect(url_for("accounts.sign_in"), 303)


@blueprint.get("/password")
@allow_signed_in()
def password() -> str:
    """Change one's own password."""
    return _own_page(AccountForm(_OWN))


@blueprint.post("/password")
@allow_signed_in()
def change_password() -> Response:
    """Replace one's own password; other browsers of this person are signed out."""
    open_node = node()
    now = open_node.clock.now()
    visitor = current_user()
    chosen = request.form.get("password", "")
    user = prove(
        open_node.database,
        visitor.user_id,
        request.form.get("old_password", ""),
        passwords=passwords(),
        at=now,
        begins=False,
    )
    if chosen != request.form.get("repeated", ""):
        raise refuse(EdgeCode.PASSWORD_DIFFERS, "repeated")
    salt = open_node.entropy.token(SALT_BYTES)
    change_own_password(open_node.database, user, chosen, passwords=passwords(), salt=salt, at=now)
    sessions().end_all_of(user.user_id)
    begin_session(user)
    return redirect(first_page(user) if user.must_change else url_for("accounts.password", done="yes"), 303)


@blueprint.post("/language")
@allow_anybody()
def choose_language() -> Response:
    """Vietnamese or English: kept with the user, or in this browser while nobody has signed in."""
    chosen = request.form.get("language", VIETNAMESE)
    chosen = chosen if chosen in LANGUAGES else VIETNAMESE
    back = request.form.get("back", "")
    answer = make_response(redirect(back if drafts.endpoint_of(back) is not None else "/", 303))
    user = signed_in_user()
    if user is not None:
        with node().database.write_transaction() as tables:
            users.set_language(tables, user.user_id, chosen)
    answer.set_cookie(COOKIE, chosen, max_age=_YEAR_SECONDS, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same form with the fault beside its field; no password comes back."""
    match request.endpoint:
        case "accounts.go_on":
            form = AccountForm(_UNLOCK)
            form.show(error)
            return _unlock_page(form), 422
        case "accounts.change_password":
            form = AccountForm(_OWN)
            form.show(_at_old_password(error))
            return _own_page(form), 422
    form = typed(SIGN_IN_FIELDS, "login")
    form.show(error)
    return _sign_in_page(form), 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int] | Response:
    """The program was restarted while the page lay open: the same page again, with a good token."""
    if request.endpoint != "accounts.enter":
        return redirect(url_for("today.show"), 303)
    form = typed(SIGN_IN_FIELDS, "login")
    form.errors["password"] = _("Chương trình vừa được mở lại. Gõ lại mật khẩu.")
    return _sign_in_page(form), 400


def end_waiting_of(user_id: UserId) -> None:
    """Let nothing wait for the PIN of somebody who is at no browser any more."""
    if not sessions().is_here(user_id):
        desk_turns().leave(user_id)


def _sign_in_page(form: AccountForm) -> str:
    wanted = request.form.get("next", "") or request.args.get("next", "")
    place = request.form.get("place", "")
    visit = current_visit()
    return render_template(
        "house/sign_in.html",
        form=form,
        wanted=wanted if drafts.is_page(wanted) else "",
        place=place if drafts.is_page(place) else "",
        kept=_carried(),
        locked_name=visit.user.name if visit is not None and visit.is_locked else "",
    )


def _unlock_page(form: AccountForm) -> str:
    visit = current_visit()
    assert visit is not None
    return render_template("house/unlock.html", form=form, name=visit.user.name, wanted=visit.wanted)


def _own_page(form: AccountForm) -> str:
    done = request.args.get("done") == "yes"
    return render_template("house/password.html", form=form, done=done, must_change=current_user().must_change)


def _carried() -> Mapping[str, str]:
    """The form that was sent without a session, as the sign-in page carries it."""
    try:
        read = json.loads(request.form.get("kept", "") or "{}")
    except (ValueError, RecursionError):
        return {}
    pairs = read.items() if isinstance(read, dict) else ()
    return {str(name): text for name, text in pairs if isinstance(text, str) and name not in NEVER_KEPT}


def _at_old_password(error: RefusedError) -> RefusedError:
    code = error.findings[0].code
    is_old = code in (EdgeCode.PASSWORD_WRONG, EdgeCode.ACCOUNT_LOCKED)
    return refuse(code, "old_password", detail=error.findings[0].detail) if is_old else error

"""The people of the site, for the manager: who works here, in which roles; adding, changing, closing."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.refusals import RefusedError
from edge.domain.roles import ROLE_WORDS, Role
from edge.store import users
from edge.store.passwords import SALT_BYTES
from edge.store.users import User, UserId
from edge.web.frame.access import allow, current_user, passwords, sessions
from edge.web.frame.account_form import AccountForm, typed
from edge.web.frame.node import node
from edge.web.house.accounts import end_waiting_of
from edge.workflow.manage_users import add_user, change_roles, close_user, reopen_user, reset_password

blueprint = Blueprint("users", __name__)

_NEW: Final = ("name", "login", "password", "roles")
_ONE: Final = ("roles", "password")
_DONE: Final = frozenset({"added", "roles", "password", "closed", "reopened"})


@blueprint.get("/users")
@allow(Role.MANAGER)
def show() -> str:
    """Everybody who has an account, and the form for the next one."""
    return _list_page(AccountForm(_NEW))


@blueprint.post("/users")
@allow(Role.MANAGER)
def add() -> Response:
    """Make an account; its owner chooses another password at the first sign-in."""
    open_node = node()
    user_id = add_user(
        open_node.database,
        login=request.form.get("login", ""),
        name=request.form.get("name", ""),
        roles=_chosen_roles(),
        password=request.form.get("password", ""),
        must_change=True,
        passwords=passwords(),
        salt=open_node.entropy.token(SALT_BYTES),
        at=open_node.clock.now(),
        by=current_user().name,
    )
    return redirect(url_for("users.show", done="added", user=user_id), 303)


@blueprint.get("/users/<int(max=999999999):user_id>")
@allow(Role.MANAGER)
def one(user_id: int) -> str:
    """One user: roles, another password, closing."""
    return _one_page(_user(user_id), AccountForm(_ONE))


@blueprint.post("/users/<int(max=999999999):user_id>/roles")
@allow(Role.MANAGER)
def give_roles(user_id: int) -> Response:
    """Give a user other roles; whoever works with the old ones is signed out at once."""
    changed = _user(user_id)
    chosen = _chosen_roles()
    change_roles(node().database, changed.user_id, chosen, at=node().clock.now(), by=current_user().name)
    if chosen != changed.roles:
        sessions().end_all_of(changed.user_id)
        end_waiting_of(changed.user_id)
    return redirect(url_for("users.show", done="roles", user=user_id), 303)


@blueprint.post("/users/<int(max=999999999):user_id>/password")
@allow(Role.MANAGER)
def give_password(user_id: int) -> Response:
    """Give a user a password for the next sign-in."""
    open_node = node()
    reset_password(
        open_node.database,
        UserId(user_id),
        request.form.get("password", ""),
        passwords=passwords(),
        salt=open_node.entropy.token(SALT_BYTES),
        at=open_node.clock.now(),
        by=current_user().name,
    )
    sessions().end_all_of(UserId(user_id))
    end_waiting_of(UserId(user_id))
    return redirect(url_for("users.show", done="password", user=user_id), 303)


@blueprint.post("/users/<int(max=999999999):user_id>/close")
@allow(Role.MANAGER)
def close(user_id: int) -> Response:
    """Close an account and end its sessions."""
    close_user(node().database, UserId(user_id), at=node().clock.now(), by=current_user().name)
    sessions().end_all_of(UserId(user_id))
    end_waiting_of(UserId(user_id))
    return redirect(url_for("users.show", done="closed", user=user_id), 303)


@blueprint.post("/users/<int(max=999999999):user_id>/reopen")
@allow(Role.MANAGER)
def reopen(user_id: int) -> Response:
    """Open a closed account again."""
    reopen_user(node().database, UserId(user_id), at=node().clock.now(), by=current_user().name)
    return redirect(url_for("users.show", done="reopened", user=user_id), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same page with the fault beside its field; no password comes back."""
    if request.endpoint == "users.add":
        form = typed(_NEW, "name", "login")
        form.show(error)
        return _list_page(form), 422
    shown = AccountForm(_ONE)
    shown.show(error)
    return _one_page(_user((request.view_args or {})["user_id"]), shown), 422


def _list_page(form: AccountForm) -> str:
    with node().database.read() as tables:
        people = users.all_users(tables)
    done, about = request.args.get("done", ""), request.args.get("user", "")
    return render_template(
        "house/users.html",
        form=form,
        people=sorted(people, key=lambda one: (not one.is_active, one.login)),
        now=node().clock.now(),
        role_words=ROLE_WORDS,
        chosen=request.form.getlist("roles"),
        done=done if done in _DONE else "",
        done_name=next((one.name for one in people if str(one.user_id) == about), ""),
    )


def _one_page(shown: User, form: AccountForm) -> str:
    return render_template(
        "house/user.html",
        person=shown,
        form=form,
        role_words=ROLE_WORDS,
        chosen=request.form.getlist("roles") or [role.value for role in shown.roles],
        now=node().clock.now(),
    )


def _user(user_id: int) -> User:
    with node().database.read() as tables:
        found = users.get(tables, UserId(user_id))
    if found is None:
        raise NotFound
    return found


def _chosen_roles() -> frozenset[Role]:
    return frozenset(Role(text) for text in request.form.getlist("roles") if text in set(Role))

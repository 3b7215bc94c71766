"""The verb of `hcvx-edge` for the people of the site: what a manager does on the pages, for whoever has the machine.

It is also the way back when the only manager has forgotten the password: whoever opens the node may reset it.
"""

from __future__ import annotations

from typing import Final

import click

from edge.cli_state import USER_PASSWORD_VARIABLE, State, by_option, json_option, pass_state
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.roles import ROLE_WORDS, Role
from edge.domain.sign_in import folded_login
from edge.store import users
from edge.store.passwords import SALT_BYTES, Passwords
from edge.store.users import User
from edge.workflow.manage_users import add_user, close_user, reset_password
from sync_protocol.command_line import ask_secret

_ROLES: Final = tuple(role.value for role in Role)


@click.group("user")
def user() -> None:
    """The people who work at the site: add, list, reset, close."""


@user.command("add")
@click.argument("login")
@click.option("--name", required=True, help="As it stands in records and in the audit trail.")
@click.option("--role", "roles", multiple=True, type=click.Choice(_ROLES), help="May be repeated; all by default.")
@click.option("--keep-password", is_flag=True, help="The password need not be changed at the first sign-in.")
@by_option
@json_option
@pass_state
def add(state: State, login: str, *, name: str, roles: tuple[str, ...], keep_password: bool, by: str) -> None:
    """Make an account; the password comes from the environment or is asked for."""
    node = state.node()
    user_id = add_user(
        node.database,
        login=login,
        name=name,
        roles=[Role(role) for role in roles or _ROLES],
        password=_password(state),
        must_change=not keep_password,
        passwords=Passwords(),
        salt=node.entropy.token(SALT_BYTES),
        at=node.clock.now(),
        by=by,
    )
    state.say(f"✓ Đã thêm {name}, đăng nhập bằng {folded_login(login).lower()}.")
    state.emit({"ok": True, "user": user_id, "login": folded_login(login)})


@user.command("list")
@json_option
@pass_state
def list_users(state: State) -> None:
    """Who works here, in which roles."""
    node = state.node()
    with node.database.read() as tables:
        everybody = users.all_users(tables)
    for one in everybody:
        roles = ", ".join(ROLE_WORDS[role] for role in Role if role in one.roles)
        state.say(f"{one.login.lower():<20} {one.name}: {roles}{'' if one.is_active else ' (đã đóng)'}")
    rows = [
        {
            "user": one.user_id,
            "login": one.login,
            "name": one.name,
            "roles": sorted(role.value for role in one.roles),
            "active": one.is_active,
            "must_change": one.must_change,
        }
        for one in everybody
    ]
    state.emit({"ok": True, "users": rows})


@user.command("reset")
@click.argument("login")
@by_option
@json_option
@pass_state
def reset(state: State, login: str, *, by: str) -> None:
    """Give a user a password to be changed at the next sign-in; it ends a lock-out as well."""
    node = state.node()
    found = _user(state, login)
    reset_password(
        node.database,
        found.user_id,
        _password(state),
        passwords=Passwords(),
        salt=node.entropy.token(SALT_BYTES),
        at=node.clock.now(),
        by=by,
    )
    state.say(f"✓ Đã đặt lại mật khẩu của {found.name}; lần đăng nhập tới phải đổi.")
    state.emit({"ok": True, "user": found.user_id})


@user.command("close")
@click.argument("login")
@by_option
@json_option
@pass_state
def close(state: State, login: str, *, by: str) -> None:
    """Close an account; what its owner recorded stays."""
    node = state.node()
    found = _user(state, login)
    close_user(node.database, found.user_id, at=node.clock.now(), by=by)
    state.say(f"✓ Đã đóng tài khoản của {found.name}.")
    state.emit({"ok": True, "user": found.user_id})


def _user(state: State, login: str) -> User:
    with state.node().database.read() as tables:
        found = users.with_login(tables, folded_login(login))
    if found is None:
        raise refuse(EdgeCode.USER_UNKNOWN, "login")
    return found


def _password(state: State) -> str:
    # Never an argument: every program on the machine may read those.
    given = state.environment.get(USER_PASSWORD_VARIABLE)
    if given is not None:
        return given
    return ask_secret("Mật khẩu của người dùng", confirm=True)

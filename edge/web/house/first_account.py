"""The account with which a site begins: whoever stands at the machine and knows its passphrase makes it."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.store import users
from edge.store.passwords import SALT_BYTES
from edge.web.frame.access import allow_anybody, begin_session, passwords
from edge.web.frame.account_form import AccountForm, typed
from edge.web.frame.node import node
from edge.web.frame.security import came_over_lan
from edge.workflow.manage_users import add_first_user

blueprint = Blueprint("first_account", __name__)

_ORDER: Final = ("passphrase", "name", "login", "password", "repeated")
_LOOPBACK: Final = ("127.0.0.1", "::1")


@blueprint.get("/first-account")
@allow_anybody()
def form() -> str | Response:
    """The form, while there is nobody."""
    _require_this_machine()
    with node().database.read() as tables:
        nobody_yet = users.is_empty(tables)
    return _page(AccountForm(_ORDER)) if nobody_yet else redirect(url_for("accounts.sign_in"), 303)


@blueprint.post("/first-account")
@allow_anybody()
def begin() -> Response:
    """Make the account and sign it in."""
    _require_this_machine()
    chosen = request.form.get("password", "")
    if chosen != request.form.get("repeated", ""):
        raise refuse(EdgeCode.PASSWORD_DIFFERS, "repeated")
    open_node = node()
    user_id = add_first_user(
        open_node.database,
        open_node.config.key_file_path,
        request.form.get("passphrase", ""),
        login=request.form.get("login", ""),
        name=request.form.get("name", ""),
        password=chosen,
        passwords=passwords(),
        salt=open_node.entropy.token(SALT_BYTES),
        at=open_node.clock.now(),
    )
    with open_node.database.read() as tables:
        user = users.get(tables, user_id)
    assert user is not None
    begin_session(user)
    return redirect(url_for("today.show"), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same form with the fault beside its field; neither passphrase nor password comes back."""
    shown = typed(_ORDER, "name", "login")
    shown.show(error)
    return _page(shown), 422


def _require_this_machine() -> None:
    # A tablet on the clinic's network never makes the account that may do everything.
    if came_over_lan() or request.remote_addr not in _LOOPBACK:
        raise Forbidden


def _page(shown: AccountForm) -> str:
    return render_template("house/first_account.html", form=shown)

"""Roles × routes: every address and method as each role, as nobody, in a locked session, with a closed account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from edge.app import create_app
from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import users
from edge.web.frame import access
from edge.web.frame.access import ANYBODY, allow
from tests import role_document
from tests.browser.visitor import ADDRESS, BADGE, Visitor, add_user, make_node, visit
from tests.edge.clinic import NOW, Clinic, make_clinic
from tests.role_document import Door, doors

OWN: Final = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
_ARGUMENT: Final = re.compile(r"<[^<>]+>")
_SIGN_IN: Final = re.compile(r"^(/sign-in(\?.*)?|/unlock|/first-account)$")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic) -> Node:
    return make_node(tmp_path, clinic.database)


def app_of(visitor: Visitor) -> Flask:
    return visitor.client.application


def ask(visitor: Visitor, door: Door) -> TestResponse:
    """Ask for an address as a page of ours does, without a form's token: whoever gets that far may open the page."""
    path = _ARGUMENT.sub("1", door.address)
    return visitor.client.open(path, method=door.method, base_url=ADDRESS, headers=OWN)


def is_turned_away(answer: TestResponse) -> bool:
    """Whether the answer is the page about roles, or the way to the sign-in."""
    leads = answer.status_code in (302, 303) and _SIGN_IN.match(answer.headers["Location"])
    return bool(leads) or (answer.status_code == 403 and "role-missing" in answer.text)


def closed_doors(visitor: Visitor) -> Iterator[Door]:
    """What is for somebody in particular."""
    return (door for door in doors(app_of(visitor)) if door.roles != ANYBODY)


@pytest.mark.parametrize("roles", [*((role,) for role in Role), tuple(Role)], ids="+".join)
def test_each_role_opens_what_is_declared_and_nothing_else(node: Node, clinic: Clinic, roles: tuple[Role, ...]) -> None:
    visitor = visit(node, clinic.centre, roles=roles)
    asked = 0
    for door in closed_doors(visitor):
        answer = ask(visitor, door)
        assert answer.status_code < 500, door
        assert is_turned_away(answer) == (not door.roles & set(roles)), (door, answer.status_code)
        asked += 1
    assert asked > 40


def test_nobody_is_led_to_the_sign_in_from_every_page_that_is_not_for_anybody(node: Node, clinic: Clinic) -> None:
    add_user(node)
    visitor = visit(node, clinic.centre, roles=())
    for door in closed_doors(visitor):
        answer = ask(visitor, door)
        assert answer.status_code == 303, door
        assert answer.headers["Location"].startswith("/sign-in"), door


def test_pages_for_anybody_open_for_nobody_and_show_no_figure(node: Node, clinic: Clinic) -> None:
    add_user(node)
    visitor = visit(node, clinic.centre, roles=())
    open_doors = [door for door in doors(app_of(visitor)) if door.roles == ANYBODY]
    assert {"accounts.sign_in", "accounts.unlock", "first_account.form"} <= {door.endpoint for door in open_doors}
    for door in open_doors:
        answer = ask(visitor, door)
        assert answer.status_code in (200, 303, 400, 404), door
        assert "Hôm nay chưa ký" not in answer.text
        assert "19001A" not in answer.text


def test_a_locked_session_opens_nothing_but_the_password(node: Node, clinic: Clinic) -> None:
    visitor = visit(node, clinic.centre)
    with app_of(visitor).test_request_context(base_url=ADDRESS):
        access.sessions().lock(BADGE, wanted="")
    for door in closed_doors(visitor):
        answer = ask(visitor, door)
        assert (answer.status_code, answer.headers.get("Location")) == (303, "/unlock"), door


def test_a_closed_account_opens_nothing(node: Node, clinic: Clinic) -> None:
    visitor = visit(node, clinic.centre)
    user_id = add_user(node)
    with node.database.write_transaction() as tables:
        users.set_active(tables, user_id, False, at=NOW)
    for door in closed_doors(visitor):
        answer = ask(visitor, door)
        assert answer.status_code == 303, door
        assert answer.headers["Location"].startswith("/sign-in"), door


def test_without_any_account_every_page_leads_to_the_first_one(node: Node, clinic: Clinic) -> None:
    visitor = visit(node, clinic.centre, roles=())
    for door in closed_doors(visitor):
        assert ask(visitor, door).headers["Location"] == "/first-account", door


def test_the_page_about_a_missing_role_says_who_may_and_whom_to_ask(node: Node, clinic: Clinic) -> None:
    add_user(node, login="truong tram", name="BS Lê Văn Trưởng", roles=[Role.SIGNER])
    add_user(node, login="quan ly", name="Phạm Thị Quản", roles=[Role.MANAGER])
    text = visit(node, clinic.centre, roles=[Role.RECEPTION]).get("/sign", status=403)
    for said in ("không thuộc phần việc của bạn", "Người ký", "BS Lê Văn Trưởng", "Phạm Thị Quản", "role-missing"):
        assert said in text


def test_a_view_that_does_not_say_for_whom_it_is_does_not_start(node: Node) -> None:
    app = create_app(node)
    app.add_url_rule("/forgotten", view_func=lambda: "", endpoint="forgotten")
    with pytest.raises(KeyError, match="forgotten"):
        access.allowed_roles(app, "forgotten")


def test_a_door_that_lets_in_the_wrong_role_is_noticed(node: Node, clinic: Clinic) -> None:
    visitor = visit(node, clinic.centre, roles=[Role.RECEPTION])
    app = app_of(visitor)
    view = app.view_functions["users.show"]

    @allow(Role.RECEPTION)
    def show(**_: object) -> str:
        return str(view())

    app.view_functions["users.show"] = show
    assert not is_turned_away(ask(visitor, Door("/users", "GET", "users.show", frozenset({Role.MANAGER}))))


def test_the_document_of_roles_is_what_the_views_declare(node: Node) -> None:
    text = role_document.DOCUMENT.read_text("utf-8")
    assert role_document.written(text, create_app(node)) == text, "run `python -m tests.role_document`"

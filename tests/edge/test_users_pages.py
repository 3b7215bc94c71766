"""The manager's pages: users and their sessions, the last manager, settings with their bounds, help, the header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from argon2 import PasswordHasher
from flask import Flask

from edge.app import create_app
from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import audit, settings, users
from edge.store.audit import Action
from edge.store.passwords import Passwords
from edge.store.settings import BOUNDS, MOST_STATIONS, STATION_CHARS, Setting
from edge.store.users import User, UserId
from edge.web.frame.places import HELP, PLACES
from edge.web.house.help import PAGES
from edge.workflow.manage_users import change_roles, reset_password
from tests.browser.visitor import USER_PASSWORD, Visitor, add_user, make_node, visit
from tests.edge.clinic import NOW, Clinic, make_clinic
from tests.edge.station import TickingClock

PASSWORDS: Final = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
GIVEN: Final = "mật khẩu tạm thời"
NEW: Final = {"name": "Y tá Lê Thị Bảy", "login": "bảy", "password": GIVEN, "roles": ["injection", "observation"]}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Node:
    made = make_node(tmp_path, clinic.database, clock)
    add_user(made, login="quan ly", name="Phạm Thị Quản", roles=[Role.MANAGER])
    return made


@pytest.fixture
def app(node: Node) -> Flask:
    return create_app(node, passwords=PASSWORDS)


def signed_in(app: Flask, login: str, password: str = USER_PASSWORD) -> Visitor:
    visitor = Visitor(app.test_client())
    visitor.get("/sign-in")
    visitor.post("/sign-in", {"login": login, "password": password})
    return visitor


@pytest.fixture
def manager(app: Flask) -> Visitor:
    visitor = signed_in(app, "quan ly")
    visitor.get("/users")
    return visitor


def found(node: Node, login: str) -> User:
    with node.database.read() as tables:
        user = users.with_login(tables, login)
    assert user is not None
    return user


def trail(node: Node) -> list[tuple[str, str, str]]:
    with node.database.read() as tables:
        return [(entry.action, entry.subject, entry.actor) for entry in audit.entries(tables)]


def test_a_new_user_works_after_choosing_a_password(manager: Visitor, app: Flask, node: Node) -> None:
    text = manager.post("/users", NEW)
    assert "Y tá Lê Thị Bảy:" in text
    assert GIVEN not in text
    user = found(node, "BAY")
    assert user.roles == {Role.INJECTION, Role.OBSERVATION}
    assert user.must_change
    assert (Action.USER_ADDED, f"user:{user.user_id}", "Phạm Thị Quản") in trail(node)
    newcomer = Visitor(app.test_client())
    newcomer.get("/sign-in")
    newcomer.post("/sign-in", {"login": "bay", "password": GIVEN}, status=303)
    newcomer.get("/doses/new", status=303)
    newcomer.get("/password")
    newcomer.post("/password", {"old_password": GIVEN, "password": USER_PASSWORD, "repeated": USER_PASSWORD})
    newcomer.get("/doses/new")
    newcomer.get("/users", status=403)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"login": "QUẢN LÝ"}, "login-taken"),
        ({"login": "?"}, "login-invalid"),
        ({"name": "phạm thị quản"}, "name-taken"),
        ({"name": " "}, "cell-missing"),
        ({"password": "ngắn"}, "password-weak"),
        ({"password": "bảy"}, "password-weak"),
        ({"roles": []}, "roles-missing"),
        ({"roles": ["director"]}, "roles-missing"),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_is_written(
    manager: Visitor, clinic: Clinic, change: dict[str, str | list[str]], code: str
) -> None:
    text = manager.post("/users", {**NEW, **change}, status=422)
    assert f"<code>{code}</code>" in text
    assert GIVEN not in text
    assert clinic.count("users") == 1


def test_other_roles_end_the_sessions_of_their_owner_at_once(manager: Visitor, app: Flask, node: Node) -> None:
    user_id = add_user(node, login="bay", roles=[Role.INJECTION])
    nurse = signed_in(app, "bay")
    nurse.get("/doses/new")
    manager.get(f"/users/{user_id}")
    manager.post(f"/users/{user_id}/roles", {"roles": ["reception"]})
    nurse.get("/doses/new", status=303)
    signed_in(app, "bay").get("/doses/new", status=403)
    assert (Action.USER_CHANGED, f"user:{user_id}", "Phạm Thị Quản") in trail(node)


def test_a_closed_account_is_signed_out_and_may_be_opened_again(manager: Visitor, app: Flask, node: Node) -> None:
    user_id = add_user(node, login="bay")
    nurse = signed_in(app, "bay")
    manager.get(f"/users/{user_id}")
    manager.post(f"/users/{user_id}/close")
    nurse.get("/sync", status=303)
    nurse.get("/sign-in")
    nurse.post("/sign-in", {"login": "bay", "password": USER_PASSWORD}, status=422)
    manager.post(f"/users/{user_id}/reopen")
    signed_in(app, "bay").get("/sync")
    done = [action for action, subject, _ in trail(node) if subject == f"user:{user_id}"]
    assert done == [Action.SIGNED_IN, Action.USER_CLOSED, Action.USER_REOPENED, Action.SIGNED_IN]


def test_a_reset_password_ends_sessions_and_the_lock_out(manager: Visitor, app: Flask, node: Node) -> None:
    user_id = add_user(node, login="bay")
    nurse = signed_in(app, "bay")
    with node.database.write_transaction() as tables:
        users.note_tries(tables, user_id, failures=9, locked_until=NOW + 3_600)
    manager.get(f"/users/{user_id}")
    manager.post(f"/users/{user_id}/password", {"password": GIVEN})
    nurse.get("/sync", status=303)
    nurse.get("/sign-in")
    nurse.post("/sign-in", {"login": "bay", "password": GIVEN}, status=303)
    assert found(node, "BAY").must_change


def test_another_process_that_changes_an_account_ends_its_sessions_too(
    app: Flask, node: Node, clock: TickingClock
) -> None:
    user_id = add_user(node, login="bay")
    nurse = signed_in(app, "bay")
    clock.at += 1
    reset_password(node.database, user_id, GIVEN, passwords=PASSWORDS, salt=bytes(16), at=clock.at, by="dòng lệnh")
    nurse.get("/sync", status=303)


def test_the_last_active_manager_stays_one(manager: Visitor, node: Node) -> None:
    other = add_user(node, login="bay", roles=[Role.MANAGER])
    mine = found(node, "QUAN LY").user_id
    manager.post(f"/users/{other}/close")
    assert "last-manager" in manager.post(f"/users/{mine}/close", status=422)
    assert "last-manager" in manager.post(f"/users/{mine}/roles", {"roles": ["signer"]}, status=422)
    manager.post(f"/users/{other}/reopen")
    manager.post(f"/users/{mine}/roles", {"roles": ["signer"]}, status=303)
    assert found(node, "QUAN LY").roles == {Role.SIGNER}


def test_the_same_roles_again_change_nothing(node: Node) -> None:
    mine = found(node, "QUAN LY").user_id
    before = trail(node)
    change_roles(node.database, mine, [Role.MANAGER], at=NOW + 5, by="x")
    assert trail(node) == before
    assert found(node, "QUAN LY").changed_at == NOW


def test_a_user_who_does_not_exist_is_no_page(manager: Visitor) -> None:
    manager.get("/users/999", status=404)
    manager.post("/users/999/close", status=404)


def test_settings_hold_from_the_next_page_on_and_are_in_the_trail(manager: Visitor, node: Node) -> None:
    manager.get("/settings")
    form = {"idle-minutes": "5", "observation-minutes": "45", "approval-required": "1", "stations": "Bàn 1\n\n Bàn  2 "}
    assert "Đã lưu" in manager.post("/settings", form)
    with node.database.read() as tables:
        assert [settings.get(tables, setting) for setting in BOUNDS] == [5, 1, 45]
        assert settings.stations(tables) == ("Bàn 1", "Bàn 2")
    assert sum(action == Action.SETTING_CHANGED for action, _, _ in trail(node)) == 4
    assert "Không có gì thay đổi" in manager.post("/settings", form)
    assert sum(action == Action.SETTING_CHANGED for action, _, _ in trail(node)) == 4


GOOD: Final = {"idle-minutes": "15", "observation-minutes": "30", "approval-required": "0", "stations": "Bàn 1"}


def wrong_settings() -> Iterator[tuple[str, str]]:
    for setting, bounds in BOUNDS.items():
        for text in (bounds.least - 1, bounds.greatest + 1, "", "x", "१५", "1e3", "9999999"):
            yield setting.value, str(text)
    yield "stations", ""
    yield "stations", "Bàn 1\nBàn 1"
    yield "stations", "x" * (STATION_CHARS + 1)
    yield "stations", "\n".join(map(str, range(MOST_STATIONS + 1)))


@pytest.mark.parametrize(("name", "text"), list(wrong_settings()))
def test_a_setting_out_of_its_bounds_is_said_beside_it_and_none_is_written(
    manager: Visitor, clinic: Clinic, name: str, text: str
) -> None:
    manager.get("/settings")
    answer = manager.post("/settings", {**GOOD, "observation-minutes": "45", name: text}, status=422)
    assert f'id="{name}-told"' in answer or name == "approval-required"
    assert clinic.count("settings") == 0


def test_settings_at_their_bounds_are_taken(manager: Visitor, node: Node) -> None:
    manager.get("/settings")
    for side in ("least", "greatest"):
        numbers = {setting.value: str(getattr(bounds, side)) for setting, bounds in BOUNDS.items()}
        manager.post("/settings", {**numbers, "stations": "x" * STATION_CHARS})
        with node.database.read() as tables:
            assert all(settings.get(tables, setting) == getattr(bounds, side) for setting, bounds in BOUNDS.items())
    with node.database.read() as tables, pytest.raises(KeyError):
        settings.get(tables, Setting.STATIONS)


def test_every_place_has_its_help_and_every_help_opens(manager: Visitor, app: Flask) -> None:
    assert set(HELP.values()) <= set(PAGES)
    for page in PAGES:
        text = manager.get(f"/help/{page}")
        assert text.count("<h1>") == 1
        assert "Trang khác" in text
    manager.get("/help/nowhere", status=404)
    for place in PLACES:
        assert place.endpoint in app.view_functions
        assert place.endpoint.partition(".")[0] in HELP
    assert 'href="/help/users"' in manager.get("/users")
    assert 'href="/help/start"' in manager.get("/password")


@pytest.mark.parametrize("role", list(Role))
def test_the_way_names_what_the_role_may_open_and_nothing_else(node: Node, clinic: Clinic, role: Role) -> None:
    visitor = visit(node, clinic.centre, roles=[role])
    text = visitor.get("/")
    way = text.split('<nav class="places"')[1].split("</nav>")[0]
    for place in PLACES:
        if f"<span>{place.words}</span>" in way:
            address = way.split(f'data-key="{place.key}"')[0].rsplit('href="', 1)[1].split('"')[0]
            visitor.get(address)
    assert ("Cơ sở" in way) == (role is Role.MANAGER)
    assert ("Tiếp đón" in way) == (role is Role.RECEPTION)


def test_the_accounts_of_a_site_are_never_deleted(node: Node) -> None:
    with pytest.raises(Exception, match="users are kept"), node.database.write_transaction() as tables:
        tables.execute("DELETE FROM users")
    assert found(node, "QUAN LY").user_id == UserId(1)

"""Nothing typed is lost: forms sent into a locked session, the change of shift, restarts, bounds, what is not kept."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Final

import pytest
from argon2 import PasswordHasher
from flask import Flask

from edge.app import create_app
from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store import drafts
from edge.store.drafts import DRAFT_BYTES, KEPT_SECONDS, MOST_DRAFTS, Draft
from edge.store.passwords import Passwords
from edge.store.users import UserId
from edge.workflow.record_dose import Submission
from tests.browser.visitor import ADDRESS, USER_PASSWORD, Visitor, add_user, make_node
from tests.edge.clinic import NOW, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock

OWN: Final = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
PLACE: Final = "/doses/new"
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
TYPED: Final = {
    "place": PLACE,
    "submission": "phieu-go-do-0001",
    "name": "Trần Thị Giữ Lại",
    "sex": "F",
    "birth_date": "01/03/1985",
    "number": "",
    "lot": "GIU-LAI-77",
}
NURSE: Final = "Y tá Nguyễn Thị Sáu"
NEXT_NURSE: Final = "Y tá Lê Thị Bảy"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def node(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Node:
    made = make_node(tmp_path, clinic.database, clock)
    add_user(made, login="sau", name=NURSE)
    add_user(made, login="bay", name=NEXT_NURSE)
    add_user(made, login="don", name="Trần Văn Đón", roles=[Role.RECEPTION])
    return made


def start(node: Node) -> Flask:
    return create_app(node, passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))


@pytest.fixture
def visitor(node: Node) -> Visitor:
    visitor = Visitor(start(node).test_client())
    sign_in(visitor, "sau")
    visitor.get(PLACE)
    return visitor


def sign_in(visitor: Visitor, login: str) -> str:
    visitor.get("/sign-in")
    return visitor.post("/sign-in", {**visitor.hidden(), "login": login, "password": USER_PASSWORD})


def unlock(visitor: Visitor) -> str:
    visitor.get("/unlock")
    return visitor.post("/unlock", {"password": USER_PASSWORD})


def kept(node: Node, user_id: int = 1, place: str = PLACE) -> Draft | None:
    with node.database.read() as tables:
        return drafts.get(tables, UserId(user_id), place, at=node.clock.now())


def test_a_form_sent_into_a_locked_session_comes_back_as_it_was_typed(
    visitor: Visitor, node: Node, clinic: Clinic, clock: TickingClock
) -> None:
    clock.at += 3_600
    text = visitor.post("/doses", TYPED)
    assert "Màn hình đã khóa" in text
    assert "Giữ Lại" not in text
    assert clinic.count("doses") == 0
    text = unlock(visitor)
    assert 'value="Trần Thị Giữ Lại"' in text
    assert 'value="GIU-LAI-77"' in text
    assert "Phần gõ dở lúc 17:30, chưa được ghi." in text
    assert "phieu-go-do-0001" in text
    assert not [address for address in visitor.addresses if "Giữ" in address or "GIU" in address]


def test_what_the_browser_kept_by_itself_is_there_after_a_reload(visitor: Visitor, node: Node) -> None:
    visitor.post("/drafts", TYPED, status=204)
    assert 'value="Trần Thị Giữ Lại"' in visitor.get(PLACE)
    found = kept(node)
    assert found is not None
    assert (found.typed_by, found.saved_at) == (NURSE, NOW)


def test_an_accepted_form_takes_its_draft_along(visitor: Visitor, clinic: Clinic, node: Node) -> None:
    clinic.record(Submission("dose-0001", villager(1), facts()))
    person = "/people/1"
    visitor.get(person)
    visitor.post("/drafts", {**visitor.hidden(), "place": person, "guardian": "Mẹ Giữ Lại"}, status=204)
    assert "Mẹ Giữ Lại" in visitor.get(person)
    fields = {"name": villager(1).name, "sex": "F", "birth_date": "01/03/1985", "number": villager(1).number}
    fields |= {"nationality": "VN", "phone": villager(1).phone, "address_unit": "05413", "group": "9"}
    visitor.post(person, {**visitor.hidden(), **fields, "guardian": "Mẹ Giữ Lại"})
    assert kept(node, place=person) is None


def test_a_draft_is_dropped_when_its_owner_says_so(visitor: Visitor, node: Node) -> None:
    visitor.post("/drafts", TYPED, status=204)
    visitor.get(PLACE)
    assert "Giữ Lại" not in visitor.post("/drafts/drop", {"place": PLACE})
    assert kept(node) is None


def test_the_next_shift_goes_on_with_what_was_half_typed(visitor: Visitor, node: Node, clock: TickingClock) -> None:
    visitor.post("/drafts", TYPED, status=204)
    visitor.post("/lock", {"back": PLACE})
    text = sign_in(visitor, "bay")
    assert 'value="Trần Thị Giữ Lại"' in text
    assert f"Người gõ: {NURSE}." in text
    assert kept(node, 1) is None
    assert kept(node, 2) is not None


def test_the_next_shift_without_that_desk_leaves_the_draft_to_its_owner(visitor: Visitor, node: Node) -> None:
    visitor.post("/drafts", TYPED, status=204)
    visitor.post("/lock", {"back": PLACE})
    assert "Giữ Lại" not in sign_in(visitor, "don")
    assert kept(node, 1) is not None
    assert kept(node, 3) is None


def test_a_form_of_ones_own_is_not_replaced_by_the_shift_before(visitor: Visitor, node: Node) -> None:
    with node.database.write_transaction() as tables:
        drafts.save(tables, UserId(2), Draft(PLACE, {"name": "Của Bảy"}, NEXT_NURSE, NOW))
    visitor.post("/drafts", TYPED, status=204)
    visitor.post("/lock", {"back": PLACE})
    assert 'value="Của Bảy"' in sign_in(visitor, "bay")
    assert kept(node, 1) is not None


def test_a_form_that_outlived_the_program_is_carried_through_the_sign_in(node: Node, clinic: Clinic) -> None:
    restarted = Visitor(start(node).test_client())
    answer = restarted.client.post("/doses", base_url=ADDRESS, data={**TYPED, "csrf_token": "old"}, headers=OWN)
    assert answer.status_code == 403
    assert "Biểu mẫu vừa gửi chưa được ghi" in answer.text
    for password in ("sai", USER_PASSWORD):
        form = {name: html.unescape(value) for name, value in _HIDDEN.findall(answer.text)}
        form |= {"login": "sau", "password": password}
        answer = restarted.client.post("/sign-in", base_url=ADDRESS, data=form, headers=OWN)
    assert answer.headers["Location"] == PLACE
    assert 'value="Trần Thị Giữ Lại"' in restarted.get(PLACE)
    assert clinic.count("doses") == 0


def test_secrets_are_in_no_draft(visitor: Visitor, node: Node) -> None:
    secret = {"pin": "12345678", "password": "bí mật", "passphrase": "bí mật", "old_password": "bí mật"}
    visitor.post("/drafts", {**TYPED, **secret}, status=204)
    found = kept(node)
    assert found is not None
    assert set(found.texts) == set(TYPED) - {"place"}


@pytest.mark.parametrize(
    "place", ["/nowhere", "//evil.example", "https://evil.example", "/sign-in", "", "/?" + "x" * 500]
)
def test_a_draft_belongs_to_a_page_of_ours(visitor: Visitor, clinic: Clinic, place: str) -> None:
    visitor.post("/drafts", {**TYPED, "place": place}, status=204)
    assert clinic.count("drafts") == 0


def test_a_draft_may_have_64_kilobytes_and_not_one_more(visitor: Visitor, node: Node) -> None:
    frame = len('{"name": ""}')
    with node.database.write_transaction() as tables:
        fits = Draft(PLACE, {"name": "x" * (DRAFT_BYTES - frame)}, NURSE, NOW)
        assert drafts.save(tables, UserId(1), fits)
        assert not drafts.save(tables, UserId(1), Draft(PLACE, {"name": "x" * (DRAFT_BYTES - frame + 1)}, NURSE, NOW))
        assert not drafts.save(tables, UserId(1), Draft(PLACE, {"name": ""}, NURSE, NOW))
    found = kept(node)
    assert found == fits


def test_a_user_has_fifty_drafts_and_the_oldest_gives_way(node: Node, clinic: Clinic) -> None:
    for number in range(MOST_DRAFTS + 1):
        with node.database.write_transaction() as tables:
            drafts.save(tables, UserId(1), Draft(f"/people/{number}", {"name": "x"}, NURSE, NOW + number))
            drafts.save(tables, UserId(2), Draft("/people/0", {"name": "x"}, NURSE, NOW))
    assert clinic.count("drafts") == MOST_DRAFTS + 1
    assert kept(node, 1, "/people/0") is None
    assert kept(node, 1, "/people/1") is not None
    assert kept(node, 2, "/people/0") is not None


def test_a_draft_is_forgotten_after_two_days(visitor: Visitor, node: Node, clock: TickingClock, clinic: Clinic) -> None:
    visitor.post("/drafts", TYPED, status=204)
    clock.at += KEPT_SECONDS - 1
    assert kept(node) is not None
    clock.at += 1
    assert kept(node) is None
    with node.database.write_transaction() as tables:
        drafts.save(tables, UserId(2), Draft(PLACE, {"name": "x"}, NURSE, clock.at))
    assert clinic.count("drafts") == 1


def test_a_form_that_names_what_is_worth_keeping_keeps_that_alone(visitor: Visitor, node: Node) -> None:
    form = {"place": "/sign", "kept_fields": "late_reason", "late_reason": "mất điện", "dose": ["1", "2"], "text": "x"}
    visitor.post("/drafts", form, status=204)
    found = kept(node, place="/sign")
    assert found is not None
    assert dict(found.texts) == {"late_reason": "mất điện"}
    visitor.post("/drafts", {**form, "late_reason": "", "kept_fields": "kinds", "kinds": ["pain", "fever"]}, status=204)
    found = kept(node, place="/sign")
    assert found is not None
    assert dict(found.texts) == {"kinds": "pain\nfever"}

"""What is done to a turn that waits for its PIN: nobody signs what they were not shown, nor after leaving."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.bootstrap import Node
from edge.domain.pass_journal import PASS_WORDS, PassCode, PassState
from edge.store import passes
from edge.store.users import UserId
from edge.web.frame import access
from edge.web.frame.desk_states import GOING_ON, Turn, TurnState
from edge.web.frame.desk_turn import desk_turns
from edge.workflow.check_store import check_store
from edge.workflow.manage_users import close_user
from edge.workflow.prepare_pass import prepare_pass
from edge.workflow.sign_pass import abandon_pass
from sync_protocol.limits import CLOCK_AHEAD_SECONDS
from tests.browser.signing_desk import desk, preview, sign, signing, type_pin
from tests.browser.visitor import ADDRESS, PASSWORD, USER_PASSWORD, Visitor, add_user, make_node, visit
from tests.edge.station import OFFICER, Station, make_station
from tests.typist import give

OTHER_LOGIN, OTHER_NAME = "nguoi khac", "Lê Văn Khác"
OTHER_BADGE = "thẻ của người khác"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def node(tmp_path: Path, station: Station) -> Node:
    return make_node(tmp_path, station.database, station.clock)


@pytest.fixture
def visitor(node: Node, station: Station) -> Iterator[Visitor]:
    visitor = visit(node, station.centre)
    yield visitor
    desk_turns(visitor.client.application).stop()


@pytest.fixture
def other(visitor: Visitor, node: Node) -> Visitor:
    """Another officer at a browser of their own."""
    app = visitor.client.application
    user_id = add_user(node, login=OTHER_LOGIN, name=OTHER_NAME)
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(OTHER_BADGE, user_id, at=node.clock.now())
    client = app.test_client()
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = OTHER_BADGE
    return Visitor(client)


def begin(visitor: Visitor, station: Station) -> tuple[str, str]:
    """Order a turn over two doses; gives its page and where that sends the PIN."""
    station.record(2)
    preview(visitor)
    visitor.post("/sign/run", signing(visitor))
    return visitor.place, desk(visitor)


def ended(visitor: Visitor, place: str) -> Turn[object, object]:
    """The turn as it stands when it is over."""
    return desk_turns(visitor.client.application).wait_beyond(place.rpartition("/")[2], *GOING_ON)


def states(station: Station) -> list[PassState]:
    with station.database.read() as tables:
        found = [passes.find(tables, number) for number in passes.numbers(tables)]
    return [one.state for one in found if one is not None]


def sign_out(visitor: Visitor, _other: Visitor) -> None:
    visitor.get("/sign")
    visitor.post("/sign-out")


def hand_the_shift_over(visitor: Visitor, _other: Visitor) -> None:
    visitor.get("/sign")
    visitor.post("/lock", {"back": visitor.place})
    visitor.post("/sign-in", {"login": OTHER_LOGIN, "password": USER_PASSWORD})


def close_the_account(_visitor: Visitor, other: Visitor) -> None:
    other.get("/users/1")
    other.post("/users/1/close")


def take_the_role(_visitor: Visitor, other: Visitor) -> None:
    other.get("/users/1")
    other.post("/users/1/roles", {"roles": ["reception"]})


@pytest.mark.parametrize("leave", [sign_out, hand_the_shift_over, close_the_account, take_the_role])
def test_who_leaves_leaves_no_form_behind_and_keeps_nobody_from_signing(
    visitor: Visitor, other: Visitor, station: Station, leave: Callable[[Visitor, Visitor], None]
) -> None:
    place, action = begin(visitor, station)
    leave(visitor, other)
    assert ended(visitor, place).state is TurnState.CANCELLED
    with pytest.raises(ConnectionRefusedError):
        give(action, PASSWORD, origin=ADDRESS)
    assert multiprocessing.active_children() == []
    assert states(station) == []
    preview(other)
    assert "Đã ký 2 mũi" in sign(other)


def test_a_second_browser_of_the_same_person_keeps_the_form(visitor: Visitor, station: Station) -> None:
    begin(visitor, station)
    app = visitor.client.application
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(OTHER_BADGE, UserId(1), at=station.clock.now())
    client = app.test_client()
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = OTHER_BADGE
    second = Visitor(client)
    second.get("/sign")
    second.post("/sign-out")
    assert "Đã ký 2 mũi" in type_pin(visitor)


def test_an_account_that_another_program_closed_signs_nothing_any_more(
    visitor: Visitor, other: Visitor, station: Station
) -> None:
    place, action = begin(visitor, station)
    assert other.get("/sign")
    close_user(station.database, UserId(1), at=station.clock.now(), by="quản trị")
    assert give(action, PASSWORD, origin=ADDRESS) == (303, ADDRESS + place)
    assert ended(visitor, place).code == PassCode.TURN_GONE
    assert states(station) == []


def test_once_more_never_finishes_what_somebody_else_has_begun(visitor: Visitor, station: Station) -> None:
    station.record(3)
    preview(visitor, [1, 2])
    sign(visitor, pin="sai")
    place = visitor.place
    theirs = replace(OFFICER, name="Người Khác", approver="Người Duyệt")
    prepare_pass(station.database, station.plan()[0], officer=theirs, now=station.clock.now(), entropy=station.entropy)
    assert "Hủy lượt ký" not in visitor.get(place)
    assert PASS_WORDS[PassCode.OPEN_ALREADY].vi in visitor.post(f"{place}/again", status=409)
    assert states(station) == [PassState.PREPARED]


def test_another_pass_than_the_one_on_the_page_is_not_finished_with_its_pin(visitor: Visitor, station: Station) -> None:
    station.record(2)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=station.clock.now(), entropy=station.entropy)
    visitor.get("/sign")
    visitor.post("/sign/resume")
    place, action = visitor.place, desk(visitor)
    # At the terminal, while the page waits.
    abandon_pass(station.database, actor="Người Khác", now=station.clock.now())
    station.record(1)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=station.clock.now(), entropy=station.entropy)
    give(action, PASSWORD, origin=ADDRESS)
    assert ended(visitor, place).code == PassCode.MOVED_ON
    assert states(station) == [PassState.ABANDONED, PassState.PREPARED]
    assert check_store(station.database).findings == ()


def test_a_clock_that_is_behind_is_said_before_the_pin(visitor: Visitor, station: Station) -> None:
    station.record(1)
    station.sign()
    station.record(2)
    station.clock.at -= 2 * CLOCK_AHEAD_SECONDS
    preview(visitor)
    form = signing(visitor, offline_reason="Máy vừa thay pin")
    text = visitor.post("/sign/run", form, status=409)
    assert PASS_WORDS[PassCode.CLOCK_BACK].cure in text
    station.clock.at += 2 * CLOCK_AHEAD_SECONDS
    preview(visitor)
    # It has jumped twice now, so a person says why it may be signed all the same.
    assert "Đã ký 2 mũi" in sign(visitor, signing(visitor, offline_reason="Máy vừa thay pin"))

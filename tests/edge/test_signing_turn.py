"""The page of a turn: the PIN goes past the node, one turn at a time, only its owner sees it, and it ends when told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edge.bootstrap import Node
from edge.domain.pass_journal import PASS_WORDS, PassCode, PassState
from edge.store import passes
from edge.web.frame import access
from edge.web.frame.certificate_words import serial_words
from edge.web.frame.desk_states import GOING_ON
from edge.web.frame.desk_turn import desk_turns
from edge.workflow.prepare_pass import prepare_pass
from sync_protocol.certificate import serial_text
from sync_protocol.signers.token_errors import TokenCode
from tests.browser.signing_desk import OFFICER_NAME, desk, outcome, preview, sign, signing, type_pin
from tests.browser.visitor import ADDRESS, PASSWORD, Visitor, add_user, make_node, visit
from tests.edge.network import on_network
from tests.edge.station import OFFICER, Station, make_station
from tests.softhsm import PIN, SoftHsm, SoftHsmToken, softhsm_in
from tests.typist import give

# The number under which another browser's session is kept.
OTHER = "thẻ của người khác"


@dataclass
class Trap:
    """Does something, once, before the statement that makes a pass a row: the PIN is there, the token not yet asked."""

    act: Callable[[], None] | None = None

    def statement(self, sql: str, _parameters: Sequence[Any] | dict[str, Any] | None = None) -> None:
        if self.act is not None and sql.startswith("INSERT INTO passes"):
            act, self.act = self.act, None
            act()


@pytest.fixture
def trap() -> Trap:
    return Trap()


@pytest.fixture
def station(tmp_path: Path, trap: Trap) -> Station:
    return make_station(tmp_path, tracer=trap.statement)


@pytest.fixture
def node(tmp_path: Path, station: Station) -> Node:
    return make_node(tmp_path, station.database, station.clock)


@pytest.fixture
def visitor(node: Node, station: Station) -> Iterator[Visitor]:
    visitor = visit(node, station.centre)
    yield visitor
    desk_turns(visitor.client.application).stop()


def begin(visitor: Visitor, station: Station) -> str:
    """Order a turn over two doses; gives where its page sends the PIN."""
    station.record(2)
    preview(visitor)
    visitor.post("/sign/run", signing(visitor))
    action = desk(visitor)
    assert action
    return action


def sealed(station: Station) -> int:
    """How many passes are signed and sealed."""
    with station.database.read() as tables:
        found = [passes.find(tables, number) for number in passes.numbers(tables)]
    return sum(one is not None and one.state is PassState.SEALED for one in found)


def test_the_page_says_what_is_signed_and_names_the_desk_for_its_one_form(visitor: Visitor, station: Station) -> None:
    action = begin(visitor, station)
    answer = visitor.client.get(visitor.place, base_url=ADDRESS)
    for said in ("2 người, 2 mũi tiêm", "15/04/2022", "Trạm Y tế xã Hòa Hiệp (19001)", "Trần Thị Ánh", "Trong ngày"):
        assert said in answer.text
    desk_origin = action.rpartition("/")[0]
    assert f"form-action 'self' {desk_origin};" in answer.headers["Content-Security-Policy"]
    # Else browsers would send the form as one of no origin.
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    elsewhere = visitor.client.get("/sign", base_url=ADDRESS)
    assert "form-action 'self';" in elsewhere.headers["Content-Security-Policy"]
    assert elsewhere.headers["Referrer-Policy"] == "no-referrer"


def test_a_pin_that_is_sent_to_the_node_signs_nothing(visitor: Visitor, station: Station) -> None:
    begin(visitor, station)
    place = visitor.place
    preview(visitor)
    visitor.post("/sign/run", {**signing(visitor), "pin": PASSWORD})
    # The same turn, and it waits on for what nobody has typed at its desk.
    assert visitor.place == place
    assert desk(visitor)
    assert sealed(station) == 0


def test_a_turn_that_waits_can_be_cancelled_and_nothing_was_signed(visitor: Visitor, station: Station) -> None:
    action = begin(visitor, station)
    place = visitor.place
    assert "Ký mũi tiêm" in visitor.post(f"{place}/cancel")
    visitor.place = place
    assert "Đã hủy bước ký" in outcome(visitor)
    with pytest.raises(ConnectionRefusedError):
        give(action, PASSWORD)
    # Once more, from the page that is still open.
    assert "Đã ký 2 mũi" in sign(visitor, {}, path=f"{place}/again")
    assert sealed(station) == 1


def test_ones_own_turn_that_waits_gives_way_to_another(visitor: Visitor, station: Station) -> None:
    action = begin(visitor, station)
    first = visitor.place
    preview(visitor, [2])
    visitor.post("/sign/run", signing(visitor))
    assert visitor.place != first
    assert "Đã ký 1 mũi" in type_pin(visitor)
    assert sealed(station) == 1
    with pytest.raises(ConnectionRefusedError):
        give(action, PASSWORD)


def test_a_turn_is_seen_by_its_owner_alone_and_keeps_others_from_the_token(
    node: Node, visitor: Visitor, station: Station
) -> None:
    begin(visitor, station)
    place = visitor.place
    other = stranger(visitor, node)
    for method, path in (("get", place), ("post", f"{place}/cancel"), ("post", f"{place}/again")):
        assert PassCode.TURN_GONE in getattr(other, method)(path, status=409)
    preview(other, [1])
    assert "Có người đang ký trên máy này" in other.post("/sign/run", signing(other), status=409)
    visitor.place = place
    assert "Đã ký 2 mũi" in type_pin(visitor)


def stranger(visitor: Visitor, node: Node) -> Visitor:
    """Another user with the same roles at a browser of their own, at the same application."""
    app = visitor.client.application
    user_id = add_user(node, login="nguoi khac", name="Lê Văn Khác")
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(OTHER, user_id, at=node.clock.now())
    client = app.test_client()
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = OTHER
    return Visitor(client)


def test_over_the_network_no_pin_is_asked_for(tmp_path: Path, node: Node, station: Station) -> None:
    with on_network(node, tmp_path) as network:
        action = begin(network.manager, station)
        place = network.manager.place
        tablet = network.admitted()
        tablet.sign_in()
        tablet.get(place)
        # The same user, at another machine than the one with the token.
        assert "Nhập mã ở máy cắm token" in tablet.text
        assert action not in tablet.text
        tablet.get("/sign")
        tablet.get(tablet.post("/sign", {"do": "preview"}).headers["Location"])
        assert "không nhập qua mạng" in tablet.text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', network.manager.text))
        form = {"officer": OFFICER_NAME, "choice": hidden.get("choice", ""), "approved": "00" * 32}
        assert tablet.post("/sign/run", form).status_code == 409
        assert sealed(station) == 0
        network.manager.place = place
        assert "Đã ký 2 mũi" in type_pin(network.manager)


def test_an_open_pass_is_not_finished_over_the_network_either(tmp_path: Path, node: Node, station: Station) -> None:
    station.record(1)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=station.clock.now(), entropy=station.entropy)
    with on_network(node, tmp_path) as network:
        tablet = network.admitted()
        tablet.sign_in()
        tablet.get("/sign")
        assert tablet.post("/sign/resume").status_code == 409
        assert PASS_WORDS[PassCode.PIN_ELSEWHERE].vi in tablet.text
    assert sealed(station) == 0


def test_the_script_is_told_how_far_the_turn_is(visitor: Visitor, station: Station) -> None:
    begin(visitor, station)
    answer = visitor.client.get(visitor.place, base_url=ADDRESS, headers={"Accept": "application/json"})
    assert json.loads(answer.text) == {"state": "pin", "done": 0, "words": "Chờ nhập mã."}


def test_what_changes_while_the_pin_is_waited_for_is_not_signed(visitor: Visitor, station: Station) -> None:
    begin(visitor, station)
    with station.database.write_transaction() as tables:
        tables.execute("UPDATE people SET phone = '0911', revision = revision + 1 WHERE person_id = 1")
    assert "Danh sách đã thay đổi" in type_pin(visitor)
    assert sealed(station) == 0


def test_midnight_while_the_pin_is_waited_for_makes_other_doses_of_them(visitor: Visitor, station: Station) -> None:
    begin(visitor, station)
    # Eight hours on, and as somebody who has gone on working: their session stays open.
    place = visitor.place
    action = desk(visitor)
    station.clock.at += 8 * 3_600
    give(action, PASSWORD)
    turn = desk_turns(visitor.client.application).wait_beyond(place.rpartition("/")[2], *GOING_ON)
    assert turn.code == PassCode.SELECTION_CHANGED
    assert sealed(station) == 0


def test_an_open_pass_keeps_another_from_beginning(visitor: Visitor, station: Station) -> None:
    station.record(3)
    preview(visitor, [1])
    form = signing(visitor)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=station.clock.now(), entropy=station.entropy)
    assert "còn dở dang" in visitor.post("/sign/run", form, status=409)


def test_a_bug_ends_the_turn_and_not_the_next_one(
    visitor: Visitor, station: Station, trap: Trap, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise KeyError(PASSWORD)

    station.record(2)
    preview(visitor)
    trap.act = fail
    assert "lỗi không lường trước" in sign(visitor)
    assert "KeyError" in caplog.text
    assert PASSWORD not in caplog.text
    assert "Đã ký 2 mũi" in sign(visitor, {}, path=f"{visitor.place}/again")


def test_a_program_that_ends_waits_for_no_pin(visitor: Visitor, station: Station) -> None:
    action = begin(visitor, station)
    desk_turns(visitor.client.application).stop()
    with pytest.raises(ConnectionRefusedError):
        give(action, PASSWORD)
    assert sealed(station) == 0


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as hsm:
        yield hsm


@pytest.fixture
def token(hsm: SoftHsm, station: Station) -> SoftHsmToken:
    signer = station.signer
    return hsm.add_token("TRAM 19001", key=signer._private_key, certificate=signer.certificate)


@pytest.fixture
def at_token(station: Station, node: Node, token: SoftHsmToken) -> Iterator[Visitor]:
    visitor = visit(replace(node, config=replace(node.config, signer=token.uri)), station.centre)
    yield visitor
    desk_turns(visitor.client.application).stop()


def test_a_wrong_pin_of_a_token_asks_for_a_confirmation_before_the_next(at_token: Visitor, station: Station) -> None:
    station.record(2)
    preview(at_token)
    text = sign(at_token, pin="00000000")
    assert TokenCode.PIN_INCORRECT in text or TokenCode.PIN_UNCOUNTED in text
    assert "không tự thử lại" in text
    again = f"{at_token.place}/again"
    text = sign(at_token, {}, path=again, pin=PIN)
    # The token was asked nothing: a person has to confirm first.
    assert "Tôi chắc chắn mã PIN, nhập tiếp" in text
    assert "Đã ký 2 mũi" in sign(at_token, {"sure": "yes"}, path=f"{at_token.place}/again", pin=PIN)
    assert not any(PIN in address for address in at_token.addresses)


def test_the_page_names_token_and_certificate(at_token: Visitor, station: Station, token: SoftHsmToken) -> None:
    begin(at_token, station)
    assert "TRAM 19001" in at_token.text
    assert station.signer.certificate is not None
    assert serial_words(serial_text(station.signer.certificate.serial)) in at_token.text


def test_a_token_that_is_pulled_leaves_the_pass_to_be_finished_with_another_pin(
    at_token: Visitor, station: Station, hsm: SoftHsm, trap: Trap
) -> None:
    tokens, pocket = hsm.folder / "tokens", hsm.folder / "pocket"
    station.record(2)
    preview(at_token)
    trap.act = lambda: pull(tokens, pocket)
    text = sign(at_token, pin=PIN)
    # Which of the two it is depends on whether the slot shows that it is empty.
    assert TokenCode.TOKEN_REMOVED in text or TokenCode.SESSION_LOST in text
    assert "Đã cắm lại, làm lại" in text
    assert "Hủy lượt ký" in text
    again = f"{at_token.place}/again"
    # Nothing is asked of nobody: without the token there is no desk either.
    assert TokenCode.TOKEN_MISSING in sign(at_token, {}, path=again)
    pull(pocket, tokens)
    assert "Đã ký 2 mũi" in sign(at_token, {}, path=f"{at_token.place}/again", pin=PIN)
    with station.database.read() as tables:
        assert passes.numbers(tables) == [1]
    assert sealed(station) == 1


def pull(place: Path, pocket: Path) -> None:
    """Take the tokens from one place to another; the place stays."""
    pocket.mkdir(exist_ok=True)
    for one in list(place.iterdir()):
        one.rename(pocket / one.name)

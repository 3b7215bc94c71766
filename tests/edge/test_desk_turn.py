"""The PIN desk is one for all that a PIN is typed for: one waits at a time, by the same rules, whoever comes next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from edge.bootstrap import Node
from edge.domain.pass_journal import PASS_WORDS, PassCode
from edge.domain.roles import Role
from edge.store import audit, passes, users
from edge.store.audit import Action, Wanted
from edge.store.users import UserId
from edge.web.frame.desk_states import GOING_ON
from edge.web.frame.desk_turn import desk_turns
from edge.web.frame.long_work import long_work
from edge.workflow import examine_token
from edge.workflow.register_certificate import check_request
from sync_protocol.errors import Code, ProtocolError
from tests.browser.signing_desk import desk, outcome, preview, sign, signing
from tests.browser.visitor import ADDRESS, PASSWORD, Visitor, make_node, visit
from tests.builders import ec_key
from tests.edge.station import OFFICER, Station, make_station
from tests.edge.test_certificates import (
    ELSEWHERE,
    HERE,
    ended,
    listed,
    of,
    of_others,
    revoked,
    row_of,
    signer_of,
    standings,
)
from tests.softhsm import PIN, SoftHsm, softhsm_in
from tests.typist import give

USES: Final = ("signing", "trial", "registration")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    found = make_station(tmp_path)
    found.record(2)
    return found


@pytest.fixture
def node(tmp_path: Path, station: Station) -> Node:
    return make_node(tmp_path, station.database, station.clock)


@pytest.fixture
def visitor(node: Node, station: Station, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    # The key file of the settings is all there is, whatever else this machine has.
    monkeypatch.setattr(examine_token, "known_places", lambda *_: ())
    visitor = visit(node, station.centre)
    yield visitor
    desk_turns(visitor.client.application).stop()


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as made:
        yield made


def order(visitor: Visitor, use: str, *, status: int | None = None) -> str:
    """Press the button that asks for a PIN; gives the page to which that leads."""
    if use == "signing":
        preview(visitor)
        return visitor.post("/sign/run", signing(visitor), status=status)
    if use == "trial":
        visitor.get("/token")
        return visitor.post("/token/trial", status=status)
    visitor.get("/certificates")
    visitor.post("/certificates/scan")
    long_work(visitor.client.application).wait()
    visitor.get(next(one for one in visitor.addresses if one.startswith("/certificates/found/")))
    work = re.search(r'name="work" value="([0-9a-f]{24})"', visitor.text)
    assert work is not None
    form = {"work": work[1], "place": "1", "officer": OFFICER.name}
    return visitor.post("/certificates/ask", form, status=status)


def form_of(visitor: Visitor) -> str:
    """Where the page of the turn that is open sends the PIN, as its policy lets it; "" if it never asks."""
    action = desk(visitor)
    policy = visitor.client.get(visitor.place, base_url=ADDRESS).headers["Content-Security-Policy"]
    also = f" {action.rpartition('/')[0]}" if action else ""
    assert f"form-action 'self'{also};" in policy
    return action


@pytest.mark.parametrize("waiting", USES)
@pytest.mark.parametrize("coming", USES)
def test_while_one_waits_for_its_pin_nothing_of_another_use_begins(
    visitor: Visitor, station: Station, waiting: str, coming: str
) -> None:
    order(visitor, waiting)
    place, form = visitor.place, form_of(visitor)
    assert form
    if waiting == coming:
        # A second click finds the first one's turn.
        order(visitor, coming)
        assert (visitor.place, form_of(visitor)) == (place, form)
        return
    text = order(visitor, coming, status=409)
    code = PassCode.TURN_BUSY if waiting == "signing" else PassCode.DESK_BUSY
    assert PASS_WORDS[code].vi in text
    assert PASS_WORDS[code].cure in text
    # What waits waits on; once it was cancelled the other one begins.
    visitor.place = place
    assert form_of(visitor) == form
    visitor.post(f"{place}/cancel")
    order(visitor, coming)
    assert form_of(visitor) not in ("", form)
    with station.database.read() as tables:
        assert passes.numbers(tables) == []


@pytest.mark.parametrize("use", USES)
def test_the_pin_of_somebody_who_has_lost_the_role_makes_nothing(visitor: Visitor, station: Station, use: str) -> None:
    order(visitor, use)
    place, form = visitor.place, form_of(visitor)
    with station.database.write_transaction() as tables:
        users.set_roles(tables, UserId(1), [Role.RECEPTION], at=station.clock.now())
    give(form, PASSWORD)
    turn = desk_turns(visitor.client.application).wait_beyond(place.rpartition("/")[2], *GOING_ON)
    assert (turn.code, turn.made) == (PassCode.TURN_GONE, ())
    assert standings(station) == []
    with station.database.read() as tables:
        assert passes.numbers(tables) == []


@pytest.mark.parametrize("use", USES)
def test_a_program_that_ends_waits_for_no_pin_of_any_use(visitor: Visitor, use: str) -> None:
    order(visitor, use)
    form = form_of(visitor)
    desk_turns(visitor.client.application).stop()
    with pytest.raises(ConnectionRefusedError):
        give(form, PASSWORD)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (revoked, "certificate-revoked"),
        (ended, "pass-certificate-ended"),
        (of_others, "pass-certificate-foreign"),
    ],
)
def test_no_trial_asks_for_the_pin_of_a_token_that_the_list_speaks_against(
    node: Node, station: Station, hsm: SoftHsm, make: object, code: str
) -> None:
    signer = signer_of("token", organisation=ELSEWHERE)
    token = hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer))
    assert callable(make)
    listed(station, make(signer))
    visitor = visit(replace(node, config=replace(node.config, signer=token.uri)), station.centre)
    order(visitor, "trial")
    assert form_of(visitor) == ""
    assert f"<code>{code}</code>" in outcome(visitor)


def test_a_token_is_tried_before_it_is_registered_and_signs_only_after(
    node: Node, station: Station, hsm: SoftHsm
) -> None:
    signer = signer_of("token", organisation=HERE)
    token = hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer))
    listed(station, row_of(signer_of("another", organisation=HERE)))
    visitor = visit(replace(node, config=replace(node.config, signer=token.uri)), station.centre)
    order(visitor, "trial")
    give(form_of(visitor), PIN)
    assert "Chữ ký thử đúng" in outcome(visitor)
    order(visitor, "signing")
    assert "<code>certificate-unregistered</code>" in outcome(visitor)
    listed(station, row_of(signer))
    preview(visitor)
    assert "Đã ký 2 mũi" in sign(visitor, pin=PIN)


def test_a_pin_that_a_trial_got_wrong_is_remembered_where_doses_are_signed(
    node: Node, station: Station, hsm: SoftHsm
) -> None:
    token = hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer_of("token")))
    visitor = visit(replace(node, config=replace(node.config, signer=token.uri)), station.centre)
    order(visitor, "trial")
    give(form_of(visitor), "00000000")
    said = outcome(visitor)
    with station.database.read() as tables:
        (refused,) = audit.listed(tables, Wanted(action=Action.PIN_REFUSED), before=0, limit=10)
    assert f"<code>{refused.details}</code>" in said
    assert "00000000" not in str(refused)
    order(visitor, "signing")
    assert form_of(visitor) == ""
    assert "Tôi chắc chắn mã PIN" in outcome(visitor)


def test_a_revoked_certificate_is_not_asked_to_be_registered(station: Station) -> None:
    signer = signer_of("token")
    listed(station, revoked(signer))
    with pytest.raises(ProtocolError, match=Code.CERTIFICATE_REVOKED):
        check_request(station.database, of(signer), officer=OFFICER.name, now=station.clock.now())
    listed(station, ended(signer))
    check_request(station.database, of(signer), officer=OFFICER.name, now=station.clock.now())

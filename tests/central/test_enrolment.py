"""A one-time code is good once, for its node, until its end; and the answer can be asked for again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from central.domain.node import NodeState
from central.store import nodes
from central.store.database import read_transaction, write_transaction
from central.store.facilities import Facility
from central.store.tables import enrolments
from central.workflow.accept_enrolment import accept_enrolment
from central.workflow.build_population_pack import build_population_pack
from central.workflow.enrol_facility import EnrolmentTicket, enrol_facility
from sync_protocol import keys
from sync_protocol.enrolment import EnrolmentRequest, sign_enrolment_request
from sync_protocol.enrolment_file import (
    EnrolmentFile,
    enrolled_anchors,
    parse_enrolment_file,
    verify_enrolment_file,
)
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.population import PackAnswer, PersonKey, verify_pack
from sync_protocol.sealing import open_sealed, seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.central.scenario import EVENING, World, recipient
from tests.central.snapshots import snapshot


@dataclass(frozen=True)
class Desk:
    """The operator's desk."""

    world: World

    def ticket(
        self, node: str = "19001A", *, facility: str = "19001", again: bool = False, anchors: bytes = b""
    ) -> EnrolmentTicket:
        centre = self.world.centre
        return enrol_facility(
            Facility(facility, "Trạm y tế", ("05413",)),
            node,
            engine=centre.engine,
            keys=centre.keys,
            public_url="http://127.0.0.1:8480",
            good_seconds=3_600,
            entropy=centre.entropy,
            now=self.world.clock.now(),
            again=again,
            anchors=anchors,
        )

    def file(self, ticket: EnrolmentTicket) -> EnrolmentFile:
        assert ticket.file is not None
        return verify_enrolment_file(parse_enrolment_file(ticket.file), spoken=ticket.fingerprint, at=EVENING)

    def request(self, file: EnrolmentFile, *, seed: str = "node", node: str | None = None) -> bytes:
        key = ec_key(seed)
        content = EnrolmentRequest(
            node or file.node, file.one_time_code, key.public_key(), ec_key("sealing").public_key()
        )
        inner = sign_enrolment_request(content, KeySigner(key))
        return seal(inner, recipient=self.world.centre.keys.sealing_key, entropy=self.world.centre.entropy)

    def accept(self, sealed: bytes) -> bytes:
        centre = self.world.centre
        return accept_enrolment(sealed, engine=centre.engine, keys=centre.keys, now=self.world.clock.now())


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def refused(desk: Desk, sealed: bytes) -> Code:
    before = snapshot(desk.world)
    with pytest.raises(ProtocolError) as caught:
        desk.accept(sealed)
    assert snapshot(desk.world) == before
    return caught.value.code


def test_the_repeat_of_a_request_gets_the_first_answer(desk: Desk) -> None:
    sealed = desk.request(desk.file(desk.ticket()))
    first = desk.accept(sealed)
    desk.world.clock.at += 86_400
    assert desk.accept(sealed) == first


def test_a_code_that_is_used_up_enrols_nobody_else(desk: Desk) -> None:
    file = desk.file(desk.ticket())
    desk.accept(desk.request(file))
    assert refused(desk, desk.request(file, seed="thief")) is Code.ENROLMENT_INVALID


def test_two_machines_with_one_file_race_and_one_wins(desk: Desk) -> None:
    file = desk.file(desk.ticket())
    requests = [desk.request(file, seed=f"machine {number}") for number in range(4)]

    def outcome(sealed: bytes) -> Code | None:
        try:
            desk.accept(sealed)
        except ProtocolError as error:
            return error.code
        return None

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, requests))
    assert sorted(map(str, outcomes)) == sorted(["None", *[str(Code.ENROLMENT_INVALID)] * 3])


def test_a_code_past_its_end_is_refused(desk: Desk) -> None:
    sealed = desk.request(desk.file(desk.ticket()))
    desk.world.clock.at += 3_600
    assert refused(desk, sealed) is Code.ENROLMENT_INVALID


def test_a_code_of_another_node_is_refused(desk: Desk) -> None:
    desk.ticket("19001B")
    assert refused(desk, desk.request(desk.file(desk.ticket()), node="19001B")) is Code.ENROLMENT_INVALID


def test_a_new_file_ends_the_one_before(desk: Desk) -> None:
    older, newer = desk.file(desk.ticket()), desk.file(desk.ticket())
    assert refused(desk, desk.request(older)) is Code.ENROLMENT_INVALID
    desk.accept(desk.request(newer))


def test_an_enrolled_node_gets_no_file_unless_it_is_asked_for(desk: Desk) -> None:
    desk.accept(desk.request(desk.file(desk.ticket())))
    assert desk.ticket().file is None
    assert desk.ticket(again=True).file is not None


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda desk: desk.ticket("19001a"), Code.FIELD_INVALID),
        (lambda desk: desk.ticket(facility="19002"), Code.FACILITY_MISMATCH),
    ],
)
def test_codes_and_facilities_have_to_fit(desk: Desk, make: Callable[[Desk], object], code: Code) -> None:
    desk.ticket()
    with pytest.raises(ProtocolError) as caught:
        make(desk)
    assert caught.value.code is code


def test_a_node_that_is_locked_out_is_not_enrolled_anew(desk: Desk) -> None:
    sealed = desk.request(desk.file(desk.ticket()))
    with write_transaction(desk.world.centre.engine) as connection:
        nodes.set_state(connection, "19001A", NodeState.DENIED)
    assert refused(desk, sealed) is Code.NODE_DENIED
    with pytest.raises(ProtocolError):
        desk.ticket(again=True)


def test_the_store_holds_no_code_that_would_enrol_a_node(desk: Desk) -> None:
    file = desk.file(desk.ticket())
    with read_transaction(desk.world.centre.engine) as connection:
        kept = connection.execute(select(enrolments.c.code_digest)).scalars().all()
    assert file.one_time_code not in b"".join(kept)


def test_a_population_pack_opens_at_its_node_alone_and_knows_the_people(world: World) -> None:
    site = world.site()
    world.know(site.doses([1, 2, 3]))
    centre = world.centre
    pack = build_population_pack(
        site.node,
        whole=False,
        good_seconds=86_400,
        engine=centre.engine,
        keys=centre.keys,
        entropy=centre.entropy,
        now=EVENING,
    )
    assert (pack.version, pack.people) == (1, 3)
    sealing = ec_key(f"sealing {site.node}")
    signed = open_sealed(pack.sealed, {keys.key_id(sealing.public_key()): sealing})
    opened = verify_pack(signed, centre.keys.publisher.public_key, facility=site.facility, at=EVENING)
    person = recipient(2)
    known = PersonKey(number=person.number, name=person.name, sex=person.sex, birth_date=person.birth_date)
    assert opened.check(known) is PackAnswer.MATCHED
    with pytest.raises(ProtocolError) as caught:
        open_sealed(
            pack.sealed,
            {keys.key_id(centre.keys.sealing_key): centre.keys.sealing[keys.key_id(centre.keys.sealing_key)]},
        )
    assert caught.value.code is Code.RECIPIENT_UNKNOWN


def test_the_file_carries_the_authorities_of_the_centres_tls(desk: Desk) -> None:
    ticket = desk.ticket(anchors=b"PEM")
    assert desk.file(ticket).anchors == b"PEM"
    assert enrolled_anchors(ticket.file or b"") == b"PEM"
    assert desk.file(desk.ticket()).anchors == b""

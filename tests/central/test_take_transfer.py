"""The offset protocol at the centre: whatever comes in whatever pieces, what is held is what came, and no more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.app import create_app, open_desk
from central.domain.node import NodeState
from central.store import nodes, spool
from central.store.database import write_transaction
from central.store.spool import Spool
from central.workflow.take_transfer import NODE_SLOTS, Intake, Slots, TransferDesk
from sync_protocol import endpoints
from sync_protocol.api import parse_problem
from sync_protocol.bundle import BundleKind
from sync_protocol.endpoints import TRANSFERS
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.transfer import (
    Answered,
    Held,
    Part,
    PartAnswer,
    TransferRequest,
    TurnedAway,
    parse_transfer_answer,
    sign_transfer,
)
from tests.builders import ec_key
from tests.central.scenario import Site, World


@dataclass(slots=True)
class Sender:
    """A site that sends what a test wants."""

    desk: TransferDesk
    site: Site
    key: KeySigner = field(init=False)

    def __post_init__(self) -> None:
        self.key = KeySigner(self.site.node_key)

    def bundle(self, size: int = 8, **changes: object) -> bytes:
        inner = self.site.link(bytes(size), kind=BundleKind.REPORT, **changes)
        self.site.moved(inner)
        return self.site.seal(inner)

    def request(self, *parts: tuple[bytes, int]) -> TransferRequest:
        named = tuple(Part(hashlib.sha256(sealed).digest(), len(sealed), start) for sealed, start in parts)
        return TransferRequest(self.site.node, self.site.epoch, named)

    def send(
        self, *parts: tuple[bytes, int], most: int | None = None, piece: int = 700
    ) -> tuple[PartAnswer, ...] | None:
        """Sends from these offsets on; with `most` the connection breaks after so many bytes of content."""
        request = self.request(*parts)
        return self.send_content(request, b"".join(sealed[start:] for sealed, start in parts), most=most, piece=piece)

    def send_content(
        self, request: TransferRequest, content: bytes, *, most: int | None = None, piece: int = 700
    ) -> tuple[PartAnswer, ...] | None:
        ticket = sign_transfer(request, self.key)
        body = ticket + (content if most is None else content[:most])
        intake = Intake(self.desk, length=len(ticket) + len(content))
        try:
            for at in range(0, len(body), piece):
                intake.feed(body[at : at + piece])
                if intake.is_asking:
                    intake.decide()
            return parse_transfer_answer(intake.finish(), request) if most is None else None
        finally:
            intake.close()


@pytest.fixture
def sender(world: World) -> Sender:
    return Sender(open_desk(world.centre), world.site())


# Shares of a bundle in thousandths: its size differs from run to run by a byte.
SHARES = st.integers(0, 1_000)
CUTS = st.lists(st.tuples(st.lists(SHARES, min_size=3, max_size=3), SHARES, st.integers(1, 999)), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=3), cuts=CUTS)
def test_whatever_is_cut_wherever_the_rest_follows_and_comes_once(
    world: World, sender: Sender, sizes: list[int], cuts: list[tuple[list[int], int, int]]
) -> None:
    before = world.head().size
    pair = [sender.bundle(size) for size in sizes]
    for shares, cut, piece in cuts:
        # Any start that a confused sender may think of; the answer says what is true.
        starts = [len(sealed) * share // 1_000 for sealed, share in zip(pair, shares, strict=False)]
        total = sum(len(sealed) - start for sealed, start in zip(pair, starts, strict=True))
        sender.send(*zip(pair, starts, strict=True), most=total * cut // 1_000, piece=piece)
    asked = sender.send(*[(sealed, len(sealed)) for sealed in pair])
    assert asked is not None
    for sealed, found in zip(pair, asked, strict=True):
        assert isinstance(found, Answered | Held)
        kept = sender.desk.spool.directory / sender.site.node / hashlib.sha256(sealed).hexdigest()
        if isinstance(found, Held) and found.offset:
            assert kept.read_bytes() == sealed[: found.offset]
    starts = [
        found.offset if isinstance(found, Held) else len(sealed) for sealed, found in zip(pair, asked, strict=True)
    ]
    answers = sender.send(*zip(pair, starts, strict=True))
    assert answers == sender.send(*[(sealed, 0) for sealed in pair])
    assert answers is not None
    assert all(isinstance(answer, Answered) for answer in answers)
    assert world.head().size == before + len(pair)


def test_other_bytes_for_the_same_digest_are_thrown_away(world: World, sender: Sender) -> None:
    sealed = sender.bundle()
    assert sender.send_content(sender.request((sealed, 0)), bytes(len(sealed))) == (Held(0),)
    [answer] = sender.send((sealed, 0)) or ()
    assert isinstance(answer, Answered)


def test_a_bundle_that_was_cut_survives_a_restart_of_the_centre(world: World, sender: Sender) -> None:
    sealed = sender.bundle(3_000)
    sender.send((sealed, 0), most=2_000)
    sender.desk = open_desk(world.centre)
    assert sender.send((sealed, len(sealed))) == (Held(2_000),)
    [answer] = sender.send((sealed, 2_000)) or ()
    assert isinstance(answer, Answered)


def test_two_connections_with_the_same_bundle_at_once_do_no_harm(world: World, sender: Sender) -> None:
    sealed = sender.bundle(3_000)
    request = sender.request((sealed, 0))
    body = sign_transfer(request, sender.key) + sealed
    intakes = [Intake(sender.desk, length=len(body)) for _ in range(2)]
    for at in range(0, len(body), 500):
        for intake in intakes:
            intake.feed(body[at : at + 500])
            if intake.is_asking:
                intake.decide()
    first, second = (intake.finish() for intake in intakes)
    for intake in intakes:
        intake.close()
    assert first == second
    assert world.head().size == 2


def test_what_takes_no_place_is_told_and_what_is_behind_it_waits(sender: Sender) -> None:
    gap = sender.bundle(sequence=7)
    behind = sender.bundle()
    answers = sender.send((gap, 0), (behind, 0))
    assert answers is not None
    assert isinstance(answers[0], TurnedAway)
    assert parse_problem(answers[0].problem).code is Code.NOT_NEXT
    assert answers[1] == Held(len(behind))


def refused(sender: Sender, request: TransferRequest, content: bytes) -> Code:
    with pytest.raises(ProtocolError) as caught:
        sender.send_content(request, content)
    assert not list(sender.desk.spool.directory.glob("*/*"))
    return caught.value.code


def test_strangers_and_denied_nodes_leave_nothing(world: World, sender: Sender) -> None:
    sealed = sender.bundle()
    request = sender.request((sealed, 0))
    sender.key = KeySigner(ec_key("stranger"))
    assert refused(sender, request, sealed) is Code.SIGNATURE_INVALID
    assert refused(sender, TransferRequest("19999Z", 1, request.parts), sealed) is Code.NODE_UNKNOWN
    sender.key = KeySigner(sender.site.node_key)
    with write_transaction(world.centre.engine) as connection:
        nodes.set_state(connection, sender.site.node, NodeState.DENIED)
    assert refused(sender, request, sealed) is Code.NODE_DENIED


@pytest.mark.parametrize("change", [-1, 1, 5_000])
def test_a_body_of_another_length_than_it_states_is_refused(sender: Sender, change: int) -> None:
    sealed = sender.bundle()
    assert refused(sender, sender.request((sealed, 0)), sealed[:change] if change < 0 else sealed + bytes(change)) is (
        Code.FIELD_INVALID
    )


def test_a_busy_centre_asks_to_come_later_and_keeps_nothing(world: World, sender: Sender) -> None:
    sender.desk = TransferDesk(sender.desk.engine, sender.desk.spool, sender.desk.admit, sender.desk.now, Slots(most=0))
    sealed = sender.bundle()
    assert refused(sender, sender.request((sealed, 0)), sealed) is Code.LATER
    client: FlaskClient = create_app(world.centre, sender.desk).test_client()
    body = sign_transfer(sender.request((sealed, 0)), sender.key) + sealed
    answer = client.post(TRANSFERS.path, data=body, content_type=TRANSFERS.request_type)
    assert answer.status_code == 429
    assert int(answer.headers[endpoints.RETRY_AFTER_HEADER]) > 0
    # Asking takes no slot: a receipt is never held back.
    assert sender.send((sealed, len(sealed))) == (Held(0),)


def test_one_node_does_not_take_all_slots() -> None:
    slots = Slots()
    for _ in range(NODE_SLOTS):
        slots.enter("19001A")
    with pytest.raises(ProtocolError, match=Code.LATER):
        slots.enter("19001A")
    slots.enter("19002A")
    slots.leave("19001A")
    slots.enter("19001A")


def test_a_node_leaves_no_more_than_its_share_and_its_oldest_goes_first(tmp_path: Path) -> None:
    kept = Spool(tmp_path / "spool")
    for number in range(spool.NODE_FILES + 3):
        digest = bytes([number]) * 32
        kept.make_room("19001A", [digest], size=10, now=1_000 + number)
        file = kept.open("19001A", digest, start=0, size=10, now=1_000 + number)
        file.write(b"12345")
        file.close()
    assert [kept.held("19001A", bytes([number]) * 32, size=10) for number in (0, 1, 2, 3)] == [0, 0, 0, 5]
    kept.make_room("19001A", [bytes(32)], size=spool.NODE_BYTES, now=2_000)
    assert not list((tmp_path / "spool").glob("*/*"))


def test_what_nobody_finishes_expires(tmp_path: Path) -> None:
    kept = Spool(tmp_path / "spool")
    for node, now in (("19001A", 1_000), ("19002A", 5_000)):
        file = kept.open(node, bytes(32), start=0, size=9, now=now)
        file.write(b"123")
        file.close()
    assert kept.expire(now=1_000 + spool.EXPIRY_SECONDS) == 0
    assert kept.expire(now=1_001 + spool.EXPIRY_SECONDS) == 1
    assert [kept.held(node, bytes(32), size=9) for node in ("19001A", "19002A")] == [0, 3]

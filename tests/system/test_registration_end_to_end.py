"""A certificate from the token to the passes that it signs: node, centre, operator, feed, all of them real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from central.domain.admission import Registration
from central.store.database import read_transaction
from central.store.tables import doses as central_doses
from central.store.tables import verdicts
from central.workflow.check_centre import check_centre
from central.workflow.decide_registration import decide_registration, waiting_requests
from central.workflow.register_certificate import register_certificate as register_by_hand
from edge.domain.certificate_standing import CertificateState, Standing
from edge.domain.outbox import BundleState
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.workflow.certificate_standings import site_standings
from edge.workflow.check_store import check_store
from edge.workflow.register_certificate import register_certificate, register_serial
from edge.workflow.take_feed import fetch_feed
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.signer import Signer
from tests.central.scenario import EVENING, Site, World
from tests.softhsm import Person, SoftHsm, softhsm_in
from tests.system.test_answers_end_to_end import OFFICER, Node, make_node

DAY = 86_400


@pytest.fixture
def node(world: World, tmp_path: Path) -> Node:
    return make_node(world, tmp_path / "node", is_registered=False)


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as made:
        yield made


def certificate_of(node: Node) -> Certificate:
    assert node.station.signer.certificate is not None
    return node.station.signer.certificate


def serial_of(node: Node) -> str:
    return serial_text(certificate_of(node).serial)


def ask(node: Node, signer: Signer) -> None:
    station = node.station
    register_certificate(
        station.database, signer, officer=OFFICER, by="Trạm trưởng", now=station.clock.now(), entropy=station.entropy
    )


def sync(node: Node) -> None:
    """An exchange, then the feed, as the node does both."""
    node.run()
    station = node.station
    fetch_feed(station.database, node.way, now=station.clock.now, entropy=station.entropy)


def standing(node: Node, serial: str = "") -> Standing:
    with node.station.database.read() as tables:
        found = site_standings(tables, now=node.station.clock.now())
    return next(one for one in found if one.serial == (serial or serial_of(node)))


def decide(node: Node, refusal: Code | None = None, serial: str = "") -> None:
    centre = node.way.world.centre
    decide_registration(
        "19001",
        serial or serial_of(node),
        refusal=refusal,
        reason="",
        engine=centre.engine,
        keys=centre.keys,
        now=centre.clock.now(),
    )


def later(node: Node, seconds: int) -> None:
    """Time goes by at both ends."""
    node.station.clock.at += seconds
    node.way.world.clock.at = node.station.clock.at


def codes(world: World) -> list[str]:
    """What the centre says of its doses, in their order."""
    joined = central_doses.join(verdicts, verdicts.c.dose == central_doses.c.id)
    with read_transaction(world.centre.engine) as connection:
        return list(
            connection.execute(select(verdicts.c.code).select_from(joined).order_by(central_doses.c.id)).scalars()
        )


def test_from_the_token_to_the_passport(world: World, node: Node, hsm: SoftHsm) -> None:
    station = node.station
    holder = Site(world, "19001", "19001A", officer=OFFICER)
    certificate = world.certificate(holder, seed="token of 19001")
    token = hsm.add_token("TRAM 19001", key=holder.organisation_key, certificate=certificate)
    serial, person = serial_text(certificate.serial), Person()
    with open_signer(token.uri, person) as signer:
        ask(node, signer)
        assert signer.operations == 1
    # Offline all the while; the request waits in the chain with everything else.
    assert (standing(node, serial).state, standing(node, serial).is_sent) == (CertificateState.ASKED, False)
    sync(node)
    assert (standing(node, serial).state, standing(node, serial).is_sent) == (CertificateState.ASKED, True)
    (found,) = waiting_requests(world.centre.engine)
    assert (found.certificate, found.request.officer) == (certificate, OFFICER)
    # Signed while the operator still thinks: it comes after the decision and is admitted.
    with open_signer(token.uri, person) as signer:
        station.signer = signer  # type: ignore[assignment]
        node.sign()
    decide(node, serial=serial)
    sync(node)
    known = standing(node, serial)
    assert (known.state, known.organisation) == (CertificateState.REGISTERED, "Trạm y tế 19001")
    assert codes(world) == ["", ""]
    assert check_store(station.database).findings == ()
    assert check_centre(world.centre.engine).findings == ()


def test_a_number_alone_is_accepted_by_an_operator_and_signs(world: World, node: Node) -> None:
    station = node.station
    register_serial(
        station.database,
        serial_of(node).lower(),
        is_decimal=False,
        officer=OFFICER,
        by="x",
        now=EVENING,
        entropy=station.entropy,
    )
    sync(node)
    decide(node)
    sync(node)
    assert standing(node).state is CertificateState.REGISTERED
    node.sign()
    sync(node)
    assert codes(world) == ["", ""]
    # The centre has seen the certificate with the batch, and tells the node with its next list.
    assert standing(node).thumbprint == certificate_of(node).thumbprint


def test_what_an_operator_refuses_signs_nothing_here(node: Node) -> None:
    ask(node, node.station.signer)
    sync(node)
    node.station.record(1)
    decide(node, Code.REGISTRATION_REFUSED)
    sync(node)
    assert (standing(node).state, standing(node).remark) == (CertificateState.REFUSED, "registration-refused")
    with pytest.raises(ProtocolError, match=Code.CERTIFICATE_UNREGISTERED):
        node.station.sign()


def next_signer(world: World) -> KeySigner:
    holder = Site(world, "19001", "19001A", officer=OFFICER)
    certificate = world.certificate(holder, seed="next of 19001")
    return KeySigner(holder.organisation_key, certificate=certificate)


def end_registration(world: World, node: Node) -> None:
    """The operator ends the old certificate's registration now."""
    centre = world.centre
    register_by_hand(
        "19001",
        serial_of(node),
        registration=Registration(OFFICER, 0, centre.clock.now()),
        certificate=None,
        engine=centre.engine,
        keys=centre.keys,
        now=centre.clock.now(),
    )


def test_the_old_certificate_stays_good_as_long_as_nobody_ends_it(world: World, node: Node) -> None:
    ask(node, node.station.signer)
    sync(node)
    decide(node)
    sync(node)
    new = next_signer(world)
    ask(node, new)
    node.sign()
    sync(node)
    assert new.certificate is not None
    decide(node, serial=serial_text(new.certificate.serial))
    sync(node)
    node.sign(1)
    sync(node)
    assert codes(world) == ["", "", ""]
    assert standing(node).state is CertificateState.REGISTERED


def test_the_next_certificate_is_registered_while_the_old_one_signs_and_old_signatures_stay_good(
    world: World, node: Node
) -> None:
    station, old = node.station, node.station.signer
    ask(node, old)
    sync(node)
    decide(node)
    sync(node)
    node.sign()
    sync(node)
    assert codes(world) == ["", ""]
    new = next_signer(world)
    ask(node, new)
    # Sealed with the old certificate, before anybody ended it; it arrives after that end.
    later(node, 3_600)
    node.sign(1)
    later(node, DAY)
    end_registration(world, node)
    later(node, 60)
    assert new.certificate is not None
    sync(node)
    decide(node, serial=serial_text(new.certificate.serial))
    sync(node)
    # What arrived before the end is good for ever. What was under way is proven to lie between the last contact and the
    # arrival, and so around the end: a person decides about it, and nothing is refused.
    assert codes(world) == ["", "", "certificate-unregistered"]
    assert node.states() == [BundleState.RECEIPTED] * 4
    assert standing(node).state is CertificateState.ENDED
    assert standing(node, serial_text(new.certificate.serial)).state is CertificateState.REGISTERED
    station.record(1, given_at=station.clock.now() - 60)
    (planned,) = (one for one in station.plan() if one.doses)
    with pytest.raises(PassRefusedError, match=PassCode.CERTIFICATE_ENDED):
        station.sign(planned)
    station.signer = new
    assert station.sign(planned).doses == 1
    sync(node)
    assert check_centre(world.centre.engine).findings == ()
    assert check_store(station.database).findings == ()

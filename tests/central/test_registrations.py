"""Sites ask for certificates to be registered: proofs that hold and that do not, decisions, and what nodes are told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from central.cli import main
from central.domain.admission import Registration
from central.domain.demo_certificates import make_authority
from central.domain.node import NodeState
from central.store import facilities, feed, nodes, registrations
from central.store.database import read_transaction, write_transaction
from central.workflow.check_centre import check_centre
from central.workflow.decide_registration import WaitingRequest, decide_registration, waiting_requests
from central.workflow.register_certificate import register_certificate, revoke_certificate
from central.workflow.tell_registrations import tell_registrations
from sync_protocol import cbor, limits
from sync_protocol.bundle import BundleKind
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind, verify_item
from sync_protocol.manifest import Checkpoint
from sync_protocol.receipt import VerifiedReceipt
from sync_protocol.registration import (
    Place,
    Possession,
    RegistrationRequest,
    encode_registration,
    sign_possession,
)
from sync_protocol.registration_list import (
    RegisteredCertificate,
    Registrations,
    RegistrationState,
    parse_registrations,
)
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.central.pages import SECRETS, assert_quiet, pages_client, read_page
from tests.central.scenario import EVENING, MORNING, PASSWORD, Site, World
from tests.central.snapshots import snapshot

OFFICER = "Trần Thị Ánh"
SERIAL = "5403A1F0"


def next_certificate(site: Site) -> KeySigner:
    """A fresh certificate of the site, which nobody has registered; the site itself goes on with the one before."""
    key, before = site.organisation_key, site.certificate
    made = site.world.certificate(site, seed=f"next of {site.node}")
    holder = KeySigner(site.organisation_key, certificate=made)
    site.organisation_key, site.certificate = key, before
    return holder


def of(holder: KeySigner) -> Certificate:
    assert holder.certificate is not None
    return holder.certificate


def serial_of(holder: KeySigner) -> str:
    return serial_text(of(holder).serial)


def possession_of(site: Site, **changes: object) -> Possession:
    place = Place(site.facility, site.node, site.epoch, site.digest)
    made = Possession(place, site.world.head(), OFFICER, site.world.clock.now())
    return replace(made, **changes)  # type: ignore[arg-type]


def body_with_proof(site: Site, holder: KeySigner, possession: Possession | None = None) -> bytes:
    said = possession or possession_of(site)
    return encode_registration(
        RegistrationRequest(serial_of(holder), said.officer, (of(holder),), sign_possession(said, holder))
    )


def ask(site: Site, holder: KeySigner, possession: Possession | None = None) -> VerifiedReceipt:
    return send(site, body_with_proof(site, holder, possession))


def ask_number(site: Site, serial: str = SERIAL, officer: str = OFFICER) -> VerifiedReceipt:
    return send(site, encode_registration(RegistrationRequest(serial, officer)))


def send(site: Site, body: bytes) -> VerifiedReceipt:
    return site.send_inner(site.link(body, kind=BundleKind.REGISTRATION))


def waiting(world: World) -> list[WaitingRequest]:
    return waiting_requests(world.centre.engine)


def decide(world: World, facility: str, serial: str, refusal: Code | None = None) -> int:
    centre = world.centre
    return decide_registration(
        facility, serial, refusal=refusal, reason="", engine=centre.engine, keys=centre.keys, now=centre.clock.now()
    )


def told(world: World, node: str = "19001A") -> list[Registrations]:
    """Every list in a node's feed, the newest last."""
    publisher = world.centre.keys.publisher.public_key
    with read_transaction(world.centre.engine) as connection:
        items = [
            verify_item(stored.item, publisher, node=node) for at, stored in feed.all_items(connection) if at == node
        ]
    return [parse_registrations(item.body) for item in items if item.kind is FeedKind.REGISTRATIONS]


def newest(world: World, serial: str, node: str = "19001A") -> RegisteredCertificate:
    return next(one for one in told(world, node)[-1].certificates if one.serial == serial)


def test_a_proven_request_waits_and_is_accepted(any_world: World) -> None:
    world, site = any_world, any_world.site()
    holder = next_certificate(site)
    receipt = ask(site, holder)
    assert (receipt.entry.kind, receipt.entry.refusal) == ("registration", None)
    found = waiting(world)
    assert [(one.request.serial, one.certificate, one.rivals, one.held_officer) for one in found] == [
        (serial_of(holder), of(holder), [], None)
    ]
    assert newest(world, serial_of(holder)).state is RegistrationState.ASKED
    assert decide(world, "19001", serial_of(holder)) == 1
    row = newest(world, serial_of(holder))
    assert (row.state, row.officer, row.valid_until) == (RegistrationState.REGISTERED, OFFICER, None)
    # From the certificate's own start on, so that what was signed before the operator came is good too.
    assert row.valid_from == int(of(holder).not_before.timestamp())
    assert (row.thumbprint, row.organisation) == (of(holder).thumbprint, "Trạm y tế 19001")
    assert row.not_after == int(of(holder).not_after.timestamp())
    assert waiting(world) == []
    site.organisation_key, site.certificate, site.officer = ec_key("next of 19001A"), of(holder), OFFICER
    doses = site.doses([1, 2])
    world.know(doses)
    assert {verdict.code for verdict in site.send(doses).verdicts} == {None}
    assert check_centre(world.centre.engine).findings == ()


def test_the_number_on_record_is_registered_at_once_for_the_same_officer(any_world: World) -> None:
    world, site = any_world, any_world.site()
    holder = next_certificate(site)
    world.register("19001", of(holder), officer="TRAN THI ANH")
    ask(site, holder)
    assert waiting(world) == []
    row = newest(world, serial_of(holder))
    assert (row.state, row.thumbprint) == (RegistrationState.REGISTERED, of(holder).thumbprint)


def test_the_number_on_record_for_another_officer_waits(world: World) -> None:
    site = world.site()
    holder = next_certificate(site)
    world.register("19001", of(holder), officer="Lê Văn Kim")
    ask(site, holder)
    assert [one.held_officer for one in waiting(world)] == ["Lê Văn Kim"]
    assert newest(world, serial_of(holder)).officer == "Lê Văn Kim"
    decide(world, "19001", serial_of(holder))
    assert newest(world, serial_of(holder)).officer == OFFICER


def test_a_number_alone_waits_and_is_accepted_or_refused(any_world: World) -> None:
    world, site = any_world, any_world.site()
    ask_number(site)
    ask_number(site, "0B")
    assert [one.certificate for one in waiting(world)] == [None, None]
    decide(world, "19001", SERIAL)
    decide(world, "19001", "0B", Code.REGISTRATION_REFUSED)
    accepted, refused = newest(world, SERIAL), newest(world, "0B")
    assert (accepted.state, accepted.valid_from, accepted.thumbprint) == (RegistrationState.REGISTERED, 0, None)
    assert (refused.state, refused.remark) == (RegistrationState.REFUSED, "registration-refused")
    with read_transaction(world.centre.engine) as connection:
        assert set(facilities.registrations_of(connection, "19001")) == {serial_text(of_site(site).serial), SERIAL}


def of_site(site: Site) -> Certificate:
    assert site.certificate is not None
    return site.certificate


def test_who_was_refused_may_ask_again(world: World) -> None:
    site = world.site()
    ask_number(site)
    decide(world, "19001", SERIAL, Code.REGISTRATION_REFUSED)
    ask_number(site)
    assert newest(world, SERIAL).state is RegistrationState.ASKED
    ask_number(site)
    assert decide(world, "19001", SERIAL) == 2
    assert newest(world, SERIAL).state is RegistrationState.REGISTERED


def test_a_registration_that_is_over_is_told_and_may_be_asked_for_again(world: World) -> None:
    site = world.site()
    world.register("19001", of_site(site), officer=OFFICER, until=EVENING - 1)
    serial = serial_text(of_site(site).serial)
    with write_transaction(world.centre.engine) as connection:
        tell_registrations(connection, "19001", keys=world.centre.keys, now=EVENING)
    assert newest(world, serial).state is RegistrationState.ENDED
    ask(site, KeySigner(site.organisation_key, certificate=of_site(site)))
    assert newest(world, serial).state is RegistrationState.ASKED
    decide(world, "19001", serial)
    row = newest(world, serial)
    # What was signed under the earlier registration keeps its start.
    assert (row.state, row.valid_from, row.valid_until) == (RegistrationState.REGISTERED, 0, None)


def test_a_number_that_another_facility_has_is_a_conflict_and_never_taken_silently(any_world: World) -> None:
    world = any_world
    site, thief = world.site(), world.site("79001", "79001A")
    holder = KeySigner(site.organisation_key, certificate=of_site(site))
    ask(thief, holder)
    (found,) = waiting(world)
    assert [(rival.facility, rival.is_registered) for rival in found.rivals] == [("19001", True)]
    assert found.request.doubt == Code.REGISTRATION_CONFLICT
    row = newest(world, serial_of(holder), "79001A")
    assert (row.state, row.remark) == (RegistrationState.ASKED, "registration-conflict")
    with read_transaction(world.centre.engine) as connection:
        assert serial_of(holder) not in facilities.registrations_of(connection, "79001")
    # Two that ask for the same number see each other too.
    ask_number(site, "0B")
    ask_number(thief, "0B")
    rivals = {one.request.facility: one.rivals for one in waiting(world) if one.request.serial == "0B"}
    assert {facility: [rival.facility for rival in others] for facility, others in rivals.items()} == {
        "19001": ["79001"],
        "79001": ["19001"],
    }


def forged_by_another_key(site: Site) -> bytes:
    holder, thief = next_certificate(site), KeySigner(ec_key("thief"))
    proof = sign_possession(possession_of(site), replace_certificate(thief, of(holder)))
    return cbor.encode({1: serial_of(holder), 2: OFFICER, 3: [of(holder).der], 4: proof})


class Liar:
    """A signer that shows somebody else's certificate."""

    def __init__(self, key: KeySigner, certificate: Certificate) -> None:
        self._key = key
        self.certificate: Certificate | None = certificate
        self.public_key = key.public_key
        self.algorithm = key.algorithm
        self.operations = 0

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def sign_many(self, messages: object) -> list[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        return None


def replace_certificate(key: KeySigner, certificate: Certificate) -> Liar:
    return Liar(key, certificate)


def of_another_node(site: Site) -> bytes:
    other = site.world.site("79001", "79001A")
    return body_with_proof(site, next_certificate(site), possession_of(other))


def of_an_older_place(site: Site) -> bytes:
    body = body_with_proof(site, next_certificate(site))
    ask_number(site)
    return body


def with_an_invented_head(site: Site) -> bytes:
    head = Checkpoint(1, 7, bytes(32), EVENING)
    return body_with_proof(site, next_certificate(site), possession_of(site, checkpoint=head))


def from_the_future(site: Site) -> bytes:
    late = EVENING + limits.CLOCK_AHEAD_SECONDS + 1
    return body_with_proof(site, next_certificate(site), possession_of(site, claimed_at=late))


def before_its_head(site: Site) -> bytes:
    ask_number(site)
    return body_with_proof(site, next_certificate(site), possession_of(site, claimed_at=EVENING - 1))


def of_a_foreign_authority(site: Site) -> bytes:
    authority = site.world.authority
    site.world.authority = make_authority(ec_key("foreign"), "Foreign CA", serial=b"\x01" * 16, now=MORNING)
    try:
        return body_with_proof(site, next_certificate(site))
    finally:
        site.world.authority = authority


def revoked_before(site: Site) -> bytes:
    holder = next_certificate(site)
    revoke_certificate(of(holder), revoked_at=1, reason="lost", engine=site.world.centre.engine, now=EVENING)
    return body_with_proof(site, holder)


def without_proof(site: Site) -> bytes:
    holder = next_certificate(site)
    return cbor.encode({1: serial_of(holder), 2: OFFICER, 3: [of(holder).der]})


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (forged_by_another_key, Code.SIGNATURE_INVALID),
        (of_another_node, Code.REGISTRATION_PROOF),
        (of_an_older_place, Code.REGISTRATION_PROOF),
        (with_an_invented_head, Code.HEAD_INCONSISTENT),
        (from_the_future, Code.TIME_WINDOW),
        (before_its_head, Code.TIME_WINDOW),
        (of_a_foreign_authority, Code.CERTIFICATE_UNTRUSTED),
        (revoked_before, Code.CERTIFICATE_REVOKED),
        (without_proof, Code.FIELD_MISSING),
        (lambda _: b"\xa0", Code.FIELD_MISSING),
        (lambda _: b"poison", Code.NOT_CBOR),
    ],
)
def test_what_proves_nothing_is_refused_by_receipt_and_the_chain_goes_on(
    world: World, make: object, code: Code
) -> None:
    site = world.site()
    world.clock.at = EVENING
    assert callable(make)
    body = make(site)
    before = waiting(world)
    receipt = send(site, body)
    assert receipt.entry.refusal is code
    assert waiting(world) == before
    assert ask_number(site, "0C").entry.refusal is None
    assert check_centre(world.centre.engine).findings == ()


def test_a_certificate_that_came_to_its_end_on_the_way_waits_with_its_doubt(world: World) -> None:
    site = world.site()
    holder = next_certificate(site)
    body = body_with_proof(site, holder)
    world.clock.at = int(of(holder).not_after.timestamp()) + 86_400
    assert send(site, body).entry.refusal is None
    assert [one.request.doubt for one in waiting(world)] == ["certificate-expired"]
    # Begun after the end as far as can be proven: that is certain.
    late = possession_of(site)
    assert ask(site, holder, late).entry.refusal is Code.CERTIFICATE_EXPIRED


def test_a_repeated_request_gets_the_first_receipt_and_is_kept_once(any_world: World) -> None:
    world, site = any_world, any_world.site()
    inner = site.link(body_with_proof(site, next_certificate(site)), kind=BundleKind.REGISTRATION)
    sealed = site.seal(inner)
    first = world.offer(sealed)
    site.moved(inner)
    before = snapshot(world)
    assert world.offer(sealed) == first
    assert world.offer(site.seal(inner)) == first
    after = snapshot(world)
    assert (after["registration_requests"], after["feed_items"]) == (1, 1)
    assert {**after, "bundle_seals": 0} == {**before, "bundle_seals": 0}


def test_nodes_are_told_of_what_changed_and_of_nothing_else(any_world: World) -> None:
    world, site = any_world, any_world.site()
    keys, engine = world.centre.keys, world.centre.engine
    ask_number(site)
    assert len(told(world)) == 1
    with write_transaction(engine) as connection:
        assert tell_registrations(connection, "19001", keys=keys, now=EVENING + 5) == 0
        nodes.add_node(connection, "19001B", facility="19001", at=EVENING)
        assert tell_registrations(connection, "19001", keys=keys, now=EVENING + 5) == 1
        nodes.set_state(connection, "19001B", NodeState.DENIED)
    decide(world, "19001", SERIAL)
    assert (len(told(world)), len(told(world, "19001B"))) == (2, 1)
    assert all(listed.facility == "19001" for listed in told(world))


def test_a_registration_and_a_revocation_by_hand_are_told(world: World) -> None:
    site = world.site()
    certificate, keys, engine = of_site(site), world.centre.keys, world.centre.engine
    serial = serial_text(certificate.serial)
    assert told(world) == []
    registration = Registration(OFFICER, 0, EVENING + 86_400)
    register_certificate(
        "19001", serial, registration=registration, certificate=certificate, engine=engine, keys=keys, now=EVENING
    )
    row = newest(world, serial)
    assert (row.state, row.valid_until, row.revoked_at) == (RegistrationState.REGISTERED, EVENING + 86_400, None)
    revoke_certificate(certificate, revoked_at=EVENING - 9, reason="lost", engine=engine, now=EVENING)
    with write_transaction(engine) as connection:
        tell_registrations(connection, "19001", keys=keys, now=EVENING)
    assert newest(world, serial).revoked_at == EVENING - 9


def test_a_further_node_of_the_facility_learns_the_list_when_it_is_enrolled(world: World) -> None:
    ask_number(world.site())
    world.site("19001", "19001B")
    assert newest(world, SERIAL, "19001B").state is RegistrationState.ASKED


def test_a_site_that_asks_without_end_cannot_overfill_its_list(world: World) -> None:
    site = world.site()
    with write_transaction(world.centre.engine) as connection:
        tell_registrations(connection, "19001", keys=world.centre.keys, now=EVENING)
    for number in range(limits.REGISTRATIONS + 2):
        assert ask_number(site, serial_text(0x1000 + number)).entry.refusal is None
    listed = told(world)[-1].certificates
    assert len(listed) == limits.REGISTRATIONS
    serials = {one.serial for one in listed}
    # The registered one and the newest requests are told, the oldest ones are not.
    assert serial_text(of_site(site).serial) in serials
    assert serial_text(0x1000 + limits.REGISTRATIONS + 1) in serials
    assert "1000" not in serials


@pytest.mark.parametrize("name", ["Hà " * 40, "Trần\tÁnh", "Tra\u0302\u0300n Ánh", "Trần Ánh ", "Trần \u202eÁnh"])
def test_an_operator_registers_no_name_that_no_list_can_carry(world: World, name: str) -> None:
    world.site()
    with pytest.raises(ProtocolError) as caught:
        register_certificate(
            "19001",
            SERIAL,
            registration=Registration(name, 0, None),
            certificate=None,
            engine=world.centre.engine,
            keys=world.centre.keys,
            now=EVENING,
        )
    assert caught.value.code is Code.FIELD_INVALID


@pytest.mark.parametrize("name", ["Hà " * 40, "Trần\tÁnh", "Tra\u0302\u0300n Ánh", "\u202e"])
def test_a_name_that_was_stored_before_keeps_no_list_from_being_told(world: World, name: str) -> None:
    site = world.site()
    with write_transaction(world.centre.engine) as connection:
        facilities.put_registration(connection, "19001", SERIAL, registration=Registration(name, 0, None), at=MORNING)
    assert ask_number(site, "5403A1F1").entry.refusal is None
    assert newest(world, SERIAL).state is RegistrationState.REGISTERED
    assert world.site().epoch == 2


def test_nothing_waits_where_nobody_asked(world: World) -> None:
    world.site()
    with pytest.raises(ProtocolError, match=Code.CERTIFICATE_UNREGISTERED):
        decide(world, "19001", SERIAL)


def test_requests_and_decisions_are_never_changed(any_world: World) -> None:
    site = any_world.site()
    ask_number(site)
    decide(any_world, "19001", SERIAL)
    for statement in (
        "UPDATE registration_requests SET officer = 'x'",
        "DELETE FROM registration_requests",
        "UPDATE registration_decisions SET code = 'x'",
        "DELETE FROM registration_decisions",
    ):
        with pytest.raises(DBAPIError), any_world.centre.engine.begin() as connection:
            connection.execute(text(statement))
    with read_transaction(any_world.centre.engine) as connection:
        assert [one.code for one in registrations.all_requests(connection).values()] == [""]


@pytest.mark.parametrize(
    "planted", ["UPDATE registration_requests SET officer = 'Ai đó'", "DELETE FROM registration_requests"]
)
def test_check_finds_a_request_that_was_tampered_with(world: World, planted: str) -> None:
    ask_number(world.site())
    with world.centre.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER registration_requests_no_update"))
        connection.execute(text("DROP TRIGGER registration_requests_no_delete"))
        connection.execute(text(planted))
    found = check_centre(world.centre.engine).findings
    assert [(finding.invariant, finding.place) for finding in found] == [("I12", "entry 1")]


def run(world: World, *arguments: str, exit_code: int = 0) -> tuple[dict[str, Any], str]:
    done = CliRunner().invoke(
        main,
        ["--directory", str(world.centre.config.directory), *arguments],
        env={"HCVX_CENTRAL_PASSWORD": PASSWORD},
        obj=world.clock,
    )
    assert done.exit_code == exit_code, done.output
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def test_an_operator_lists_and_decides_at_the_command_line(world: World) -> None:
    site = world.site()
    holder = next_certificate(site)
    assert run(world, "registrations", "--json")[0] == {"ok": True, "waiting": []}
    ask(site, holder)
    ask_number(site)
    data, words = run(world, "registrations", "--json")
    first, second = data["waiting"]
    assert (first["serial"], first["proven"], first["organisation"]) == (serial_of(holder), True, "Trạm y tế 19001")
    assert (second["serial"], second["proven"], second["not_after"]) == (SERIAL, False, None)
    assert "có chữ ký chứng minh giữ khóa" in words
    assert "chỉ có số sê-ri" in words
    run(world, "decide-registration", "19001", SERIAL, exit_code=2)
    run(world, "decide-registration", "19001", SERIAL, "--refuse", exit_code=2)
    done, _ = run(
        world, "decide-registration", "19001", "54:03:a1:f0", "--refuse", "--reason", "không có văn bản", "--json"
    )
    assert (done["accepted"], done["serial"]) == (False, SERIAL)
    run(world, "decide-registration", "19001", serial_of(holder), "--accept")
    assert newest(world, SERIAL).state is RegistrationState.REFUSED
    assert newest(world, serial_of(holder)).state is RegistrationState.REGISTERED
    _, words = run(world, "decide-registration", "19001", SERIAL, "--accept", exit_code=1)
    assert "[certificate-unregistered]" in words


def test_the_operators_page_shows_what_waits_and_how_to_decide(world: World) -> None:
    site, thief = world.site(), world.site("79001", "79001A")
    client = pages_client(world)
    assert "Không có yêu cầu nào chờ quyết định" in read_page(client.get("/operator/registrations").text)[1]
    ask(site, next_certificate(site))
    ask_number(thief, serial_text(of_site(site).serial))
    answer = client.get("/operator/registrations")
    assert answer.status_code == 200
    assert_quiet(answer.text)
    assert SECRETS.search(answer.text) is None
    words = read_page(answer.text)[1]
    assert "Trạm y tế 19001" in words
    assert "Có chữ ký chứng minh giữ khóa" in words
    assert "cơ sở 19001 (Trạm y tế 19001) đã đăng ký số này" in words
    assert "hcvx-central decide-registration 79001" in words

"""Several workers of the centre at once on PostgreSQL: feeds keep their numbers, and nobody is turned away.

Everything that adds to a feed holds the ledger lock from its first statement on. A row that is written before the lock
is taken would be waited for by whoever holds the lock: each would wait for the other, and the database ends one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from central.domain.admission import Registration
from central.domain.node import NodeState
from central.store import feed, node_epochs, nodes, trust
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.facilities import Facility
from central.workflow.accept_enrolment import accept_enrolment
from central.workflow.check_centre import check_centre
from central.workflow.decide_registration import decide_registration
from central.workflow.enrol_facility import enrol_facility
from central.workflow.register_certificate import register_certificate
from sync_protocol.bundle import BundleKind
from sync_protocol.certificate import serial_text
from sync_protocol.delegation import DelegationKind
from sync_protocol.enrolment import EnrolmentRequest, sign_enrolment_request
from sync_protocol.enrolment_file import parse_enrolment_file, verify_enrolment_file
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.registration import RegistrationRequest, encode_registration
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.central.handing import handover_of, hub_of, items_of, let_sign
from tests.central.scenario import DAY, EVENING, Site, World
from tests.protocol.refusals import refused

OFFICER = "Trần Thị Ánh"


def enrolment(world: World, facility: str, node: str) -> bytes:
    """The sealed request of a machine that is about to be enrolled (again)."""
    centre = world.centre
    ticket = enrol_facility(
        Facility(facility, f"Trạm y tế {facility}", ("05413",)),
        node,
        engine=centre.engine,
        keys=centre.keys,
        public_url="http://127.0.0.1:8480",
        good_seconds=3_600,
        entropy=centre.entropy,
        now=EVENING,
        again=True,
    )
    assert ticket.file is not None
    content = verify_enrolment_file(parse_enrolment_file(ticket.file), spoken=ticket.fingerprint, at=EVENING)
    key = ec_key(f"fresh {node}")
    request = EnrolmentRequest(node, content.one_time_code, key.public_key(), ec_key(f"sealing {node}").public_key())
    return seal(
        sign_enrolment_request(request, KeySigner(key)), recipient=centre.keys.sealing_key, entropy=centre.entropy
    )


def enrol(world: World, sealed: bytes) -> None:
    accept_enrolment(sealed, engine=world.centre.engine, keys=world.centre.keys, now=EVENING)


def register(world: World, site: Site) -> None:
    assert site.certificate is not None
    register_certificate(
        site.facility,
        serial_text(site.certificate.serial),
        registration=Registration(OFFICER, 0, None),
        certificate=site.certificate,
        engine=world.centre.engine,
        keys=world.centre.keys,
        now=EVENING,
    )


def wait_for_waiters(world: World, count: int) -> None:
    """Goes on as soon as so many wait for the ledger lock; it is the database that says so."""
    asked = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    while True:
        with read_transaction(world.centre.engine) as connection:
            if connection.execute(asked).scalar() == count:
                return


@pytest.mark.parametrize("name", ["enrolment", "certificate"])
def test_whoever_waits_for_the_ledger_keeps_nobody_waiting(shared: World, name: str) -> None:
    world = shared
    site = world.site()
    certificate = site.certificate
    assert certificate is not None
    calls: dict[str, Callable[[], None]] = {}
    if name == "enrolment":
        sealed = enrolment(world, site.facility, site.node)
        calls[name] = lambda: enrol(world, sealed)
    else:
        calls[name] = lambda: register(world, site)
    with ThreadPoolExecutor(1) as pool:
        with write_transaction(world.centre.engine) as connection:
            lock_ledger(connection)
            later = pool.submit(calls[name])
            wait_for_waiters(world, 1)
            # What an admission writes under the lock.
            connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
            trust.put_seen(connection, [certificate], at=EVENING)
            nodes.move_head(connection, site.node, epoch=site.epoch, sequence=0, digest=site.digest, at=EVENING)
        later.result()


def test_a_fork_that_comes_while_a_new_epoch_is_granted_does_not_stop_the_machine_that_goes_on(shared: World) -> None:
    world = shared
    site = world.site()
    site.send(site.doses([1]))
    old = replace(site, sequence=0)
    with read_transaction(world.centre.engine) as connection:
        old.digest = node_epochs.links(connection, site.node, epoch=site.epoch, first=0)[0]
    sealed = old.seal(old.inner(old.doses([2])))
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as pool:
        with write_transaction(world.centre.engine) as connection:
            lock_ledger(connection)
            nodes.start_epoch(
                connection,
                site.node,
                epoch=site.epoch + 1,
                signing_key=ec_key("fresh").public_key(),
                sealing_key=ec_key("fresh sealing").public_key(),
                enrolment_digest=bytes(32),
                first_dose=1_001,
                at=EVENING,
            )
            later = pool.submit(world.offer, sealed)
            while True:
                with read_transaction(world.centre.engine) as beside:
                    if beside.execute(waits).scalar():
                        break
        with refused(Code.FORKED):
            later.result()
    with read_transaction(world.centre.engine) as connection:
        found = nodes.find_node(connection, site.node)
        kept = node_epochs.second_histories(connection, site.node, epoch=site.epoch)
    assert found is not None
    assert (found.state, found.epoch, kept) == (NodeState.ENROLLED, site.epoch + 1, 1)


def test_enrolments_decisions_delegations_and_admissions_at_once_leave_feeds_without_a_gap(shared: World) -> None:
    world = shared
    hub = hub_of(world)
    sites = [world.site(f"1900{place}", f"1900{place}A") for place in range(1, 5)]
    centre = world.centre
    for site in sites:
        let_sign(world, site, hub, kind=DelegationKind.ON_CALL)
        site.send_inner(
            site.link(encode_registration(RegistrationRequest("5403A1F0", OFFICER)), kind=BundleKind.REGISTRATION)
        )
    calls: list[Callable[[], object]] = []
    for site in sites:
        doses = site.doses(range(10 * int(site.facility[-1]), 10 * int(site.facility[-1]) + 3))
        world.know(doses)
        handed = site.seal(handover_of(site, doses, asks_day=DAY))
        sealed = enrolment(world, site.facility, f"{site.facility}B")

        def decide(code: str = site.facility) -> object:
            return decide_registration(
                code, "5403A1F0", refusal=None, reason="", engine=centre.engine, keys=centre.keys, now=EVENING
            )

        calls += [
            lambda handed=handed: world.offer(handed),  # type: ignore[misc]
            lambda sealed=sealed: enrol(world, sealed),  # type: ignore[misc]
            decide,
            lambda site=site: register(world, site),  # type: ignore[misc]
        ]
    again = enrolment(world, hub.facility, hub.node)
    calls.append(lambda: enrol(world, again))
    with ThreadPoolExecutor(len(calls)) as pool:
        for call in [pool.submit(call) for call in calls]:
            call.result()
    with read_transaction(centre.engine) as connection:
        told: dict[str, list[int]] = {}
        for node, item in feed.all_items(connection):
            told.setdefault(node, []).append(item.number)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in told.values())
    assert len(items_of(world, hub.node, FeedKind.UNSIGNED_DOSES)) == len(sites)
    assert check_centre(centre.engine).findings == ()

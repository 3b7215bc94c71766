"""Lists of revoked certificates, from the file to the verdicts of doses, and what a late list does to earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from sqlalchemy import delete, select, update

from central.store.crls import held_crls, standing_of
from central.store.database import read_transaction, write_transaction
from central.store.tables import batches, crl_revocations, crls, doses, health_certificates, verdicts
from central.store.trust import AnchorScope
from central.workflow.check_centre import check_centre
from central.workflow.import_crl import TakenCrl, import_crl
from central.workflow.manage_anchors import add_anchors, add_intermediates
from central.workflow.recheck_revocations import RECHECK, questioned_batches, recheck_revocations
from central.workflow.run_day import run_day
from central.workflow.trust_status import TrustWarning, trust_status
from sync_protocol.certificate import Certificate
from sync_protocol.days import DAY_SECONDS, to_datetime
from sync_protocol.errors import Code
from sync_protocol.manifest import Purpose
from sync_protocol.receipt import VerifiedReceipt
from sync_protocol.verdict import Verdict, VerdictState
from tests.builders import issue_certificate, make_ca
from tests.central.scenario import EVENING, MORNING, Site, World
from tests.protocol.refusals import refused
from tests.revocation_lists import WEEK, Entry, make_crl

ADMITTED = Verdict(VerdictState.ADMITTED)
REVOKED = Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED)
Reason = x509.ReasonFlags


def take(world: World, entries: Mapping[int, Entry | int], *, at: int = EVENING - 60, number: int = 1) -> TakenCrl:
    """The training authority's list, taken from a stick."""
    data = make_crl(world.authority.certificate, world.authority.key, entries, at=at, number=number)
    return import_crl(data, source="list.crl", engine=world.centre.engine, now=world.clock.now())


def signer(site: Site) -> Certificate:
    assert site.certificate is not None
    return site.certificate


def send(site: Site, *people: int, **manifest: object) -> VerifiedReceipt:
    given = site.doses(people)
    site.world.know(given)
    return site.send(given, **manifest)


def states(world: World) -> list[tuple[str, str, str]]:
    joined = verdicts.join(doses, doses.c.id == verdicts.c.dose)
    columns = (verdicts.c.state, verdicts.c.code, verdicts.c.decided_by)
    with read_transaction(world.centre.engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).select_from(joined).order_by(doses.c.id))]


# The head in the statement is of the morning, the arrival of the evening.
@pytest.mark.parametrize(
    ("entry", "refusal", "verdict"),
    [
        (Entry(MORNING - 1), Code.CERTIFICATE_REVOKED, None),
        (Entry(MORNING), Code.CERTIFICATE_REVOKED, None),
        (Entry(MORNING + 1), None, REVOKED),
        (Entry(EVENING - 1), None, REVOKED),
        (Entry(EVENING), None, ADMITTED),
        (Entry(EVENING + 60), None, ADMITTED),
        # The revocation came in the evening, and the key was out of hand since the day before.
        (Entry(EVENING, Reason.key_compromise, MORNING - DAY_SECONDS), Code.CERTIFICATE_REVOKED, None),
        (Entry(EVENING, Reason.superseded, MORNING - DAY_SECONDS), None, ADMITTED),
        (Entry(MORNING - 1, Reason.certificate_hold), None, REVOKED),
        (Entry(MORNING - 1, Reason.remove_from_crl), None, ADMITTED),
    ],
)
def test_a_list_that_is_held_judges_the_batch(
    world: World, entry: Entry, refusal: Code | None, verdict: Verdict | None
) -> None:
    site = world.site()
    taken = take(world, {signer(site).serial: entry, 99: MORNING})
    assert (taken.is_new, taken.questioned) == (True, ())
    receipt = send(site, 1, 2)
    assert receipt.entry.refusal is refusal
    assert set(receipt.verdicts) == ({verdict} if verdict else set())
    assert [state for state, _, _ in states(world)] == [verdict.state.value] * 2 if verdict else states(world) == []
    with read_transaction(world.centre.engine) as connection:
        windows = connection.execute(select(batches.c.not_before, batches.c.not_after)).all()
    assert windows == ([] if refusal else [(MORNING, EVENING)])
    assert check_centre(world.centre.engine).findings == ()


def test_a_batch_that_names_no_head_is_in_doubt_whenever_its_signer_was_revoked(world: World) -> None:
    site = world.site()
    take(world, {signer(site).serial: MORNING - WEEK})
    receipt = send(site, 1, checkpoint=None)
    assert receipt.entry.refusal is None
    assert set(receipt.verdicts) == {REVOKED}


def with_authority_between(world: World, site: Site) -> tuple[Certificate, bytes]:
    """Puts a public root and an authority below it over a site; gives its certificate and the root's list of it."""
    start = to_datetime(MORNING - 400 * DAY_SECONDS)
    root = make_ca("Public Root", start)
    below = make_ca("Public CA", start, parent=root)
    add_anchors([root.certificate], scope=AnchorScope.PUBLIC, engine=world.centre.engine, now=MORNING)
    add_intermediates([below.certificate], engine=world.centre.engine, now=MORNING)
    site.certificate = issue_certificate(below, site.organisation_key, subject="Trạm y tế", at=start, days=800)
    world.register(site.facility, site.certificate)
    entries = {below.certificate.serial: MORNING - 1}
    return below.certificate, make_crl(root.certificate, root.private_key, entries, at=EVENING - 60)


def test_an_authority_that_its_root_revoked_takes_its_organisations_along(world: World) -> None:
    site = world.site()
    below, listed = with_authority_between(world, site)
    assert set(send(site, 1).verdicts) == {ADMITTED}
    taken = import_crl(listed, source="root.crl", engine=world.centre.engine, now=world.clock.now())
    (questioned,) = taken.questioned
    assert (questioned.held_back, questioned.objection.is_final) == (1, True)
    assert send(site, 2).entry.refusal is Code.CERTIFICATE_REVOKED
    status = {one.row.certificate: one for one in trust_status(world.centre.engine, now=EVENING).authorities}
    assert TrustWarning.REVOKED in status[below].warnings


def test_a_list_of_another_authority_says_nothing_of_the_same_number(world: World) -> None:
    site = world.site()
    start = to_datetime(MORNING - DAY_SECONDS)
    other = make_ca("Another", start)
    add_anchors([other.certificate], scope=AnchorScope.PUBLIC, engine=world.centre.engine, now=MORNING)
    data = make_crl(other.certificate, other.private_key, {signer(site).serial: MORNING - 1}, at=EVENING - 60)
    import_crl(data, source="other.crl", engine=world.centre.engine, now=EVENING)
    assert set(send(site, 1).verdicts) == {ADMITTED}


class TestLateLists:
    def test_what_was_admitted_waits_and_nothing_else_changes(self, any_world: World) -> None:
        first, second = any_world.site(), any_world.site("19002", "19002A")
        send(first, 1, 2)
        send(second, 3)
        taken = take(any_world, {signer(first).serial: MORNING - 1})
        (questioned,) = taken.questioned
        assert (questioned.batch.facility, questioned.held_back, questioned.waiting) == ("19001", 2, 2)
        assert (questioned.batch.window.not_before, questioned.batch.window.not_after) == (MORNING, EVENING)
        assert (questioned.objection.at, questioned.objection.is_final) == (MORNING - 1, True)
        held = ("quarantined", "certificate-revoked", RECHECK)
        assert states(any_world) == [held, held, ("admitted", "", "")]
        assert check_centre(any_world.centre.engine).findings == ()

    def test_looking_again_changes_nothing(self, world: World) -> None:
        site = world.site()
        send(site, 1)
        take(world, {signer(site).serial: MORNING - 1})
        before = states(world)
        assert recheck_revocations(world.centre.engine, now=EVENING + 60) == ()
        assert states(world) == before
        with read_transaction(world.centre.engine) as connection:
            (questioned,) = questioned_batches(connection)
        assert (questioned.held_back, questioned.waiting) == (0, 1)

    def test_a_signature_that_is_proven_to_come_before_stays_good(self, world: World) -> None:
        site = world.site()
        send(site, 1)
        assert take(world, {signer(site).serial: EVENING}).questioned == ()
        assert states(world) == [("admitted", "", "")]

    def test_what_waits_for_another_reason_keeps_it(self, world: World) -> None:
        site = world.site()
        site.send(site.doses([1]))
        (before,) = states(world)
        assert before[0] == "quarantined"
        take(world, {signer(site).serial: MORNING - 1})
        assert states(world) == [before]

    def test_a_health_certificate_that_is_out_is_told_and_left_to_a_person(self, world: World) -> None:
        site = world.site()
        send(site, 1)
        centre = world.centre
        with centre.open_signer() as passport_signer:
            issued = run_day(
                centre.engine,
                signer=passport_signer,
                registry=centre.registry,
                entropy=centre.entropy,
                now=EVENING + 60,
            )
        assert issued.issued == 1
        send(site, 2)
        taken = take(world, {signer(site).serial: MORNING - 1})
        assert [(one.held_back, one.certified) for one in taken.questioned] == [(0, 1), (1, 0)]
        assert [state for state, _, _ in states(world)] == ["admitted", "quarantined"]
        assert check_centre(centre.engine).findings == ()

    def test_the_end_of_the_day_holds_back_what_slipped_in_beside_a_new_list(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = world.site()
        with monkeypatch.context() as patch:
            # The list is committed, and the program is stopped before anything is judged again.
            patch.setattr("central.workflow.import_crl.recheck_revocations", lambda engine, *, now: ())
            send(site, 1)
            take(world, {signer(site).serial: MORNING - 1})
        assert {finding.invariant for finding in check_centre(world.centre.engine).findings} == {"I13"}
        centre = world.centre
        with centre.open_signer() as passport_signer:
            done = run_day(
                centre.engine, signer=passport_signer, registry=centre.registry, entropy=centre.entropy, now=EVENING
            )
        assert done.issued == 0
        with read_transaction(centre.engine) as connection:
            assert connection.execute(select(health_certificates)).all() == []
        assert states(world) == [("quarantined", "certificate-revoked", RECHECK)]


class TestLines:
    def rows(self, world: World) -> dict[str, tuple[int, str]]:
        table = crl_revocations
        with read_transaction(world.centre.engine) as connection:
            found = connection.execute(select(table.c.serial, table.c.revoked_at, table.c.reason))
            return {row[0]: (row[1], row[2]) for row in found}

    def test_a_list_never_goes_back(self, any_world: World) -> None:
        take(any_world, {1: MORNING}, number=5)
        for at, number in ((EVENING - 60, 6), (EVENING - 61, 6), (EVENING - 30, 4)):
            with refused(Code.CRL_OLDER):
                take(any_world, {}, at=at, number=number)
        assert self.rows(any_world) == {"01": (MORNING, "")}
        taken = take(any_world, {1: MORNING, 2: MORNING}, at=EVENING - 30, number=6)
        assert (taken.is_new, taken.entries) == (True, 2)

    def test_the_same_list_again_is_no_news(self, world: World) -> None:
        first = take(world, {1: MORNING})
        data = self.newest(world)
        again = import_crl(data, source="again.crl", engine=world.centre.engine, now=EVENING)
        assert (first.is_new, again.is_new) == (True, False)

    def test_two_who_bring_the_same_list_at_once_make_one(self, any_world: World) -> None:
        data = make_crl(any_world.authority.certificate, any_world.authority.key, {1: MORNING}, at=EVENING - 60)

        def bring(_: int) -> bool:
            return import_crl(data, source="list.crl", engine=any_world.centre.engine, now=EVENING).is_new

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(bring, range(4))) == [False, False, False, True]

    def newest(self, world: World) -> bytes:
        with read_transaction(world.centre.engine) as connection:
            return bytes(connection.execute(select(crls.c.der).where(crls.c.der.is_not(None))).scalar_one())

    def test_only_the_newest_list_is_kept_whole_and_all_leave_their_digest(self, world: World) -> None:
        take(world, {1: MORNING})
        take(world, {1: MORNING, 2: MORNING}, at=EVENING - 30, number=2)
        with read_transaction(world.centre.engine) as connection:
            kept = connection.execute(select(crls.c.number, crls.c.der, crls.c.digest).order_by(crls.c.number)).all()
            (held,) = held_crls(connection)
        assert [(row[0], row[1] is None, len(row[2])) for row in kept] == [("1", True, 32), ("2", False, 32)]
        assert (held.number, held.entries, held.source) == (2, 2, "list.crl")

    def test_what_a_list_no_longer_names_stays_revoked_unless_it_was_on_hold(self, world: World) -> None:
        take(world, {1: MORNING, 2: Entry(MORNING, Reason.certificate_hold), 3: Entry(5, Reason.certificate_hold)})
        take(world, {3: Entry(MORNING + 9, Reason.key_compromise)}, at=EVENING - 30, number=2)
        assert self.rows(world) == {"01": (MORNING, ""), "03": (MORNING + 9, "keyCompromise")}

    def test_an_instant_moves_only_to_an_earlier_one(self, world: World) -> None:
        take(world, {1: MORNING, 2: MORNING, 3: MORNING})
        changed: dict[int, Entry | int] = {
            1: MORNING + 5,
            2: MORNING - 5,
            3: Entry(MORNING - 5, Reason.certificate_hold),
        }
        take(world, changed, at=EVENING - 30, number=2)
        assert {serial: at for serial, (at, _) in self.rows(world).items()} == {
            "01": MORNING,
            "02": MORNING - 5,
            "03": MORNING,
        }

    def test_how_a_certificate_stands_is_told_with_the_age_of_the_list(self, world: World) -> None:
        site = world.site()
        certificate = signer(site)

        def standing() -> tuple[int | None, int | None, int | None]:
            with read_transaction(world.centre.engine) as connection:
                return standing_of(connection, certificate)

        assert standing() == (None, None, None)
        take(world, {})
        assert standing() == (None, EVENING - 60, EVENING - 60 + WEEK)
        take(world, {certificate.serial: MORNING}, at=EVENING - 30, number=2)
        assert standing() == (MORNING, EVENING - 30, EVENING - 30 + WEEK)


def test_an_authority_without_a_list_or_with_an_old_one_is_pointed_out_and_holds_nobody_up(world: World) -> None:
    site = world.site()

    def warnings(at: int) -> tuple[TrustWarning, ...]:
        (authority,) = trust_status(world.centre.engine, now=at).authorities
        return authority.warnings

    assert warnings(EVENING) == (TrustWarning.CRL_MISSING,)
    take(world, {})
    assert warnings(EVENING) == ()
    assert warnings(EVENING - 60 + WEEK) == ()
    assert warnings(EVENING - 60 + WEEK + 1) == (TrustWarning.CRL_STALE,)
    world.clock.at += 2 * WEEK
    receipt = send(site, 1, purpose=Purpose.BACKLOG, late_reason="Mất mạng")
    assert set(receipt.verdicts) == {ADMITTED}


def test_check_names_a_list_whose_rows_were_changed(world: World) -> None:
    take(world, {1: MORNING, 2: MORNING})
    for statement in (
        update(crl_revocations).where(crl_revocations.c.serial == "01").values(revoked_at=EVENING),
        delete(crl_revocations).where(crl_revocations.c.serial == "02"),
    ):
        with write_transaction(world.centre.engine) as connection:
            connection.execute(statement)
        assert {finding.invariant for finding in check_centre(world.centre.engine).findings} == {"I13"}
    with write_transaction(world.centre.engine) as connection:
        connection.execute(update(crls).values(der=b"\x30\x00"))
    assert {finding.invariant for finding in check_centre(world.centre.engine).findings} == {"I12"}

"""What is said of single doses: checks (15) to (19) of PROTOCOL 8, and doubts about a whole batch."""

from __future__ import annotations

import pytest

from central.workflow.register_certificate import revoke_certificate
from sync_protocol.days import DAY_SECONDS, day_end
from sync_protocol.errors import Code
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState, PaperKind
from sync_protocol.manifest import Purpose
from sync_protocol.verdict import Verdict, VerdictState
from tests.central.scenario import DAY, EVENING, MORNING, Site, World, recipient
from tests.central.snapshots import snapshot

ADMITTED = Verdict(VerdictState.ADMITTED)


def waits(code: Code) -> Verdict:
    return Verdict(VerdictState.QUARANTINED, code)


class TestVerdicts:
    def test_a_certificate_that_ends_within_the_window_leaves_the_doses_waiting(self, world: World) -> None:
        site = world.site()
        assert site.certificate is not None
        revoke_certificate(
            site.certificate, revoked_at=EVENING - 60, reason="lost", engine=world.centre.engine, now=EVENING
        )
        receipt = site.send_inner(_two_doses(site))
        assert receipt.entry.refusal is None
        assert set(receipt.verdicts) == {waits(Code.CERTIFICATE_REVOKED)}

    def test_a_registration_that_ends_within_the_window_leaves_the_doses_waiting(self, world: World) -> None:
        site = world.site()
        assert site.certificate is not None
        world.register(site.facility, site.certificate, until=EVENING - 60)
        assert set(site.send_inner(_two_doses(site)).verdicts) == {waits(Code.CERTIFICATE_UNREGISTERED)}

    @pytest.mark.parametrize(
        ("changes", "verdict"),
        [
            ({}, ADMITTED),
            ({"lot_expiry": "2022-04-14"}, waits(Code.LOT_EXPIRED)),
            ({"lot_expiry": DAY}, ADMITTED),
            ({"product": "ZZ"}, waits(Code.PRODUCT_UNKNOWN)),
            ({"given_at": EVENING - DAY_SECONDS}, waits(Code.DOSE_DAY)),
            ({"given_at": day_end(DAY) - 1}, waits(Code.DOSE_DAY)),
            ({"replaces": 1_000}, waits(Code.DOSE_VERSION)),
        ],
    )
    def test_what_is_wrong_with_one_dose_is_said_of_it_alone(
        self, world: World, changes: dict[str, object], verdict: Verdict
    ) -> None:
        site = world.site()
        doses = [site.dose(1), site.dose(2, **changes), site.dose(3)]
        world.know(doses)
        receipt = site.send(doses, first_day=DAY, last_day=DAY)
        assert receipt.verdicts == (ADMITTED, verdict, ADMITTED)

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            (IdentityState.MISMATCH, Code.IDENTITY_MISMATCH),
            (IdentityState.MALFORMED, Code.IDENTITY_MALFORMED),
            (IdentityState.NO_NUMBER, Code.IDENTITY_MISSING),
            (IdentityState.WAITING, Code.IDENTITY_WAITING),
            (IdentityState.VOUCHED, Code.IDENTITY_EVIDENCE),
        ],
    )
    def test_16_only_matched_people_are_admitted(self, world: World, state: IdentityState, code: Code) -> None:
        site = world.site()
        dose = site.dose(1, evidence=IdentityEvidence(state, EvidenceSource.PACK, "pack-1", MORNING))
        world.know([dose])
        assert site.send([dose]).verdicts == (waits(code),)

    def test_16_evidence_is_asked_again_and_not_believed(self, world: World) -> None:
        site = world.site()
        doses = [site.dose(1), site.dose(2, recipient=recipient(2, name="Tên Khác")), site.dose(3)]
        world.know([doses[0], site.dose(2)])
        assert site.send(doses).verdicts == (
            ADMITTED,
            waits(Code.IDENTITY_EVIDENCE),
            waits(Code.IDENTITY_EVIDENCE),
        )

    def test_16_a_foreigner_is_vouched_for_with_a_passport(self, world: World) -> None:
        site = world.site()
        foreigner = recipient(1, paper=PaperKind.PASSPORT, number="X1234567", nationality="FR")
        vouched = IdentityEvidence(IdentityState.VOUCHED, EvidenceSource.VOUCHED, "", MORNING)
        assert site.send([site.dose(1, recipient=foreigner, evidence=vouched)]).verdicts == (ADMITTED,)

    def test_16_nobody_vouches_for_a_citizen_not_even_with_a_passport(self, world: World) -> None:
        site = world.site()
        citizen = recipient(1, paper=PaperKind.PASSPORT, number="C1234567")
        vouched = IdentityEvidence(IdentityState.VOUCHED, EvidenceSource.VOUCHED, "", MORNING)
        receipt = site.send([site.dose(1, recipient=citizen, evidence=vouched)])
        assert receipt.verdicts == (waits(Code.IDENTITY_EVIDENCE),)

    def test_19_the_same_person_on_the_same_day_at_two_sites_is_admitted_once(self, world: World) -> None:
        here, there = world.site(), world.site("19002", "19002A")
        world.know([here.dose(1)])
        # Another spelling and another mark: the number leads to the same person.
        again = there.dose(1, recipient=recipient(1, name="ĐẶNG THỊ HƯƠNG"))
        assert here.send([here.dose(1)]).verdicts == (ADMITTED,)
        assert there.send([again]).verdicts == (waits(Code.DOSE_DUPLICATE),)

    def test_18_order_and_interval_are_judged_over_all_sites_in_any_order_of_arrival(self, world: World) -> None:
        here, there = world.site(), world.site("19002", "19002A")
        world.know([here.dose(1), here.dose(2), here.dose(3)])
        early = EVENING - 10 * DAY_SECONDS
        assert here.send(here.doses([1, 2, 3], dose_number=2)).verdicts == (ADMITTED,) * 3
        doses = [
            there.dose(1, dose_number=1, given_at=early, late_reason="mất điện"),
            there.dose(2, dose_number=3, given_at=early, late_reason="mất điện"),
            there.dose(3, dose_number=1, given_at=early - 30 * DAY_SECONDS),
        ]
        receipt = there.send(doses, purpose=Purpose.BACKLOG)
        assert receipt.verdicts == (waits(Code.DOSE_INTERVAL), waits(Code.DOSE_ORDER), ADMITTED)

    def test_a_correction_takes_the_place_of_the_older_version_once(self, world: World) -> None:
        site = world.site()
        first = site.dose(1)
        world.know([first])
        site.send([first])
        newer = site.dose(1, lot="FG99999", replaces=first.sequence, replace_reason="nhầm lô")
        rival = site.dose(1, lot="FG00000", replaces=first.sequence, replace_reason="nhầm lô")
        assert site.send([newer, rival], purpose=Purpose.CORRECTION).verdicts == (ADMITTED, waits(Code.DOSE_VERSION))

    def test_a_dose_recorded_after_its_day_needs_a_reason_and_a_late_signature_does_not(self, world: World) -> None:
        site = world.site()
        yesterday = EVENING - DAY_SECONDS
        doses = [
            site.dose(1, given_at=yesterday),
            site.dose(2, given_at=yesterday, late_reason="mất mạng"),
            site.dose(3, given_at=yesterday, recorded_at=yesterday + 60),
        ]
        world.know(doses)
        receipt = site.send(doses, purpose=Purpose.BACKLOG)
        assert receipt.verdicts == (waits(Code.DOSE_DAY), ADMITTED, ADMITTED)

    def test_15_a_dose_that_the_centre_holds_already_is_not_taken_again(self, world: World) -> None:
        site = world.site()
        dose = site.dose(1)
        world.know([dose])
        site.send([dose])
        held = snapshot(world)["doses"]
        assert site.send([dose]).verdicts == (Verdict(VerdictState.REFUSED, Code.DOSE_REPEATED),)
        assert snapshot(world)["doses"] == held


def _two_doses(site: Site) -> bytes:
    doses = site.doses([1, 2])
    site.world.know(doses)
    return site.inner(doses)

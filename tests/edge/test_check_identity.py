"""Population packs and identity checks."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from edge.domain.refusals import EdgeCode, RefusedError
from edge.store import audit, doses, people, population
from edge.workflow import check_identity as workflow
from edge.workflow.check_identity import check_identity, check_person, vouch
from edge.workflow.import_pack import import_pack
from edge.workflow.record_dose import Submission
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import EvidenceSource, IdentityState, PaperKind, Recipient, Sex
from sync_protocol.population import PackAnswer, TagKind
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager

# Each kind of person, what the pack answers, and the state that follows.
PEOPLE: dict[PackAnswer, Recipient] = {
    PackAnswer.MATCHED: villager(1),
    PackAnswer.NAME_DIFFERS: villager(2, name="Nguyễn Thị Sai"),
    PackAnswer.BIRTH_DATE_DIFFERS: villager(3, birth_date="1985-03-02"),
    PackAnswer.SEX_DIFFERS: villager(4, sex=Sex.M),
    PackAnswer.NUMBER_DIFFERS: villager(5, number="054185999999"),
    PackAnswer.SEVERAL_DIFFER: villager(6, name="Nguyễn Thị Sai", birth_date="1985"),
    PackAnswer.UNKNOWN: villager(77),
}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


def _record_all(clinic: Clinic) -> None:
    for number, person in enumerate(PEOPLE.values()):
        clinic.record(Submission(f"form-{number:04d}", person, facts(), confirmed=frozenset({EdgeCode.NUMBER_SEX})))


def test_every_answer_of_the_pack_becomes_evidence(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    _record_all(clinic)
    clinic.give_pack(villager(number) for number in range(1, 10))
    # Two to a batch, so that this takes four transactions.
    monkeypatch.setattr(workflow, "BATCH_PEOPLE", 2)
    summary = check_identity(clinic.database, at=NOW, by=NURSE)
    assert summary.answers == dict.fromkeys(PEOPLE, 1)
    with clinic.database.read() as tables:
        assembled = doses.assemble(tables, range(1, len(PEOPLE) + 1))
        audit.verify(tables)
        assert people.count_states(tables) == {
            IdentityState.MATCHED: 1,
            IdentityState.MISMATCH: 5,
            IdentityState.WAITING: 1,
        }
    assert [dose.evidence.state for dose in assembled] == [answer.state for answer in PEOPLE]
    assert {(dose.evidence.source, dose.evidence.reference) for dose in assembled} == {(EvidenceSource.PACK, "pack-1")}


def test_the_same_pack_is_not_asked_twice_and_a_newer_one_is(clinic: Clinic) -> None:
    _record_all(clinic)
    clinic.give_pack([villager(1)])
    assert check_identity(clinic.database, at=NOW, by=NURSE).checked == 7
    assert check_identity(clinic.database, at=NOW, by=NURSE).checked == 0
    clinic.give_pack((villager(number) for number in range(1, 10)), version=2)
    # Who matched stays matched; all others are asked again.
    assert check_identity(clinic.database, at=NOW, by=NURSE).checked == 6


def test_one_person_is_asked_alone_and_once_for_each_pack(clinic: Clinic) -> None:
    _record_all(clinic)
    # Nobody is asked without a pack, and that is no error: the person waits.
    assert check_person(clinic.database, people.PersonId(2), at=NOW, by=NURSE).identity_state is IdentityState.WAITING
    clinic.give_pack([villager(2)])
    assert check_person(clinic.database, people.PersonId(2), at=NOW, by=NURSE).identity_state is IdentityState.MISMATCH
    check_person(clinic.database, people.PersonId(2), at=NOW, by=NURSE)
    assert clinic.count("identity_checks") == 1
    clinic.give_pack([villager(2, name="Nguyễn Thị Sai")], version=2)
    assert check_person(clinic.database, people.PersonId(2), at=NOW, by=NURSE).identity_state is IdentityState.MATCHED
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [2])[0].evidence.reference == "pack-2"
        audit.verify(tables)
    with pytest.raises(RefusedError):
        check_person(clinic.database, people.PersonId(99), at=NOW, by=NURSE)


def test_a_limit_is_kept(clinic: Clinic) -> None:
    _record_all(clinic)
    clinic.give_pack([villager(1)])
    assert check_identity(clinic.database, at=NOW, by=NURSE, limit=3).checked == 3
    assert check_identity(clinic.database, at=NOW, by=NURSE).checked == 4


def test_without_a_valid_pack_nothing_is_asked(clinic: Clinic) -> None:
    with pytest.raises(RefusedError) as caught:
        check_identity(clinic.database, at=NOW, by=NURSE)
    assert caught.value.findings[0].code is EdgeCode.NO_PACK
    clinic.give_pack([villager(1)], days=1)
    with pytest.raises(RefusedError) as caught:
        check_identity(clinic.database, at=NOW + DAY_SECONDS, by=NURSE)
    assert caught.value.findings[0].code is EdgeCode.PACK_EXPIRED


def test_people_whom_the_registry_cannot_know_are_not_asked(clinic: Clinic) -> None:
    outside = [
        villager(1, number="", paper=PaperKind.NONE),
        villager(2, number="12345"),
        villager(3, number="P1234567", paper=PaperKind.PASSPORT, nationality="LA"),
    ]
    for number, person in enumerate(outside):
        clinic.record(Submission(f"form-{number:04d}", person, facts(), confirmed=frozenset({Code.IDENTITY_MALFORMED})))
    clinic.give_pack([villager(1)])
    assert check_identity(clinic.database, at=NOW, by=NURSE).checked == 0
    with clinic.database.read() as tables:
        states = [dose.evidence.state for dose in doses.assemble(tables, [1, 2, 3])]
    assert states == [IdentityState.NO_NUMBER, IdentityState.MALFORMED, IdentityState.WAITING]


def test_the_site_vouches_for_a_foreigner_and_for_nobody_else(clinic: Clinic) -> None:
    foreigner = villager(1, number="P1234567", paper=PaperKind.PASSPORT, nationality="LA")
    recorded = clinic.record(Submission("form-0001", foreigner, facts()))
    with pytest.raises(RefusedError) as caught:
        vouch(clinic.database, recorded.person_id, at=NOW, by=NURSE, revision=2)
    assert caught.value.findings[0].code is EdgeCode.PERSON_CHANGED
    vouch(clinic.database, recorded.person_id, at=NOW, by=NURSE, revision=1)
    with clinic.database.read() as tables:
        evidence = doses.assemble(tables, [1])[0].evidence
    assert (evidence.state, evidence.source) == (IdentityState.VOUCHED, EvidenceSource.VOUCHED)
    citizen = clinic.record(Submission("form-0002", villager(2), facts()))
    traveller = villager(3, number="C7654321", paper=PaperKind.PASSPORT)
    abroad = clinic.record(Submission("form-0003", traveller, facts()))
    for person_id, code in (
        (citizen.person_id, EdgeCode.VOUCH_CITIZEN),
        (abroad.person_id, EdgeCode.VOUCH_CITIZEN),
        (people.PersonId(9), EdgeCode.PERSON_UNKNOWN),
    ):
        with pytest.raises(RefusedError) as caught:
            vouch(clinic.database, person_id, at=NOW, by=NURSE)
        assert caught.value.findings[0].code is code


def test_a_pack_of_the_same_version_changes_nothing_and_an_older_one_is_refused(clinic: Clinic) -> None:
    clinic.give_pack([villager(1)], version=2)
    before = clinic.count("audit")
    clinic.give_pack([villager(1)], version=2)
    assert clinic.count("audit") == before
    with pytest.raises(ProtocolError) as caught:
        clinic.give_pack([villager(1)], version=1)
    assert caught.value.code is Code.SET_OLDER
    with clinic.database.read() as tables:
        state = population.state(tables)
    assert state is not None
    assert state.reference == "pack-2"


def test_a_pack_for_another_place_or_past_its_end_is_refused(clinic: Clinic) -> None:
    for sealed, code in (
        (clinic.sealed_pack([villager(1)], facility="79002"), Code.SET_FOREIGN),
        (clinic.sealed_pack([villager(1)], days=0), Code.SET_EXPIRED),
    ):
        with pytest.raises(ProtocolError) as caught:
            import_pack(clinic.database, sealed, at=NOW, by=NURSE)
        assert caught.value.code is code
    assert clinic.count("population_pack") == 0


def test_a_pack_with_any_flipped_bit_is_refused_and_the_old_one_stays(clinic: Clinic) -> None:
    clinic.give_pack([villager(1)])
    sealed = clinic.sealed_pack([villager(2)], version=2)
    for place in range(0, len(sealed), 7):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(ProtocolError):
            import_pack(clinic.database, bytes(changed), at=NOW, by=NURSE)
    with clinic.database.read() as tables:
        state = population.state(tables)
    assert state is not None
    assert state.version == 1


def test_a_new_pack_replaces_every_tag_of_the_old_one(clinic: Clinic) -> None:
    clinic.give_pack(villager(number) for number in range(300))
    clinic.give_pack([villager(1)], version=2)
    assert clinic.count("population_tags") == len(TagKind)
    gc.collect()

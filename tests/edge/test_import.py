"""Importing day lists: the dry run, broken rows, the second time, and being killed anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.row_verdict import ProposalChoice, RowState
from edge.store import audit, doses, imports, people_search
from edge.store.errors import StoreError
from edge.workflow.change_person import change_person
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.import_day_list import ImportPlan, ImportResult, apply_plan, plan_import
from edge.workflow.record_dose import Submission
from sync_protocol.errors import Code
from sync_protocol.identity import IdentityState
from tests.edge.clinic import (
    DAY_SECONDS,
    NOW,
    NURSE,
    Clinic,
    facts,
    list_row,
    make_clinic,
    open_database,
    villager,
    workbook,
)
from tests.effort import counted


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path / "node")


def _plan(clinic: Clinic, rows: list[dict[str, Any]], *, at: int = NOW) -> ImportPlan:
    path = clinic.database.path.with_name("list.xlsx")
    return plan_import(clinic.database, workbook(path, rows), vocabulary=clinic.shelf.vocabulary(), at=at)


def _apply(
    clinic: Clinic, plan: ImportPlan, *, choice: ProposalChoice = ProposalChoice.LEAVE_OUT, at: int = NOW
) -> ImportResult:
    return apply_plan(clinic.database, plan, choice=choice, vocabulary=clinic.shelf.vocabulary(), at=at, by=NURSE)


def _states(plan: ImportPlan) -> list[RowState]:
    return [verdict.state for verdict in plan.verdicts]


def test_the_dry_run_writes_nothing(clinic: Clinic) -> None:
    before = [clinic.count(table) for table in ("people", "doses", "audit", "imports")]
    plan = _plan(clinic, [list_row(number) for number in range(5)])
    assert plan.counts == {RowState.NEW: 5}
    assert [clinic.count(table) for table in ("people", "doses", "audit", "imports")] == before


def test_good_rows_become_doses_with_audit_and_their_place_in_the_list(clinic: Clinic) -> None:
    plan = _plan(clinic, [list_row(number) for number in range(3)])
    entries = clinic.count("audit")
    result = _apply(clinic, plan)
    assert result.sequences == [1, 2, 3]
    with clinic.database.read() as tables:
        assembled = doses.assemble(tables, [3, 1])
        assert [dose.dose_id for dose in assembled] == ["19001A-000003", "19001A-000001"]
        assert assembled[1].recipient == villager(0)
        assert assembled[1].evidence.state is IdentityState.WAITING
        assert assembled[1].recorded_by == NURSE
        assert imports.newest(tables)[0].doses == 3
        assert audit.verify(tables)[0] == entries + 7


def test_of_a_list_with_broken_rows_only_the_good_ones_are_imported(clinic: Clinic) -> None:
    rows = [
        list_row(1),
        list_row(2, **{"Họ và tên": ""}),
        list_row(3, **{"Ngày sinh": "31/02/1980"}),
        list_row(4, **{"Loại vắc xin": "Vắc xin lạ"}),
        list_row(5, **{"Mũi số": "99"}),
        list_row(6, **{"Ngày tiêm": "16/04/2022"}),
        list_row(7, **{"Hạn dùng": "01/04/2022"}),
        list_row(8),
    ]
    plan = _plan(clinic, rows)
    assert _states(plan) == [RowState.NEW, *[RowState.BROKEN] * 6, RowState.NEW]
    assert [verdict.row_number for verdict in plan.verdicts] == list(range(4, 12))
    assert all(verdict.findings for verdict in plan.verdicts[1:7])
    assert len(_apply(clinic, plan).sequences) == 2


def test_a_second_import_says_same_and_writes_nothing(clinic: Clinic) -> None:
    rows = [list_row(number) for number in range(5)]
    _apply(clinic, _plan(clinic, rows))
    before = [clinic.count(table) for table in ("people", "doses", "audit")]
    plan = _plan(clinic, rows)
    assert plan.counts == {RowState.SAME: 5}
    assert [verdict.sequence for verdict in plan.verdicts] == [1, 2, 3, 4, 5]
    assert _apply(clinic, plan).sequences == []
    assert [clinic.count(table) for table in ("people", "doses", "audit")] == before


def test_the_same_plan_applied_twice_doubles_nothing(clinic: Clinic) -> None:
    plan = _plan(clinic, [list_row(number) for number in range(3)])
    _apply(clinic, plan)
    assert _apply(clinic, plan).counts == {RowState.SAME: 3}


def test_a_row_that_was_recorded_by_hand_is_the_same(clinic: Clinic) -> None:
    clinic.record(Submission("typed-by-hand", villager(1), facts()))
    assert _states(_plan(clinic, [list_row(1)])) == [RowState.SAME]


def test_a_row_with_other_content_is_a_conflict_that_names_the_column(clinic: Clinic) -> None:
    _apply(clinic, _plan(clinic, [list_row(1)]))
    plan = _plan(clinic, [list_row(1, **{"Số lô": "OTHER99"})])
    assert _states(plan) == [RowState.CONFLICT]
    assert [(finding.code, finding.field) for finding in plan.verdicts[0].findings] == [(EdgeCode.ROW_DIFFERS, "lot")]
    assert _apply(clinic, plan).sequences == []


def test_a_row_whose_dose_was_corrected_later_is_still_the_same(clinic: Clinic) -> None:
    _apply(clinic, _plan(clinic, [list_row(1)]))
    with clinic.database.read() as tables:
        stored = doses.get(tables, 1)
    assert stored is not None
    correct_dose(
        clinic.database,
        Correction("correction-1", 1, facts(lot="RIGHT01", station=""), "ghi nhầm lô"),
        catalogue=clinic.catalogue,
        at=NOW,
        by=NURSE,
    )
    assert _states(_plan(clinic, [list_row(1)])) == [RowState.SAME]
    assert _states(_plan(clinic, [list_row(1, **{"Số lô": "RIGHT01"})])) == [RowState.CONFLICT]


def test_a_row_whose_person_was_corrected_later_is_still_the_same(clinic: Clinic) -> None:
    _apply(clinic, _plan(clinic, [list_row(1, **{"CMND/CCCD/Hộ chiếu": ""})]))
    with clinic.database.read() as tables:
        person = people_search.search(tables, villager(1).name)[0]
    change_person(clinic.database, person.person_id, villager(1), revision=1, at=NOW, by=NURSE)
    plan = _plan(clinic, [list_row(1, **{"CMND/CCCD/Hộ chiếu": ""})])
    assert _states(plan) == [RowState.SAME]
    assert clinic.count("people") == 1


def test_a_number_that_belongs_to_somebody_else_is_a_conflict(clinic: Clinic) -> None:
    _apply(clinic, _plan(clinic, [list_row(1)]))
    plan = _plan(clinic, [list_row(2, **{"CMND/CCCD/Hộ chiếu": villager(1).number})])
    assert _states(plan) == [RowState.CONFLICT]
    assert EdgeCode.PERSON_DIFFERS in [finding.code for finding in plan.verdicts[0].findings]


def test_somebody_known_under_another_number_is_a_conflict_and_not_a_second_person(clinic: Clinic) -> None:
    _apply(clinic, _plan(clinic, [list_row(1)]))
    plan = _plan(clinic, [list_row(1, **{"CMND/CCCD/Hộ chiếu": "054185999999", "Mũi số": "2"})])
    assert _states(plan) == [RowState.CONFLICT]
    assert EdgeCode.PERSON_NEAR in [finding.code for finding in plan.verdicts[0].findings]


def test_rows_of_one_list_see_each_other_in_the_dry_run(clinic: Clinic) -> None:
    first = list_row(1, **{"Ngày tiêm": "01/03/2022"})
    rows = [
        first,
        list_row(1, **{"Mũi số": "2"}),
        first,
        list_row(1, **{"Ngày tiêm": "01/03/2022", "Số lô": "OTHER99"}),
        list_row(2),
        list_row(2, **{"Mũi số": "2"}),
        list_row(3, **{"CMND/CCCD/Hộ chiếu": villager(2).number}),
    ]
    plan = _plan(clinic, rows)
    assert _states(plan) == [
        RowState.NEW,
        RowState.NEW,
        RowState.SAME,
        RowState.CONFLICT,
        RowState.NEW,
        RowState.BROKEN,
        RowState.CONFLICT,
    ]
    result = _apply(clinic, plan)
    assert result.counts == plan.counts
    assert clinic.count("people") == 2


def test_the_dry_run_promises_what_the_import_does_with_one_person_under_several_numbers(clinic: Clinic) -> None:
    numbers = ("019185000111", "019185000222", "019185000333")
    rows = [list_row(1, **{"CMND/CCCD/Hộ chiếu": number}) for number in numbers]
    plan = _plan(clinic, rows)
    assert _states(plan) == [RowState.NEW, RowState.CONFLICT, RowState.CONFLICT]
    assert _apply(clinic, plan).counts == plan.counts


def test_an_earlier_dose_in_the_store_makes_a_repeated_first_dose_broken(clinic: Clinic) -> None:
    _apply(clinic, _plan(clinic, [list_row(1, **{"Ngày tiêm": "01/03/2022"})]))
    plan = _plan(clinic, [list_row(1)])
    assert _states(plan) == [RowState.BROKEN]
    assert plan.verdicts[0].findings[0].code is Code.DOSE_ORDER


def test_a_lost_zero_waits_for_a_decision(clinic: Clinic) -> None:
    rows = [list_row(1, **{"CMND/CCCD/Hộ chiếu": 54_185_000_001})]
    plan = _plan(clinic, rows)
    assert _states(plan) == [RowState.PROPOSED]
    assert [proposal.value for proposal in plan.verdicts[0].proposals] == ["054185000001"]
    assert _apply(clinic, plan).sequences == []
    assert len(_apply(clinic, plan, choice=ProposalChoice.ACCEPT).sequences) == 1
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [1])[0].recipient == villager(1)
    assert _states(_plan(clinic, rows)) == [RowState.SAME]
    assert _states(_plan(clinic, [list_row(1)])) == [RowState.SAME]


def test_a_lost_zero_may_be_imported_as_written(clinic: Clinic) -> None:
    rows = [list_row(1, **{"CMND/CCCD/Hộ chiếu": 54_185_000_001})]
    _apply(clinic, _plan(clinic, rows), choice=ProposalChoice.AS_WRITTEN)
    with clinic.database.read() as tables:
        dose = doses.assemble(tables, [1])[0]
    assert dose.recipient.number == "54185000001"
    assert dose.evidence.state is IdentityState.MALFORMED
    assert _states(_plan(clinic, rows)) == [RowState.SAME]


def test_people_without_number_are_told_apart_by_their_description(clinic: Clinic) -> None:
    rows = [
        list_row(1, **{"CMND/CCCD/Hộ chiếu": ""}),
        list_row(1, **{"CMND/CCCD/Hộ chiếu": "", "Số điện thoại": "0988888888"}),
    ]
    _apply(clinic, _plan(clinic, rows))
    assert clinic.count("people") == 2
    assert _plan(clinic, rows).counts == {RowState.SAME: 2}


def test_a_list_without_times_agrees_with_any_time_of_that_day(clinic: Clinic) -> None:
    clinic.record(Submission("typed-by-hand", villager(1), facts()))
    assert _states(_plan(clinic, [list_row(1, **{"Giờ tiêm": ""})])) == [RowState.SAME]


def test_a_list_of_yesterday_carries_the_reason_for_being_late(clinic: Clinic) -> None:
    path = clinic.database.path.with_name("list.xlsx")
    vocabulary = clinic.shelf.vocabulary()
    at = NOW + DAY_SECONDS
    file = workbook(path, [list_row(1)])
    without = plan_import(clinic.database, file, vocabulary=vocabulary, at=at)
    assert EdgeCode.LATE_REASON in [finding.code for finding in without.verdicts[0].findings]
    plan = plan_import(clinic.database, file, vocabulary=vocabulary, at=at, late_reason="mất điện")
    assert plan.verdicts[0].findings == ()
    _apply(clinic, plan, at=at)
    with clinic.database.read() as tables:
        assert doses.assemble(tables, [1])[0].late_reason == "mất điện"


def test_a_list_without_rows_is_refused(clinic: Clinic) -> None:
    with pytest.raises(RefusedError) as caught:
        _plan(clinic, [])
    assert caught.value.findings[0].code is EdgeCode.LIST_EMPTY


def test_a_busy_store_refuses_the_import_and_keeps_what_was_committed(clinic: Clinic) -> None:
    plan = _plan(clinic, [list_row(1)])
    other = open_database(clinic.database.path.parent)
    clinic.database.tables().execute("PRAGMA busy_timeout=1")
    with other.write_transaction(), pytest.raises(StoreError) as caught:
        _apply(clinic, plan)
    assert caught.value.try_again
    assert len(_apply(clinic, plan).sequences) == 1


def test_a_thousand_rows_cost_ten_times_a_hundred(clinic: Clinic) -> None:
    calls = []
    for numbers in (range(100), range(1_000, 2_000)):
        with counted() as effort:
            plan = _plan(clinic, [list_row(number) for number in numbers])
            assert _apply(clinic, plan).counts == {RowState.NEW: len(numbers)}
        calls.append(effort.calls)
    assert calls[1] < 11 * calls[0]

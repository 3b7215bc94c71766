"""The observation desk: who may leave first, finding somebody, letting go and calling back, and reactions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.domain.observation import UNDO_SECONDS
from edge.domain.roles import Role
from edge.store import audit, doses, visits
from edge.store.visits import VisitId, VisitState
from edge.workflow.record_dose import Submission
from tests.browser.visitor import USER, Visitor, make_node, visit, words_in
from tests.edge.clinic import NOW, Clinic, facts, make_clinic, villager
from tests.edge.station import TickingClock
from tests.edge.test_pages_dose import beside
from tests.edge.test_pages_people import corrected

DAY = "2022-04-15"
# The dose of visit 1 was given 20 minutes ago, that of visit 2 25 minutes ago, that of visit 3 just now.
MINUTES_AGO = (20, 25, 0)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = make_clinic(tmp_path)
    for number, minutes in enumerate(MINUTES_AGO, start=1):
        given = facts(given_at=NOW - minutes * 60)
        made.record(Submission(f"dose-{number:04d}", villager(number), given))
    return made


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock(NOW)


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic, clock: TickingClock) -> Visitor:
    node = make_node(tmp_path, clinic.database, clock)
    return visit(node, clinic.centre, roles=[Role.OBSERVATION, Role.INJECTION])


def state(clinic: Clinic, visit_id: int) -> VisitState:
    with clinic.database.read() as tables:
        found = visits.get(tables, VisitId(visit_id))
    assert found is not None
    return found.state


def ticked(visitor: Visitor, *kinds: str, **changes: str) -> dict[str, str | Sequence[str]]:
    """The reaction's form as it is on the screen, with these kinds."""
    hidden: Any = visitor.hidden()
    form = {"severity": "mild", "outcome": "watched", "began": "16:20", "treatment": "", "other": "", **changes}
    return {**form, "kinds": list(kinds), "submission": hidden["submission"], "sequence": hidden["sequence"]}


def test_who_may_leave_first_stands_first_and_the_minutes_are_said(visitor: Visitor) -> None:
    text = visitor.get("/observation")
    assert "3 người đang theo dõi, 0 người về được" in text
    assert text.index(villager(2).name) < text.index(villager(1).name) < text.index(villager(3).name)
    for said in ("còn 5 phút", "còn 10 phút", "còn 30 phút", "lúc 16:35"):
        assert said in text


def test_the_time_that_is_left_is_rounded_up(visitor: Visitor, clock: TickingClock) -> None:
    clock.at = NOW + 4 * 60 + 59
    assert "còn 1 phút" in visitor.get("/observation")
    clock.at += 1
    assert "1 người về được" in visitor.get("/observation")


def test_after_the_time_one_key_lets_somebody_go_and_one_key_calls_them_back(
    visitor: Visitor, clinic: Clinic, clock: TickingClock
) -> None:
    clock.at = NOW + 5 * 60
    text = visitor.get("/observation?visit=2")
    assert text.partition('aria-label="Cho về: số 2"')[2].startswith(" autofocus")
    for _ in range(2):
        text = visitor.post("/observation/2/leave")
        assert "Đã cho số 2 về lúc 16:35" in text
    assert state(clinic, 2) is VisitState.LEFT
    clock.at += UNDO_SECONDS - 1
    assert "Hoàn tác" in visitor.get("/observation")
    visitor.post("/observation/2/return")
    assert state(clinic, 2) is VisitState.OBSERVED


def test_all_whose_time_has_come_are_let_go_at_once_but_for_a_severe_reaction(
    visitor: Visitor, clinic: Clinic, clock: TickingClock
) -> None:
    clock.at = NOW + 60
    visitor.get("/observation/1/reaction")
    visitor.post("/observation/1/reaction", ticked(visitor, "anaphylaxis", severity="severe"))
    # The dose of visit 3 was given just now: its time has not come.
    clock.at = NOW + 10 * 60
    visitor.get("/observation")
    visitor.post("/observation/leave")
    assert [state(clinic, number) for number in (1, 2, 3)] == ["observed", "left", "observed"]
    visitor.post("/observation/leave")
    with clinic.database.read() as tables:
        left = [one.subject for one in audit.entries(tables) if one.action == audit.Action.VISIT_LEFT]
    assert left == ["visit:2"]


def test_a_long_list_is_shown_from_the_front_and_says_so(tmp_path: Path) -> None:
    made = make_clinic(tmp_path)
    for number in range(1, 103):
        made.record(Submission(f"dose-{number:04d}", villager(number), facts(given_at=NOW - number)))
    text = visit(make_node(tmp_path, made.database), made.centre).get("/observation")
    assert "102 người đang theo dõi" in text
    assert "Đang hiện 100 người về được trước nhất" in text

    assert ">102</td>" in text
    assert ">1</td>" not in text


def test_what_cannot_be_undone_any_more_is_a_sentence(visitor: Visitor, clinic: Clinic, clock: TickingClock) -> None:
    clock.at = NOW + 5 * 60
    visitor.get("/observation")
    visitor.post("/observation/2/leave")
    clock.at += UNDO_SECONDS
    assert "/return" not in visitor.get("/observation")
    assert "Đã quá lâu" in visitor.post("/observation/2/return", status=422)


def test_before_the_time_a_reason_is_asked_for_and_what_was_typed_stays(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/observation")
    text = visitor.post("/observation/3/leave", {"remark": ""}, status=422)
    assert "Chưa hết thời gian theo dõi" in text
    assert text.count("<details open>") == 1
    text = visitor.post("/observation/3/leave", {"remark": "xe cấp cứu " * 30}, status=422)
    assert 'value="xe cấp cứu' in text
    assert "tối đa 200 chữ" in text
    assert state(clinic, 3) is VisitState.OBSERVED
    assert "xe cấp cứu" in visitor.post("/observation/3/leave", {"remark": "xe cấp cứu"})
    assert state(clinic, 3) is VisitState.LEFT


@pytest.mark.parametrize(
    "line",
    [
        "2",
        villager(2).number,
        villager(2).phone,
        "19001a-000002",
        villager(2).name.upper(),
        f"{villager(2).number}||{villager(2).name}|01031985|Nữ|x|25122021",
    ],
)
def test_somebody_is_found_by_whatever_is_at_hand(visitor: Visitor, line: str) -> None:
    visitor.get("/observation")
    text = visitor.post("/observation/find", {"card": line})
    assert text.count(' chosen">') == 1
    assert text.index(villager(2).name) < text.index(villager(1).name)
    assert not words_in(visitor.addresses, [*villager(2).name.split(), villager(2).number, "%"])


@pytest.mark.parametrize("line", ["99", "Không Ai", "|", "||||||", "x" * 2_000, "?"])
def test_a_line_that_means_nobody_is_said_beside_the_box(visitor: Visitor, line: str) -> None:
    visitor.get("/observation")
    text = visitor.post("/observation/find", {"card": line}, status=200)
    assert "Không có ai đang theo dõi khớp" in beside(text, "card")


def test_several_who_are_meant_stand_on_top(visitor: Visitor) -> None:
    visitor.get("/observation")
    text = visitor.post("/observation/find", {"card": "nguyen thi"}, status=200)
    assert "Có 3 người phù hợp" in text
    assert "3 người đang theo dõi" in visitor.post("/observation/find", {"card": ""})


def test_a_reaction_is_ticked_and_stands_in_the_list_and_in_the_record(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/observation/2/reaction")
    form = ticked(visitor, "fever", "local", treatment="nằm nghỉ")
    for _ in range(2):
        text = visitor.post("/observation/2/reaction", form)
        assert "Đã ghi phản ứng" in text
    said = "đau tại chỗ, sốt; mức nhẹ; từ 16:20; xử trí: nằm nghỉ; kết quả: đang theo dõi"
    assert said in text
    with clinic.database.read() as tables:
        new = doses.assemble(tables, [4])[0]
    assert (new.reaction, new.replaces, new.recorded_by, new.given_at) == (said, 2, USER, NOW - 25 * 60)
    # Going on with it later begins from what was written.
    text = visitor.get("/observation/2/reaction")
    assert text.count(" checked") == 4
    visitor.post("/observation/2/reaction", ticked(visitor, "fever", outcome="well"))
    assert "kết quả: đã ổn định" in visitor.text
    assert clinic.count("doses") == 5


def test_a_severe_reaction_stands_out_and_keeps_the_person_here(
    visitor: Visitor, clinic: Clinic, clock: TickingClock
) -> None:
    visitor.get("/observation/2/reaction")
    visitor.post("/observation/2/reaction", ticked(visitor, "anaphylaxis", severity="severe"))
    clock.at = NOW + 5 * 60
    text = visitor.get("/observation")
    assert '<tr class="severe' in text
    assert "Giữ lại theo dõi" in text
    assert "phản ứng nặng" in visitor.post("/observation/2/leave", status=422)
    assert state(clinic, 2) is VisitState.OBSERVED


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"kinds": []}, "kinds", "Đánh dấu ít nhất một"),
        ({"kinds": ["other"]}, "other", "Ô này còn trống"),
        ({"severity": ""}, "severity", "Chọn nhẹ, vừa hoặc nặng"),
        ({"began": "15:00"}, "began", "trước mũi tiêm"),
        ({"began": "16:31"}, "began", "sau lúc này"),
        ({"began": "tối"}, "began", "ví dụ 09:40"),
        ({"treatment": "x" * 101}, "treatment", "tối đa 100 chữ"),
    ],
)
def test_a_fault_of_a_reaction_stands_beside_its_field(
    visitor: Visitor, clinic: Clinic, changes: dict[str, Any], field: str, said: str
) -> None:
    visitor.get("/observation/2/reaction")
    form = {**ticked(visitor, "fever", treatment="nằm nghỉ"), **changes}
    text = visitor.post("/observation/2/reaction", form, status=422)
    assert said in beside(text, field)
    assert f'<a href="#{field}">' in text
    assert clinic.count("doses") == 3


def test_of_two_desks_the_slower_reaction_goes_on_from_the_newest_version(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/observation/2/reaction")
    form = ticked(visitor, "fever")
    visitor.get("/doses/2/correct")
    visitor.post("/doses/2/correct", corrected(visitor, given_time="16:05"))
    text = visitor.post("/observation/2/reaction", form, status=422)
    assert "bản sửa mới hơn" in text
    assert text.count(" checked") == 3
    visitor.post("/observation/2/reaction", ticked(visitor, "fever"))
    with clinic.database.read() as tables:
        newest = doses.assemble(tables, [5])[0]
    assert (newest.replaces, newest.lot) == (4, "RIGHT01")
    assert "sốt" in newest.reaction


def test_what_is_not_there_is_not_found_and_other_places_have_no_business_here(
    tmp_path: Path, visitor: Visitor, clinic: Clinic
) -> None:
    for path in ("/observation/99/reaction", "/observation/99999999999/reaction", "/observation/x/reaction"):
        visitor.get(path, status=404)
    assert "không còn ở khu theo dõi" in visitor.post("/observation/99/leave", status=422)
    reception = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=[Role.RECEPTION])
    for path in ("/observation", "/observation/1/reaction", "/doses/new"):
        reception.get(path, status=403)


def test_an_empty_desk_says_what_will_come(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre)
    assert "Không có ai đang theo dõi" in visitor.get("/observation")

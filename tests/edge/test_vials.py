"""Opened vials: what may be opened, what is drawn from them, closing and undoing, and the page of the day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.domain.refusals import AnyCode, EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.domain.vial import VialContents, read_vial
from edge.store import audit, settings, vials
from edge.store.vials import LotOfDay, Vial, VialId, VialState
from edge.workflow.open_vial import close_vial, open_vial, reopen_vial, withdraw_vial
from edge.workflow.record_dose import Submission
from sync_protocol.errors import Code
from tests.browser.visitor import Visitor, make_node, visit
from tests.edge.clinic import DAY_SECONDS, NOW, NURSE, Clinic, facts, make_clinic, villager
from tests.edge.test_pages_dose import beside

DAY = "2022-04-15"
STATIONS = ("Bàn 1", "Bàn 2")
TEN = VialContents("AZ", "ABX1234", "2022-12-31", doses=10, station="Bàn 1")
TYPED = {"product": "AZ", "lot": "ABX1234", "lot_expiry": "31/12/2022", "doses": "10", "station": "Bàn 1"}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """A site with two injection tables."""
    made = make_clinic(tmp_path)
    with made.database.write_transaction() as tables:
        settings.put_stations(tables, STATIONS, at=NOW, by=NURSE)
    return made


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(tmp_path, clinic.database), clinic.centre)


def opened(clinic: Clinic, contents: VialContents = TEN, *, key: str = "vial-0001", at: int = NOW) -> Vial:
    return open_vial(clinic.database, contents, key=key, at=at, by=NURSE)


def draw(clinic: Clinic, number: int, vial: Vial, **changes: Any) -> None:
    submission = Submission(
        f"dose-{number:04d}", villager(number), facts(**{"given_at": NOW, **changes}), vial_id=vial.vial_id
    )
    clinic.record(submission)


def found(clinic: Clinic, vial: Vial) -> Vial:
    with clinic.database.read() as tables:
        again = vials.get(tables, vial.vial_id)
    assert again is not None
    return again


def typed(visitor: Visitor, **changes: str) -> dict[str, str | Sequence[str]]:
    return {**TYPED, "submission": visitor.hidden()["submission"], **changes}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"product": ""}, "product", EdgeCode.CELL_MISSING),
        ({"product": "XX"}, "product", Code.PRODUCT_UNKNOWN),
        ({"lot": ""}, "lot", EdgeCode.CELL_MISSING),
        ({"lot": "L" * 41}, "lot", Code.FIELD_INVALID),
        ({"lot": "A\u202eB"}, "lot", Code.FIELD_INVALID),
        ({"lot_expiry": ""}, "lot_expiry", EdgeCode.CELL_MISSING),
        ({"lot_expiry": "31/02/2023"}, "lot_expiry", EdgeCode.DATE_INVALID),
        ({"lot_expiry": "14/04/2022"}, "lot_expiry", Code.LOT_EXPIRED),
        ({"doses": "0"}, "doses", Code.FIELD_INVALID),
        ({"doses": "101"}, "doses", Code.FIELD_INVALID),
        ({"doses": "mười"}, "doses", Code.FIELD_INVALID),
        ({"doses": ""}, "doses", EdgeCode.CELL_MISSING),
        ({"station": "Bàn 9"}, "station", Code.FIELD_INVALID),
        ({"station": ""}, "station", EdgeCode.CELL_MISSING),
    ],
)
def test_what_cannot_be_opened_says_why(clinic: Clinic, changes: dict[str, str], field: str, code: AnyCode) -> None:
    with pytest.raises(RefusedError) as caught:
        read_vial({**TYPED, **changes}, catalogue=clinic.catalogue, day=DAY, stations=STATIONS, usual_doses=0)
    assert [(finding.field, finding.code) for finding in caught.value.findings] == [(field, code)]


def test_a_lot_may_be_opened_on_its_last_day_and_the_usual_number_of_doses_need_not_be_typed(clinic: Clinic) -> None:
    texts = {**TYPED, "lot_expiry": "15/04/2022", "doses": ""}
    contents = read_vial(texts, catalogue=clinic.catalogue, day=DAY, stations=STATIONS, usual_doses=11)
    assert (contents.lot_expiry, contents.doses) == ("2022-04-15", 11)


def test_the_same_form_twice_opens_one_vial(clinic: Clinic) -> None:
    assert opened(clinic) == opened(clinic, at=NOW + 5)
    assert clinic.count("vials") == 1
    with pytest.raises(RefusedError) as caught:
        opened(clinic, VialContents("AZ", "OTHER", "2022-12-31", doses=10, station="Bàn 1"))
    assert caught.value.findings[0].code is EdgeCode.SUBMISSION_OTHER
    with pytest.raises(RefusedError):
        opened(clinic, key="no key")


def test_doses_are_counted_on_the_vial_from_which_they_came(clinic: Clinic) -> None:
    vial = opened(clinic, VialContents("AZ", "ABX1234", "2022-12-31", doses=2, station="Bàn 1"))
    draw(clinic, 1, vial)
    # Another lot was typed over that of the vial; and a dose of another day did not come from it either.
    draw(clinic, 2, vial, lot="OTHER9")
    draw(clinic, 3, vial, given_at=NOW - DAY_SECONDS, late_reason="mất điện")
    assert (found(clinic, vial).given, found(clinic, vial).is_empty) == (1, False)
    draw(clinic, 4, vial)
    assert (found(clinic, vial).given, found(clinic, vial).is_empty) == (2, True)
    with clinic.database.read() as tables:
        assert vials.lots_of_day(tables, DAY) == [
            LotOfDay("AZ", "ABX1234", "2022-12-31", vials=1, expected=2, recorded=2),
            LotOfDay("AZ", "OTHER9", "", vials=0, expected=0, recorded=1),
        ]


def test_closing_and_opening_by_mistake_can_be_undone(clinic: Clinic) -> None:
    vial = opened(clinic)
    for _ in range(2):
        assert close_vial(clinic.database, vial.vial_id, at=NOW, by=NURSE).state is VialState.CLOSED
    for _ in range(2):
        assert reopen_vial(clinic.database, vial.vial_id, at=NOW, by=NURSE).state is VialState.OPEN
    for _ in range(2):
        assert withdraw_vial(clinic.database, vial.vial_id, at=NOW, by=NURSE).state is VialState.WITHDRAWN
    with clinic.database.read() as tables:
        actions = [entry.action for entry in audit.entries(tables)][-4:]
        assert vials.lots_of_day(tables, DAY) == []
        assert vials.usual_doses(tables, "AZ") == 0
    assert actions == ["vial-opened", "vial-closed", "vial-reopened", "vial-withdrawn"]


def test_what_cannot_be_undone_says_so(clinic: Clinic) -> None:
    vial = opened(clinic)
    draw(clinic, 1, vial)
    with pytest.raises(RefusedError) as caught:
        withdraw_vial(clinic.database, vial.vial_id, at=NOW, by=NURSE)
    assert caught.value.findings[0].code is EdgeCode.VIAL_DRAWN
    close_vial(clinic.database, vial.vial_id, at=NOW, by=NURSE)
    for act, at in ((reopen_vial, NOW + DAY_SECONDS), (close_vial, NOW)):
        with pytest.raises(RefusedError) as caught:
            act(clinic.database, vial.vial_id if act is reopen_vial else VialId(99), at=at, by=NURSE)
        assert caught.value.findings[0].code is EdgeCode.VIAL_GONE


def test_a_vial_is_opened_once_and_fills_every_form_after_it(visitor: Visitor, clinic: Clinic) -> None:
    assert "Chưa mở lọ nào" in visitor.get("/doses/new")
    visitor.get("/vials")
    form = typed(visitor, station="Bàn 2")
    for _ in range(2):
        text = visitor.post("/vials", form)
        assert "đã ghi 0/10 mũi" in text
        assert 'name="vial" value="1"' in text
        assert 'value="Bàn 2"' in text
    assert clinic.count("vials") == 1
    # The next vial of the product is proposed whole: looking at it and one key are enough.
    text = visitor.get("/vials")
    assert 'value="ABX1234"' in text
    assert '<button class="button large" type="submit" autofocus>' in text


def test_an_expired_lot_is_refused_beside_its_field(visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/vials")
    text = visitor.post("/vials", typed(visitor, lot_expiry="14/04/2022", station="Bàn 9"), status=422)
    assert "đã hết hạn" in beside(text, "lot_expiry")
    assert "Ví dụ Bàn 1" in beside(text, "station")
    assert 'value="14/04/2022"' in text
    assert text.count("autofocus") == 1
    assert clinic.count("vials") == 0


def test_a_table_chooses_among_its_open_vials_and_other_tables_have_their_own(visitor: Visitor, clinic: Clinic) -> None:
    first = opened(clinic)
    opened(clinic, VialContents("PF", "PF77", "2022-12-31", doses=6, station="Bàn 1"), key="vial-0002")
    opened(clinic, VialContents("AZ", "TABLE2", "2022-12-31", doses=10, station="Bàn 2"), key="vial-0003")
    # Two tables have open vials, and this browser has not said at which it stands.
    assert "Chưa mở lọ nào" in visitor.get("/doses/new")
    text = visitor.post(f"/vials/{first.vial_id}/use")
    assert 'name="vial" value="1"' in text
    assert "Dùng lọ PF lô PF77" in text
    assert "TABLE2" not in text
    visitor.post("/vials/1/close")
    # The newest one that is open at this table takes its place.
    assert 'name="vial" value="2"' in visitor.get("/doses/new")
    visitor.post("/vials/1/use", status=404)


def test_an_empty_vial_asks_for_the_next_one_before_anybody_is_recorded(visitor: Visitor, clinic: Clinic) -> None:
    vial = opened(clinic, VialContents("AZ", "ABX1234", "2022-12-31", doses=1, station="Bàn 1"))
    draw(clinic, 1, vial)
    visitor.get("/doses/new")
    text = visitor.post("/doses/card", {"card": "054185000123||Đặng Thị Ánh|01031985|Nữ|x|25122021"}, status=200)
    assert "Mũi 1/1: lọ này hẳn đã hết, mở lọ mới" in text
    assert text.partition('id="vial"')[2].partition(">")[0].count("autofocus") == 1


def test_the_list_of_the_day_says_what_was_expected_and_what_was_recorded(visitor: Visitor, clinic: Clinic) -> None:
    vial = opened(clinic)
    draw(clinic, 1, vial)
    draw(clinic, 2, vial, lot="OTHER9")
    text = visitor.get("/vials")
    assert "Còn 9 mũi" in text
    assert "Chưa ghi mở lọ nào của lô này" in text
    assert "/vials/1/withdraw" not in text
    assert "/vials/1/close" in text
    # Of another day it is a record, and nothing can be opened or closed there.
    for day in ("2022-04-14", "2022-04-31", "Ánh"):
        visitor.get(f"/vials?day={day}")
    assert "/vials/1/close" not in visitor.get("/vials?day=2022-04-14")


def test_a_manager_sees_the_vials_and_reception_does_not(tmp_path: Path, clinic: Clinic) -> None:
    node = make_node(tmp_path, clinic.database)
    opened(clinic)
    manager = visit(node, clinic.centre, roles=[Role.MANAGER])
    assert "ABX1234" in manager.get("/vials")
    assert "/vials/1/use" not in manager.text
    visit(node, clinic.centre, roles=[Role.RECEPTION]).get("/vials", status=403)

"""The signing pages: everything unsigned with its reason, a preview of just the ticked, and one signature per click."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.domain.pass_journal import PassState
from edge.store import passes
from edge.workflow.prepare_pass import prepare_pass
from sync_protocol.dose import IdentityState
from tests.browser.visitor import PASSWORD, Visitor, make_node, visit
from tests.edge.station import DAY_SECONDS, MORNING, OFFICER, Station, make_station

OFFICER_NAME = "Trần Thị Ánh"
_TICKED = re.compile(r'<input type="checkbox" name="dose" value="(\d+)" checked')


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def visitor(tmp_path: Path, station: Station) -> Visitor:
    return visit(make_node(tmp_path, station.database, station.clock), station.centre)


def ticked(text: str) -> list[str]:
    """The doses that the page offers, all ticked."""
    return sorted(_TICKED.findall(text))


def signing(visitor: Visitor, **changes: str) -> dict[str, str | Sequence[str]]:
    """The form of the preview that is open, filled in."""
    return {**visitor.hidden(), "officer": OFFICER_NAME, "pin": PASSWORD, **changes}


def states(station: Station) -> list[PassState]:
    with station.database.read() as tables:
        found = [passes.find(tables, number) for number in passes.numbers(tables)]
    return [one.state for one in found if one is not None]


def test_what_can_be_signed_is_ticked_and_what_cannot_stands_there_with_its_reason(
    visitor: Visitor, station: Station
) -> None:
    ready = station.record(3)
    station.record(2, state=IdentityState.MISMATCH)
    station.record(1, given_at=MORNING - DAY_SECONDS)
    text = visitor.get("/sign")
    assert ticked(text) == [str(sequence) for sequence in ready]
    assert text.count("Không khớp với CSDLQG về dân cư</span></a>") == 2
    assert text.count("Ký chậm, chưa ghi lý do</span></a>") == 1


def test_the_list_narrows_by_day_product_and_state_in_the_address(visitor: Visitor, station: Station) -> None:
    ready = station.record(2)
    station.record(4, state=IdentityState.NO_NUMBER)
    assert len(ticked(visitor.get("/sign?state=ready&product=AZ&from=2022-04-15&to=2022-04-15"))) == len(ready)
    assert ticked(visitor.get("/sign?from=2022-04-16")) == []
    assert ticked(visitor.get("/sign?product=PF")) == []
    text = visitor.get("/sign?state=identity-missing")
    assert ticked(text) == []
    assert text.count("Chưa có số định danh</span></a>") == 4
    visitor.get("/sign?from=31-02-2022", status=400)


@pytest.mark.parametrize(("text", "found"), [("thu hai", 1), ("Thử Ba", 1), ("0900000003", 1), ("nobody", 0)])
def test_a_name_or_phone_is_searched_for_without_standing_in_the_address(
    visitor: Visitor, station: Station, text: str, found: int
) -> None:
    station.record(3)
    visitor.get("/sign")
    assert len(ticked(visitor.post("/sign", {"text": text}, status=200))) == found
    assert not any(text in address for address in visitor.addresses)


def test_the_preview_shows_just_the_ticked_doses(visitor: Visitor, station: Station) -> None:
    station.record(5)
    visitor.get("/sign")
    text = visitor.post("/sign/preview", {"dose": ["2", "4"]}, status=200)
    assert "Sẽ ký 2 mũi tiêm của 2 người" in text
    assert re.findall(r"19001A-\d{6}</td>", text) == ["19001A-000002</td>", "19001A-000004</td>"]
    assert "Đang ký bằng tệp khóa phần mềm" in text


def test_nothing_ticked_is_said_and_not_signed(visitor: Visitor, station: Station) -> None:
    station.record(2)
    visitor.get("/sign")
    assert "Không có mũi tiêm nào ký được" in visitor.post("/sign/preview", status=200)


def test_one_click_signs_what_was_previewed_and_the_second_click_finds_it_signed(
    visitor: Visitor, station: Station
) -> None:
    station.record(3)
    visitor.post("/sign/preview", {"dose": ["1", "3"]}, status=200)
    form = signing(visitor)
    for _ in range(2):
        assert "Đã ký 2 mũi tiêm của 2 người" in visitor.post("/sign/run", form)
    assert states(station) == [PassState.SEALED]
    assert ticked(visitor.get("/sign")) == ["2"]


@pytest.mark.parametrize(
    ("pin", "said"), [("sai-roi", "Mật khẩu của tệp khóa ký không đúng"), ("", "Chưa nhập mã PIN")]
)
def test_a_wrong_password_signs_nothing_keeps_the_rest_and_is_not_shown(
    visitor: Visitor, station: Station, pin: str, said: str
) -> None:
    station.record(2)
    visitor.post("/sign/preview", {"dose": ["1", "2"]}, status=200)
    text = visitor.post("/sign/run", signing(visitor, pin=pin), status=409)
    assert said in text
    assert f'value="{OFFICER_NAME}"' in text
    assert not pin or pin not in text
    assert states(station) == []
    assert "Đã ký 2 mũi" in visitor.post("/sign/run", signing(visitor))


def test_a_missing_name_is_said_beside_its_field_before_the_password_is_used(
    visitor: Visitor, station: Station
) -> None:
    station.record(1)
    visitor.post("/sign/preview", {"dose": "1"}, status=200)
    text = visitor.post("/sign/run", signing(visitor, officer=" "), status=409)
    assert "Chưa ghi họ tên người ký" in text.partition('id="name-told"')[2]


def test_a_selection_that_was_not_previewed_is_not_signed(visitor: Visitor, station: Station) -> None:
    station.record(3)
    visitor.post("/sign/preview", {"dose": ["1"]}, status=200)
    form = {**signing(visitor), "dose": ["1", "2"]}
    assert "Danh sách đã thay đổi" in visitor.post("/sign/run", form, status=409)
    assert states(station) == []


@pytest.mark.parametrize("doses", [["x"], ["-1"], ["9999999999"], ["１"]])
def test_numbers_that_no_page_offers_are_refused(visitor: Visitor, station: Station, doses: list[str]) -> None:
    station.record(1)
    visitor.post("/sign/preview", {"dose": doses}, status=400)


def test_late_doses_need_a_reason_which_stands_in_no_address(visitor: Visitor, station: Station) -> None:
    station.record(2, given_at=MORNING - DAY_SECONDS)
    assert ticked(visitor.get("/sign")) == []
    reason = {"late_reason": "mất điện từ chiều"}
    assert ticked(visitor.post("/sign", reason, status=200)) == ["1", "2"]
    assert "Tồn đọng" in visitor.post("/sign/preview", {"dose": ["1", "2"], **reason}, status=200)
    assert "Đã ký 2 mũi" in visitor.post("/sign/run", signing(visitor))
    assert not any("điện" in address for address in visitor.addresses)


def test_more_than_a_thousand_people_become_lawful_passes(visitor: Visitor, station: Station) -> None:
    found = station.record(1_050)
    text = visitor.post("/sign/preview", {"dose": [str(sequence) for sequence in found]}, status=200)
    assert "được chia thành 2 lượt" in text
    text = visitor.post("/sign/run", signing(visitor))
    assert "Đã ký 1.050 mũi tiêm của 1.050 người" in text
    assert "2 lượt" in text
    assert states(station) == [PassState.SEALED, PassState.SEALED]


@pytest.mark.parametrize("after", ["/sign/resume", "/sign/abandon"])
def test_an_interrupted_pass_is_the_next_thing_to_do(visitor: Visitor, station: Station, after: str) -> None:
    station.record(3)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=station.clock.now(), entropy=station.entropy)
    assert "Làm tiếp lượt ký dở dang" in visitor.get("/")
    assert "Lượt ký số 1 còn dở dang" in visitor.get("/sign")
    assert "không đúng" in visitor.post("/sign/resume", {"pin": "sai"}, status=409)
    visitor.post(after, {"pin": PASSWORD})
    assert states(station) == [PassState.SEALED if after == "/sign/resume" else PassState.ABANDONED]

"""The signing pages: unsigned doses with their reason, a choice that survives paging, a preview of just the ticked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.domain.pass_journal import PassState
from edge.store import audit, passes
from edge.workflow.prepare_pass import prepare_pass
from sync_protocol.dose import IdentityState
from tests.browser.signing_desk import OFFICER_NAME, press, preview, sign, signing, ticked, unticked
from tests.browser.visitor import PASSWORD, USER, Visitor, make_node, visit
from tests.edge.station import DAY_SECONDS, MORNING, OFFICER, Station, make_station

YESTERDAY = MORNING - DAY_SECONDS


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def visitor(tmp_path: Path, station: Station) -> Visitor:
    return visit(make_node(tmp_path, station.database, station.clock), station.centre)


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
    text = visitor.get("/sign?from=all&to=all")
    assert ticked(text) == ready
    assert text.count("Không khớp với CSDLQG về dân cư</span> <a") == 2
    assert text.count("Ký chậm, chưa ghi lý do</span> <a") == 1


def test_each_reason_leads_to_where_it_is_put_right(visitor: Visitor, station: Station) -> None:
    station.record(1, state=IdentityState.MISMATCH)
    station.record(1, given_at=YESTERDAY)
    text = visitor.get("/sign?from=all&to=all")
    links = re.findall(r'class="fix" href="([^"]*)"', text)
    assert sorted(links) == ["#late_reason", "/people/1?list=identity-mismatch&day=all"]
    assert 'id="late_reason"' in text


def test_the_list_is_of_today_and_older_days_are_one_button_away(visitor: Visitor, station: Station) -> None:
    station.record(2)
    old = station.record(3, given_at=YESTERDAY, late_reason="mất điện")
    text = visitor.get("/sign")
    assert ticked(text) == [1, 2]
    assert 'name="day" value="2022-04-14">14/04/2022 <b>3</b>' in text
    assert "còn 7 giờ 30 phút đến hết ngày" in text
    assert ticked(press(visitor, day="2022-04-14")) == old
    assert "trễ 1 ngày" in visitor.text
    assert len(ticked(press(visitor, day="all"))) == 5


def test_the_list_narrows_by_day_product_state_and_hour_in_the_address(visitor: Visitor, station: Station) -> None:
    ready = station.record(2)
    station.record(4, state=IdentityState.NO_NUMBER)
    assert ticked(visitor.get("/sign?state=ready&product=AZ&from=2022-04-15&to=2022-04-15")) == ready
    assert ticked(visitor.get("/sign?since=9&until=10")) == ready
    assert ticked(visitor.get("/sign?since=10")) == []
    assert ticked(visitor.get("/sign?from=2022-04-16")) == []
    assert ticked(visitor.get("/sign?product=PF")) == []
    text = visitor.get("/sign?state=identity-missing")
    assert ticked(text) == []
    assert text.count("Chưa có số định danh</span> <a") == 4


@pytest.mark.parametrize("address", ["/sign?from=31-02-2022", "/sign?since=25", "/sign?until=x"])
def test_a_filter_that_no_page_offers_is_refused(visitor: Visitor, address: str) -> None:
    visitor.get(address, status=400)


@pytest.mark.parametrize(
    ("text", "found"), [("thu hai", 1), ("Thử Ba", 1), ("0900000003", 1), ("nobody", 0), ("09 000", 3), ("0", 0)]
)
def test_a_name_or_phone_is_searched_for_without_standing_in_the_address(
    visitor: Visitor, station: Station, text: str, found: int
) -> None:
    station.record(3)
    visitor.get("/sign")
    assert len(ticked(press(visitor, text=text))) == found
    assert f'value="{text}"' in visitor.text
    personal = text if len(text) > 1 else "text="
    assert not any(personal in address for address in visitor.addresses)


def test_the_preview_shows_just_the_ticked_doses_with_counts_by_purpose(visitor: Visitor, station: Station) -> None:
    station.record(5)
    text = preview(visitor, [2, 4])
    assert "Sẽ ký 2 mũi tiêm của 2 người" in text
    assert re.findall(r"19001A-\d{6}</td>", text) == ["19001A-000002</td>", "19001A-000004</td>"]
    assert re.search(r"Trong ngày</span> 2 mũi của 2 người", text)
    assert "Đang ký bằng tệp khóa phần mềm" in text
    assert f'name="officer" type="text" value="{USER}"' in text


def test_enter_previews_what_is_ticked(visitor: Visitor, station: Station) -> None:
    station.record(3)
    visitor.get("/sign")
    assert "Sẽ ký 3 mũi tiêm" in press(visitor)


def test_nothing_ticked_is_said_and_not_signed(visitor: Visitor, station: Station) -> None:
    station.record(2)
    assert "Không có mũi tiêm nào ký được" in preview(visitor, [])
    assert ticked(visitor.text) == []
    visitor.get("/sign/preview", status=303)


def test_ticks_survive_paging_and_filters_without_a_script(visitor: Visitor, station: Station) -> None:
    station.record(230)
    visitor.get("/sign")
    assert len(ticked(visitor.text)) == 100
    text = press(visitor, doses=[number for number in ticked(visitor.text) if number != 7], page="2")
    assert ticked(text) == list(range(101, 201))
    assert "Đã chọn 229 mũi, trong đó 129 mũi ở trang khác" in text
    press(visitor, doses=[number for number in ticked(visitor.text) if number != 150], page="3")
    assert ticked(visitor.text) == list(range(201, 231))
    assert "Đã chọn 228 mũi" in visitor.text
    # A filter between the pages forgets nothing either.
    assert unticked(press(visitor, text="0900000007")) == [7]
    text = press(visitor, text="", page="1")
    assert unticked(press(visitor, "search", text="")) == [7]
    assert "Sẽ ký 228 mũi tiêm của 228 người" in press(visitor, "preview")
    assert "Trang 1 / 3" in visitor.text
    assert "Đã ký 228 mũi tiêm" in sign(visitor)
    assert unticked(visitor.get("/sign")) == []
    assert ticked(visitor.text) == [7, 150]


def test_all_of_the_list_all_of_the_page_and_none_are_one_button_each(visitor: Visitor, station: Station) -> None:
    station.record(130)
    visitor.get("/sign")
    assert ticked(press(visitor, "none")) == []
    assert len(ticked(press(visitor, "page-all"))) == 100
    assert "Đã chọn 100 mũi." in visitor.text
    assert "Đã chọn 130 mũi, trong đó 30 mũi ở trang khác" in press(visitor, "all")
    assert "Đã chọn 30 mũi, trong đó 30 mũi ở trang khác" in press(visitor, "page-none")
    assert "Sẽ ký 30 mũi tiêm" in press(visitor)


def test_one_choice_holds_five_turns_and_says_so(visitor: Visitor, station: Station) -> None:
    station.record(1_700, per_person=3)
    text = visitor.get("/sign")
    assert "Danh sách có 5.100 mũi ký được; một lần chọn tối đa 5.000 mũi" in text
    assert "Sẽ ký 5.000 mũi tiêm của 1.667 người" in press(visitor)


def test_a_choice_belongs_to_who_made_it(tmp_path: Path, visitor: Visitor, station: Station) -> None:
    station.record(3)
    preview(visitor, [1])
    key = visitor.hidden()["choice"]
    other = visit(make_node(tmp_path, station.database, station.clock), station.centre)
    assert ticked(other.get(f"/sign?choice={key}")) == [1, 2, 3]


def test_one_click_signs_what_was_previewed_and_the_second_click_finds_it_signed(
    visitor: Visitor, station: Station
) -> None:
    station.record(3)
    preview(visitor, [1, 3])
    form = signing(visitor)
    for _ in range(2):
        assert "Đã ký 2 mũi tiêm của 2 người" in sign(visitor, form)
    assert states(station) == [PassState.SEALED]
    assert ticked(visitor.get("/sign")) == [2]


@pytest.mark.parametrize(
    ("pin", "said"), [("sai-roi", "Mật khẩu của tệp khóa ký không đúng"), ("", "Chưa nhập mã PIN")]
)
def test_a_wrong_password_signs_nothing_is_not_shown_and_is_typed_afresh_after_one_click(
    visitor: Visitor, station: Station, pin: str, said: str
) -> None:
    station.record(2)
    preview(visitor)
    text = sign(visitor, pin=pin)
    assert said in text
    assert OFFICER_NAME in text
    assert not pin or pin not in text
    assert states(station) == []
    assert "Đã ký 2 mũi" in sign(visitor, {}, path=f"{visitor.place}/again")
    assert not any(PASSWORD in address for address in visitor.addresses)


def test_a_missing_name_is_said_beside_its_field_before_the_password_is_used(
    visitor: Visitor, station: Station
) -> None:
    station.record(1)
    preview(visitor)
    text = visitor.post("/sign/run", signing(visitor, officer=" "), status=409)
    assert "Chưa ghi họ tên người ký" in text.partition('id="name-told"')[2]


def test_a_selection_that_was_not_previewed_is_not_signed(visitor: Visitor, station: Station) -> None:
    station.record(3)
    preview(visitor, [1])
    form = signing(visitor)
    visitor.get("/sign?choice=" + str(form["choice"]))
    press(visitor, "preview", doses=[1, 2])
    assert "Danh sách đã thay đổi" in visitor.post("/sign/run", form, status=409)
    assert states(station) == []


def test_an_approver_is_nobody_who_was_typed_in(visitor: Visitor, station: Station) -> None:
    station.record(1)
    assert "phê duyệt" not in preview(visitor).partition("<main")[2]
    sign(visitor, signing(visitor, approver="Ai Đó"))
    with station.database.read() as tables:
        found = passes.find(tables, 1)
    assert found is not None
    assert found.approver == ""


@pytest.mark.parametrize("doses", ["x", "-1", "9999999999", "１"])
def test_numbers_that_no_page_offers_are_refused(visitor: Visitor, station: Station, doses: str) -> None:
    station.record(1)
    visitor.get("/sign")
    visitor.post("/sign", {"dose": [doses], "do": "preview"}, status=400)


def test_a_dose_that_cannot_be_signed_is_left_out_even_if_its_number_is_sent(
    visitor: Visitor, station: Station
) -> None:
    station.record(1)
    refused = station.record(1, state=IdentityState.MISMATCH) + station.record(1, given_at=YESTERDAY)
    text = preview(visitor, [1, *refused, 999])
    assert "Sẽ ký 1 mũi tiêm của 1 người" in text
    assert "2 mũi đã chọn không ký được và được để lại" in text
    assert "Không khớp với CSDLQG về dân cư" in text
    sign(visitor)
    with station.database.read() as tables:
        assert passes.leaves(tables, 1) == [1]


def test_late_doses_need_a_reason_which_stands_in_no_address(visitor: Visitor, station: Station) -> None:
    station.record(2, given_at=YESTERDAY)
    assert ticked(visitor.get("/sign?from=2022-04-14&to=2022-04-14")) == []
    assert ticked(press(visitor, late_reason="mất điện từ chiều")) == [1, 2]
    text = press(visitor)
    assert "Tồn đọng" in text
    assert "mất điện từ chiều" in text
    assert "Đã ký 2 mũi" in sign(visitor)
    assert not any("điện" in address for address in visitor.addresses)


def test_a_reason_that_was_typed_and_not_sent_comes_back_and_is_forgotten_when_it_is_taken(
    visitor: Visitor, station: Station
) -> None:
    station.record(1)
    station.record(2, given_at=YESTERDAY)
    visitor.get("/sign")
    typed = {"place": "/sign", "kept_fields": "late_reason", "late_reason": "mất điện"}
    visitor.post("/drafts", typed, status=204)
    assert "Phần gõ dở" not in visitor.get("/sign")
    assert 'value="mất điện"' in visitor.get("/sign?from=all&to=all")
    assert "Phần gõ dở" in visitor.text
    assert sorted(ticked(press(visitor))) == [1, 2, 3]
    assert "Phần gõ dở" not in visitor.get("/sign?from=all&to=all")


def test_the_reason_for_late_doses_ticks_those_alone(visitor: Visitor, station: Station) -> None:
    station.record(3)
    station.record(2, given_at=YESTERDAY)
    visitor.get("/sign?from=all&to=all")
    press(visitor, "reason", doses=[2], late_reason="mất điện")
    assert sorted(ticked(visitor.text)) == [2, 4, 5]


def test_more_than_a_thousand_people_are_signed_in_turns_with_a_pin_for_each(
    visitor: Visitor, station: Station
) -> None:
    station.record(1_001)
    text = preview(visitor)
    assert "Sẽ ký 1.001 mũi tiêm của 1.001 người" in text
    assert "được chia thành 2 lô" in text
    assert "nhập mã 2 lần" in text
    form = signing(visitor)
    text = sign(visitor, form)
    assert "Đã ký 1.000 mũi tiêm của 1.000 người" in text
    assert "Còn 1 mũi của lượt ký này" in text
    assert states(station) == [PassState.SEALED]
    following = re.search(r'action="(/sign/turn/[0-9a-f]+/next)"', text)
    assert following is not None
    # The first button pressed again leads to what it has signed, and signs no more.
    assert "Đã ký 1.000 mũi tiêm của 1.000 người" in sign(visitor, form)
    for _ in range(2):
        assert "Đã ký 1 mũi tiêm của 1 người" in sign(visitor, {}, path=following[1])
        assert "của lượt ký này" not in visitor.text
    assert states(station) == [PassState.SEALED, PassState.SEALED]
    with station.database.read() as tables:
        assert [len(passes.leaves(tables, number)) for number in (1, 2)] == [1_000, 1]


def test_the_rest_of_a_preview_is_not_signed_once_it_has_changed(visitor: Visitor, station: Station) -> None:
    station.record(1_001)
    preview(visitor)
    following = re.search(r'action="(/sign/turn/[0-9a-f]+/next)"', sign(visitor))
    assert following is not None
    with station.database.write_transaction() as tables:
        tables.execute("UPDATE people SET phone = '0911', revision = revision + 1 WHERE person_id = 1001")
    assert "Danh sách đã thay đổi" in visitor.post(following[1], status=409)
    assert states(station) == [PassState.SEALED]


def test_the_passes_of_the_day_say_who_signed_and_where_their_bundle_is(
    tmp_path: Path, visitor: Visitor, station: Station
) -> None:
    station.record(3)
    preview(visitor, [1, 2])
    text = sign(visitor)
    assert "Lượt ký hôm nay" in text
    assert "Chờ gửi" in text
    assert OFFICER_NAME in text
    visitor.post("/sync/now")
    text = visitor.get("/sign")
    assert "Ở trung tâm từ 16:30" in text
    station.clock.at += DAY_SECONDS
    tomorrow = visit(make_node(tmp_path, station.database, station.clock), station.centre)
    assert "Lượt ký hôm nay" not in tomorrow.get("/sign")


@pytest.mark.parametrize("after", ["/sign/resume", "/sign/abandon"])
def test_an_interrupted_pass_is_the_next_thing_to_do(visitor: Visitor, station: Station, after: str) -> None:
    station.record(3)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=station.clock.now(), entropy=station.entropy)
    assert "Làm tiếp lượt ký dở dang" in visitor.get("/")
    assert "Lượt ký số 1 còn dở dang" in visitor.get("/sign")
    assert "không đúng" in sign(visitor, {}, path="/sign/resume", pin="sai")
    assert "ký đúng những gì đã chuẩn bị" in visitor.text
    sign(visitor, {}, path=after)
    assert states(station) == [PassState.SEALED if after == "/sign/resume" else PassState.ABANDONED]
    if after == "/sign/abandon":
        with station.database.read() as tables:
            assert audit.entries(tables)[-1].actor == USER

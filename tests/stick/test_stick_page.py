"""The page about sticks: nothing is said to be exported before it is, nothing is lost, and every refusal has a cure."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from edge.app import create_app
from edge.clients.removable_media import find_media
from edge.domain.roles import Role
from edge.jobs import exchange_once
from edge.store import audit, bundles, carried
from edge.store.audit import Action
from edge.web.frame import access
from edge.web.frame.long_work import long_work
from tests.browser.visitor import ADDRESS, BADGE, Visitor, add_user, make_node, visit
from tests.stick.files import sealed_bundle
from tests.stick.neighbours import Neighbours, make_neighbours, sign, states


@pytest.fixture
def two(tmp_path: Path) -> Neighbours:
    return make_neighbours(tmp_path)


@pytest.fixture
def page(two: Neighbours, tmp_path: Path) -> Visitor:
    return visit(make_node(tmp_path / "site", two.site.database, two.site.clock), two.site.centre)


def carrier_page(two: Neighbours, tmp_path: Path) -> Visitor:
    """The neighbour's pages, whose exchange carries."""
    node = make_node(tmp_path / "carrier", two.carrier.database, two.carrier.clock)
    app = create_app(node, send_now=lambda: exchange_once(node, two.carrier.centre))
    client = app.test_client()
    user_id = add_user(node)
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(BADGE, user_id, at=node.clock.now())
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = BADGE
    return Visitor(client)


def work(visitor: Visitor, two: Neighbours, do: str) -> str:
    """Choose the stick, look at the preview, do it, and wait for what came of it."""
    visitor.get("/stick")
    visitor.post("/stick/preview", {"typed": str(two.stick)}, status=200)
    visitor.post("/stick", {**visitor.hidden(), "do": do})
    long_work(visitor.client.application).wait()
    return visitor.get(visitor.place)


def test_a_site_without_a_network_sends_by_a_neighbour_and_hears_of_it(
    two: Neighbours, page: Visitor, tmp_path: Path
) -> None:
    sign(two.site)
    said = work(page, two, "export")
    assert "Có thể rút USB an toàn" in said
    assert "Đã chép và đọc lại đúng 1 gói của cơ sở chưa có biên nhận" in said
    assert "chưa phải là đã gửi" in said
    assert "Đã chép ra USB lúc" in page.get("/sync")
    said = work(carrier_page(two, tmp_path), two, "carry")
    assert "2 tệp của cơ sở khác, từ nay mang hộ" in said
    assert "Đã trao đổi với trung tâm" in said
    assert "2 trả lời của trung tâm cho cơ sở khác" in said
    assert states(two.site) == ["sealed"]
    assert "1 gói của cơ sở đã được trung tâm nhận" in work(page, two, "import")
    assert states(two.site) == ["receipted"]


def test_the_preview_counts_what_would_be_written_and_what_lies_there(two: Neighbours, page: Visitor) -> None:
    sign(two.site)
    page.get("/stick")
    text = page.post("/stick/preview", {"typed": str(two.stick)}, status=200)
    assert re.search(r"Gói của cơ sở chưa có biên nhận</th><td[^>]*>1<", text)
    assert "chưa có thư mục HCVX" in text
    assert list(two.stick.iterdir()) == []
    two.export()
    assert "Trên USB có 2 tệp" in page.post("/stick/preview", {"typed": str(two.stick)}, status=200)


def test_a_carrier_without_a_network_says_so_and_writes_what_it_has(two: Neighbours, tmp_path: Path) -> None:
    sign(two.site)
    two.export()
    two.carrier.centre.is_away = True
    sign(two.carrier)
    said = work(carrier_page(two, tmp_path), two, "carry")
    assert "Có thể rút USB an toàn" in said
    with two.carrier.database.read() as tables:
        assert carried.state(tables).waiting == 2


@pytest.mark.parametrize("typed", ["/away/from/here", "/proc/version"])
def test_a_folder_that_is_not_there_is_refused_with_a_cure(page: Visitor, typed: str) -> None:
    page.get("/stick")
    text = page.post("/stick/preview", {"typed": typed}, status=422)
    assert "Không thấy thư mục đã chọn" in text
    assert "Cắm USB" in text


@pytest.mark.parametrize("typed", ["relative", ""])
def test_half_a_path_is_refused_beside_its_field_with_an_example(page: Visitor, typed: str) -> None:
    page.get("/stick")
    text = page.post("/stick/preview", {"typed": typed}, status=422)
    assert "Ghi đường dẫn đầy đủ" in text
    assert f'value="{typed}"' in text


def test_what_no_page_of_ours_sends_is_a_bad_request(page: Visitor, two: Neighbours) -> None:
    page.get("/stick")
    page.post("/stick", {"path": str(two.stick), "do": "format"}, status=400)
    page.get("/stick")
    page.post("/stick/preview", {"typed": "/" + "x" * 1_001}, status=400)


def test_a_stick_that_fails_in_the_middle_is_named_and_nothing_is_said_to_be_exported(
    two: Neighbours, page: Visitor
) -> None:
    sign(two.site)
    page.get("/stick")
    page.post("/stick/preview", {"typed": str(two.stick)}, status=200)
    hidden = page.hidden()
    shutil.rmtree(two.stick)
    page.post("/stick", {**hidden, "do": "export"})
    long_work(page.client.application).wait()
    text = page.get(page.place)
    assert "Chưa xong" in text
    assert "Cắm USB" in text
    assert "rút USB an toàn" not in text
    with two.site.database.read() as tables:
        assert [line.exported_at for line in bundles.lines(tables)] == [None]


def test_the_work_is_its_owners_alone(two: Neighbours, page: Visitor, tmp_path: Path) -> None:
    work(page, two, "export")
    node = make_node(tmp_path / "site", two.site.database, two.site.clock)
    other = visit(node, two.site.centre)
    other.get(page.place, status=422)


def test_the_progress_is_told_to_the_script_and_without_it(two: Neighbours, page: Visitor) -> None:
    text = work(page, two, "export")
    assert "http-equiv" not in text
    told = page.client.get(page.place, base_url=ADDRESS, headers={"Accept": "application/json"})
    assert '"going_on":false' in told.text
    assert "Đã xong." in str(told.json)


def test_a_manager_lets_go_of_what_is_carried_and_the_trail_says_so(
    two: Neighbours, page: Visitor, tmp_path: Path
) -> None:
    (two.stick / "HCVX").mkdir()
    (two.stick / "HCVX" / "theirs").write_bytes(sealed_bundle(1))
    assert "1 tệp của cơ sở khác, từ nay mang hộ" in work(page, two, "import")
    assert "1 tệp chờ trung tâm trả lời" in page.get("/stick")
    assert "không mang hộ tệp nào" in page.post("/stick/carried/drop")
    with two.site.database.read() as tables:
        assert Action.CARRIED_DROPPED in {one.action for one in audit.entries(tables)}


@pytest.mark.parametrize("role", [Role.RECEPTION, Role.INJECTION, Role.OBSERVATION])
def test_desks_have_no_business_with_sticks(two: Neighbours, tmp_path: Path, role: Role) -> None:
    node = make_node(tmp_path / "site", two.site.database, two.site.clock)
    desk = visit(node, two.site.centre, roles=[role])
    desk.get("/stick", status=403)


def test_a_signer_exports_and_does_not_drop(two: Neighbours, tmp_path: Path) -> None:
    node = make_node(tmp_path / "site", two.site.database, two.site.clock)
    signer = visit(node, two.site.centre, roles=[Role.SIGNER])
    assert "Có thể rút USB an toàn" in work(signer, two, "export")
    signer.get("/stick")
    signer.post("/stick/carried/drop", status=403)


def test_no_address_holds_the_path_of_a_stick(two: Neighbours, page: Visitor) -> None:
    work(page, two, "export")
    assert not [address for address in page.addresses if "USB" in address]


def test_sticks_are_what_is_mounted_below_the_places_for_them(tmp_path: Path) -> None:
    assert find_media((tmp_path, tmp_path / "away")) == []
    (tmp_path / "folder" / "deeper").mkdir(parents=True)
    assert find_media((tmp_path,)) == []
    # The system's own mounts stand in for sticks.
    found = {one.path for one in find_media((Path("/"),))}
    assert Path("/proc") in found


def test_a_path_that_no_system_takes_is_refused_in_words(page: Visitor) -> None:
    page.get("/stick")
    for do in ("export", "import", "carry"):
        page.post("/stick", {**page.hidden(), "typed": "/media/a\0b", "do": do}, status=409)
    page.get("/stick")
    assert "a\0b" not in page.post("/stick/preview", {**page.hidden(), "typed": "/media/a\0b"}, status=422)

"""What people see of a restored or copied node: the site's page, its command, the operator's page and commands."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from central.app import create_app as create_centre
from edge.app import create_app
from edge.domain.roles import Role
from edge.jobs import exchange_once
from edge.web.frame import access
from edge.web.frame.copy_words import copy_lines
from sync_protocol.errors import Code
from tests.browser.visitor import ADDRESS, BADGE, Visitor, add_user, make_node
from tests.central.scenario import World
from tests.system.copied_nodes import Machine, audit, machine_of, waiting
from tests.system.test_answers_end_to_end import make_node as enrolled_node

CENTRE = "http://127.0.0.1:8480"


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Machine:
    made = machine_of(enrolled_node(world, tmp_path / "node"))
    made.sign()
    made.sync()
    return made


def visitor_of(machine: Machine, directory: Path, *, roles: tuple[Role, ...] = tuple(Role)) -> Visitor:
    """Somebody at the browser of a machine; its exchange goes to the real centre."""
    directory.mkdir(exist_ok=True)
    node = make_node(directory, machine.database, machine.station.clock)
    app = create_app(node, send_now=lambda: exchange_once(node, machine.way))
    client = app.test_client()
    user_id = add_user(node, roles=roles)
    with app.test_request_context(base_url=ADDRESS):
        access.sessions().start(BADGE, user_id, at=node.clock.now())
    with client.session_transaction(base_url=ADDRESS) as cookie:
        cookie[access.BADGE] = BADGE
    return Visitor(client)


def fork(machine: Machine, directory: Path) -> Machine:
    """A copy works on beside the machine; the centre notices."""
    clone = machine.copy(directory, apart=1)
    machine.sign()
    machine.sync()
    clone.sign(3)
    assert clone.sync().problem == Code.FORKED.value
    return clone


def operator(world: World) -> FlaskClient:
    return create_centre(world.centre).test_client()


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def look(client: FlaskClient) -> str:
    answer = client.get("/operator/epochs", base_url=CENTRE)
    assert answer.status_code == 200
    return answer.text


def send(client: FlaskClient, page: str, **changed: str) -> int:
    """Sends the first form of the operator's page, filled in unless a test says otherwise."""
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)[:2])
    form = found | {"by": "Lê Thị Vân", "why": "máy ở bàn tiêm", "confirmed": "yes", "what": "grant"} | changed
    return client.post("/operator/epochs", base_url=CENTRE, data=form).status_code


def test_the_page_says_when_nothing_is_wrong(machine: Machine, tmp_path: Path) -> None:
    visitor = visitor_of(machine, tmp_path / "pages")
    assert "Không thấy dấu hiệu" in visitor.get("/epoch")
    assert copy_lines(machine.database) == []


def test_the_page_of_the_exchange_offers_no_sending_while_the_centre_decides(machine: Machine, tmp_path: Path) -> None:
    visitor = visitor_of(fork(machine, tmp_path / "clone"), tmp_path / "pages")
    page = words(visitor.get("/sync"))
    assert "1 gói chờ trung tâm quyết định" in page
    assert "Hỏi lại trung tâm" in page
    assert "Gửi ngay" not in page


def test_a_restored_machine_is_led_to_its_new_epoch(world: World, machine: Machine, tmp_path: Path) -> None:
    restored = machine.copy(tmp_path / "backup", apart=1)
    machine.sign(3)
    machine.sync()
    restored.sync()
    assert "bản sao lưu cũ hơn" in copy_lines(restored.database)[0]
    visitor = visitor_of(restored, tmp_path / "pages")
    assert "Máy đang thiếu dữ liệu" in visitor.get("/epoch")
    said = visitor.post("/epoch/begin", {"reason": "restored"}, status=422)
    assert "Đánh dấu vào ô xác nhận rồi bấm lại." in said
    visitor.post("/epoch/begin", {"reason": "restored", "confirmed": "yes"})
    restored.ask()
    said = words(visitor.get("/epoch"))
    assert "Trung tâm đã cho mở kỳ mới" in said
    assert "Trung tâm giữ 3 mũi mà máy này không có" in said
    assert "số 3–5" in said
    audit(world, restored)


def test_a_clone_waits_and_its_taken_doses_are_recorded_again_with_one_click(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    clone = fork(machine, tmp_path / "clone")
    visitor = visitor_of(clone, tmp_path / "pages")
    assert "Hai máy cùng gửi" in visitor.get("/epoch")
    for page in ("/", "/sync"):
        said = words(visitor.get(page))
        assert "người ở trung tâm quyết định máy nào tiếp tục" in said
        assert "Mở trang Bản sao" in said
        assert "Máy tự gửi khi có mạng, không cần đợi ở đây." not in said
    visitor.get("/epoch")
    visitor.post("/epoch/begin", {"reason": "copied", "confirmed": "yes"})
    clone.ask()
    assert "Chờ người ở trung tâm" in visitor.get("/epoch")
    client = operator(world)
    page = look(client)
    said = words(page)
    assert "Hai lịch sử giống nhau đến hết gói số 1." in said
    assert "lịch sử khác với sổ cái" in said
    assert not re.search(r"Nguyễn Thị Thử|054185", page)
    assert send(client, page) == 303
    assert "được tiếp tục" in words(look(client))
    clone.ask()
    said = words(visitor.get("/epoch"))
    assert "2 mũi tiêm ở máy này mang số mà ở trung tâm đã thuộc về mũi khác" in said
    assert "Đã ghi lại 2 mũi với số mới." in visitor.post("/epoch/again")
    assert "Không mũi nào trùng số với trung tâm." in visitor.get("/epoch")
    assert "Ghi lại mũi tiêm với số mới" in visitor.get("/audit")
    machine.sign(1)
    machine.sync()
    assert "Bản sao cũ" in visitor_of(machine, tmp_path / "old").get("/epoch")
    assert "bản sao cũ" in copy_lines(machine.database)[0]
    audit(world, clone, machine)


def test_only_the_manager_asks(machine: Machine, tmp_path: Path) -> None:
    visitor = visitor_of(machine, tmp_path / "pages", roles=(Role.INJECTION,))
    assert "Người quản lý làm việc này" in visitor.get("/epoch")
    visitor.post("/epoch/begin", {"confirmed": "yes"}, status=403)
    with machine.database.read() as tables:
        assert tables.execute("SELECT count(*) FROM epoch_requests").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"token": "0" * 32}, 403),
        ({"confirmed": ""}, 422),
        ({"by": " "}, 422),
        ({"why": ""}, 422),
        ({"what": "both"}, 400),
        ({"request": "0123456789ab"}, 409),
    ],
)
def test_a_decision_needs_a_person_who_knows_what_it_means(
    world: World, machine: Machine, tmp_path: Path, changed: dict[str, str], status: int
) -> None:
    fork(machine, tmp_path / "clone").ask()
    client = operator(world)
    assert send(client, look(client), **changed) == status
    assert len(waiting(world)) == 1


def test_the_form_of_another_site_decides_nothing(world: World, machine: Machine, tmp_path: Path) -> None:
    fork(machine, tmp_path / "clone").ask()
    client = operator(world)
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', look(client))[:2])
    form = found | {"by": "x", "why": "x", "confirmed": "yes", "what": "grant"}
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/operator/epochs", base_url=CENTRE, data=form, headers=elsewhere).status_code == 403
    assert client.post("/operator/epochs", base_url=CENTRE, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 403
    assert len(waiting(world)) == 1

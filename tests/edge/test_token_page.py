"""The page "Kiểm tra token": what it says with real tokens, while it is at work, and how it looks."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from edge.bootstrap import Node
from edge.domain.pass_journal import PassRefusedError
from edge.domain.roles import Role
from edge.store.users import UserId
from edge.web.frame.long_work import long_work
from edge.web.office.token_trial import trial_turns
from edge.workflow import examine_token
from edge.workflow.sign_trial import TRIAL_TEXT, sign_trial
from sync_protocol import contexts, cose
from sync_protocol.certificate import Certificate
from sync_protocol.errors import ProtocolError
from sync_protocol.signers import token_modules
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_messages import SeenToken
from sync_protocol.signers.token_modules import Place
from tests.browser.accessibility import serious
from tests.browser.chrome import SIZES, await_focus, open_page, serving, shoot, sign_in, started_chromium
from tests.browser.signing_desk import desk, outcome, preview, signing
from tests.browser.visitor import ADDRESS, PASSWORD, Visitor, add_user, make_node, visit
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.edge.clinic import NOW, Clinic, make_clinic
from tests.edge.network import on_network
from tests.edge.station import make_station
from tests.softhsm import PIN, Person, SoftHsm, softhsm_in
from tests.typist import give

START: Final = datetime.fromtimestamp(NOW, UTC) - timedelta(days=100)
CA: Final = make_ca("CA công cộng", START)
LABEL: Final = "TRAM 19001"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as made:
        yield made


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, hsm: SoftHsm) -> SoftHsm:
    """SoftHSM is the only driver that is looked for, whatever else this machine has."""
    only_these(monkeypatch, hsm.module_path)
    return hsm


def only_these(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    places = tuple(Place(path, "SoftHSM" if "softhsm" in path else "Hãng khác") for path in paths)
    monkeypatch.setattr(examine_token, "known_places", lambda *_: places)
    monkeypatch.delenv("HCVX_PKCS11_MODULE", raising=False)


def certificate(days: float = 365, *, rsa: bool = False, name: str = "Trạm Y tế xã Hòa Hiệp") -> Certificate:
    return issue_certificate(CA, rsa_key() if rsa else ec_key("token"), subject=name, at=START, days=days)


def node_with(directory: Path, clinic: Clinic, signer: str, module: str = "") -> Node:
    node = make_node(directory, clinic.database)
    return replace(node, config=replace(node.config, signer=signer, pkcs11_module=module))


def examined(node: Node, clinic: Clinic) -> str:
    """The page's text after the button was pressed and everything was asked."""
    visitor = visit(node, clinic.centre)
    assert "Cắm token" in visitor.get("/token")
    return finished(visitor)


def finished(visitor: Visitor) -> str:
    visitor.post("/token/examine")
    address = next(one for one in visitor.addresses if re.fullmatch(r"/token/[0-9a-f]{24}", one))
    long_work(visitor.client.application).wait()
    return visitor.get(address)


def verdict(text: str) -> str:
    """The largest line of the page."""
    found = re.search(r'<p class="what">([^<]+)</p>', text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("rsa", "said"), [(True, "RSA 2048 bit, RS256 (RSA_PKCS)"), (False, "EC 256 bit, ES256 (ECDSA)")]
)
def test_a_good_token_is_said_to_be_good_with_its_certificate(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm, rsa: bool, said: str
) -> None:
    one = certificate(rsa=rsa)
    key = rsa_key() if rsa else ec_key("token")
    text = examined(node_with(tmp_path, clinic, alone.add_token(LABEL, key=key, certificate=one).uri), clinic)
    assert verdict(text) == "Token dùng được"
    for fact in (
        f"{one.serial:X}",
        "còn 265 ngày",
        said,
        "chữ ký số",
        "dùng để ký",
        f"Token “{LABEL}”",
        "ký phải nhập PIN",
    ):
        assert fact in text
    assert "Ghi vào tệp node.toml" not in text


def test_a_token_that_is_not_set_gives_the_two_lines_of_the_settings(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm
) -> None:
    one = certificate()
    alone.add_token(LABEL, key=ec_key("token"), certificate=one)
    text = examined(node_with(tmp_path, clinic, ""), clinic)
    assert verdict(text) == "Token chưa được khai báo trong phần cài đặt của máy"
    assert f'signer = "pkcs11:token=TRAM%2019001;serial={one.serial:X}"' in text
    assert f'pkcs11_module = "{alone.module_path}"' in text


def test_an_expired_certificate_and_one_that_ends_soon_are_told_with_the_cure(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm
) -> None:
    ended = alone.add_token("HET HAN", key=ec_key("token"), certificate=certificate(99))
    text = examined(node_with(tmp_path, clinic, ended.uri), clinic)
    assert verdict(text) == "Chứng thư số đã hết hạn"
    assert "nhờ đơn vị khác ký thay" in text
    soon = alone.add_token("SAP HET", key=ec_key("token"), certificate=certificate(106))
    text = examined(node_with(tmp_path, clinic, soon.uri), clinic)
    assert verdict(text) == "Token dùng được"
    assert "Chứng thư số sắp hết hạn: còn 6 ngày." in text
    assert "Còn một token khác đang cắm" in text


def test_two_tokens_and_none_are_told_apart(tmp_path: Path, clinic: Clinic, alone: SoftHsm) -> None:
    node = node_with(tmp_path, clinic, f"pkcs11:token={LABEL.replace(' ', '%20')}", alone.module_path)
    assert verdict(examined(node, clinic)) == "Không thấy token cần dùng"
    for _ in range(2):
        alone.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    assert verdict(examined(node, clinic)) == "Có hơn một token phù hợp đang cắm"


def test_no_driver_names_the_files_that_were_looked_for(
    tmp_path: Path, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_these(monkeypatch, "/nowhere/viettel-ca_v6.dll", "/nowhere/libtoken.so")
    text = examined(node_with(tmp_path, clinic, ""), clinic)
    assert "Không thấy phần mềm điều khiển token nào trên máy này" in text
    assert "viettel-ca_v6.dll, libtoken.so" in text


def test_a_file_that_is_no_driver_hides_no_other_and_is_named(
    tmp_path: Path, clinic: Clinic, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_file = tmp_path / "libhang.so"
    text_file.write_text("không phải phần mềm điều khiển")
    old = tmp_path / "lib32.so"
    old.write_bytes(b"\x7fELF\x01" + bytes(60))
    only_these(monkeypatch, str(text_file), str(old), hsm.module_path)
    token = hsm.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    text = examined(node_with(tmp_path, clinic, token.uri), clinic)
    assert verdict(text) == "Token dùng được"
    assert text.count("không dùng được") == 2
    assert "32 bit, chương trình này 64 bit" in text
    wrong = examined(node_with(tmp_path, clinic, token.uri.partition("?")[0], str(text_file)), clinic)
    assert "Token đang cắm được một phần mềm điều khiển khác nhận ra" in wrong
    assert f'pkcs11_module = "{hsm.module_path}"' in wrong


def test_the_variable_names_the_driver_where_nothing_else_does(
    tmp_path: Path, clinic: Clinic, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_these(monkeypatch)
    monkeypatch.setenv("HCVX_PKCS11_MODULE", hsm.module_path)
    token = hsm.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    text = examined(node_with(tmp_path, clinic, token.uri.partition("?")[0]), clinic)
    assert verdict(text) == "Token dùng được"
    assert "Phần mềm điều khiển lấy từ biến môi trường" in text


def test_what_is_known_so_far_is_told_while_a_driver_keeps_everybody_waiting(
    tmp_path: Path, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "a.so", tmp_path / "b.so"
    for file in (here, there):
        file.write_bytes(b"x")
    only_these(monkeypatch, str(here), str(there))
    asked, go_on = threading.Event(), threading.Event()

    def answer(path: str, **_: object) -> tuple[SeenToken, ...]:
        if path == str(there):
            asked.set()
            assert go_on.wait(30)
        return ()

    monkeypatch.setattr(examine_token, "list_tokens", answer)
    visitor = visit(node_with(tmp_path, clinic, ""), clinic.centre)
    visitor.get("/token")
    text = visitor.post("/token/examine")
    address = next(one for one in visitor.addresses if re.fullmatch(r"/token/[0-9a-f]{24}", one))
    assert asked.wait(30)
    text = visitor.get(address)
    assert "Đã hỏi 1 trong 2 phần mềm điều khiển. Thấy 0 token." in text
    assert '<noscript><meta http-equiv="refresh"' in text
    told = visitor.client.get(address, base_url=ADDRESS, headers={"Accept": "application/json"})
    assert told.json == {"going_on": True, "done": 1, "words": "Đã hỏi 1 trong 2 phần mềm điều khiển. Thấy 0 token."}
    # A second press finds the first one's work.
    visitor.post("/token/examine")
    assert len([one for one in visitor.addresses if re.fullmatch(r"/token/[0-9a-f]{24}", one)]) == 1
    go_on.set()
    long_work(visitor.client.application).wait()
    assert verdict(visitor.get(address)) == "Token chưa được khai báo trong phần cài đặt của máy"


def test_an_examination_can_be_stopped(tmp_path: Path, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.so"
    file.write_bytes(b"x")
    only_these(monkeypatch, str(file))
    asked, go_on = threading.Event(), threading.Event()

    def answer(*_: object, **__: object) -> tuple[SeenToken, ...]:
        asked.set()
        assert go_on.wait(30)
        return ()

    monkeypatch.setattr(examine_token, "list_tokens", answer)
    visitor = visit(node_with(tmp_path, clinic, ""), clinic.centre)
    visitor.get("/token")
    visitor.post("/token/examine")
    address = next(one for one in visitor.addresses if re.fullmatch(r"/token/[0-9a-f]{24}", one))
    assert asked.wait(30)
    assert "Cắm token" in visitor.post(f"{address}/cancel")
    go_on.set()
    long_work(visitor.client.application).wait()
    assert "Việc kiểm tra đã dừng" in visitor.get(address)


def test_an_examination_belongs_to_whoever_began_it_and_a_gone_one_begins_anew(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm
) -> None:
    node = node_with(tmp_path, clinic, "")
    visitor = visit(node, clinic.centre)
    assert alone.module_path in finished(visitor)
    visitor.get("/token/" + "0" * 24, status=303)
    visitor.get("/token")
    assert "Cắm token" in visitor.post("/token/" + "0" * 24 + "/cancel")


@pytest.mark.parametrize("role", list(Role))
def test_signers_and_managers_alone_find_the_way_to_the_page(tmp_path: Path, clinic: Clinic, role: Role) -> None:
    may = role in (Role.SIGNER, Role.MANAGER)
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre, roles=[role])
    visitor.get("/token", status=200 if may else 403)
    if may:
        assert 'href="/token"' in visitor.get("/sign" if role is Role.SIGNER else "/sign/approvals")
        assert 'aria-current="page"' in visitor.get("/token")


def test_drivers_are_never_loaded_by_the_process_that_serves_pages(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm
) -> None:
    alone.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    examined(node_with(tmp_path, clinic, ""), clinic)
    assert "softhsm" not in Path("/proc/self/maps").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_chromium() as started:
        yield started


@pytest.mark.parametrize("size", SIZES)
def test_the_page_in_a_browser_by_keyboard(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm, browser: Browser, size: str
) -> None:
    node = two_tokens(tmp_path, clinic, alone)
    with serving(node, clinic.centre) as (address, _), open_page(browser, size) as (page, asked):
        sign_in(page, address, "sau")
        page.goto(f"{address}/token")
        shoot(page, f"{size}-token")
        assert serious(page) == []
        await_focus(page, "[autofocus]")
        page.keyboard.press("Enter")
        page.locator(".facts-of-token").first.wait_for()
        assert page.inner_text(".next .what") == "Token dùng được"
        shoot(page, f"{size}-token-found")
        assert serious(page) == []
        assert all(url.startswith(address) for url in asked)
        assert PIN not in page.content()


def test_the_page_finds_its_end_without_scripts(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm, browser: Browser
) -> None:
    node = two_tokens(tmp_path, clinic, alone)
    with serving(node, clinic.centre) as (address, _), open_page(browser, scripts=False) as (page, _asked):
        sign_in(page, address, "sau")
        page.goto(f"{address}/token")
        await_focus(page, "[autofocus]")
        page.keyboard.press("Enter")
        page.locator(".facts-of-token").first.wait_for()
        assert page.inner_text(".next .what") == "Token dùng được"


def two_tokens(directory: Path, clinic: Clinic, hsm: SoftHsm) -> Node:
    """A node whose token ends soon, with an old one beside it, and somebody who does everything."""
    hsm.add_token("TOKEN CU", key=rsa_key(), certificate=certificate(95, rsa=True, name="Trạm Y tế, chứng thư cũ"))
    token = hsm.add_token(LABEL, key=ec_key("token"), certificate=certificate(120))
    node = node_with(directory, clinic, token.uri)
    add_user(node, login="sau")
    return node


def test_the_places_of_this_machine_are_those_that_are_looked_at(tmp_path: Path, clinic: Clinic) -> None:
    found = token_modules.known_places(token_modules.this_platform(), {})
    looked_for = examine_token.begin_examination(make_node(tmp_path, clinic.database).config, {}).looked_for
    assert set(looked_for) == {Path(place.path).name for place in found}


def trial_form(visitor: Visitor, *, sure: bool = False) -> str:
    """Begin a trial and wait until the token was read; gives where the page sends the PIN, "" if nowhere."""
    visitor.get("/token")
    visitor.post("/token/trial", {"sure": "yes"} if sure else None)
    return desk(visitor)


@pytest.mark.parametrize("rsa", [True, False])
def test_a_trial_signature_goes_from_the_browser_to_the_token_and_nowhere_else(
    tmp_path: Path, clinic: Clinic, hsm: SoftHsm, rsa: bool
) -> None:
    key = rsa_key() if rsa else ec_key("token")
    token = hsm.add_token(LABEL, key=key, certificate=certificate(rsa=rsa))
    visitor = visit(node_with(tmp_path, clinic, token.uri), clinic.centre)
    action = trial_form(visitor)
    assert LABEL in visitor.text
    assert give(action, PIN) == (303, ADDRESS + visitor.place)
    text = outcome(visitor)
    assert f"Chữ ký thử đúng: token ký được ({'RS256' if rsa else 'ES256'})." in text
    assert PIN not in text
    assert [clinic.count(table) for table in ("passes", "bundles")] == [0, 0]


def test_a_wrong_pin_is_said_and_never_tried_again_by_itself(tmp_path: Path, clinic: Clinic, hsm: SoftHsm) -> None:
    token = hsm.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    visitor = visit(node_with(tmp_path, clinic, token.uri), clinic.centre)
    give(trial_form(visitor), "00000000")
    text = outcome(visitor)
    assert "token-pin-" in text
    assert "00000000" not in text
    action = trial_form(visitor, sure=True)
    give(action, PIN)
    assert "Chữ ký thử đúng" in outcome(visitor)


def test_a_trial_without_a_token_asks_for_no_pin(tmp_path: Path, clinic: Clinic, hsm: SoftHsm) -> None:
    signer = f"pkcs11:token=KHONG%20CO?module-path={hsm.module_path}"
    visitor = visit(node_with(tmp_path, clinic, signer), clinic.centre)
    assert trial_form(visitor) == ""
    assert "Không thấy token cần dùng." in outcome(visitor)


def test_a_trial_is_one_persons_can_be_cancelled_and_is_one_at_a_time(
    tmp_path: Path, clinic: Clinic, hsm: SoftHsm
) -> None:
    token = hsm.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    visitor = visit(node_with(tmp_path, clinic, token.uri), clinic.centre)
    assert trial_form(visitor)
    first = visitor.place
    # A second press leads to the same.
    visitor.get("/token")
    visitor.post("/token/trial")
    assert visitor.place == first
    trials = trial_turns(visitor.client.application)
    with pytest.raises(PassRefusedError, match="pass-desk-busy"):
        trials.begin("", lambda _: None, key="", turn_id="another", owner=UserId(99))
    visitor.post(f"{first}/cancel")
    visitor.place = first
    assert "Đã hủy bước nhập mã" in outcome(visitor)
    # One of nobody leads to the beginning.
    visitor.get("/token/trial/" + "0" * 32, status=303)


def test_no_trial_begins_while_somebody_signs(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(1)
    visitor = visit(make_node(tmp_path, station.database, station.clock), station.centre)
    preview(visitor)
    visitor.post("/sign/run", signing(visitor))
    turn = visitor.place
    visitor.get("/token")
    assert "Có người đang ký trên máy này" in visitor.post("/token/trial", status=409)
    visitor.get("/token")
    visitor.post(f"{turn}/cancel")


def test_over_the_network_a_token_is_examined_and_no_pin_is_asked_for(
    tmp_path: Path, clinic: Clinic, alone: SoftHsm
) -> None:
    token = alone.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    with on_network(node_with(tmp_path, clinic, token.uri), tmp_path) as network:
        tablet = network.admitted()
        tablet.sign_in()
        tablet.get("/token")
        place = tablet.post("/token/examine").headers["Location"]
        long_work(network.app).wait()
        assert "Token dùng được" in tablet.get(place).text
        assert "mở trang này ở máy đó" in tablet.text
        assert "/token/trial" not in tablet.text
        refused = tablet.post("/token/trial")
        assert refused.status_code == 409
        assert "pass-pin-elsewhere" in refused.text


def test_a_trial_signature_cannot_be_taken_for_anything_else(tmp_path: Path, hsm: SoftHsm) -> None:
    token = hsm.add_token(LABEL, key=ec_key("token"), certificate=certificate())
    with open_signer(token.uri, Person()) as signer:
        made = sign_trial(signer)
        assert signer.operations == 1
    message = cose.parse_sign1(made, max_bytes=1_000)
    own = contexts.TOKEN_TEST
    key = certificate().public_key
    assert cose.verify_sign1(message, key, context=own.aad, content_type=own.content_type) == TRIAL_TEXT
    others = [one for one in vars(contexts).values() if isinstance(one, contexts.Context) and one != own]
    assert len(others) > 10
    for other in others:
        for content_type in (own.content_type, other.content_type):
            with pytest.raises(ProtocolError):
                cose.verify_sign1(message, key, context=other.aad, content_type=content_type)


@pytest.mark.parametrize("size", SIZES)
def test_a_trial_in_a_browser(tmp_path: Path, clinic: Clinic, alone: SoftHsm, browser: Browser, size: str) -> None:
    node = two_tokens(tmp_path, clinic, alone)
    with serving(node, clinic.centre) as (address, _), open_page(browser, size) as (page, _asked):
        sign_in(page, address, "sau")
        page.goto(f"{address}/token")
        await_focus(page, "[autofocus]")
        page.keyboard.press("Enter")
        page.locator(".facts-of-token").first.wait_for()
        page.get_by_role("button", name="Làm chữ ký thử").click()
        await_focus(page, "#pin")
        shoot(page, f"{size}-token-trial")
        assert serious(page) == []
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        page.locator(".note.good").wait_for()
        shoot(page, f"{size}-token-tried")
        assert "Chữ ký thử đúng" in page.inner_text("main")


def test_a_key_file_for_training_is_tried_with_its_password(tmp_path: Path, clinic: Clinic) -> None:
    visitor = visit(make_node(tmp_path, clinic.database), clinic.centre)
    give(trial_form(visitor), PASSWORD)
    assert "Chữ ký thử đúng" in outcome(visitor)

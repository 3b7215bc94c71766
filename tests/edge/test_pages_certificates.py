"""The page of certificates: states in sentences, both ways to register one, and the warnings on other pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.bootstrap import Node
from edge.domain.pass_journal import PassRefusedError
from edge.domain.roles import Role
from edge.store import passes
from edge.web.frame.certificate_words import serial_words
from edge.web.frame.long_work import long_work
from edge.workflow import examine_token
from edge.workflow.check_signer import signer_check
from sync_protocol.certificate import organisation_of
from sync_protocol.errors import ProtocolError
from sync_protocol.registration import Place, parse_registration, verify_possession
from sync_protocol.registration_list import RegisteredCertificate, RegistrationState
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_modules import Place as ModulePlace
from tests.browser.signing_desk import desk, outcome, preview, sign, signing, type_pin
from tests.browser.visitor import PASSWORD, USER, Visitor, make_node, visit
from tests.builders import ec_key, issue_certificate, make_ca
from tests.edge.station import AFTERNOON, DAY_SECONDS, FACILITY, NODE, OFFICER, Station, make_station
from tests.edge.test_certificates import (
    AT,
    ELSEWHERE,
    HERE,
    at_the_centre,
    ended,
    listed,
    of,
    of_others,
    over_since,
    refused,
    revoked,
    row_of,
    send,
    serial_of,
    signer_of,
    standings,
)
from tests.softhsm import PIN, Person, SoftHsm, softhsm_in

WORK = re.compile(r"/certificates/found/[0-9a-f]{24}")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


@pytest.fixture
def node(tmp_path: Path, station: Station) -> Node:
    return make_node(tmp_path, station.database, station.clock)


@pytest.fixture
def visitor(node: Node, station: Station) -> Visitor:
    return visit(node, station.centre)


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """SoftHSM is the only driver that is looked for, whatever else this machine has."""
    with softhsm_in(tmp_path / "hsm") as made:
        monkeypatch.setattr(examine_token, "known_places", lambda *_: (ModulePlace(made.module_path, "SoftHSM"),))
        monkeypatch.delenv("HCVX_PKCS11_MODULE", raising=False)
        yield made


def row_text(text: str, serial: str) -> str:
    """The row of a certificate, without its tags."""
    found = re.search(rf'<tr><th scope="row">{serial_words(serial)}<.*?</tr>', text, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def scanned(visitor: Visitor) -> str:
    """The page that says what is plugged in."""
    visitor.get("/certificates")
    visitor.post("/certificates/scan")
    long_work(visitor.client.application).wait()
    return visitor.get(next(one for one in visitor.addresses if WORK.fullmatch(one)))


def begin(visitor: Visitor, place: int = 1, officer: str = OFFICER.name) -> str:
    """Choose a certificate that was found; gives the page with the form for the PIN, or what stands there instead."""
    work = re.search(r'name="work" value="([0-9a-f]{24})"', visitor.text)
    assert work is not None
    visitor.post("/certificates/ask", {"work": work[1], "place": str(place), "officer": officer})
    desk(visitor)
    return visitor.get(visitor.place)


def test_a_token_is_found_its_pin_typed_and_the_certificate_asked_for(
    visitor: Visitor, station: Station, hsm: SoftHsm
) -> None:
    between = make_ca("Between CA", AT, parent=make_ca("Root CA", AT))
    signer = signer_of("token", organisation=HERE, authority=between)
    token = hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer))
    hsm.add_objects(token, certificate=between.certificate, object_id=b"\x09")
    text = scanned(visitor)
    # What the token carries comes first, then the training file of the settings; an authority is no choice.
    assert text.count("Đăng ký chứng thư này") == 2
    assert HERE in text
    assert serial_words(serial_of(signer)) in text
    text = begin(visitor)
    assert "TRAM 19001" in text
    assert serial_words(serial_of(signer)) in text
    assert PIN not in type_pin(visitor, PIN)
    assert "Đã niêm phong yêu cầu đăng ký chứng thư số" in visitor.text
    assert "Chờ gửi" in row_text(visitor.text, serial_of(signer))
    send(station)
    (bundle,) = at_the_centre(station)
    request = parse_registration(bundle.body)
    assert request.chain == (of(signer), between.certificate)
    assert verify_possession(request, Place(FACILITY, NODE, bundle.epoch, bundle.previous)).officer == OFFICER.name
    assert "Chờ trung tâm" in row_text(visitor.get("/certificates"), serial_of(signer))
    # What is asked for already needs no PIN to be said so.
    scanned(visitor)
    work = re.search(r'name="work" value="([0-9a-f]{24})"', visitor.text)
    assert work is not None
    text = visitor.post("/certificates/ask", {"work": work[1], "place": "1", "officer": OFFICER.name}, status=422)
    assert "đã đăng ký hoặc đang chờ" in text


def test_the_training_file_is_registered_with_its_password(visitor: Visitor, station: Station, hsm: SoftHsm) -> None:
    assert hsm.folder.exists()
    assert scanned(visitor).count("Đăng ký chứng thư này") == 1
    assert "Tệp khóa phần mềm" in visitor.text
    assert "Mật khẩu tệp khóa ký" in begin(visitor)
    with pytest.warns(UserWarning, match="tệp khóa phần mềm"):
        type_pin(visitor, PASSWORD)
    assert station.signer.certificate is not None
    assert [one.thumbprint for one in standings(station)] == [station.signer.certificate.thumbprint]


def test_a_wrong_pin_sends_nothing_and_is_asked_for_afresh(visitor: Visitor, station: Station, hsm: SoftHsm) -> None:
    signer = signer_of("token", organisation=HERE)
    hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer))
    scanned(visitor)
    begin(visitor)
    text = type_pin(visitor, "0000")
    assert "token-pin-incorrect" in text
    assert standings(station) == []
    visitor.post(f"{visitor.place}/again", {"sure": "yes"})
    type_pin(visitor, PIN)
    assert [one.serial for one in standings(station)] == [serial_of(signer)]


def test_a_cancelled_registration_sends_nothing(visitor: Visitor, station: Station, hsm: SoftHsm) -> None:
    hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer_of("token")))
    scanned(visitor)
    begin(visitor)
    place = visitor.place
    visitor.post(f"{place}/cancel")
    visitor.place = place
    assert "Đã hủy, chưa gửi gì" in outcome(visitor)
    assert standings(station) == []


def test_no_token_leads_to_the_page_that_says_why(tmp_path: Path, station: Station, hsm: SoftHsm) -> None:
    assert hsm.folder.exists()
    node = make_node(tmp_path, station.database, station.clock)
    visitor = visit(replace(node, config=replace(node.config, signer="")), station.centre)
    assert "Không thấy chứng thư số nào dùng được" in scanned(visitor)
    assert "/token" in visitor.addresses


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (revoked, "certificate-revoked"),
        (ended, "pass-certificate-ended"),
        (refused, "certificate-unregistered"),
        (of_others, "pass-certificate-foreign"),
    ],
)
def test_no_pin_is_asked_for_where_the_list_speaks_against_the_token(
    tmp_path: Path, station: Station, hsm: SoftHsm, make: object, code: str
) -> None:
    signer = signer_of("token", organisation=ELSEWHERE)
    token = hsm.add_token("TRAM 19001", key=ec_key("token"), certificate=of(signer))
    assert callable(make)
    listed(station, make(signer))
    station.record(2)
    # At the terminal …
    person = Person()
    check = signer_check(station.database, station.clock.now)
    with (
        pytest.raises((ProtocolError, PassRefusedError), match=f"^{code}: "),
        open_signer(token.uri, person, check=check),
    ):
        pass
    assert person.questions == []
    # … and in the browser, where the page never gets a form for it.
    node = make_node(tmp_path, station.database, station.clock)
    visitor = visit(replace(node, config=replace(node.config, signer=token.uri)), station.centre)
    preview(visitor)
    visitor.post("/sign/run", signing(visitor))
    assert desk(visitor) == ""
    assert f"<code>{code}</code>" in outcome(visitor)
    with station.database.read() as tables:
        assert passes.numbers(tables) == []
    # As soon as the centre has registered it the same selection is signed.
    listed(station, row_of(signer))
    preview(visitor)
    assert "Đã ký 2 mũi tiêm" in sign(visitor, pin=PIN)


def test_somebody_elses_search_and_registration_are_not_shown(node: Node, station: Station, hsm: SoftHsm) -> None:
    assert hsm.folder.exists()
    one = visit(node, station.centre)
    scanned(one)
    begin(one)
    found = next(address for address in one.addresses if WORK.fullmatch(address))
    other = visit(node, station.centre, roles=[Role.MANAGER])
    for place in (found, one.place):
        other.get(place, status=303)
    one.post(f"{one.place}/cancel")


def test_a_number_is_typed_and_asked_for(visitor: Visitor, station: Station) -> None:
    visitor.get("/certificates")
    assert f'value="{USER}"' in visitor.text
    text = visitor.post("/certificates/number", {"serial": "54:03:a1 F0", "base": "16", "officer": OFFICER.name})
    assert f"chứng thư số {serial_words('5403A1F0')}" in text
    assert "chưa biết tên tổ chức" in row_text(text, "5403A1F0")
    visitor.post("/certificates/number", {"serial": "255", "base": "10", "officer": OFFICER.name})
    assert {one.serial for one in standings(station)} == {"5403A1F0", "FF"}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"serial": "số", "officer": "A B"}, "Số sê-ri không đúng dạng"),
        ({"serial": "54", "officer": " "}, "Họ tên người ký còn trống"),
    ],
)
def test_a_fault_stands_beside_its_field_and_what_was_typed_stays(
    visitor: Visitor, form: dict[str, str], said: str
) -> None:
    visitor.get("/certificates")
    text = visitor.post("/certificates/number", form, status=422)
    assert re.search(rf'class="told"[^>]*>.*?{said}', text)
    assert f'value="{form["serial"]}"' in text


@pytest.mark.parametrize(
    ("make", "word", "sentence"),
    [
        (row_of, "Đã đăng ký", "ký được"),
        (revoked, "Đã bị thu hồi", "không ký được nữa"),
        (ended, "Hết đăng ký", "Chữ ký cũ vẫn có giá trị"),
        (over_since, "Hết đăng ký", "Chữ ký cũ vẫn có giá trị"),
        (refused, "Không được đăng ký", "Liên hệ trung tâm"),
        (
            lambda signer: row_of(signer, state=RegistrationState.ASKED, remark="registration-conflict"),
            "Chờ trung tâm",
            "đăng ký cho một cơ sở khác",
        ),
    ],
)
def test_every_state_is_a_word_and_a_sentence(
    visitor: Visitor, station: Station, make: object, word: str, sentence: str
) -> None:
    signer = signer_of("signing")
    assert callable(make)
    listed(station, make(signer))
    said = row_text(visitor.get("/certificates"), serial_of(signer))
    assert word in said
    assert sentence in said


def ending(signer: KeySigner, days: int, **changes: object) -> RegisteredCertificate:
    return row_of(signer, not_after=AFTERNOON + days * DAY_SECONDS, **changes)


@pytest.mark.parametrize(
    ("days", "said"),
    [(100, None), (60, 'class="note plain"'), (20, 'class="note warning"'), (3, 'class="note danger"')],
)
def test_the_end_of_the_one_that_signs_is_warned_of_where_people_work(
    visitor: Visitor, station: Station, days: int, said: str | None
) -> None:
    listed(station, ending(signer_of("signing"), days))
    for page in ("/", "/sign"):
        text = visitor.get(page)
        assert ("Chứng thư số dùng để ký còn" in text) is (said is not None)
        if said is not None:
            assert said in text
            assert f"còn {days} ngày" in text
            assert 'href="/certificates"' in text


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (revoked, "đã bị thu hồi"),
        (ended, "hết đăng ký"),
        (lambda signer: ending(signer, -1), "hết hạn"),
        (lambda signer: row_of(signer, crl_at=AFTERNOON - 8 * DAY_SECONDS), "đã cũ hơn 7 ngày"),
    ],
)
def test_what_hinders_or_weakens_signing_is_said_where_people_work(
    visitor: Visitor, station: Station, make: object, said: str
) -> None:
    assert callable(make)
    listed(station, make(signer_of("signing")))
    for page in ("/", "/sign"):
        assert said in visitor.get(page)


def test_a_fresh_list_of_revocations_and_an_unknown_one_are_no_warning(visitor: Visitor, station: Station) -> None:
    signer = signer_of("signing")
    listed(station, row_of(signer, crl_at=AFTERNOON - 6 * DAY_SECONDS))
    assert "thu hồi chứng thư số" not in visitor.get("/")
    assert "Danh sách thu hồi ngày 09/04/2022" in row_text(visitor.get("/certificates"), serial_of(signer))
    listed(station, row_of(signer))
    assert "Chưa có danh sách thu hồi" in row_text(visitor.get("/certificates"), serial_of(signer))


def test_the_signers_setting_says_which_certificate_is_meant(tmp_path: Path, station: Station) -> None:
    old, new = signer_of("old", days=130), signer_of("new")
    listed(station, row_of(old), row_of(new))
    node = make_node(tmp_path, station.database, station.clock)
    for signer, is_warned in ((old, True), (new, False)):
        config = replace(node.config, signer=f"pkcs11:token=T;serial={serial_of(signer)}")
        text = visit(replace(node, config=config), station.centre).get("/")
        assert ("Chứng thư số dùng để ký còn" in text) is is_warned


def test_the_pages_are_for_signers_and_managers(node: Node, station: Station) -> None:
    for roles, status in (([Role.SIGNER], 200), ([Role.MANAGER], 200), ([Role.RECEPTION, Role.INJECTION], 403)):
        visit(node, station.centre, roles=roles).get("/certificates", status=status)


def test_the_organisation_of_a_certificate_is_its_o_and_nothing_odd() -> None:
    key, at, ca = ec_key("odd"), AT, make_ca("Odd CA", AT)
    for said, read in ((HERE, HERE), ("", ""), ("Trạm  Y  tế", "Trạm Y tế"), ("Trạm\u202exã", "")):
        certificate = issue_certificate(ca, key, subject="x", at=at, organisation=said)
        assert organisation_of(certificate) == read


def test_the_name_that_signs_is_the_one_for_which_the_certificate_is_registered(
    visitor: Visitor, station: Station
) -> None:
    station.record(1)
    assert f'name="officer" type="text" value="{USER}"' in preview(visitor)
    listed(station, row_of(station.signer, officer="Lê Thị Hoa"))
    assert 'name="officer" type="text" value="Lê Thị Hoa"' in preview(visitor)

"""The page of a passport: eleven fields, a QR for each dose that scanners read, an address without the person."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import zxingcpp
from flask.testing import FlaskClient

from central.web.qr_svg import QUIET_MODULES, draw_qr
from central.workflow.show_passport import passport_texts
from sync_protocol.errors import ProtocolError
from sync_protocol.hc1_verification import verify_hc1
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState, PaperKind
from sync_protocol.manifest import Purpose
from sync_protocol.trust import trust_from_file
from tests.central.pages import SECRETS, a_passport, assert_quiet, end_of_day, pages_client, read_page
from tests.central.scenario import MORNING, World, recipient

_RUN: Final = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")
_QR: Final = re.compile(r'viewBox="0 0 (\d+) \1" role="img".*?<path d="([^"]+)"', re.DOTALL)
_STATIC: Final = Path(__file__).parents[2] / "central" / "web" / "static"
MONTH: Final = 30 * 86_400


@pytest.fixture
def client(world: World) -> FlaskClient:
    """Somebody with a dose of each of two sites, and a foreigner."""
    one, two = world.site(), world.site("19002", "19002A")
    first = one.dose(4, given_at=MORNING - MONTH, recorded_at=MORNING - MONTH, late_reason="Mất điện", product="VC")
    world.know([first])
    one.send([first], purpose=Purpose.BACKLOG)
    two.send([two.dose(4, dose_number=2, product="PF")])
    foreigner = replace(recipient(5), name="Zoë Müller", paper=PaperKind.PASSPORT, number="C01X00T47", nationality="DE")
    vouched = IdentityEvidence(IdentityState.VOUCHED, EvidenceSource.VOUCHED, "", MORNING)
    two.send([two.dose(5, recipient=foreigner, evidence=vouched)])
    assert end_of_day(world).issued == 3
    return pages_client(world)


def passports(world: World) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Name and texts by the number of doses."""
    return {len(held.texts): (held.id, held.texts) for held in passport_texts(world.centre.engine)}


def scan(size: int, path: str, *, pixels: int = 4) -> zxingcpp.Barcode:
    """Fills the path as a browser does, and has a scanner read the picture."""
    modules = np.full((size, size), 255, dtype=np.uint8)
    covered = 0
    for x, y, width in ((int(run[1]), int(run[2]), int(run[3])) for run in _RUN.finditer(path)):
        modules[y, x : x + width] = 0
        covered += 1
    assert covered == path.count("M")
    found = zxingcpp.read_barcodes(np.kron(modules, np.ones((pixels, pixels), dtype=np.uint8)))
    assert len(found) == 1
    return found[0]


def test_the_eleven_fields_stand_on_the_page_in_their_words(world: World, client: FlaskClient) -> None:
    name, _ = passports(world)[2]
    html = client.get(f"/passports/{name}").text
    assert_quiet(html)
    _, said = read_page(html)
    uvci = f"URN:UVCI:01:VN:{name.replace('-', '/')}#"
    for field in (
        "1 Họ và tên Full name Nguyễn Văn Ý",
        "2 Ngày sinh Date of birth 05/03/1954",
        "3 Quốc tịch Nationality Việt Nam",
        "4 Bệnh được tiêm phòng Disease targeted COVID-19",
        "5 Số mũi đã tiêm Doses received 2",
        "6 Ngày tiêm Date of vaccination 15/04/2022",
        "7 Mũi số Dose 2 / 2",
        "8 Vắc xin Vaccine Vắc xin mRNA phòng SARS-CoV-2",
        "9 Sản phẩm Product Pfizer",
        "10 Đơn vị cung cấp Holder or manufacturer BioNTech Manufacturing GmbH",
        f"11 Mã số chứng nhận Certificate number {uvci}",
        "Số lô Lot FG12345",
        "Cơ sở tiêm Vaccination centre Trạm y tế 19002",
    ):
        assert field in said
    # The dose of the other site comes behind it.
    assert said.index("Mũi 2 mới nhất") < said.index("Mũi 1 6 Ngày tiêm Date of vaccination 16/03/2022")
    assert "7 Mũi số Dose 1 / 2" in said
    # Number, phone and address are nowhere.
    assert re.search(r"019[01]\d{8}|0961234567|05413", html) is None


def test_each_qr_is_read_back_as_the_certificate_that_verifies(world: World, client: FlaskClient) -> None:
    name, texts = passports(world)[2]
    pictures = _QR.findall(client.get(f"/passports/{name}").text)
    assert len(pictures) == 2
    trust = trust_from_file(client.get("/v1/trust-list").data, at=None)
    for (size, path), text in zip(pictures, texts, strict=True):
        read = scan(int(size), path)
        assert (read.text, read.ec_level) == (text, "Q")
        verify_hc1(read.text, trust, at=world.clock.now())
        with pytest.raises(ProtocolError):
            verify_hc1(read.text[:-1] + ("0" if read.text[-1] != "0" else "1"), trust, at=world.clock.now())


def test_a_passport_of_any_of_its_certificates_is_the_same_page(world: World, client: FlaskClient) -> None:
    name, _ = passports(world)[2]
    html = client.get(f"/passports/{name}").text
    other = re.findall(r"URN:UVCI:01:VN:(\w+)/(\w+)#", html)[1]
    assert client.get(f"/passports/{other[0]}-{other[1]}").text == html


def test_nationality_comes_from_the_record(world: World, client: FlaskClient) -> None:
    name, _ = passports(world)[1]
    _, said = read_page(client.get(f"/passports/{name}").text)
    assert "3 Quốc tịch Nationality Đức" in said
    assert "C01X00T47" not in said


def test_the_card_shows_each_dose_with_its_qr(world: World, client: FlaskClient) -> None:
    name, texts = passports(world)[2]
    html = client.get(f"/passports/{name}?form=card").text
    assert_quiet(html)
    assert [scan(int(size), path).text for size, path in _QR.findall(html)] == list(texts)


def test_addresses_hold_nothing_of_the_person(world: World, client: FlaskClient) -> None:
    assert SECRETS.search(a_passport(world)) is None
    assert re.fullmatch(r"19002-[A-Z2-7]{16}", passports(world)[2][0])


@pytest.mark.parametrize("name", ["19002-AAAAAAAAAAAAAAAA", "019190000001", "x", "19002", "19002-%00"])
def test_what_leads_to_no_passport_is_not_found(client: FlaskClient, name: str) -> None:
    assert client.get(f"/passports/{name}").status_code == 404


def test_a_form_that_is_not_there_and_somebody_from_elsewhere_are_refused(world: World, client: FlaskClient) -> None:
    address = f"/passports/{a_passport(world)}"
    assert client.get(f"{address}?form=poster").status_code == 400
    assert client.get(address, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403


@pytest.mark.parametrize(("chars", "version"), [(568, 18), (644, 19), (938, 24)])
def test_a_qr_has_its_quiet_zone_and_is_read_back(chars: int, version: int) -> None:
    text = ("HC1:" + "NCFOXN%TS3DH3ZSUZK+.V0ETD%65NL-AH-R6IOOK*" * 30)[:chars]
    picture = draw_qr(text)
    assert picture.size == 17 + 4 * version + 2 * QUIET_MODULES
    runs = [(int(run[1]), int(run[2]), int(run[3])) for run in _RUN.finditer(picture.path)]
    assert min(x for x, _, _ in runs) == min(y for _, y, _ in runs) == QUIET_MODULES
    assert max(x + width for x, _, width in runs) == picture.size - QUIET_MODULES
    read = scan(picture.size, picture.path)
    assert (read.text, read.ec_level) == (text, "Q")


def test_a_text_outside_the_alphanumeric_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode"):
        draw_qr("HC1:é")


def test_printed_codes_are_at_least_35_mm_wide_inside_their_quiet_zone() -> None:
    sheet, card = ((_STATIC / name).read_text(encoding="utf-8") for name in ("passport.css", "card.css"))
    printed = sheet[sheet.index("@media print") :]
    widths = [int(found) for found in re.findall(r"grid-template-columns: (\d+)mm minmax", printed)]
    widths += [int(found) for found in re.findall(r"grid-template-columns: calc\((\d+) \* var", card)][:1]
    assert len(widths) == 3
    # The smaller the version, the larger the share of the quiet zone; ours begin at version 18.
    modules = 17 + 4 * 18
    assert all(width * modules / (modules + 2 * QUIET_MODULES) >= 35 for width in widths)

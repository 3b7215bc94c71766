"""The paper to take home: provisional, complete, with a QR that names the record and nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from edge.domain.roles import Role
from edge.web.desks.slip import draw
from edge.workflow.correct_dose import Correction, correct_dose
from edge.workflow.record_dose import Submission
from tests.browser.visitor import Visitor, make_node, visit
from tests.edge.clinic import NOW, NURSE, Clinic, facts, make_clinic, villager

CODE = "19001A-000001"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = make_clinic(tmp_path)
    made.record(Submission("dose-0001", villager(1), facts(given_at=NOW - 600)))
    return made


@pytest.fixture
def visitor(tmp_path: Path, clinic: Clinic) -> Visitor:
    return visit(make_node(tmp_path, clinic.database), clinic.centre, roles=[Role.OBSERVATION])


def test_everything_that_the_person_needs_is_on_the_paper(visitor: Visitor) -> None:
    text = visitor.get("/doses/1/slip")
    for said in (
        *("TẠM THỜI", "PROVISIONAL", "Giấy xác nhận đã tiêm", "Trạm Y tế xã Hòa Hiệp", villager(1).name, "01/03/1985"),
        *("AstraZeneca", "ABX1234", "1/2", "16:20", "15/04/2022", "Lê Văn Kim", CODE, "12 tháng"),
    ):
        assert said in text, said
    # A paper, and not a page of the program: no header, no places.
    assert "<nav" not in text
    assert "Chưa gửi" not in text
    # The identity number and the phone stay in the program.
    assert villager(1).number not in text
    assert villager(1).phone not in text


def test_the_picture_holds_the_tracking_code_and_nothing_else(visitor: Visitor) -> None:
    text = visitor.get("/doses/1/slip")
    assert draw(CODE).path in text
    drawn = draw(CODE)
    scale = 4
    picture = Image.new("L", (drawn.size * scale, drawn.size * scale), 255)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawn.path):
        left, top = int(x) * scale, int(y) * scale
        picture.paste(0, (left, top, left + int(width) * scale, top + scale))
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [CODE]


def test_the_quiet_zone_is_part_of_the_picture() -> None:
    drawn = draw(CODE)
    columns = [int(x) for x in re.findall(r"M(\d+) ", drawn.path)]
    rows = [int(y) for y in re.findall(r"M\d+ (\d+)h", drawn.path)]
    assert min(columns) == min(rows) == 4
    assert max(rows) == drawn.size - 5


def test_the_paper_is_always_of_the_newest_version(visitor: Visitor, clinic: Clinic) -> None:
    correction = Correction("correct-1", 1, facts(given_at=NOW - 600, lot="RIGHT01"), "ghi nhầm lô")
    correct_dose(clinic.database, correction, catalogue=clinic.catalogue, at=NOW, by=NURSE)
    answer = visitor.client.get("/doses/1/slip?back=observation", base_url="http://127.0.0.1:8750")
    assert answer.headers["Location"] == "/doses/2/slip?back=observation"
    text = visitor.get("/doses/2/slip?back=observation")
    assert "RIGHT01" in text
    assert 'href="/observation"' in text


def test_who_may_print_and_what_is_not_there(tmp_path: Path, visitor: Visitor, clinic: Clinic) -> None:
    visitor.get("/doses/99/slip", status=404)
    node = make_node(tmp_path, clinic.database)
    for role in Role:
        allowed = role is not Role.SIGNER
        visit(node, clinic.centre, roles=[role]).get("/doses/1/slip", status=200 if allowed else 403)

"""Numbers on identity papers, what they say of their bearer, and the QR of the card."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.code_words import words
from edge.domain.identity_papers import (
    check_number,
    is_phone,
    is_well_formed,
    parse_card,
    propose_number,
    propose_phone,
    recognise_paper,
    tidy_phone,
)
from edge.domain.refusals import EdgeCode, RefusedError
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind, Sex

CARD = "054185000001|221234567|Nguyễn Thị Ánh|01031985|Nữ|Thôn Hai, Xã Hòa Hiệp, Phú Yên|25042021"


@pytest.mark.parametrize(
    ("text", "nationality", "kind", "number", "is_good"),
    [
        ("054185000001", "VN", PaperKind.CCCD, "054185000001", True),
        ("054 185 000 001", "VN", PaperKind.CCCD, "054185000001", True),
        ("054.185.000-001", "VN", PaperKind.CCCD, "054185000001", True),
        ("221234567", "VN", PaperKind.CMND, "221234567", True),
        ("b1234567", "VN", PaperKind.PASSPORT, "B1234567", True),
        ("123456789", "US", PaperKind.PASSPORT, "123456789", True),
        ("AB", "US", PaperKind.PASSPORT, "AB", False),
        ("", "VN", PaperKind.NONE, "", True),
        ("  ", "LA", PaperKind.NONE, "", True),
        ("5418500001", "VN", PaperKind.CCCD, "5418500001", False),
        ("0541850000012", "VN", PaperKind.CCCD, "0541850000012", False),
        ("０５４１８５０００００１", "VN", PaperKind.CCCD, "０５４１８５０００００１", False),
        ("٠٥٤١٨٥٠٠٠٠٠١", "VN", PaperKind.CCCD, "٠٥٤١٨٥٠٠٠٠٠١", False),
    ],
)
def test_a_number_tells_its_paper(text: str, nationality: str, kind: PaperKind, number: str, is_good: bool) -> None:
    paper = recognise_paper(text, nationality=nationality)
    assert (paper.kind, paper.number, paper.is_well_formed) == (kind, number, is_good)
    assert is_well_formed(paper.kind, paper.number) is is_good


@given(st.text(max_size=40))
def test_recognition_and_grammar_never_disagree(text: str) -> None:
    paper = recognise_paper(text)
    assert paper.is_well_formed is is_well_formed(paper.kind, paper.number)
    if paper.is_well_formed:
        assert paper.number.isascii()


@pytest.mark.parametrize(
    ("number", "sex", "birth_date", "codes"),
    [
        ("054185000001", Sex.F, "1985-03-01", []),
        ("054085000001", Sex.M, "1985-03-01", []),
        ("054185000001", Sex.F, "1985", []),
        ("054305000001", Sex.F, "2005-03-01", []),
        ("054205000001", Sex.M, "2005-03-01", []),
        ("054185000001", Sex.M, "1985-03-01", [EdgeCode.NUMBER_SEX]),
        ("054385000001", Sex.F, "1985-03-01", [EdgeCode.NUMBER_SEX]),
        ("054185000001", Sex.F, "1986-03-01", [EdgeCode.NUMBER_YEAR]),
        ("999185000001", Sex.F, "1985-03-01", [EdgeCode.NUMBER_PROVINCE]),
        ("999085000001", Sex.F, "1999", [EdgeCode.NUMBER_PROVINCE, EdgeCode.NUMBER_SEX, EdgeCode.NUMBER_YEAR]),
        ("12345", Sex.F, "1985-03-01", [Code.IDENTITY_MALFORMED]),
    ],
)
def test_century_sex_year_and_province_are_compared_with_what_was_typed(
    number: str, sex: Sex, birth_date: str, codes: list[object]
) -> None:
    findings = check_number(PaperKind.CCCD, number, sex=sex, birth_date=birth_date)
    assert [finding.code for finding in findings] == codes
    assert not any(finding.blocking for finding in findings)
    assert all(words(finding.code).vi and words(finding.code).cure for finding in findings)


def test_an_old_number_says_nothing_of_its_bearer() -> None:
    assert check_number(PaperKind.CMND, "221234567", sex=Sex.M, birth_date="1985") == ()


@pytest.mark.parametrize(
    ("text", "sex", "birth_date", "proposal"),
    [
        ("54185000001", Sex.F, "1985-03-01", "054185000001"),
        ("1185000001", Sex.F, "1985-03-01", "001185000001"),
        ("21234567", Sex.F, "1985-03-01", "021234567"),
        ("54185000001", Sex.M, "1985-03-01", None),
        ("54185000001", Sex.F, "1990-03-01", None),
        ("05418500001", Sex.F, "1985-03-01", None),
        ("054185000001", Sex.F, "1985-03-01", None),
        ("5418500000X", Sex.F, "1985-03-01", None),
        ("", Sex.F, "1985-03-01", None),
    ],
)
def test_a_lost_zero_is_proposed_only_where_the_number_then_fits_the_person(
    text: str, sex: Sex, birth_date: str, proposal: str | None
) -> None:
    assert propose_number(text, sex=sex, birth_date=birth_date) == proposal


def test_phones() -> None:
    assert tidy_phone("+84 912-345.678") == "0912345678"
    assert is_phone("0912345678")
    assert not is_phone("912345678")
    assert not is_phone("０９１２３４５６７８")
    assert propose_phone("912345678") == "0912345678"
    assert propose_phone("0912345678") is None


def test_a_card_fills_the_form() -> None:
    card = parse_card(CARD)
    assert (card.number, card.old_number, card.name) == ("054185000001", "221234567", "Nguyễn Thị Ánh")
    assert (card.sex, card.birth_date) == (Sex.F, "1985-03-01")


def test_the_card_of_2024_has_more_fields_and_empty_ones_are_kept() -> None:
    text = CARD.replace("|221234567|", "||") + "|Nguyễn Văn Ba|Trần Thị Tư||x"
    assert parse_card(text).old_number == ""


def test_a_card_in_nfd_gives_a_name_in_nfc() -> None:
    assert parse_card(unicodedata.normalize("NFD", CARD)).name == "Nguyễn Thị Ánh"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "054185000001",
        CARD.rsplit("|", 1)[0],
        CARD.replace("054185000001", "０５４１８５０００００１"),
        CARD.replace("054185000001", "54185000001"),
        CARD.replace("01031985", "31021985"),
        CARD.replace("01031985", "1985"),
        CARD.replace("|Nữ|", "|Khác|"),
        CARD.replace("Ánh", "Ánh\x07"),
        CARD.replace("Ánh", "Ánh\u202e"),
        CARD.replace("Nguyễn Thị Ánh", ""),
        CARD.replace("Nguyễn Thị Ánh", "A" * 101),
        CARD + "|" + "x" * 1_000_000,
    ],
)
def test_any_other_text_is_no_card_and_its_error_names_nobody(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_card(text)
    assert caught.value.findings[0].code is EdgeCode.CARD_UNREADABLE
    assert "Nguyễn" not in str(caught.value)
    assert "054185000001" not in str(caught.value)


@given(st.text(max_size=300))
def test_no_scanned_text_brings_anything_but_a_refusal(text: str) -> None:
    try:
        parse_card(text)
    except RefusedError:
        return
    assert text.count("|") >= 6

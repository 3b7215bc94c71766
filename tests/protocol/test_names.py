"""Names: folded for matching, transliterated for the passport, split into two."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.errors import Code
from sync_protocol.names import fold, icao, split_name
from tests.protocol.refusals import refusal_of, refused

VOWELS = "aăâeêioôơuưy"
MARKS = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
VIETNAMESE = [unicodedata.normalize("NFC", letter + mark) for letter in VOWELS for mark in MARKS] + ["đ"]


@pytest.mark.parametrize("letter", VIETNAMESE)
def test_every_vietnamese_letter_is_written_with_one_of_a_to_z(letter: str) -> None:
    base = unicodedata.normalize("NFD", letter)[0].upper() if letter != "đ" else "D"
    for form in (letter, letter.upper(), unicodedata.normalize("NFD", letter)):
        assert icao(form) == base
        assert fold(form) == base


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Nguyễn Thị Phương Ánh", "NGUYEN<THI<PHUONG<ANH"),
        ("ĐỖ ĐÌNH ĐÀO", "DO<DINH<DAO"),
        ("Ðỗ Ɖình", "DO<DINH"),
        ("H'Hen Niê", "HHEN<NIE"),
        ("H’Hen", "HHEN"),
        ("Jean-Pierre, St. John", "JEAN<PIERRE<ST<JOHN"),
        ("Gößinger", "GOSSINGER"),
        ("Ærø Łukasz", "AEROE<LUKASZ"),
        ("  Lê   Văn  ", "LE<VAN"),
    ],
)
def test_names_are_transliterated_as_icao_asks(name: str, written: str) -> None:
    assert icao(name) == written


@pytest.mark.parametrize("name", ["", "  ", "王", "Nguyễn 2", "Иван", "A" * 81, "---", "Lê\u202eVăn"])
def test_names_that_cannot_be_written_are_refused(name: str) -> None:
    with refused(Code.NAME_UNWRITABLE):
        icao(name)


@given(st.text(max_size=30))
def test_a_transliteration_is_always_in_the_alphabet_or_refused(name: str) -> None:
    code = refusal_of(lambda: icao(name))
    assert code in (None, Code.NAME_UNWRITABLE)
    if code is None:
        assert re.fullmatch(r"[A-Z<]{1,80}", icao(name))


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@pytest.mark.parametrize(
    ("name", "family", "parts"),
    [
        ("Nguyễn Văn An", None, ("Nguyễn", "Văn An")),
        ("Nguyễn Văn An", "", ("Nguyễn", "Văn An")),
        ("H'Hen Niê", "Niê", ("Niê", "H'Hen")),
        ("Tôn Nữ Thị Ninh", "Tôn Nữ", ("Tôn Nữ", "Thị Ninh")),
        ("Suharto", "Suharto", ("Suharto", "")),
        ("nguyễn văn an", "NGUYEN", ("nguyễn", "văn an")),
        (unicodedata.normalize("NFD", "Lê Ánh"), None, ("Lê", "Ánh")),
    ],
)
def test_names_are_split(name: str, family: str | None, parts: tuple[str, str]) -> None:
    assert split_name(name, family) == parts


@pytest.mark.parametrize(("name", "family"), [("Suharto", None), ("", None), ("Lê Văn An", "Trần")])
def test_names_that_cannot_be_split_are_refused(name: str, family: str | None) -> None:
    with refused(Code.NAME_UNWRITABLE):
        split_name(name, family)

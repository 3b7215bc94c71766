"""Every code has its row, and every row says what it should to people."""

from __future__ import annotations

import unicodedata

import pytest

from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS

STATUSES = {400, 403, 404, 409, 413, 422, 429}


def test_every_code_has_a_row_and_every_row_a_code() -> None:
    assert set(PROBLEMS) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_row_has_a_known_status_and_three_sentences(code: Code) -> None:
    problem = PROBLEMS[code]
    assert problem.status in STATUSES
    for sentence in (problem.vi, problem.cure, problem.en):
        assert sentence.endswith(".")
        assert sentence == sentence.strip()
        assert unicodedata.is_normalized("NFC", sentence)
        assert len(sentence) <= 100


@pytest.mark.parametrize("code", Code)
def test_the_words_for_people_are_vietnamese(code: Code) -> None:
    problem = PROBLEMS[code]
    assert not problem.vi.isascii()
    assert not problem.cure.isascii()
    assert problem.en.isascii()


def test_no_two_codes_are_told_in_the_same_words() -> None:
    for kind in ("vi", "en"):
        sentences = [getattr(problem, kind) for problem in PROBLEMS.values()]
        assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.TOO_LARGE, 413),
        (Code.NOT_CBOR, 400),
        (Code.SIGNATURE_INVALID, 403),
        (Code.NODE_UNKNOWN, 404),
        (Code.NOT_NEXT, 409),
        (Code.ROOT_MISMATCH, 422),
        (Code.LATER, 429),
    ],
)
def test_the_statuses_are_those_of_the_witness_protocol(code: Code, status: int) -> None:
    assert PROBLEMS[code].status == status

"""Base45: the examples of the RFC, the round trip, and what must be refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import base45
from sync_protocol.errors import Code
from tests.protocol.refusals import refusal_of, refused

# RFC 9285, 4.3 and 4.4.
EXAMPLES = [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]


@pytest.mark.parametrize(("data", "text"), EXAMPLES)
def test_the_examples_of_the_rfc_hold_both_ways(data: bytes, text: str) -> None:
    assert base45.encode(data) == text
    assert base45.decode(text) == data


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_a_batch_comes_back_as_it_went(messages: list[bytes]) -> None:
    texts = base45.encode_many(messages)
    assert texts == [base45.encode(message) for message in messages]
    assert base45.decode_many(texts) == messages


@given(st.text(alphabet=base45.ALPHABET.decode() + "=ạ\n", max_size=12))
def test_what_decodes_has_one_text_only(text: str) -> None:
    code = refusal_of(lambda: base45.decode(text))
    assert code in (None, Code.HC1_BASE45)
    if code is None:
        assert base45.encode(base45.decode(text)) == text


@pytest.mark.parametrize("text", ["A", "AAAA", "GGW", ":::", "::", "AB=", "ab0", "BBẠ", "BB8\n00"])
def test_impossible_texts_are_refused(text: str) -> None:
    with refused(Code.HC1_BASE45):
        base45.decode(text)


def test_one_bad_text_refuses_its_batch() -> None:
    with refused(Code.HC1_BASE45):
        base45.decode_many(["BB8", "::", "BB8"])


def test_nothing_encodes_to_nothing() -> None:
    assert base45.encode(b"") == ""
    assert base45.decode("") == b""
    assert base45.encode_many([]) == []

"""UVCIs: how ours are made, which slips of the hand the check character catches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.errors import Code
from sync_protocol.uvci import ALPHABET, UVCI_CHARS, check_character, check_uvci, make_uvci
from tests.protocol.refusals import refusal_of, refused

CODES = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)
OPAQUES = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("body", "check"),
    [
        # From the European test data (AT) and the annex of the guidelines.
        ("URN:UVCI:01:AT:10807843F94AEE0EE5093FBC254BD813", "B"),
        ("URN:UVCI:01:SE:EHM/C878/123456789ABC", "B"),
    ],
)
def test_the_check_character_is_that_of_the_annex(body: str, check: str) -> None:
    assert check_character(body) == check


@given(CODES, OPAQUES)
def test_what_we_make_passes_the_check(site: str, opaque: str) -> None:
    code = refusal_of(lambda: make_uvci(site, opaque))
    assert (code is None) == (len(site) + len(opaque) + len("URN:UVCI:01:VN:/#X") <= UVCI_CHARS)
    if code is None:
        uvci = make_uvci(site, opaque)
        check_uvci(uvci)
        assert uvci.startswith(f"URN:UVCI:01:VN:{site}/")


@given(CODES, st.integers(min_value=15, max_value=30), st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_caught(opaque: str, place: int, character: str) -> None:
    uvci = make_uvci("19001A", opaque)
    if place >= len(uvci) - 2 or uvci[place] == character:
        return
    with refused(Code.UVCI_INVALID):
        check_uvci(uvci[:place] + character + uvci[place + 1 :])


@pytest.mark.parametrize(
    ("site", "opaque"),
    [("", "A"), ("A", ""), ("a", "B"), ("A B", "C"), ("A/B", "C"), ("A", "Đ"), ("A" * 20, "B" * 40), ("A" * 21, "B")],
)
def test_malformed_parts_are_refused(site: str, opaque: str) -> None:
    with refused(Code.UVCI_INVALID):
        make_uvci(site, opaque)


@pytest.mark.parametrize(
    "text", ["", "URN:UVCI:01:VN:", "urn:uvci:01:VN:A/B#X", "URN:UVCI:01:VN:A/B", "URN:UVCI:01:VN:A/B#!", "X" * 61]
)
def test_malformed_uvcis_are_refused(text: str) -> None:
    with refused(Code.UVCI_INVALID):
        check_uvci(text)

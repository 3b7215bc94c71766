"""Verdicts that change after the receipt: written once, read strictly, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from sync_protocol.verdict_changes import VerdictChange, VerdictChanges, encode_changes, in_items, parse_changes

AT = 1_649_415_600
REVOKED = Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED)
REFUSED = Verdict(VerdictState.REFUSED, Code.DOSE_DUPLICATE)
VERDICTS = (ADMITTED, REVOKED, REFUSED)


@st.composite
def changes(draw: st.DrawFn) -> VerdictChanges:
    numbers = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=20)))
    made = []
    for number in numbers:
        before, after = draw(st.permutations(VERDICTS))[:2]
        made.append(VerdictChange(number, draw(st.integers(1, 9)), before, after, AT + draw(st.integers(0, 1))))
    return VerdictChanges("19001A", tuple(made))


@given(changes())
def test_what_is_written_is_read(told: VerdictChanges) -> None:
    assert parse_changes(encode_changes(told)) == told


def test_a_whole_turn_that_is_held_back_costs_some_bytes_a_dose() -> None:
    every = tuple(VerdictChange(900 + n, n, ADMITTED, REVOKED, AT) for n in range(1, limits.BATCH_DOSES + 1))
    encoded = encode_changes(VerdictChanges("19001A", every))
    assert len(encoded) < 4 * limits.BATCH_DOSES
    assert [len(part) for part in in_items((*every, *every))] == [limits.BATCH_DOSES] * 2
    with pytest.raises(ProtocolError):
        encode_changes(VerdictChanges("19001A", (*every, VerdictChange(9_999, 1, ADMITTED, REVOKED, AT))))


GROUP = [1, 0, "", 1, "certificate-revoked", AT, [7]]


@pytest.mark.parametrize(
    "body",
    [
        {1: "19001A"},
        {1: "19001A", 2: []},
        {1: "no code", 2: [GROUP]},
        {1: "19001A", 2: [GROUP], 3: 1},
        {1: "19001A", 2: [GROUP[:-1]]},
        {1: "19001A", 2: [[0, *GROUP[1:]]]},
        {1: "19001A", 2: [[True, *GROUP[1:]]]},
        {1: "19001A", 2: [GROUP, GROUP]},
        {1: "19001A", 2: [[1, 0, "", 0, "", AT, [7]]]},
        {1: "19001A", 2: [[1, 0, "dose-order", 1, "dose-order", AT, [7]]]},
        {1: "19001A", 2: [[1, 0, "", 1, "", AT, [7]]]},
        {1: "19001A", 2: [[1, 0, "", 1, "of-tomorrow", AT, [7]]]},
        {1: "19001A", 2: [[1, 0, "", 3, "dose-order", AT, [7]]]},
        {1: "19001A", 2: [[1, 0, "", 1, "dose-order", limits.INSTANT + 1, [7]]]},
        {1: "19001A", 2: [[1, 0, "", 1, "dose-order", AT, []]]},
        {1: "19001A", 2: [[1, 0, "", 1, "dose-order", AT, [0]]]},
        {1: "19001A", 2: [[1, 0, "", 1, "dose-order", AT, [1] * (limits.BATCH_DOSES + 1)]]},
    ],
)
def test_the_reader_is_strict(body: object) -> None:
    with pytest.raises(ProtocolError):
        parse_changes(cbor.encode(body))


def test_more_than_a_message_holds_is_not_even_decoded() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_changes(bytes(limits.MESSAGE_BYTES + 1))
    assert caught.value.code is Code.TOO_LARGE

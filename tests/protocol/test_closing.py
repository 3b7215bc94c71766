"""A closing sheet comes back as it was written, and one that contradicts itself is neither written nor read."""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.closing import CLOSING_BYTES, DayClosing, encode_closing, parse_closing
from sync_protocol.days import day_start
from sync_protocol.errors import Code
from tests.protocol.dose_strategies import texts
from tests.protocol.refusals import refusal_of, refused

DAY: Final = "2022-04-15"
SHEET: Final = DayClosing(
    facility="19001",
    day=DAY,
    revision=1,
    closed_at=day_start(DAY) + 17 * 3_600,
    closed_by="Trần Thị Lan",
    recorded=10,
    signed=8,
    received=6,
    admitted=4,
    quarantined=1,
    refused=1,
    waiting=(("dose-duplicate", 1), ("dose-order", 1), ("unsent", 2), ("unsigned", 2)),
    audit_entries=31,
    audit_head=bytes(range(32)),
    last_dose=123,
    remark="Hai mũi chờ đối chiếu.",
)
FIELDS: Final = range(1, 17)
_OPTIONAL: Final = (12, 16)


def fields_of(sheet: DayClosing = SHEET) -> dict[int | str, object]:
    decoded = cbor.decode(encode_closing(sheet), max_bytes=CLOSING_BYTES)
    assert isinstance(decoded, dict)
    return {**decoded}


@st.composite
def sheets(draw: st.DrawFn) -> DayClosing:
    """Any sheet whose sums agree."""
    judged = [draw(st.integers(0, 3_000)) for _ in range(3)]
    received = sum(judged) + draw(st.integers(0, 3_000))
    signed = received + draw(st.integers(0, 3_000))
    recorded = signed + draw(st.integers(0, 3_000))
    left = recorded - judged[0]
    reasons = st.text("abcxyz0189-", min_size=1, max_size=40)
    names = sorted(draw(st.sets(reasons, min_size=left > 0, max_size=min(left, limits.CLOSING_REASONS))))
    counts = [1] * len(names)
    if names:
        counts[draw(st.integers(0, len(names) - 1))] += left - len(names)
    day = draw(st.dates(datetime.date(1970, 1, 2), datetime.date(2199, 12, 31))).isoformat()
    return DayClosing(
        facility=draw(st.text("ABC019", min_size=2, max_size=12)),
        day=day,
        revision=draw(st.integers(1, limits.COUNTER)),
        closed_at=draw(st.integers(day_start(day), limits.INSTANT)),
        closed_by=draw(texts(limits.NAME_CHARS, min_size=1)),
        recorded=recorded,
        signed=signed,
        received=received,
        admitted=judged[0],
        quarantined=judged[1],
        refused=judged[2],
        waiting=tuple(zip(names, counts, strict=True)),
        audit_entries=draw(st.integers(0, limits.COUNTER)),
        audit_head=draw(st.binary(min_size=32, max_size=32)),
        last_dose=draw(st.integers(0, limits.COUNTER)),
        remark=draw(texts(limits.LONG_CHARS)),
    )


@given(sheets())
def test_a_sheet_comes_back_as_it_was_written(sheet: DayClosing) -> None:
    encoded = encode_closing(sheet)
    assert parse_closing(encoded) == sheet
    assert encode_closing(parse_closing(encoded)) == encoded


@given(st.data())
def test_a_flipped_bit_is_refused_or_says_something_else(data: st.DataObject) -> None:
    encoded = encode_closing(SHEET)
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    flipped = (int.from_bytes(encoded) ^ (1 << bit)).to_bytes(len(encoded))
    assert refusal_of(lambda: parse_closing(flipped)) is not None or parse_closing(flipped) != SHEET


def test_the_largest_sheet_fits() -> None:
    reasons = tuple((f"{place:03d}".rjust(40, "a"), 1) for place in range(limits.CLOSING_REASONS))
    largest = replace(
        SHEET,
        facility="A" * limits.NODE_CHARS,
        closed_by="𠀀" * limits.NAME_CHARS,
        remark="𠀀" * limits.LONG_CHARS,
        recorded=4 + limits.COUNTER - 4,
        waiting=(*reasons[:-1], (reasons[-1][0], limits.COUNTER - 4 - (limits.CLOSING_REASONS - 1))),
        audit_entries=limits.COUNTER,
        last_dose=limits.COUNTER,
        revision=limits.COUNTER,
    )
    assert len(encode_closing(largest)) < CLOSING_BYTES
    with refused(Code.FIELD_INVALID):
        encode_closing(replace(largest, waiting=(*largest.waiting, ("b", 1))))
    with refused(Code.TOO_LARGE):
        parse_closing(bytes(CLOSING_BYTES + 1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (1, "1"),
        (1, "190-01"),
        (1, "A" * (limits.NODE_CHARS + 1)),
        (2, "2022-02-30"),
        (2, "15/04/2022"),
        (2, "2022-04-15T"),
        (3, 0),
        (3, limits.COUNTER + 1),
        (4, limits.INSTANT + 1),
        (4, day_start(DAY) - 1),
        (5, ""),
        (5, "a" * (limits.NAME_CHARS + 1)),
        (5, "Lan\n"),
        *((key, value) for key in (6, 7, 8, 9, 10, 11, 13, 15) for value in (-1, limits.COUNTER + 1, True, "1")),
        (12, []),
        (12, {1: 6}),
        (12, ["unsent", 6]),
        (12, [["unsent", 0], ["unsigned", 6]]),
        (12, [["unsent", True], ["unsigned", 5]]),
        (12, [["unsent", limits.COUNTER + 1]]),
        (12, [["unsent", 6, 0]]),
        (12, [["Unsent", 6]]),
        (12, [["chưa-gửi", 6]]),
        (12, [["", 6]]),
        (12, [["a" * 41, 6]]),
        (12, [["unsigned", 3], ["unsent", 3]]),
        (12, [["unsent", 3], ["unsent", 3]]),
        (14, bytes(31)),
        (14, bytes(33)),
        (14, "0" * 32),
        (16, ""),
        (16, "a" * (limits.LONG_CHARS + 1)),
        (16, "e\u0301"),
    ],
)
def test_a_field_outside_its_bounds_is_refused(key: int, value: object) -> None:
    with refused(Code.FIELD_INVALID):
        parse_closing(cbor.encode({**fields_of(), key: value}))


def test_every_field_but_two_must_be_there() -> None:
    assert set(fields_of()) == set(FIELDS)
    for key in FIELDS:
        left = {name: value for name, value in fields_of().items() if name != key}
        refusal = refusal_of(partial(parse_closing, cbor.encode(left)))
        # Without its reasons the sheet's sums do not agree any more; without a remark it is whole.
        assert refusal is {12: Code.CLOSING_SUMS, 16: None}.get(key, Code.FIELD_MISSING)
    whole = replace(SHEET, recorded=4, signed=4, received=4, quarantined=0, refused=0, waiting=(), remark="")
    assert set(fields_of(whole)) == set(FIELDS) - set(_OPTIONAL)


@pytest.mark.parametrize(
    "change",
    [
        {"recorded": 11},
        {"recorded": 9},
        {"admitted": 5},
        {"waiting": SHEET.waiting[:-1]},
        {"waiting": ()},
        {"signed": 11},
        {"signed": 5},
        {"received": 9},
        {"received": 5},
        {"quarantined": 2},
        {"refused": 2},
    ],
)
def test_sums_that_do_not_agree_are_neither_written_nor_read(change: dict[str, object]) -> None:
    with refused(Code.CLOSING_SUMS):
        encode_closing(replace(SHEET, **change))  # type: ignore[arg-type]
    keys = {"recorded": 6, "signed": 7, "received": 8, "admitted": 9, "quarantined": 10, "refused": 11, "waiting": 12}
    fields = fields_of()
    for name, value in change.items():
        if value == ():
            del fields[keys[name]]
        else:
            fields[keys[name]] = [list(pair) for pair in value] if isinstance(value, tuple) else value
    with refused(Code.CLOSING_SUMS):
        parse_closing(cbor.encode(fields))


def test_a_sheet_outside_its_bounds_is_not_written() -> None:
    for change in ({"closed_by": ""}, {"day": "2022-04-31"}, {"audit_head": b""}, {"revision": 0}):
        with refused(Code.FIELD_INVALID):
            encode_closing(replace(SHEET, **change))


def test_what_is_too_much_is_refused() -> None:
    with refused(Code.FIELD_UNKNOWN):
        parse_closing(cbor.encode({**fields_of(), 17: 0}))
    with refused(Code.NOT_CBOR):
        parse_closing(encode_closing(SHEET) + b"\x00")
    # The same number in two bytes instead of one.
    encoded = encode_closing(SHEET)
    assert encoded.count(b"\x03\x01\x04") == 1
    with refused(Code.NOT_DETERMINISTIC):
        parse_closing(encoded.replace(b"\x03\x01\x04", b"\x03\x18\x01\x04"))


def test_a_day_may_be_closed_in_its_first_second_and_long_after_it() -> None:
    for closed_at in (day_start(DAY), day_start(DAY) + 400 * 86_400):
        assert parse_closing(encode_closing(replace(SHEET, closed_at=closed_at))).closed_at == closed_at


def test_the_representation_shows_nobody() -> None:
    assert "Lan" not in repr(SHEET)
    assert "đối chiếu" not in repr(SHEET)

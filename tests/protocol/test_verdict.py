"""Verdicts come back as they were given, and only their one encoding is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.errors import Code
from sync_protocol.verdict import (
    ADMITTED,
    VERDICTS_BYTES,
    Verdict,
    VerdictState,
    decode_verdicts,
    encode_verdicts,
    verdicts_digest,
)
from tests.protocol.refusals import refused

_exceptions = st.builds(
    Verdict, st.sampled_from([VerdictState.QUARANTINED, VerdictState.REFUSED]), st.sampled_from(Code)
)


@given(st.lists(st.just(ADMITTED) | _exceptions, max_size=200))
def test_verdicts_come_back_as_they_were_given(verdicts: list[Verdict]) -> None:
    data = encode_verdicts(verdicts)
    assert decode_verdicts(data, count=len(verdicts)) == verdicts


def test_three_thousand_admitted_doses_cost_a_handful_of_bytes() -> None:
    assert len(encode_verdicts([ADMITTED] * limits.BATCH_DOSES)) <= 6


def test_the_worst_verdicts_stay_below_their_limit() -> None:
    verdicts = [Verdict(VerdictState.REFUSED, list(Code)[index % len(Code)]) for index in range(limits.BATCH_DOSES)]
    data = encode_verdicts(verdicts)
    assert len(data) <= VERDICTS_BYTES
    assert decode_verdicts(data, count=limits.BATCH_DOSES) == verdicts


@pytest.mark.parametrize(("state", "code"), [(VerdictState.ADMITTED, Code.DOSE_DAY), (VerdictState.REFUSED, None)])
def test_an_exception_has_a_reason_and_an_admitted_dose_has_none(state: VerdictState, code: Code | None) -> None:
    with pytest.raises(ValueError, match="exception"):
        Verdict(state, code)


def test_verdicts_of_another_number_of_doses_are_refused() -> None:
    with refused(Code.COUNT_MISMATCH):
        decode_verdicts(encode_verdicts([ADMITTED] * 3), count=4)


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [[0, "dose-day", [0]]],
        [[3, "dose-day", [0]]],
        [[True, "dose-day", [0]]],
        [[1, "no-such-code", [0]]],
        [[1, "dose-day", []]],
        [[1, "dose-day", [3]]],
        [[1, "dose-day", [1, 0]]],
        [[1, "dose-day", [0, 1, 2]]],
        [[1, "dose-day", [-1]]],
        [[1, "dose-day", [False]]],
        [[1, "dose-day", [0]], [1, "dose-day", [1]]],
        [[2, "dose-day", [0]], [1, "dose-day", [1]]],
        [[1, "dose-day", [0]], [2, "dose-day", [0]]],
        [[1, "dose-day"]],
        ["dose-day"],
    ],
)
def test_anything_but_the_one_encoding_is_refused(groups: list[object]) -> None:
    with refused(Code.FIELD_INVALID):
        decode_verdicts(cbor.encode({1: 3, 2: groups}), count=3)


def test_the_digest_changes_with_any_verdict() -> None:
    one = encode_verdicts([ADMITTED, Verdict(VerdictState.REFUSED, Code.DOSE_DAY)])
    other = encode_verdicts([ADMITTED, Verdict(VerdictState.QUARANTINED, Code.DOSE_DAY)])
    assert verdicts_digest(one) != verdicts_digest(other)

"""Problems and endpoints: what travels besides the signed bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.api import NetworkError, RemoteProblem, encode_problem, parse_problem
from sync_protocol.chain_head import ChainHead
from sync_protocol.endpoints import ENDPOINTS, PROBLEM_BYTES, status_of
from sync_protocol.errors import Code, ProtocolError

HEADS = st.builds(
    ChainHead,
    epoch=st.integers(0, limits.COUNTER),
    sequence=st.integers(0, limits.COUNTER),
    digest=st.binary(min_size=32, max_size=32),
)


@given(st.sampled_from(list(Code)), st.text("abc: (4)", max_size=300), st.none() | HEADS)
def test_problems_come_back_as_they_were(code: Code, rule: str, head: ChainHead | None) -> None:
    problem = parse_problem(encode_problem(code, rule=rule, head=head))
    assert (problem.code, problem.rule, problem.head) == (code, rule, head)


def test_a_problem_is_caught_as_what_the_peer_said() -> None:
    with pytest.raises(ProtocolError, match=Code.NOT_NEXT) as caught:
        raise parse_problem(encode_problem(Code.NOT_NEXT, head=ChainHead(epoch=1, sequence=7, digest=bytes(32))))
    assert isinstance(caught.value, RemoteProblem)
    assert caught.value.head == ChainHead(epoch=1, sequence=7, digest=bytes(32))


def test_a_long_rule_is_cut() -> None:
    assert len(parse_problem(encode_problem(Code.LATER, rule="x" * 1_000)).rule) == limits.LONG_CHARS


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>captive portal</html>", Code.NOT_CBOR),
        (b"", Code.NOT_CBOR),
        (bytes(PROBLEM_BYTES + 1), Code.TOO_LARGE),
        (cbor.encode([1, 2]), Code.FIELD_INVALID),
        (cbor.encode({1: "no-such-code", 2: ""}), Code.FIELD_INVALID),
        (cbor.encode({1: "later"}), Code.FIELD_MISSING),
        (cbor.encode({1: "later", 2: "", 3: [1, 2]}), Code.FIELD_INVALID),
        (cbor.encode({1: "later", 2: "", 3: [1, 2, b"short"]}), Code.FIELD_INVALID),
        (cbor.encode({1: "later", 2: "", 3: [-1, 2, bytes(32)]}), Code.FIELD_INVALID),
        (cbor.encode({1: "later", 2: "", 4: 1}), Code.FIELD_UNKNOWN),
    ],
)
def test_what_is_no_problem_of_ours_is_told_apart(body: bytes, code: Code) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_problem(body)
    assert caught.value.code is code
    assert not isinstance(caught.value, RemoteProblem)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_problem(body)


def test_each_call_has_a_place_of_its_own() -> None:
    assert len({(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}) == len(ENDPOINTS)
    for endpoint in ENDPOINTS:
        assert endpoint.path.startswith("/v1/")
        assert (endpoint.request_bytes > 0) == (endpoint.method == "POST") == bool(endpoint.request_type)


def test_statuses_follow_the_witness_protocol() -> None:
    expected = {
        Code.NOT_CBOR: 400,
        Code.SIGNATURE_INVALID: 403,
        Code.NODE_UNKNOWN: 404,
        Code.NOT_NEXT: 409,
        Code.TOO_LARGE: 413,
        Code.ROOT_MISMATCH: 422,
        Code.LATER: 429,
    }
    assert {code: status_of(code) for code in expected} == expected


def test_a_network_error_says_whether_and_when_to_try_again() -> None:
    error = NetworkError("no route", try_again=True, retry_after_seconds=30)
    assert (error.try_again, error.retry_after_seconds, str(error)) == (True, 30, "no route")

"""The messages of a transfer: strict, bounded, signed by the node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.transfer import (
    LENGTH_BYTES,
    TICKET_BYTES,
    Answered,
    Held,
    Part,
    PartAnswer,
    TransferRequest,
    TurnedAway,
    encode_transfer_answer,
    parse_transfer,
    parse_transfer_answer,
    sign_transfer,
    verify_transfer,
)
from tests.builders import ec_key

KEY = ec_key("node")
DIGEST = bytes(range(32))


@st.composite
def requests(draw: st.DrawFn) -> TransferRequest:
    """Any request that a node may make."""
    digests = draw(st.lists(st.binary(min_size=32, max_size=32), unique=True, min_size=1, max_size=8))
    sizes = [draw(st.integers(1, limits.SEALED_BYTES // 8)) for _ in digests]
    parts = [Part(digest, size, draw(st.integers(0, size))) for digest, size in zip(digests, sizes, strict=True)]
    return TransferRequest(draw(st.text("AZ09", min_size=2, max_size=12)), draw(st.integers(0, 9)), tuple(parts))


def read(signed: bytes) -> tuple[cose.Sign1, TransferRequest]:
    """A request as it stands in a body."""
    assert int.from_bytes(signed[:LENGTH_BYTES]) == len(signed) - LENGTH_BYTES <= TICKET_BYTES
    return parse_transfer(signed[LENGTH_BYTES:])


@given(requests())
def test_a_request_comes_back_as_it_was_and_verifies(request: TransferRequest) -> None:
    message, found = read(sign_transfer(request, KeySigner(KEY)))
    assert found == request
    verify_transfer(message, KEY.public_key())
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_transfer(message, ec_key("another node").public_key())


@given(requests(), st.data())
def test_an_answer_comes_back_as_it_was(request: TransferRequest, data: st.DataObject) -> None:
    answers: list[PartAnswer] = [
        data.draw(
            st.builds(Held, st.integers(0, part.size))
            | st.builds(Answered, st.binary(max_size=90))
            | st.builds(TurnedAway, st.binary(max_size=90))
        )
        for part in request.parts
    ]
    assert parse_transfer_answer(encode_transfer_answer(answers), request) == tuple(answers)


def signed(parts: object) -> bytes:
    """A request with parts that no honest node would state."""
    payload = cbor.encode({1: "19001A", 2: 1, 3: parts})
    context = contexts.TRANSFER
    return cose.sign1(payload, signer=KeySigner(KEY), content_type=context.content_type, context=context.aad)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], Code.FIELD_INVALID),
        ([[DIGEST, 10, 0]] * 2, Code.FIELD_INVALID),
        ([[bytes([n]) * 32, 10, 0] for n in range(limits.TRANSFER_BUNDLES + 1)], Code.FIELD_INVALID),
        ([[DIGEST, 10, 11]], Code.FIELD_INVALID),
        ([[DIGEST, 0, 0]], Code.FIELD_INVALID),
        ([[DIGEST[1:], 10, 0]], Code.FIELD_INVALID),
        ([[DIGEST, limits.SEALED_BYTES + 1, 0]], Code.FIELD_INVALID),
        ([[DIGEST, limits.SEALED_BYTES, 0], [DIGEST[::-1], 1, 1]], Code.TOO_LARGE),
        ([[DIGEST, 10]], Code.FIELD_INVALID),
        (["x"], Code.FIELD_INVALID),
        ("x", Code.FIELD_INVALID),
    ],
)
def test_a_request_that_no_node_makes_is_refused(parts: object, code: Code) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_transfer(signed(parts))
    assert caught.value.code is code


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", cbor.encode({1: []}), cbor.encode({1: [[0, 11]]}), cbor.encode({1: [[3, 0]]}),
     cbor.encode({1: [[0, 1], [0, 1]]}), cbor.encode({1: [[0]]}), cbor.encode({1: [7]}), cbor.encode({1: [[1, 5]]}),
     cbor.encode({1: [[0, 1]], 2: 0})],
)  # fmt: skip
def test_an_answer_that_no_centre_gives_is_told_apart(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_transfer_answer(answer, TransferRequest("19001A", 1, (Part(DIGEST, 10, 0),)))


def test_a_signature_for_another_purpose_is_no_request() -> None:
    context = contexts.FEED_REQUEST
    payload = cbor.encode({1: "19001A", 2: 1, 3: [[DIGEST, 10, 0]]})
    foreign = cose.sign1(payload, signer=KeySigner(KEY), content_type=context.content_type, context=context.aad)
    message, _ = parse_transfer(foreign)
    with pytest.raises(ProtocolError, match=Code.CONTENT_TYPE):
        verify_transfer(message, KEY.public_key())

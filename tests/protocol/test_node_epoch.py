"""What a restored store asks and is told: the same again after coding, strict in reading, bounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint
from sync_protocol.node_epoch import (
    ChainPart,
    DoseRun,
    EpochReason,
    EpochRequest,
    VerifiedEpochRequest,
    dose_runs,
    parse_epoch_request,
    sign_epoch_request,
    verify_epoch_request,
)
from sync_protocol.node_epoch_answer import (
    EpochAnswer,
    EpochGrant,
    EpochState,
    HeldDose,
    missing_runs,
    open_epoch_answer,
    seal_epoch_answer,
    sign_epoch_answer,
)
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from tests.builders import SeededEntropy, ec_key

NODE_KEY: Final = ec_key("present node")
PUBLISHER: Final = KeySigner(ec_key("publisher"))
OPENING: Final = ec_key("fresh opening")
REQUEST: Final = EpochRequest(
    node="19001A",
    epoch=1,
    reason=EpochReason.RESTORED,
    chain=ChainPart(3, bytes([3]) * 32, (bytes([4]) * 32, bytes([5]) * 32), 5),
    known_head=Checkpoint(1, 9, bytes([9]) * 32, 1_650_000_000),
    last_dose=40,
    open_doses=(DoseRun(7, 7), DoseRun(30, 40)),
    node_key=ec_key("fresh node").public_key(),
    node_sealing_key=OPENING.public_key(),
    at=1_650_000_100,
    nonce=bytes(16),
)
WAITS: Final = Verdict(VerdictState.QUARANTINED, Code.IDENTITY_WAITING)
HELD: Final = tuple(
    HeldDose(sequence, sequence.to_bytes(8), WAITS if sequence == 42 else ADMITTED) for sequence in (7, 41, 42, 43)
)


def verified() -> VerifiedEpochRequest:
    inner = sign_epoch_request(REQUEST, KeySigner(NODE_KEY))
    return verify_epoch_request(parse_epoch_request(inner), NODE_KEY.public_key())


# A signature is another one each time: all answers are to one request.
_OWN: Final = verified()


def answered(answer: EpochAnswer) -> EpochAnswer:
    sealed = seal_epoch_answer(
        sign_epoch_answer(answer, PUBLISHER), recipient=OPENING.public_key(), entropy=SeededEntropy(1)
    )
    return open_epoch_answer(sealed, OPENING, PUBLISHER.public_key, request=_OWN)


def granted(**changes: object) -> EpochAnswer:
    own = _OWN.digest
    grant = replace(EpochGrant(2, own, 1_001, ((4, b"receipt"),), HELD), **changes)  # type: ignore[arg-type]
    return EpochAnswer("19001A", own, 1_650_000_200, grant)


def test_a_request_reads_as_it_was_written() -> None:
    assert _OWN.request == REQUEST
    assert replace(REQUEST, known_head=None, open_doses=(), last_dose=0) == read(
        replace(REQUEST, known_head=None, open_doses=(), last_dose=0)
    )


def read(request: EpochRequest) -> EpochRequest:
    return parse_epoch_request(sign_epoch_request(request, KeySigner(NODE_KEY))).claimed


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: replace(one, node="x"),
        lambda one: replace(one, epoch=0),
        lambda one: replace(one, chain=replace(one.chain, newest=4)),
        lambda one: replace(one, chain=replace(one.chain, newest=9)),
        lambda one: replace(one, chain=replace(one.chain, links=(b"short",))),
        lambda one: replace(one, chain=replace(one.chain, links=(bytes(32),) * (limits.EPOCH_LINKS + 1))),
        lambda one: replace(one, open_doses=(DoseRun(5, 4),)),
        lambda one: replace(one, open_doses=(DoseRun(5, 6), DoseRun(7, 8))),
        lambda one: replace(one, open_doses=(DoseRun(39, 41),)),
        lambda one: replace(one, nonce=bytes(15)),
    ],
)
def test_a_request_that_breaks_a_rule_is_not_signed(changed: Callable[[EpochRequest], EpochRequest]) -> None:
    with pytest.raises(ProtocolError) as caught:
        sign_epoch_request(changed(REQUEST), KeySigner(NODE_KEY))
    assert caught.value.code in (Code.FIELD_INVALID, Code.TOO_LARGE)


def test_many_runs_become_one() -> None:
    assert dose_runs([1, 2, 3, 7]) == (DoseRun(1, 3), DoseRun(7, 7))
    assert dose_runs([1, 3, 5, 7], most=3) == (DoseRun(1, 7),)
    assert dose_runs([]) == ()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (EpochAnswer("19001A", _OWN.digest, 5), EpochState.WAITING),
        (EpochAnswer("19001A", _OWN.digest, 5, refusal=Code.EPOCH), EpochState.REFUSED),
        (granted(), EpochState.GRANTED),
        (granted(held=(), receipts=()), EpochState.GRANTED),
    ],
)
def test_an_answer_reads_as_it_was_written(answer: EpochAnswer, state: EpochState) -> None:
    found = answered(answer)
    assert (found, found.state) == (answer, state)


def test_what_the_store_does_not_know_is_told_as_runs() -> None:
    grant = granted().grant
    assert grant is not None
    assert missing_runs(grant, last_dose=40) == (DoseRun(41, 43),)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (EpochAnswer("19002A", _OWN.digest, 5), Code.EPOCH_MISMATCH),
        (EpochAnswer("19001A", bytes(32), 5), Code.EPOCH_MISMATCH),
        (granted(epoch=1), Code.FIELD_INVALID),
        (granted(previous=bytes(32)), Code.EPOCH_MISMATCH),
        (granted(first_dose=43), Code.FIELD_INVALID),
        (granted(first_dose=40, held=()), Code.FIELD_INVALID),
        (granted(held=(HELD[0], HELD[0])), Code.FIELD_INVALID),
    ],
)
def test_an_answer_that_does_not_fit_the_request_is_refused(answer: EpochAnswer, code: Code) -> None:
    with pytest.raises(ProtocolError) as caught:
        answered(answer)
    assert caught.value.code is code


def test_more_than_an_answer_can_tell_is_not_signed() -> None:
    with pytest.raises(ProtocolError) as caught:
        sign_epoch_answer(granted(receipts=tuple((one, bytes(60_000)) for one in range(1, 100))), PUBLISHER)
    assert caught.value.code is Code.TOO_LARGE

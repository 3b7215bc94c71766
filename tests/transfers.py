"""The offset protocol of transfers in memory, upon anything that takes single sealed bundles: for simulated centres."""

from __future__ import annotations

from collections.abc import Callable

from sync_protocol.api import RemoteProblem, encode_problem
from sync_protocol.sealing import sealed_digest
from sync_protocol.transfer import (
    LENGTH_BYTES,
    Answered,
    Held,
    PartAnswer,
    TurnedAway,
    encode_transfer_answer,
    parse_transfer,
)

# What has come of each digest.
Spool = dict[bytes, bytes]


def take_transfer(body: bytes, spool: Spool, offer: Callable[[bytes], bytes]) -> bytes:
    """Takes the whole body of a transfer; gives the encoded answer. Errors of `offer` that are no problem pass."""
    size = int.from_bytes(body[:LENGTH_BYTES])
    _, request = parse_transfer(body[LENGTH_BYTES : LENGTH_BYTES + size])
    content = body[LENGTH_BYTES + size :]
    for part in request.parts:
        mine, content = content[: part.size - part.start], content[part.size - part.start :]
        held = spool.get(part.digest, b"")
        if part.start <= len(held):
            spool[part.digest] = held[: part.start] + mine if len(mine) > len(held) - part.start else held
    answers: list[PartAnswer] = []
    for part in request.parts:
        sealed = spool.get(part.digest, b"")
        if len(sealed) < part.size or sealed_digest(sealed) != part.digest:
            answers.append(Held(len(sealed)))
        elif answers and not isinstance(answers[-1], Answered):
            answers.append(Held(part.size))
        else:
            answers.append(_offered(sealed, offer))
    return encode_transfer_answer(answers)


def _offered(sealed: bytes, offer: Callable[[bytes], bytes]) -> PartAnswer:
    try:
        return Answered(offer(sealed))
    except RemoteProblem as problem:
        return TurnedAway(encode_problem(problem.code, rule=problem.rule, head=problem.head))

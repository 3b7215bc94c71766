"""How sealed bundles are carried over a link that breaks: the request, the answer, and the offsets in both.

A request names up to eight bundles of one node, in the order of their chain, each by the digest of its sealed bytes,
its size and the offset from which the sender goes on. The node's key signs that, so that the centre can turn strangers
away before it keeps a byte. Behind it follow the bytes themselves, one bundle after the other. The answer says for
each bundle what the centre holds, or what it answered.

Nothing here decides what is admitted: a digest that came whole is judged like any other bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.signers.signer import Signer

# The signed request is preceded by its length, so that a reader of the stream knows where the bundles begin.
LENGTH_BYTES: Final = 2
TICKET_BYTES: Final = 1_024
# What all bundles of one request weigh together; one of the largest size fits always.
CONTENT_BYTES: Final = limits.SEALED_BYTES
BODY_BYTES: Final = LENGTH_BYTES + TICKET_BYTES + CONTENT_BYTES

_DIGEST_BYTES: Final = 32
_WHAT: Final = "transfer"
_ANSWER: Final = "transfer answer"


@dataclass(frozen=True, slots=True)
class Part:
    """One bundle of a request.

    Attributes:
        digest: 32 bytes, SHA-256 over the sealed bytes.
        size: of the sealed bytes.
        start: where the bytes that follow begin; `size` where none follow and the sender only asks.
    """

    digest: bytes
    size: int
    start: int


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What a node is about to send.

    Attributes:
        node, epoch: who sends.
        parts: the bundles, in the order of their chain; at least one.
    """

    node: str
    epoch: int
    parts: tuple[Part, ...]

    @property
    def content_bytes(self) -> int:
        """How many bytes follow the request."""
        return sum(part.size - part.start for part in self.parts)


@dataclass(frozen=True, slots=True)
class Held:
    """The bundle has not come whole, or waits for one before it; the centre holds so many of its first bytes."""

    offset: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The centre's answer to the bundle, unverified: `receipt` reads it."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The bundle came whole and takes no place in its chain; the body of a problem says why."""

    problem: bytes


PartAnswer: TypeAlias = Held | Answered | TurnedAway


def sign_transfer(request: TransferRequest, node_signer: Signer) -> bytes:
    """Signs a request with the node's key; returns what the body begins with: length and tagged COSE_Sign1."""
    parts = [[part.digest, part.size, part.start] for part in request.parts]
    payload = cbor.encode({1: request.node, 2: request.epoch, 3: parts})
    context = contexts.TRANSFER
    signed = cose.sign1(payload, signer=node_signer, content_type=context.content_type, context=context.aad)
    return len(signed).to_bytes(LENGTH_BYTES) + signed


def parse_transfer(data: bytes) -> tuple[cose.Sign1, TransferRequest]:
    """Reads a request, without the length before it; what it says is good for finding the node's key only.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, NOT_COSE or a code of form.
    """
    message = cose.parse_sign1(data, max_bytes=TICKET_BYTES)
    if message.payload is None or message.unprotected:
        raise ProtocolError(Code.NOT_COSE, f"{_WHAT}: the content travels inside, and nothing beside it")
    fields = Fields(cbor.decode(message.payload, max_bytes=TICKET_BYTES), what=_WHAT)
    request = TransferRequest(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        epoch=fields.uint(2, max=limits.COUNTER),
        parts=tuple(_part(value) for value in fields.list_(3, min_items=1, max_items=limits.TRANSFER_BUNDLES)),
    )
    fields.finish()
    if len({part.digest for part in request.parts}) != len(request.parts):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.3: names a bundle twice")
    if sum(part.size for part in request.parts) > CONTENT_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}.3: the bundles weigh more than one request may")
    return message, request


def verify_transfer(message: cose.Sign1, node_key: PublicKey) -> None:
    """Verifies that the node's key signed the request.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, KEY_INVALID or CONTENT_TYPE.
    """
    context = contexts.TRANSFER
    cose.verify_sign1(message, node_key, context=context.aad, content_type=context.content_type)


def encode_transfer_answer(answers: Sequence[PartAnswer]) -> bytes:
    """Encodes what is said of each bundle, in the order of the request."""
    return cbor.encode({1: [_encode_part(answer) for answer in answers]})


def parse_transfer_answer(data: bytes, request: TransferRequest) -> tuple[PartAnswer, ...]:
    """Reads an answer; nothing of it is signed but the receipts inside.

    Args:
        data: as received.
        request: what was asked.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC or a code of form; what answered is then probably not
            the centre.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.TRANSFER_ANSWER_BYTES), what=_ANSWER)
    values = fields.list_(1, min_items=len(request.parts), max_items=len(request.parts))
    fields.finish()
    return tuple(_read_part(value, part) for value, part in zip(values, request.parts, strict=True))


def _part(value: object) -> Part:
    if not isinstance(value, list) or len(value) != 3:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.3: must be a list of triples")
    fields = Fields(dict(enumerate(value)), what=f"{_WHAT}.3")
    size = fields.uint(1, min=1, max=limits.SEALED_BYTES)
    return Part(fields.bytes_(0, length=_DIGEST_BYTES), size, fields.uint(2, max=size))


def _encode_part(answer: PartAnswer) -> list[object]:
    match answer:
        case Held(offset):
            return [0, offset]
        case Answered(content):
            return [1, content]
        case TurnedAway(problem):
            return [2, problem]


def _read_part(value: object, part: Part) -> PartAnswer:
    if not isinstance(value, list) or len(value) != 2:
        raise ProtocolError(Code.FIELD_INVALID, f"{_ANSWER}.1: must be a list of pairs")
    fields = Fields(dict(enumerate(value)), what=f"{_ANSWER}.1")
    match fields.uint(0, max=2):
        case 0:
            return Held(fields.uint(1, max=part.size))
        case 1:
            return Answered(fields.bytes_(1, max_bytes=limits.TRANSFER_ANSWER_BYTES))
        case _:
            return TurnedAway(fields.bytes_(1, max_bytes=limits.TRANSFER_ANSWER_BYTES))

"""A node asks to begin a new epoch: its store was restored from a backup, or its disk was copied.

The node may know less than the centre, and another machine may work on with the same key. So the request says what this
store has: the newest link with a receipt, the digests of those behind it, which doses it knows no answer for. It is
signed by the node's present key and sealed to the centre, and it brings fresh keys: an older copy of the store cannot
go on in the new epoch.

The digest of the signed request names it. It is what the first bundle of the new epoch names as its predecessor, and
what makes a repeated request harmless. The answer is in `node_epoch_answer`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.manifest import DIGEST_BYTES, Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.signers.signer import Signer

NONCE_BYTES: Final = 16
_KEY_BYTES: Final = 600
_WHAT: Final = "epoch request"


class EpochReason(StrEnum):
    """Why a node asks: its store is a backup; a copy of it works elsewhere; the centre demands it."""

    RESTORED = "restored"
    COPIED = "copied"
    DEMANDED = "demanded"


# Reasons travel as their place in this tuple, so the order never changes.
_REASONS: Final = (EpochReason.RESTORED, EpochReason.COPIED, EpochReason.DEMANDED)


@dataclass(frozen=True, slots=True)
class DoseRun:
    """Dose sequences in a row, `first` to `last`, both included."""

    first: int
    last: int

    def __contains__(self, sequence: object) -> bool:
        return isinstance(sequence, int) and self.first <= sequence <= self.last


@dataclass(frozen=True, slots=True)
class ChainPart:
    """What a store has of its chain in one epoch.

    Attributes:
        delivered: how many first links have a receipt.
        digest: 32 bytes, the newest of them; what link 1 names where there is none.
        links: the digests of the links behind it, in order; at most `EPOCH_LINKS` of them.
        newest: the sequence of the newest link, larger where not all could be named.
    """

    delivered: int
    digest: bytes
    links: tuple[bytes, ...]
    newest: int


@dataclass(frozen=True, slots=True)
class EpochRequest:
    """What a node asks.

    Attributes:
        node: its code.
        epoch: the epoch that is to end.
        reason: as a person at the site says it.
        chain: what the store has of its chain.
        known_head: the newest head of the ledger that the store has verified, or None.
        last_dose: the highest dose sequence of the store, 0 where it has none.
        open_doses: the sequences for which the store knows no answer of the centre, in order.
        node_key, node_sealing_key: fresh, P-256; those of the new epoch.
        at: epoch seconds, UTC, by the node's clock: a claim.
        nonce: 16 bytes.
    """

    node: str
    epoch: int
    reason: EpochReason
    chain: ChainPart
    known_head: Checkpoint | None
    last_dose: int
    open_doses: tuple[DoseRun, ...]
    node_key: ec.EllipticCurvePublicKey
    node_sealing_key: ec.EllipticCurvePublicKey
    at: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class UnverifiedEpochRequest:
    """A request as it arrived. `claimed` is good for finding the node's key, and for nothing else."""

    inner: bytes
    message: cose.Sign1
    claimed: EpochRequest


@dataclass(frozen=True, slots=True)
class VerifiedEpochRequest:
    """A request that the node's key of `request.epoch` signed; `digest` is SHA-256 over the signed, unsealed bytes."""

    request: EpochRequest
    inner: bytes
    digest: bytes


def sign_epoch_request(request: EpochRequest, node_signer: Signer) -> bytes:
    """Sign a request with the node's present key; it then travels sealed to the centre.

    Raises:
        ProtocolError: FIELD_INVALID where it could not be read again.
        TokenError: the signer cannot sign now.
    """
    chain = request.chain
    fields: dict[int, object] = {
        1: request.node,
        2: request.epoch,
        3: _REASONS.index(request.reason),
        4: chain.delivered,
        5: chain.digest,
        6: list(chain.links),
        7: chain.newest,
        9: request.last_dose,
        10: [number for run in request.open_doses for number in (run.first, run.last)],
        11: keys.encode_public_key(request.node_key),
        12: keys.encode_public_key(request.node_sealing_key),
        13: request.at,
        14: request.nonce,
    }
    if request.known_head is not None:
        fields[8] = checkpoint_map(request.known_head)
    payload = cbor.encode(fields)
    _read_request(payload)
    context = contexts.EPOCH_REQUEST
    return cose.sign1(payload, signer=node_signer, content_type=context.content_type, context=context.aad)


def epoch_request_digest(inner: bytes) -> bytes:
    """SHA-256 of a signed, unsealed request."""
    return hashlib.sha256(inner).digest()


def parse_epoch_request(inner: bytes) -> UnverifiedEpochRequest:
    """Read a request strictly; verifies nothing.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, NOT_COSE, KEY_INVALID, FIELD_MISSING, FIELD_UNKNOWN or
            FIELD_INVALID.
    """
    message = cose.parse_sign1(inner, max_bytes=limits.MESSAGE_BYTES)
    if message.payload is None or message.unprotected:
        raise ProtocolError(Code.NOT_COSE, f"{_WHAT}: the content travels inside, and nothing beside it")
    return UnverifiedEpochRequest(inner, message, _read_request(message.payload))


def verify_epoch_request(unverified: UnverifiedEpochRequest, node_key: keys.PublicKey) -> VerifiedEpochRequest:
    """Verify the node's signature.

    Args:
        unverified: from :func:`parse_epoch_request`.
        node_key: the key of the node in the epoch that it claims.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, KEY_INVALID or CONTENT_TYPE; FIELD_INVALID where the keys that it
            brings are not fresh.
    """
    context = contexts.EPOCH_REQUEST
    payload = cose.verify_sign1(unverified.message, node_key, context=context.aad, content_type=context.content_type)
    request = _read_request(payload)
    brought = {keys.key_id(request.node_key), keys.key_id(request.node_sealing_key)}
    if len(brought) != 2 or keys.key_id(node_key) in brought:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.11: the keys must be fresh")
    return VerifiedEpochRequest(request, unverified.inner, epoch_request_digest(unverified.inner))


def dose_runs(sequences: Sequence[int], *, most: int = limits.EPOCH_RUNS) -> tuple[DoseRun, ...]:
    """Ascending sequences as runs.

    Where there would be more than `most`, they become one: to ask about more doses than needed is harmless.
    """
    runs: list[DoseRun] = []
    for sequence in sequences:
        if runs and runs[-1].last + 1 == sequence:
            runs[-1] = DoseRun(runs[-1].first, sequence)
        else:
            runs.append(DoseRun(sequence, sequence))
    return tuple(runs) if len(runs) <= most else (DoseRun(runs[0].first, runs[-1].last),)


def _read_request(payload: bytes) -> EpochRequest:
    fields = Fields(cbor.decode(payload, max_bytes=limits.MESSAGE_BYTES), what=_WHAT)
    head = fields.opt_map_(8)
    request = EpochRequest(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        epoch=fields.uint(2, min=1, max=limits.COUNTER - 1),
        reason=_REASONS[fields.uint(3, max=len(_REASONS) - 1)],
        chain=ChainPart(
            delivered=fields.uint(4, max=limits.COUNTER),
            digest=fields.bytes_(5, length=DIGEST_BYTES),
            links=_links(fields),
            newest=fields.uint(7, max=limits.COUNTER),
        ),
        known_head=None if head is None else read_checkpoint(head),
        last_dose=fields.uint(9, max=limits.COUNTER),
        open_doses=_runs(fields),
        node_key=keys.load_ec_public_key(fields.bytes_(11, max_bytes=_KEY_BYTES)),
        node_sealing_key=keys.load_ec_public_key(fields.bytes_(12, max_bytes=_KEY_BYTES)),
        at=fields.uint(13, max=limits.INSTANT),
        nonce=fields.bytes_(14, length=NONCE_BYTES),
    )
    fields.finish()
    if not is_code(request.node):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: a node's code")
    chain = request.chain
    named = chain.delivered + len(chain.links)
    if chain.newest < named or (chain.newest > named and len(chain.links) < limits.EPOCH_LINKS):
        raise fields.invalid(7, "must be that of the last link named, unless there are more than can be named")
    if request.open_doses and request.open_doses[-1].last > request.last_dose:
        raise fields.invalid(10, "must not lie behind the last dose")
    return request


def _links(fields: Fields) -> tuple[bytes, ...]:
    found = fields.list_(6, max_items=limits.EPOCH_LINKS)
    links = tuple(item for item in found if isinstance(item, bytes) and len(item) == DIGEST_BYTES)
    if len(links) != len(found):
        raise fields.invalid(6, "must be digests")
    return links


def _runs(fields: Fields) -> tuple[DoseRun, ...]:
    found = fields.list_(10, max_items=2 * limits.EPOCH_RUNS)
    bounds = [item for item in found if type(item) is int and 0 < item <= limits.COUNTER]
    if len(bounds) != len(found) or len(bounds) % 2:
        raise fields.invalid(10, "must be pairs of sequences")
    runs = tuple(DoseRun(bounds[place], bounds[place + 1]) for place in range(0, len(bounds), 2))
    if any(run.first > run.last for run in runs) or any(one.last + 1 >= next_.first for one, next_ in pairwise(runs)):
        raise fields.invalid(10, "must be runs in order that do not touch")
    return runs

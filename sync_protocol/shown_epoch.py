"""A node shows a centre that was restored what the centre itself once signed for the node's epochs.

A copy from before an epoch was granted knows neither the epoch nor its keys. The node still holds its requests and the
centre's answers to them. A *showing* brings them, signed with the key of the newest epoch, so that nobody shows an
epoch whose key they do not have. Each epoch in it stands on a *word* of the centre: a grant of the publisher key that
names the digest of a request, which names the keys; or the enrolment file with the answer to the enrolment.

A word proves that the centre said so once. Whether it still holds is for the centre to judge: it may have said
something else since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import is_code
from sync_protocol.enrolment import verify_enrolment_answer, verify_enrolment_request
from sync_protocol.enrolment_file import ENROLMENT_FILE_BYTES, EnrolmentFile, verify_shown_file
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.node_epoch import EpochRequest, epoch_request_digest, parse_epoch_request, verify_epoch_request
from sync_protocol.node_epoch_answer import read_signed_answer
from sync_protocol.signers.signer import Signer

NONCE_BYTES: Final = 16
_Verified = TypeVar("_Verified")
_WHAT: Final = "shown epochs"
_SIGNATURE_FAULTS: Final = frozenset({Code.SIGNATURE_INVALID, Code.ALGORITHM})


@dataclass(frozen=True, slots=True, repr=False)
class Enrolled:
    """How a node was enrolled, as bytes: the operator's file, the node's request, the answer (b"" where not kept)."""

    file: bytes
    request: bytes
    answer: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """How an epoch was granted, as bytes: the node's signed request, and the centre's signed answer, unsealed."""

    request: bytes
    answer: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Showing:
    """What a node shows.

    Attributes:
        node: its code.
        epoch: its newest one, whose key signs the showing.
        enrolled: how it was enrolled, or None where that is left out.
        grants: in order of their epochs; the last one is of `epoch`, unless `enrolled` is.
        at: epoch seconds, UTC, by the node's clock: a claim.
        nonce: 16 bytes.
    """

    node: str
    epoch: int
    enrolled: Enrolled | None
    grants: tuple[Granted, ...]
    at: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class ShownEpoch:
    """One epoch that a showing brings.

    Attributes:
        epoch: its number.
        digest: 32 bytes, of the request that it began with; what its first bundle names as predecessor.
        node_key, node_sealing_key: its keys.
        first_dose: the lowest dose sequence that it may give.
        at: epoch seconds, UTC, when the centre said so; None where no word of the centre says it.
        request: the request for it, or None where it began with an enrolment.
        inner: the same as the node signed it, or b"".
        delivered: up to which link of the epoch before it the node got receipts until then; 0 for an enrolment.
    """

    epoch: int
    digest: bytes
    node_key: ec.EllipticCurvePublicKey
    node_sealing_key: ec.EllipticCurvePublicKey
    first_dose: int
    at: int | None
    request: EpochRequest | None = None
    inner: bytes = b""
    delivered: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedShowing:
    """A showing whose words were signed by this centre, and which the newest key signed.

    Attributes:
        node: the node's code.
        epochs: rising; at least one.
        file: what the enrolment file says, where it came along.
        digest: SHA-256 over the signed, unsealed showing.
    """

    node: str
    epochs: tuple[ShownEpoch, ...]
    file: EnrolmentFile | None
    inner: bytes
    digest: bytes

    @property
    def newest(self) -> ShownEpoch:
        """The epoch that the node is in."""
        return self.epochs[-1]


def sign_showing(showing: Showing, node_signer: Signer) -> bytes:
    """Sign a showing with the key of its newest epoch; it then travels sealed to the centre.

    Raises:
        ProtocolError: TOO_LARGE where there is more than can be shown, or FIELD_INVALID; the node is enrolled anew.
        TokenError: the signer cannot sign now.
    """
    fields: dict[int, object] = {
        1: showing.node,
        2: showing.epoch,
        4: [[granted.request, granted.answer] for granted in showing.grants],
        5: showing.at,
        6: showing.nonce,
    }
    if (enrolled := showing.enrolled) is not None:
        fields[3] = [enrolled.file, enrolled.request, enrolled.answer]
    payload = cbor.encode(fields)
    _read_showing(payload)
    context = contexts.SHOWN_EPOCHS
    inner = cose.sign1(payload, signer=node_signer, content_type=context.content_type, context=context.aad)
    if len(inner) > limits.SHOWN_EPOCHS_BYTES - limits.MESSAGE_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: more than can be shown; the node has to be enrolled anew")
    return inner


def showing_digest(inner: bytes) -> bytes:
    """SHA-256 of a signed, unsealed showing."""
    return hashlib.sha256(inner).digest()


def verify_showing(inner: bytes, publisher_keys: Sequence[keys.PublicKey]) -> VerifiedShowing:
    """Verify every word in a showing as this centre's own, and the showing with the key that the newest one names.

    1. the enrolment file is signed by a publisher key of ours, and the request brings its one-time code;
    2. each grant is signed by such a key, names the digest of its request, and follows the one before it; a request is
       signed by the key of the epoch that it ends, where that one is shown too;
    3. the key of the newest epoch signed the showing.

    An enrolment without its answer is our word all the same where a grant follows that ended its epoch.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, CONTENT_TYPE, EPOCH_MISMATCH, ENROLMENT_INVALID, or a code of form.
    """
    message = cose.parse_sign1(inner, max_bytes=limits.SHOWN_EPOCHS_BYTES)
    if message.payload is None or message.unprotected:
        raise ProtocolError(Code.NOT_COSE, f"{_WHAT}: the content travels inside, and nothing beside it")
    showing = _read_showing(message.payload)
    grants = [_verify_granted(granted, showing.node, publisher_keys) for granted in showing.grants]
    for before, after in pairwise(grants):
        _check_follows(before, after)
    file, enrolled = None, None
    if showing.enrolled is not None:
        file = verify_shown_file(showing.enrolled.file, publisher_keys)
        enrolled = _verify_enrolled(showing, file, publisher_keys, followed_by=grants[0] if grants else None)
        if grants:
            _check_follows(enrolled, grants[0])
    epochs = tuple(([enrolled] if enrolled is not None else []) + grants)
    if not epochs or epochs[-1].epoch != showing.epoch:
        raise ProtocolError(Code.EPOCH_MISMATCH, f"{_WHAT}: nothing shows the node's newest epoch")
    context = contexts.SHOWN_EPOCHS
    cose.verify_sign1(message, epochs[-1].node_key, context=context.aad, content_type=context.content_type)
    return VerifiedShowing(showing.node, epochs, file, inner, showing_digest(inner))


def _verify_granted(granted: Granted, node: str, publisher_keys: Sequence[keys.PublicKey]) -> ShownEpoch:
    request = parse_epoch_request(granted.request).claimed
    answer = _with_any(publisher_keys, lambda key: read_signed_answer(granted.answer, key))
    digest, grant = epoch_request_digest(granted.request), answer.grant
    if grant is None or {node} != {answer.node, request.node} or {digest} != {answer.digest, grant.previous}:
        raise ProtocolError(Code.EPOCH_MISMATCH, f"{_WHAT}.4: a grant for another request")
    if grant.epoch <= request.epoch:
        raise ProtocolError(Code.EPOCH_MISMATCH, f"{_WHAT}.4: a grant that begins no later epoch")
    brought = {keys.key_id(request.node_key), keys.key_id(request.node_sealing_key)}
    if len(brought) != 2:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.4: two keys that are one")
    delivered = request.chain.delivered
    # Receipts that came with the grant go on from those that the node had, as far as they follow one another.
    for sequence, _ in sorted(grant.receipts):
        if sequence == delivered + 1:
            delivered = sequence
    return ShownEpoch(
        grant.epoch,
        digest,
        request.node_key,
        request.node_sealing_key,
        first_dose=grant.first_dose,
        at=answer.at,
        request=request,
        inner=granted.request,
        delivered=delivered,
    )


def _check_follows(before: ShownEpoch, after: ShownEpoch) -> None:
    request = after.request
    assert request is not None
    if request.epoch != before.epoch or (before.at is not None and after.at is not None and after.at < before.at):
        raise ProtocolError(Code.EPOCH_MISMATCH, f"{_WHAT}.4: epochs that do not follow one another")
    verify_epoch_request(parse_epoch_request(after.inner), before.node_key)


def _verify_enrolled(
    showing: Showing,
    file: EnrolmentFile,
    publisher_keys: Sequence[keys.PublicKey],
    *,
    followed_by: ShownEpoch | None,
) -> ShownEpoch:
    enrolled = showing.enrolled
    assert enrolled is not None
    verified = verify_enrolment_request(enrolled.request)
    request = verified.request
    if {file.node, request.node} != {showing.node} or request.one_time_code != file.one_time_code:
        raise ProtocolError(Code.ENROLMENT_INVALID, f"{_WHAT}.3: file and request are of two enrolments")
    epoch, first_dose, at = showing.epoch, 1, None
    if followed_by is not None and followed_by.request is not None:
        # Whoever granted that request had verified it with the key of the epoch that it ended.
        epoch, at = followed_by.request.epoch, followed_by.at
    if enrolled.answer:
        answer = _with_any(publisher_keys, lambda key: verify_enrolment_answer(enrolled.answer, key, request=verified))
        epoch, first_dose, at = answer.epoch, answer.first_dose, answer.at
    return ShownEpoch(epoch, verified.digest, request.node_key, request.node_sealing_key, first_dose=first_dose, at=at)


def _with_any(publisher_keys: Sequence[keys.PublicKey], verify: Callable[[keys.PublicKey], _Verified]) -> _Verified:
    """What the verification gives with one of our publisher keys, retired ones included."""
    for key in publisher_keys[:-1]:
        try:
            return verify(key)
        except ProtocolError as error:
            if error.code not in _SIGNATURE_FAULTS:
                raise
    return verify(publisher_keys[-1])


def _read_showing(payload: bytes) -> Showing:
    fields = Fields(cbor.decode(payload, max_bytes=limits.SHOWN_EPOCHS_BYTES), what=_WHAT)
    enrolled = fields.opt_list_(3, min_items=3, max_items=3)
    showing = Showing(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        epoch=fields.uint(2, min=1, max=limits.COUNTER),
        enrolled=None if enrolled is None else _read_enrolled(fields, enrolled),
        grants=tuple(_read_granted(fields, item) for item in fields.list_(4, max_items=limits.SHOWN_EPOCHS)),
        at=fields.uint(5, max=limits.INSTANT),
        nonce=fields.bytes_(6, length=NONCE_BYTES),
    )
    fields.finish()
    if not is_code(showing.node):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: a node's code")
    return showing


def _read_enrolled(fields: Fields, found: Sequence[object]) -> Enrolled:
    match found:
        case [bytes(file), bytes(request), bytes(answer)] if (
            len(file) <= ENROLMENT_FILE_BYTES and max(len(request), len(answer)) <= limits.MESSAGE_BYTES
        ):
            return Enrolled(file, request, answer)
        case _:
            raise fields.invalid(3, "must be file, request and answer")


def _read_granted(fields: Fields, item: object) -> Granted:
    match item:
        case [bytes(request), bytes(answer)] if (
            len(request) <= limits.MESSAGE_BYTES and len(answer) <= limits.EPOCH_ANSWER_BYTES
        ):
            return Granted(request, answer)
        case _:
            raise fields.invalid(4, "must be pairs of request and answer")

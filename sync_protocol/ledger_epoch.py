"""The centre's word that its ledger was restored from an older copy, and where it goes on.

Entries behind the *base*, the last head that the centre can still prove, are lost, whatever was signed for them; what
stands before it stays in its place. A statement names every epoch that began before it, so that the newest one tells
all: two parties that hold different statements go back to the smallest base on which they differ.

A head is *superseded* when its epoch is older than an epoch whose base is smaller: it grew on what was lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind
from sync_protocol.fields import Fields
from sync_protocol.manifest import Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.signers.signer import Signer
from sync_protocol.tree_head import ledger_key_for

FIRST_EPOCH: Final = 1
# A step weighs about 70 bytes, so that a statement of all of them fits a page of a feed.
LEDGER_EPOCH_BYTES: Final = 8 * 1024
# Numbers of a feed's items begin anew with each epoch of the ledger, above whatever was given out before it.
FEED_SPAN: Final = 2**20

_WHAT: Final = "ledger epoch"


@dataclass(frozen=True, slots=True)
class EpochStep:
    """Where one epoch of the ledger began.

    Attributes:
        epoch: its number, at least 2.
        base: the head that it grows from, of an older epoch.
        at: epoch seconds, UTC, when it was declared.
    """

    epoch: int
    base: Checkpoint
    at: int


@dataclass(frozen=True, slots=True)
class LedgerEpoch:
    """What the centre declares.

    Attributes:
        step: the epoch that begins.
        reason: in the operator's words; names nobody.
        earlier: the epochs declared before, by number; none of them has this number.
    """

    step: EpochStep
    reason: str
    earlier: tuple[EpochStep, ...] = ()

    @property
    def epoch(self) -> int:
        return self.step.epoch

    @property
    def steps(self) -> tuple[EpochStep, ...]:
        """All epochs after the first, by number."""
        return (*self.earlier, self.step)


def sign_ledger_epoch(statement: LedgerEpoch, ledger_signer: Signer) -> bytes:
    """Sign a statement with the ledger key; returns a tagged COSE_Sign1.

    Raises:
        ProtocolError: TOO_LARGE, FIELD_INVALID or LEDGER_EPOCH for one that no reader would take.
        TokenError: the signer cannot sign now.
    """
    payload = cbor.encode(
        {
            **_step_map(statement.step),
            4: statement.reason,
            5: [_step_map(step) for step in statement.earlier],
        }
    )
    _read(payload)
    return cose.sign1(
        payload,
        signer=ledger_signer,
        content_type=contexts.LEDGER_EPOCH.content_type,
        context=contexts.LEDGER_EPOCH.aad,
        protected={cose.KID: keys.key_id(ledger_signer.public_key)},
    )


def verify_ledger_epoch(data: bytes, ledger_keys: Sequence[keys.PublicKey]) -> LedgerEpoch:
    """Check a statement's signature, then read it. Whether it agrees with what is known is `check_epoch_follows`.

    Args:
        data: the COSE_Sign1 as received.
        ledger_keys: the ledger keys that the trust list names.

    Raises:
        ProtocolError: `SIGNER_UNKNOWN`, `SIGNATURE_INVALID`, `ALGORITHM`, `CONTENT_TYPE`, `LEDGER_EPOCH` where its
            steps do not follow one another, or a code of form.
    """
    message = cose.parse_sign1(data, max_bytes=LEDGER_EPOCH_BYTES)
    context = contexts.LEDGER_EPOCH
    key = ledger_key_for(message, ledger_keys)
    return _read(cose.verify_sign1(message, key, context=context.aad, content_type=context.content_type))


def read_ledger_epoch(data: bytes) -> LedgerEpoch:
    """Read a statement of one's own, without looking at its signature. Raises ProtocolError for its form."""
    message = cose.parse_sign1(data, max_bytes=LEDGER_EPOCH_BYTES)
    if message.payload is None:
        raise ProtocolError(Code.NOT_COSE, f"{_WHAT}: the content travels inside")
    return _read(message.payload)


def check_epoch_follows(statement: LedgerEpoch, known: LedgerEpoch | None, heads: Iterable[Checkpoint]) -> int:
    """Check that a verified statement may be obeyed; returns from which index on entries are lost to this party.

    1. it is newer than the one known;
    2. no verified head of the size of a base has another root than that base;
    3. no verified head that a base must hold in it is younger than that base.

    Args:
        statement: its signature verified.
        known: the statement obeyed before, or None in the first epoch.
        heads: every head that this party has verified and that is not superseded by `known`.

    Raises:
        ProtocolError: SET_OLDER for (1), which is harmless; HEAD_INCONSISTENT for the others, which is evidence.
    """
    # (1)
    if statement.epoch <= (FIRST_EPOCH if known is None else known.epoch):
        raise ProtocolError(Code.SET_OLDER, f"{_WHAT}: not newer than the epoch known")
    lost_from = divergence(statement, known)
    for head in heads:
        # Beyond the point where both part, a head is lost and says nothing against the new epoch.
        if head.epoch >= statement.epoch or head.size > lost_from:
            continue
        for step in statement.steps:
            # (2) RFC 9162 gives one root for each size.
            if head.size == step.base.size and head.root != step.base.root:
                raise ProtocolError(Code.HEAD_INCONSISTENT, f"{_WHAT}: its base has another root than a verified head")
            # (3)
            if head.size <= step.base.size and head.epoch <= step.base.epoch and head.at > step.base.at:
                raise ProtocolError(Code.HEAD_INCONSISTENT, f"{_WHAT}: its base is older than a smaller verified head")
    return lost_from


def divergence(statement: LedgerEpoch, known: LedgerEpoch | None) -> int:
    """The size up to which two statements agree on the ledger: the smallest base that only one of them names."""
    held = frozenset(() if known is None else known.steps)
    return min(step.base.size for step in held.symmetric_difference(statement.steps))


def superseding(head: Checkpoint, steps: Iterable[EpochStep], *, until: int | None = None) -> EpochStep | None:
    """The step that a superseded head falls back to, or None for a head that still stands.

    It is the smallest base of all younger epochs, if the head is larger than that.

    Args:
        head: any head, also one that is only claimed.
        steps: the epochs after the first.
        until: of these, only the ones up to this epoch.
    """
    younger = [step for step in steps if step.epoch > head.epoch and (until is None or step.epoch <= until)]
    smallest = min(younger, key=lambda step: (step.base.size, step.epoch), default=None)
    return smallest if smallest is not None and head.size > smallest.base.size else None


def proven_from(named: Checkpoint, steps: Iterable[EpochStep], *, until: int | None = None) -> Checkpoint:
    """The head from which a consistency path starts for somebody who names this one: its step's base, or itself.

    Args:
        named: the head that a bundle or a request names.
        steps: the epochs after the first.
        until: of these, only the ones up to the epoch of the head at which the path ends.
    """
    step = superseding(named, steps, until=until)
    return named if step is None else step.base


def first_item_of(epoch: int) -> int:
    """The number that the first item of every feed has after an epoch of the ledger began."""
    return epoch * FEED_SPAN + 1


def epoch_facts(data: bytes, ledger_keys: Sequence[keys.PublicKey]) -> dict[str, str | int]:
    """What a statement says, for people. Raises what `verify_ledger_epoch` raises."""
    statement = verify_ledger_epoch(data, ledger_keys)
    base = statement.step.base
    return {
        "ledger_epoch": statement.epoch,
        "ledger_size": base.size,
        "ledger_root": base.root.hex(),
        "declared_at": statement.step.at,
        "epoch_reason": statement.reason,
    }


def begins_epoch(item: FeedItem) -> bool:
    """Whether a verified item of a feed begins the numbers of an epoch: it alone may leave out what comes before it.

    The statement in it is read only for its number: who obeys it verifies it.
    """
    if item.kind is not FeedKind.LEDGER_EPOCH or item.more or item.before:
        return False
    try:
        return item.number == first_item_of(read_ledger_epoch(item.body).epoch)
    except ProtocolError:
        return False


def _step_map(step: EpochStep) -> dict[int, object]:
    return {1: step.epoch, 2: checkpoint_map(step.base), 3: step.at}


def _read(payload: bytes) -> LedgerEpoch:
    fields = Fields(cbor.decode(payload, max_bytes=LEDGER_EPOCH_BYTES), what=_WHAT)
    step = _read_step(fields)
    statement = LedgerEpoch(
        step,
        fields.text(4, max_chars=limits.LONG_CHARS),
        tuple(_earlier(value) for value in fields.list_(5, max_items=limits.LEDGER_EPOCHS)),
    )
    fields.finish()
    _check_steps(statement)
    return statement


def _earlier(value: object) -> EpochStep:
    fields = Fields(value, what=f"{_WHAT}.5")
    step = _read_step(fields)
    fields.finish()
    return step


def _read_step(fields: Fields) -> EpochStep:
    return EpochStep(
        epoch=fields.uint(1, min=FIRST_EPOCH + 1, max=limits.COUNTER // FEED_SPAN - 1),
        base=read_checkpoint(fields.map_(2)),
        at=fields.uint(3, max=limits.INSTANT),
    )


def _check_steps(statement: LedgerEpoch) -> None:
    before = FIRST_EPOCH
    for place, step in enumerate(statement.steps):
        if step.epoch <= before:
            raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: its epochs do not follow one another")
        if step.base.epoch >= step.epoch or step.at < step.base.at:
            raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: an epoch grows from an older head, and begins after it")
        # A ledger goes on from a head of its own: none that an epoch between has superseded.
        if superseding(step.base, statement.steps[:place]) is not None:
            raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: an epoch grows from what was lost before it")
        before = step.epoch

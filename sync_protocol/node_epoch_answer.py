"""The centre's answer to a node that asks for a new epoch (`node_epoch`): granted, a person decides, or refused.

A grant tells an older store all that it needs to go on without doubling or losing anything: the receipts of its own
bundles that it does not have, and which dose numbers are taken at the centre, each with a *mark*. A dose of the store
with the same number and the same mark is at the centre already; with another mark the number belongs to another dose.

The answer is signed by the publisher key and sealed to the sealing key of the request: no other store can use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.manifest import DIGEST_BYTES
from sync_protocol.node_epoch import DoseRun, VerifiedEpochRequest, dose_runs
from sync_protocol.receipt import RECEIPT_BYTES
from sync_protocol.sealing import Entropy, open_sealed, seal
from sync_protocol.signers.signer import Signer
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState

# Two doses that agree by chance in number and mark: once in 2^64.
MARK_BYTES: Final = 8
_WHAT: Final = "epoch answer"
_OVERHEAD: Final = 4_096


class EpochState(StrEnum):
    """What the centre says of a request."""

    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"


# States travel as their place in these tuples, so the order never changes.
_STATES: Final = (EpochState.WAITING, EpochState.GRANTED, EpochState.REFUSED)
_VERDICTS: Final = (VerdictState.ADMITTED, VerdictState.QUARANTINED, VerdictState.REFUSED)


@dataclass(frozen=True, slots=True)
class HeldDose:
    """A dose number that is taken at the centre: the mark of the dose that has it, and what is said of that dose."""

    sequence: int
    mark: bytes
    verdict: Verdict


@dataclass(frozen=True, slots=True, repr=False)
class EpochGrant:
    """What a store needs to go on.

    Attributes:
        epoch: the new one.
        previous: 32 bytes: what its first bundle names as predecessor, the digest of the request.
        first_dose: the lowest sequence for the next dose: above every one that the centre holds of this node in any
            history, and above those of the request.
        receipts: of the store's own links that are in the ledger and for which it has none, as (sequence, receipt).
        held: the taken numbers among `open_doses` of the request and behind its last dose, in order.
    """

    epoch: int
    previous: bytes
    first_dose: int
    receipts: tuple[tuple[int, bytes], ...] = ()
    held: tuple[HeldDose, ...] = ()


@dataclass(frozen=True, slots=True)
class EpochAnswer:
    """What the centre says.

    Attributes:
        node: the node's code.
        digest: 32 bytes, of the request that is answered.
        at: epoch seconds, UTC.
        grant: where the epoch is granted, else None.
        refusal: why, where it is refused: EPOCH where another machine goes on, else EPOCH_REFUSED; or None.
    """

    node: str
    digest: bytes
    at: int
    grant: EpochGrant | None = None
    refusal: Code | None = None

    @property
    def state(self) -> EpochState:
        if self.grant is not None:
            return EpochState.GRANTED
        return EpochState.WAITING if self.refusal is None else EpochState.REFUSED


def dose_mark(dose: Dose) -> bytes:
    """8 bytes of SHA-256 over who got what, when, recorded by whom and when: what makes two doses the same event.

    What may be cleared up afterwards (identity, phone, address, reaction) is left out.
    """
    person = dose.recipient
    return _mark(
        [
            *(dose.sequence, dose.given_at, dose.recorded_at, dose.recorded_by, dose.product, dose.lot),
            *(dose.dose_number, dose.vaccinator, dose.station, dose.replaces or 0),
            *(person.name, person.birth_date, person.number),
        ]
    )


def mark_of_columns(columns: Mapping[str, object]) -> bytes:
    """The same mark of a dose that is stored column by column, under the names of its fields."""
    names = (
        *("sequence", "given_at", "recorded_at", "recorded_by", "product", "lot", "dose_number", "vaccinator"),
        *("station", "replaces", "name", "birth_date", "number"),
    )
    return _mark([columns[name] or 0 if name == "replaces" else columns[name] for name in names])


def sign_epoch_answer(answer: EpochAnswer, publisher: Signer) -> bytes:
    """Sign an answer with the publisher key.

    Raises:
        ProtocolError: TOO_LARGE where the store lacks more than one answer can tell.
        TokenError: the signer cannot sign now.
    """
    fields: dict[int, object] = {1: answer.node, 2: answer.digest, 3: _STATES.index(answer.state), 4: answer.at}
    if (grant := answer.grant) is not None:
        fields |= {5: grant.epoch, 6: grant.previous, 7: grant.first_dose}
        fields |= {8: [[sequence, receipt] for sequence, receipt in grant.receipts], 9: _groups(grant.held)}
    if answer.refusal is not None:
        fields[10] = answer.refusal.value
    payload = cbor.encode(fields)
    if len(payload) > limits.EPOCH_ANSWER_BYTES - _OVERHEAD:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: the store lacks too much; the node has to be enrolled anew")
    context = contexts.EPOCH_ANSWER
    return cose.sign1(payload, signer=publisher, content_type=context.content_type, context=context.aad)


def seal_epoch_answer(signed: bytes, *, recipient: ec.EllipticCurvePublicKey, entropy: Entropy) -> bytes:
    """Seal a signed answer to the sealing key of the request."""
    return seal(signed, recipient=recipient, entropy=entropy, context=contexts.EPOCH_ANSWER.aad)


def unseal_epoch_answer(sealed: bytes, opening_key: ec.EllipticCurvePrivateKey) -> bytes:
    """The signed answer in its envelope, not verified. Raises what `open_sealed` raises."""
    private = {keys.key_id(opening_key.public_key()): opening_key}
    return open_sealed(sealed, private, context=contexts.EPOCH_ANSWER.aad, max_bytes=limits.EPOCH_ANSWER_BYTES)


def read_signed_answer(signed: bytes, publisher_key: keys.PublicKey) -> EpochAnswer:
    """Check the publisher's signature and read an answer; to which request it is, the caller compares.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, CONTENT_TYPE, or a code of form.
    """
    message = cose.parse_sign1(signed, max_bytes=limits.EPOCH_ANSWER_BYTES)
    context = contexts.EPOCH_ANSWER
    payload = cose.verify_sign1(message, publisher_key, context=context.aad, content_type=context.content_type)
    return _read_answer(payload)


def open_epoch_answer(
    sealed: bytes,
    opening_key: ec.EllipticCurvePrivateKey,
    publisher_key: keys.PublicKey,
    *,
    request: VerifiedEpochRequest,
) -> EpochAnswer:
    """Open an answer, and check the publisher's signature and that it is to this store's own request.

    Args:
        sealed: as received.
        opening_key: the fresh one, whose public half the request carries.
        publisher_key: pinned at enrolment.
        request: the store's own request, verified again from the bytes that it kept before sending.

    Raises:
        ProtocolError: what `open_sealed` raises, SIGNATURE_INVALID, CONTENT_TYPE, a code of form, or EPOCH_MISMATCH
            where it is made for another request.
    """
    signed = unseal_epoch_answer(sealed, opening_key)
    answer = read_signed_answer(signed, publisher_key)
    own, grant = request.request, answer.grant
    is_other = answer.digest != request.digest or answer.node != own.node
    if is_other or (grant is not None and (grant.previous != request.digest or grant.epoch <= own.epoch)):
        raise ProtocolError(Code.EPOCH_MISMATCH, f"{_WHAT}: made for another request")
    if grant is not None and grant.first_dose <= max(own.last_dose, *(one.sequence for one in grant.held), 0):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.7: the lowest free sequence is taken")
    return answer


def missing_runs(grant: EpochGrant, *, last_dose: int) -> tuple[DoseRun, ...]:
    """The numbers behind the store's last dose that are taken at the centre: doses that the store does not know."""
    return dose_runs([one.sequence for one in grant.held if one.sequence > last_dose])


def _mark(values: Sequence[object]) -> bytes:
    return hashlib.sha256(cbor.encode(list(values))).digest()[:MARK_BYTES]


def _groups(held: Sequence[HeldDose]) -> list[object]:
    """A group for each verdict that occurs: [state, code, runs, marks]."""
    by_verdict: dict[tuple[int, str], list[HeldDose]] = {}
    for one in sorted(held, key=lambda dose: dose.sequence):
        code = "" if one.verdict.code is None else one.verdict.code.value
        by_verdict.setdefault((_VERDICTS.index(one.verdict.state), code), []).append(one)
    groups: list[object] = []
    for (state, code), doses in sorted(by_verdict.items()):
        runs = dose_runs([one.sequence for one in doses], most=len(doses))
        bounds = [number for run in runs for number in (run.first, run.last)]
        groups.append([state, code, bounds, b"".join(one.mark for one in doses)])
    return groups


def _read_answer(payload: bytes) -> EpochAnswer:
    fields = Fields(cbor.decode(payload, max_bytes=limits.EPOCH_ANSWER_BYTES), what=_WHAT)
    state = _STATES[fields.uint(3, max=len(_STATES) - 1)]
    answer = EpochAnswer(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        digest=fields.bytes_(2, length=DIGEST_BYTES),
        at=fields.uint(4, max=limits.INSTANT),
        grant=_read_grant(fields) if state is EpochState.GRANTED else None,
        refusal=_code(fields.text(10, max_chars=limits.SHORT_CHARS)) if state is EpochState.REFUSED else None,
    )
    fields.finish()
    return answer


def _read_grant(fields: Fields) -> EpochGrant:
    receipts = []
    for item in fields.list_(8, max_items=limits.EPOCH_LINKS):
        match item:
            case [int(sequence), bytes(receipt)] if type(sequence) is int and 0 < len(receipt) <= RECEIPT_BYTES:
                receipts.append((sequence, receipt))
            case _:
                raise fields.invalid(8, "must be pairs of sequence and receipt")
    return EpochGrant(
        epoch=fields.uint(5, min=2, max=limits.COUNTER),
        previous=fields.bytes_(6, length=DIGEST_BYTES),
        first_dose=fields.uint(7, min=1, max=limits.COUNTER),
        receipts=tuple(receipts),
        held=_read_held(fields),
    )


def _read_held(fields: Fields) -> tuple[HeldDose, ...]:
    found: dict[int, HeldDose] = {}
    for group in fields.list_(9, max_items=2 * len(Code)):
        match group:
            case [int(state), str(code), [*bounds], bytes(marks)] if type(state) is int and state < len(_VERDICTS):
                verdict = ADMITTED if state == 0 and not code else None
            case _:
                raise fields.invalid(9, "must be groups of state, code, runs and marks")
        if state:
            verdict = Verdict(_VERDICTS[state], _code(code))
        if verdict is None:
            raise fields.invalid(9, "an admitted dose has no code")
        for place, sequence in enumerate(_spread(fields, bounds, len(marks))):
            if sequence in found:
                raise fields.invalid(9, "a number is named twice")
            found[sequence] = HeldDose(sequence, marks[place * MARK_BYTES : (place + 1) * MARK_BYTES], verdict)
        if len(found) > limits.EPOCH_DOSES:
            raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}.9: at most {limits.EPOCH_DOSES} doses")
    return tuple(found[sequence] for sequence in sorted(found))


def _spread(fields: Fields, bounds: Sequence[object], marks_bytes: int) -> list[int]:
    """The sequences of the runs, once they are known to be as many as there are marks."""
    numbers = [item for item in bounds if type(item) is int and 0 < item <= limits.COUNTER]
    runs = [DoseRun(numbers[place], numbers[place + 1]) for place in range(0, len(numbers) - 1, 2)]
    count = sum(run.last - run.first + 1 for run in runs)
    is_whole = len(numbers) == len(bounds) and not len(numbers) % 2 and all(run.first <= run.last for run in runs)
    if not is_whole or count * MARK_BYTES != marks_bytes:
        raise fields.invalid(9, "must have a mark for each number of its runs")
    return [sequence for run in runs for sequence in range(run.first, run.last + 1)]


def _code(text: str) -> Code:
    try:
        return Code(text)
    except ValueError:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: a code is unknown to this version") from None

"""What a node keeps against the centre, as a file that anybody can judge: two signed words that do not agree.

The file is one CBOR map {1: name, 2: version, 3: node, 4: [[received at, code, said, held] …]}. `said` came last and
`held` was signed before; each is a receipt, a statement of an epoch, a tree head, or what the centre says of itself at
a contact. `held` is empty where a word stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.contact import verify_statement
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.ledger_epoch import verify_ledger_epoch
from sync_protocol.manifest import Checkpoint
from sync_protocol.receipt import RECEIPT_BYTES, verify_inclusion
from sync_protocol.tree_head import verify_tree_head

EVIDENCE_VERSION: Final = 1
_NAME: Final = "hcvx-evidence"
# The first bytes of every file: a map of four with the name under key 1.
EVIDENCE_PREFIX: Final = b"\xa4\x01" + cbor.encode(_NAME)
EVIDENCE_PAIRS: Final = 500
_WHAT: Final = "evidence"


class Proof(StrEnum):
    """What two words prove together, the strongest first."""

    TWO_HISTORIES = "two-histories"  # one epoch, one size, two roots
    WENT_BACK = "went-back"  # one epoch, a later head of a smaller ledger
    EPOCH_FORGED = "epoch-contradicts"  # an epoch whose base is not the head that was signed for that size
    EPOCH_TWICE = "epoch-twice"  # two statements of one number
    NO_PATH = "no-path"  # two heads, and no path between them: not proven, but to be explained by the centre
    UNSIGNED = "unsigned"  # one of them is signed by no key of the centre: it proves nothing against it


@dataclass(frozen=True, slots=True)
class EvidencePair:
    """Two words of the centre.

    Attributes:
        received_at: epoch seconds, UTC, by the node's clock, when `said` came.
        code: why the node did not take it.
        said, held: as they came; `held` is empty where there is none.
    """

    received_at: int
    code: str
    said: bytes
    held: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file of evidence; unverified."""

    node: str
    pairs: tuple[EvidencePair, ...]


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """What a pair proves, with the heads that were signed, where they were."""

    pair: EvidencePair
    proof: Proof
    said: Checkpoint | None
    held: Checkpoint | None


@dataclass(frozen=True, slots=True)
class _Word:
    head: Checkpoint
    at: int
    epoch: int | None = None


def encode_evidence(evidence: Evidence) -> bytes:
    """Returns the file's bytes."""
    pairs = [[pair.received_at, pair.code, pair.said, pair.held] for pair in evidence.pairs]
    return cbor.encode({1: _NAME, 2: EVIDENCE_VERSION, 3: evidence.node, 4: pairs})


def parse_evidence(data: bytes) -> Evidence:
    """Reads a file strictly; nothing is verified.

    Raises:
        ProtocolError: VERSION, TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC or FIELD_….
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.SET_BYTES), what=_WHAT)
    if fields.text(1, max_chars=limits.SHORT_CHARS) != _NAME:
        raise ProtocolError(Code.NOT_RECOGNISED, f"{_WHAT}: does not begin with its name")
    if fields.uint(2) != EVIDENCE_VERSION:
        raise ProtocolError(Code.VERSION, f"{_WHAT}: this program reads version {EVIDENCE_VERSION}")
    evidence = Evidence(
        fields.text(3, max_chars=limits.NODE_CHARS),
        tuple(_pair(value) for value in fields.list_(4, max_items=EVIDENCE_PAIRS)),
    )
    fields.finish()
    return evidence


def judge_evidence(
    evidence: Evidence, *, ledger_keys: Sequence[PublicKey], publisher_key: PublicKey | None
) -> tuple[JudgedPair, ...]:
    """Says of each pair what it proves.

    Args:
        evidence: unverified.
        ledger_keys: trusted ledger keys.
        publisher_key: the centre's, for what it says at contacts; None where it is not known.
    """
    return tuple(_judged(pair, evidence.node, ledger_keys, publisher_key) for pair in evidence.pairs)


def evidence_facts(
    data: bytes, ledger_keys: Sequence[PublicKey], publisher_key: PublicKey | None
) -> dict[str, str | int]:
    """What a file of evidence says, for people: of each pair what it proves, and the heads that were signed.

    Raises:
        ProtocolError: as `parse_evidence`; SIGNER_UNKNOWN where the centre has signed both words of no pair.
    """
    evidence = parse_evidence(data)
    judged = judge_evidence(evidence, ledger_keys=ledger_keys, publisher_key=publisher_key)
    if all(one.proof is Proof.UNSIGNED for one in judged):
        raise ProtocolError(Code.SIGNER_UNKNOWN, f"{_WHAT}: of no pair both words are signed by a trusted key")
    facts: dict[str, str | int] = {"node": evidence.node, "pairs": len(judged)}
    for number, one in enumerate(judged, 1):
        facts[f"pair_{number}"] = one.proof.value
        for name, head in (("said", one.said), ("held", one.held)):
            if head is not None:
                facts[f"pair_{number}_{name}"] = f"{head.epoch}/{head.size} {head.root.hex()}"
                facts[f"pair_{number}_{name}_at"] = head.at
    return facts


def receipts_of(data: bytes) -> list[bytes]:
    """The receipts in a file: all words of a file of evidence that look like one, or the file itself."""
    if not data.startswith(EVIDENCE_PREFIX):
        return [data]
    words = [word for pair in parse_evidence(data).pairs for word in (pair.said, pair.held)]
    # A receipt is a map of three or four.
    return list(dict.fromkeys(word for word in words if word[:1] in (b"\xa3", b"\xa4")))


def _judged(
    pair: EvidencePair, node: str, ledger_keys: Sequence[PublicKey], publisher_key: PublicKey | None
) -> JudgedPair:
    said = _word(pair.said, node, ledger_keys, publisher_key)
    held = _word(pair.held, node, ledger_keys, publisher_key)
    heads = (None if said is None else said.head, None if held is None else held.head)
    if said is None or held is None:
        return JudgedPair(pair, Proof.UNSIGNED, *heads)
    return JudgedPair(pair, _proof(said, held), *heads)


def _proof(said: _Word, held: _Word) -> Proof:
    if said.epoch is not None and said.epoch == held.epoch:
        return Proof.EPOCH_TWICE
    same_size = said.head.size == held.head.size and said.head.root != held.head.root
    if same_size and (said.epoch is not None or held.epoch is not None):
        return Proof.EPOCH_FORGED
    if same_size and said.head.epoch == held.head.epoch:
        return Proof.TWO_HISTORIES
    later, earlier = (said, held) if said.at > held.at else (held, said)
    if later.head.epoch == earlier.head.epoch and later.head.size < earlier.head.size:
        return Proof.WENT_BACK
    return Proof.NO_PATH


def _word(data: bytes, node: str, ledger_keys: Sequence[PublicKey], publisher_key: PublicKey | None) -> _Word | None:
    """The head that a word states, if a key of the centre signed it."""
    readers: Iterator[Callable[[], _Word]] = iter(
        (
            lambda: _headed(verify_inclusion(data, ledger_keys=ledger_keys).head),
            lambda: _epoch(data, ledger_keys),
            lambda: _headed(verify_tree_head(data, ledger_keys).checkpoint),
            lambda: _contact(data, node, publisher_key),
        )
    )
    for read in readers:
        try:
            return read()
        except ProtocolError:
            continue
    return None


def _headed(head: Checkpoint) -> _Word:
    return _Word(head, head.at)


def _epoch(data: bytes, ledger_keys: Sequence[PublicKey]) -> _Word:
    statement = verify_ledger_epoch(data, ledger_keys)
    return _Word(statement.step.base, statement.step.at, statement.epoch)


def _contact(data: bytes, node: str, publisher_key: PublicKey | None) -> _Word:
    if publisher_key is None:
        raise ProtocolError(Code.SIGNER_UNKNOWN, f"{_WHAT}: the publisher's key is not known")
    statement = verify_statement(data, publisher_key, node=node)
    # What it says is the newest head of that instant, whenever the head itself was signed.
    return _Word(statement.head, statement.at)


def _pair(value: object) -> EvidencePair:
    if not isinstance(value, list) or len(value) != 4:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.4: a pair has four parts")
    fields = Fields(dict(enumerate(value)), what=f"{_WHAT}.4")
    return EvidencePair(
        received_at=fields.uint(0, max=limits.INSTANT),
        code=fields.text(1, max_chars=limits.SHORT_CHARS),
        said=fields.bytes_(2, max_bytes=RECEIPT_BYTES),
        held=fields.bytes_(3, max_bytes=RECEIPT_BYTES),
    )

"""Receipts: what the centre promises, and every way of promising something else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, keys, receipt
from sync_protocol.bundle import BundleKind
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.ledger_entry import (
    ADMITTED,
    LedgerEntry,
    encode_entry,
    entry_leaf,
    genesis_entry,
    parse_entry,
)
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.receipt import RECEIPT_BYTES, VerifiedReceipt, build_receipt, verify_inclusion, verify_receipt
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import TreeHead, sign_tree_head
from sync_protocol.verdict import Verdict, VerdictState, encode_verdicts, verdicts_digest
from tests.builders import ec_key

LEDGER = KeySigner(ec_key("ledger"))
STRANGER = KeySigner(ec_key("stranger"))
START = 1_650_000_000
EPOCH = 1
VERDICTS = (
    Verdict(VerdictState.ADMITTED),
    Verdict(VerdictState.QUARANTINED, Code.IDENTITY_EVIDENCE),
    Verdict(VerdictState.REFUSED, Code.DOSE_DUPLICATE),
)


def digest_of(index: int, history: str = "true") -> bytes:
    return hashlib.sha256(f"{history} {index}".encode()).digest()


def entry_at(index: int, *, history: str = "true", outcome: str = ADMITTED) -> LedgerEntry:
    """Entry `index` of a ledger in which two nodes take turns; admitted 100 seconds apart."""
    if index == 0:
        return genesis_entry(START)
    verdicts = VERDICTS if outcome == ADMITTED else ()
    return LedgerEntry(
        index=index,
        node="19001A" if index % 2 else "19002B",
        epoch=1,
        sequence=(index + 1) // 2,
        kind=BundleKind.BATCH,
        digest=digest_of(index, history),
        previous=digest_of(index - 2, history),
        admitted_at=START + 100 * index,
        outcome=outcome,
        verdicts_digest=verdicts_digest(encode_verdicts(verdicts)),
        doses=len(verdicts),
    )


def tree_of(size: int, *, fork_at: int | None = None) -> Tree:
    """The ledger's tree; from `fork_at` on it tells another history."""
    return Tree(
        entry_leaf(entry_at(index, history="true" if fork_at is None or index < fork_at else "false"))
        for index in range(size)
    )


def head_of(size: int, *, fork_at: int | None = None, epoch: int = EPOCH) -> Checkpoint:
    return Checkpoint(epoch=epoch, size=size, root=tree_of(size, fork_at=fork_at).root, at=START + 100 * (size - 1))


def make(
    index: int,
    size: int,
    *,
    known_size: int | None = None,
    fork_at: int | None = None,
    epoch: int = EPOCH,
    signer: KeySigner = LEDGER,
    at: int | None = None,
) -> bytes:
    return build_receipt(
        entry_at(index, history="true" if fork_at is None or index < fork_at else "false"),
        tree_of(size, fork_at=fork_at),
        epoch=epoch,
        at=START + 100 * (size - 1) if at is None else at,
        known_head_size=known_size,
        ledger_signer=signer,
        verdicts=VERDICTS,
    )


def check(data: bytes, index: int, *, known: Checkpoint | None = None, history: str = "true") -> VerifiedReceipt:
    """Verify as the node whose bundle became entry `index` would."""
    entry = entry_at(index, history=history)
    return verify_receipt(
        data,
        ledger_keys=[LEDGER.public_key],
        node=entry.node,
        epoch=entry.epoch,
        sequence=entry.sequence,
        digest=entry.digest,
        known_head=known,
    )


def refused(call: Callable[[], object]) -> Code:
    with pytest.raises(ProtocolError) as caught:
        call()
    return caught.value.code


def resign(data: bytes, *, signer: KeySigner = LEDGER, root: bytes, protected: cose.Headers, index: int) -> bytes:
    """A receipt signed anew over other claims, by whoever holds the signer."""
    answer = cbor.decode(data, max_bytes=RECEIPT_BYTES)
    assert isinstance(answer, dict)
    assert isinstance(answer[2], bytes)
    message = cose.parse_sign1(answer[2], max_bytes=RECEIPT_BYTES)
    size, _, path = proof_of(message)
    answer[2] = cose.sign1(
        root,
        signer=signer,
        content_type=contexts.RECEIPT.content_type,
        context=contexts.RECEIPT.aad,
        protected=protected,
        unprotected={cose.VDP: {-1: [cbor.encode([size, index, path])]}},
        detached=True,
    )
    return cbor.encode(answer)


def proof_of(message: cose.Sign1) -> list[Any]:
    proofs: Any = message.unprotected[cose.VDP]
    proof: list[Any] = cbor2.loads(proofs[receipt.VDP_INCLUSION][0])
    return proof


def headers_of(data: bytes) -> dict[int | str, cbor.Value]:
    message = cose.parse_sign1(cbor2.loads(data)[2], max_bytes=RECEIPT_BYTES)
    return {label: value for label, value in message.headers.items() if label not in (cose.ALG, cose.CONTENT_TYPE)}


def test_a_receipt_gives_entry_head_and_verdicts() -> None:
    verified = check(make(5, 9, known_size=4), 5, known=head_of(4))
    assert verified.entry == entry_at(5)
    assert verified.head == head_of(9)
    assert verified.verdicts == VERDICTS


@given(st.data())
def test_every_honest_receipt_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    index = data.draw(st.integers(1, size - 1))
    known = data.draw(st.none() | st.integers(1, index))
    verified = check(make(index, size, known_size=known), index, known=None if known is None else head_of(known))
    assert verified.head == head_of(size)


def test_the_first_bundle_of_a_ledger_gets_a_receipt() -> None:
    assert check(make(1, 2), 1).entry.index == 1
    assert check(make(1, 2, known_size=1), 1, known=head_of(1)).head.size == 2


def test_a_refused_bundle_gets_a_receipt_with_its_code() -> None:
    entry = entry_at(3, outcome=Code.SIGNATURE_INVALID)
    tree = Tree([*(entry_leaf(entry_at(index)) for index in range(3)), entry_leaf(entry)])
    data = build_receipt(entry, tree, epoch=EPOCH, at=START + 900, known_head_size=2, ledger_signer=LEDGER, verdicts=())
    verified = check(data, 3, known=head_of(2))
    assert verified.entry.refusal is Code.SIGNATURE_INVALID
    assert verified.verdicts == ()


def test_an_admitted_entry_has_no_refusal() -> None:
    assert entry_at(3).refusal is None


# --- what a receipt is, read without our own code ---------------------------------------------------------------------


def test_the_receipt_is_one_of_rfc_9942() -> None:
    answer = cbor2.loads(make(5, 9))
    tag = cbor2.loads(answer[2])
    protected_bytes, unprotected, payload, signature = tag.value
    protected = cbor2.loads(protected_bytes)
    assert tag.tag == 18
    assert payload is None
    assert protected[395] == 1
    assert protected[1] == -7
    assert protected[15][6] == START + 800
    (proof,) = unprotected[396][-1]
    size, index, path = cbor2.loads(proof)
    assert (size, index) == (9, 5)

    # RFC 9162, 2.1.3.2, written down a second time.
    node, position, last = hashlib.sha256(b"\0" + answer[1]).digest(), index, size - 1
    for sibling in path:
        if position & 1 or position == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        position, last = position >> 1, last >> 1
    signed = cbor2.dumps(["Signature1", protected_bytes, b"hcvx/v1/receipt", node])
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    key = LEDGER.public_key
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(der, signed, ec.ECDSA(hashes.SHA256()))


# --- other people's and older receipts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [{"node": "19002B"}, {"epoch": 2}, {"sequence": 2}, {"digest": digest_of(7)}],
    ids=lambda other: next(iter(other)),
)
def test_a_receipt_of_another_bundle_is_refused(other: dict[str, object]) -> None:
    expected = {"node": "19001A", "epoch": 1, "sequence": 3, "digest": digest_of(5), **other}
    data = make(5, 9)
    code = refused(
        lambda: verify_receipt(data, ledger_keys=[LEDGER.public_key], known_head=None, **expected)  # type: ignore[arg-type]
    )
    assert code is Code.RECEIPT_MISMATCH


def test_the_receipt_of_the_bundle_before_is_refused() -> None:
    assert refused(lambda: check(make(3, 9), 5)) is Code.RECEIPT_MISMATCH


def test_a_receipt_older_than_the_head_its_bundle_knew_is_refused() -> None:
    # The head is honest and consistent, but a bundle cannot have been in the ledger before it could be written.
    assert refused(lambda: check(make(5, 9, known_size=7), 5, known=head_of(7))) is Code.RECEIPT_MISMATCH
    assert refused(lambda: check(make(5, 9, known_size=9), 5, known=head_of(9))) is Code.RECEIPT_MISMATCH
    # Its place alone gives it away, even if the known head carries an early time.
    known = replace(head_of(7), at=START)
    assert refused(lambda: check(make(5, 9, known_size=7), 5, known=known)) is Code.RECEIPT_MISMATCH


def test_an_entry_admitted_before_the_known_head_was_signed_is_refused() -> None:
    known = replace(head_of(4), at=START + 501)
    assert refused(lambda: check(make(5, 9, known_size=4), 5, known=known)) is Code.RECEIPT_MISMATCH


def test_the_genesis_entry_is_nobodys_receipt() -> None:
    genesis, tree = genesis_entry(START), tree_of(9)
    data = build_receipt(genesis, tree, epoch=EPOCH, at=START, known_head_size=None, ledger_signer=LEDGER, verdicts=())
    assert refused(lambda: check(data, 1)) is Code.RECEIPT_MISMATCH


def test_verdicts_of_another_bundle_are_refused() -> None:
    answer = cbor2.loads(make(5, 9))
    answer[4] = encode_verdicts([Verdict(VerdictState.ADMITTED)] * 3)
    assert refused(lambda: check(cbor.encode(answer), 5)) is Code.RECEIPT_MISMATCH


# --- rollback, truncation, other histories ----------------------------------------------------------------------------


def test_a_ledger_that_became_shorter_is_refused() -> None:
    assert refused(lambda: check(make(5, 6), 5, known=head_of(8))) is Code.HEAD_INCONSISTENT


def test_a_ledger_that_was_cut_and_grown_again_is_refused() -> None:
    # The node knew 8 entries of the true history; the centre fell back to 4 and went another way.
    for known_size in (None, 4, 8):
        data = make(11, 12, known_size=known_size, fork_at=4)
        with pytest.raises(ProtocolError, match=Code.HEAD_INCONSISTENT):
            check(data, 11, known=head_of(8), history="false")


def test_equal_size_with_another_root_is_refused() -> None:
    data = make(7, 8, known_size=8, fork_at=5)
    assert refused(lambda: check(data, 7, known=head_of(8), history="false")) is Code.HEAD_INCONSISTENT


def test_a_missing_path_is_refused() -> None:
    assert refused(lambda: check(make(5, 9), 5, known=head_of(4))) is Code.HEAD_INCONSISTENT


def test_a_path_from_another_head_is_refused() -> None:
    assert refused(lambda: check(make(5, 9, known_size=3), 5, known=head_of(4))) is Code.HEAD_INCONSISTENT


def test_a_path_without_a_known_head_is_refused() -> None:
    assert refused(lambda: check(make(5, 9, known_size=4), 5)) is Code.FIELD_INVALID


def test_a_ledger_epoch_that_goes_back_is_refused() -> None:
    known = head_of(4, epoch=2)
    assert refused(lambda: check(make(5, 9, known_size=4, epoch=1), 5, known=known)) is Code.HEAD_INCONSISTENT


def test_a_newer_ledger_epoch_with_the_same_history_is_taken() -> None:
    assert check(make(5, 9, known_size=4, epoch=2), 5, known=head_of(4)).head.epoch == 2


def test_a_head_signed_before_the_known_one_is_refused() -> None:
    known = replace(head_of(4), at=START + 801)
    assert refused(lambda: check(make(5, 9, known_size=4), 5, known=known)) is Code.HEAD_INCONSISTENT


# --- keys and claims --------------------------------------------------------------------------------------------------


def test_a_strangers_receipt_is_refused() -> None:
    assert refused(lambda: check(make(5, 9, signer=STRANGER), 5)) is Code.SIGNER_UNKNOWN


def test_a_stranger_under_the_ledgers_key_id_is_refused() -> None:
    honest = make(5, 9)
    forged = resign(honest, signer=STRANGER, root=tree_of(9).root, protected=headers_of(honest), index=5)
    assert refused(lambda: check(forged, 5)) is Code.SIGNATURE_INVALID


def test_a_signed_tree_head_is_not_a_receipt() -> None:
    answer = cbor2.loads(make(5, 9))
    head = head_of(9)
    answer[2] = sign_tree_head(TreeHead(epoch=1, size=9, root=head.root, at=head.at), LEDGER)
    assert refused(lambda: check(cbor.encode(answer), 5)) is Code.FIELD_INVALID


def test_the_old_ledger_key_still_verifies_while_it_is_trusted() -> None:
    verified = verify_inclusion(make(5, 9), ledger_keys=[STRANGER.public_key, LEDGER.public_key])
    assert verified.entry.index == 5


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({receipt.CLAIM_ISSUER: "somebody"}, Code.FIELD_INVALID),
        ({receipt.CLAIM_SIZE: 8}, Code.PROOF_INVALID),
        ({receipt.CLAIM_ISSUED_AT: START}, Code.RECEIPT_MISMATCH),
        ({receipt.CLAIM_EPOCH: -1}, Code.FIELD_INVALID),
        ({7: b"x"}, Code.FIELD_UNKNOWN),
    ],
)
def test_claims_that_do_not_fit_are_refused(claims: dict[int | str, cbor.Value], code: Code) -> None:
    honest = make(5, 9)
    headers = headers_of(honest)
    stated = headers[receipt.CWT_CLAIMS]
    assert isinstance(stated, dict)
    headers[receipt.CWT_CLAIMS] = {**stated, **claims}
    wrong = resign(honest, root=tree_of(9).root, protected=headers, index=5)
    assert refused(lambda: check(wrong, 5)) is code


def test_another_kind_of_tree_is_refused() -> None:
    honest = make(5, 9)
    wrong = resign(honest, root=tree_of(9).root, protected={**headers_of(honest), cose.VDS: 2}, index=5)
    assert refused(lambda: check(wrong, 5)) is Code.FIELD_INVALID


def test_an_entry_that_states_another_index_is_refused() -> None:
    # A ledger that holds an entry in the wrong place contradicts itself.
    misplaced = replace(entry_at(5), index=6)
    tree = Tree([*(entry_leaf(entry_at(index)) for index in range(5)), entry_leaf(misplaced)])
    answer = cbor2.loads(make(5, 6))
    answer[1] = encode_entry(misplaced)
    wrong = resign(cbor.encode(answer), root=tree.root, protected=headers_of(make(5, 6)), index=5)
    assert refused(lambda: check(wrong, 5)) is Code.PROOF_INVALID


# --- form -------------------------------------------------------------------------------------------------------------


def test_any_flipped_bit_is_refused() -> None:
    data, known = make(5, 9, known_size=4), head_of(4)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            check(bytes(flipped), 5, known=known)


@given(st.data())
def test_spliced_and_cut_receipts_are_refused(data: st.DataObject) -> None:
    # Over the same head both signatures would be good for both: a signature is over the head, the path is the proof.
    first, second = make(5, 9, known_size=4), make(7, 10, known_size=4)
    one, two = data.draw(st.integers(0, len(first))), data.draw(st.integers(0, len(second)))
    spliced = first[:one] + second[two:]
    if spliced != first:
        with pytest.raises(ProtocolError):
            check(spliced, 5, known=head_of(4))


def change_receipt(data: bytes, change: Callable[[cose.Sign1], cose.Sign1]) -> bytes:
    answer = cbor2.loads(data)
    answer[2] = cose.encode_sign1(change(cose.parse_sign1(answer[2], max_bytes=RECEIPT_BYTES)))
    return cbor.encode(answer)


@pytest.mark.parametrize(
    "change",
    [
        lambda message: replace(message, payload=tree_of(9).root),
        lambda message: replace(message, unprotected={}),
        lambda message: replace(message, unprotected={**message.unprotected, 99: 1}),
        lambda message: replace(message, unprotected={cose.VDP: {-1: message.unprotected[cose.VDP][-1] * 2}}),
        lambda message: replace(message, unprotected={cose.VDP: {-1: []}}),
        lambda message: replace(message, unprotected={cose.VDP: {-1: [b"\x80"]}}),
        lambda message: replace(message, unprotected={cose.VDP: {-1: [cbor.encode([9, 5, [b"short"]])]}}),
        lambda message: replace(message, unprotected={cose.VDP: {-1: [cbor.encode([1, 0, []])]}}),
        lambda message: replace(message, unprotected={cose.VDP: {-2: message.unprotected[cose.VDP][-1]}}),
    ],
    ids=[
        "attached root",
        "no proof",
        "another header",
        "two proofs",
        "empty list",
        "empty proof",
        "short hash",
        "one leaf",
        "consistency",
    ],
)
def test_other_shapes_of_a_receipt_are_refused(change: Callable[[cose.Sign1], cose.Sign1]) -> None:
    assert refused(lambda: check(change_receipt(make(5, 9), change), 5)) is Code.FIELD_INVALID


def test_one_byte_too_many_is_refused_unparsed() -> None:
    assert refused(lambda: check(bytes(RECEIPT_BYTES + 1), 5)) is Code.TOO_LARGE


def test_the_centre_does_not_sign_what_does_not_fit_together() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        make(5, 9, at=START)
    other = replace(entry_at(5), sequence=9)
    with pytest.raises(ValueError, match="not in the tree"):
        build_receipt(
            other,
            tree_of(9),
            epoch=1,
            at=START + 900,
            known_head_size=None,
            ledger_signer=LEDGER,
            verdicts=VERDICTS,
        )


# --- entries ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**40), st.sampled_from(list(BundleKind)), st.integers(1, 2**31 - 1))
def test_entries_come_back_as_they_were(index: int, kind: BundleKind, sequence: int) -> None:
    entry = replace(entry_at(1), index=index + 1 if index < 2**40 else index, kind=kind.value, sequence=sequence)
    assert parse_entry(encode_entry(entry)) == entry
    assert parse_entry(encode_entry(genesis_entry(START))) == genesis_entry(START)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outcome": "perhaps"}, Code.FIELD_INVALID),
        ({"outcome": Code.FORKED.value}, Code.FIELD_INVALID),
        ({"kind": "letters"}, Code.KIND_UNKNOWN),
        ({"kind": "genesis"}, Code.FIELD_INVALID),
        ({"node": ""}, Code.FIELD_INVALID),
        ({"node": "19001a"}, Code.FIELD_INVALID),
        ({"sequence": 0}, Code.FIELD_INVALID),
        ({"index": 0}, Code.FIELD_INVALID),
        ({"digest": b"short"}, Code.FIELD_INVALID),
        ({"doses": 3_001}, Code.FIELD_INVALID),
    ],
)
def test_entries_that_break_a_rule_are_refused(change: dict[str, object], code: Code) -> None:
    wrong = replace(entry_at(1), **change)  # type: ignore[arg-type]
    assert refused(lambda: parse_entry(encode_entry(wrong))) is code


def test_the_key_id_is_that_of_the_ledger_key() -> None:
    assert headers_of(make(5, 9))[cose.KID] == keys.key_id(LEDGER.public_key)

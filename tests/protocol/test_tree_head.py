"""Tree heads: signing, reading, and the rule by which one head follows another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import contexts, cose, keys, limits, merkle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import TREE_HEAD_BYTES, TreeHead, check_follows, sign_tree_head, verify_tree_head
from tests.builders import ec_key, rsa_key

LEDGER = KeySigner(ec_key("ledger"))
OLD_LEDGER = KeySigner(rsa_key())
START = 1_650_000_000
HEAD = TreeHead(epoch=1, size=7, root=bytes(range(32)), at=START)


def tree_of(size: int, *, fork_at: int | None = None) -> Tree:
    return Tree(
        merkle.leaf_hash(f"{'true' if fork_at is None or index < fork_at else 'false'} {index}".encode())
        for index in range(size)
    )


def head_of(size: int, *, fork_at: int | None = None) -> Checkpoint:
    return Checkpoint(epoch=1, size=size, root=tree_of(size, fork_at=fork_at).root, at=START + size)


@given(
    st.integers(0, limits.COUNTER),
    st.integers(1, limits.LEDGER_ENTRIES),
    st.binary(min_size=32, max_size=32),
    st.integers(0, limits.INSTANT),
)
def test_heads_come_back_as_they_were(epoch: int, size: int, root: bytes, at: int) -> None:
    head = TreeHead(epoch=epoch, size=size, root=root, at=at)
    assert verify_tree_head(sign_tree_head(head, LEDGER), [LEDGER.public_key]) == head
    assert head.checkpoint == Checkpoint(epoch=epoch, size=size, root=root, at=at)


def test_an_older_ledger_key_verifies_while_it_is_trusted() -> None:
    signed = sign_tree_head(HEAD, OLD_LEDGER)
    assert verify_tree_head(signed, [LEDGER.public_key, OLD_LEDGER.public_key]) == HEAD
    with pytest.raises(ProtocolError, match=Code.SIGNER_UNKNOWN):
        verify_tree_head(signed, [LEDGER.public_key])


def test_any_flipped_bit_is_refused() -> None:
    signed = sign_tree_head(HEAD, LEDGER)
    for place in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            verify_tree_head(bytes(flipped), [LEDGER.public_key])


def test_a_signature_made_for_another_message_is_refused() -> None:
    payload = cose.parse_sign1(sign_tree_head(HEAD, LEDGER), max_bytes=TREE_HEAD_BYTES).payload
    assert payload is not None
    kid: cose.Headers = {cose.KID: keys.key_id(LEDGER.public_key)}
    for context in (contexts.RECEIPT, contexts.CATALOGUE):
        signed = cose.sign1(
            payload, signer=LEDGER, content_type=context.content_type, context=context.aad, protected=kid
        )
        with pytest.raises(ProtocolError, match=Code.CONTENT_TYPE):
            verify_tree_head(signed, [LEDGER.public_key])
    renamed = cose.sign1(
        payload,
        signer=LEDGER,
        content_type=contexts.TREE_HEAD.content_type,
        context=contexts.RECEIPT.aad,
        protected=kid,
    )
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_tree_head(renamed, [LEDGER.public_key])


def test_an_empty_ledger_has_no_head() -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        verify_tree_head(sign_tree_head(replace(HEAD, size=0), LEDGER), [LEDGER.public_key])


def test_one_byte_too_many_is_refused_unparsed() -> None:
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        verify_tree_head(bytes(TREE_HEAD_BYTES + 1), [LEDGER.public_key])


@given(st.integers(1, 200), st.integers(0, 200))
def test_a_head_that_grows_out_of_the_known_one_follows(known: int, more: int) -> None:
    size = known + more
    check_follows(head_of(size), head_of(known), path=tree_of(size).consistency(known))


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_head_of_another_history_never_follows(known: int, size: int, data: st.DataObject) -> None:
    fork_at = data.draw(st.integers(0, known - 1))
    other = tree_of(size, fork_at=fork_at)
    head = replace(head_of(size, fork_at=fork_at), at=START + 1_000)
    for path in ((), other.consistency(min(known, size)), other.consistency(min(fork_at, size))):
        with pytest.raises(ProtocolError, match=Code.HEAD_INCONSISTENT):
            check_follows(head, head_of(known), path=path)


@pytest.mark.parametrize("change", [{"epoch": 0}, {"at": START}, {"size": 4}, {"root": bytes(32)}])
def test_a_head_that_goes_back_does_not_follow(change: dict[str, object]) -> None:
    head = replace(head_of(9), **change)  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match=Code.HEAD_INCONSISTENT):
        check_follows(head, head_of(5), path=tree_of(9).consistency(5))


def test_the_same_head_follows_itself_without_a_path() -> None:
    check_follows(head_of(5), head_of(5), path=())
    with pytest.raises(ProtocolError, match=Code.HEAD_INCONSISTENT):
        check_follows(head_of(5), head_of(5), path=[bytes(32)])

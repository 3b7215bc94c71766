"""Epochs of the ledger: statements, which heads they supersede, and which of them may be obeyed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind
from sync_protocol.ledger_entry import encode_entry, epoch_entry, parse_entry
from sync_protocol.ledger_epoch import (
    EpochStep,
    LedgerEpoch,
    begins_epoch,
    check_epoch_follows,
    divergence,
    first_item_of,
    proven_from,
    sign_ledger_epoch,
    superseding,
    verify_ledger_epoch,
)
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.protocol.refusals import refused

LEDGER = KeySigner(ec_key("ledger"))
KEYS = [LEDGER.public_key]
START = 1_650_000_000


def head(size: int, *, epoch: int = 1, branch: int = 0) -> Checkpoint:
    """The head of a size; branches part where the tests say so."""
    return Checkpoint(epoch=epoch, size=size, root=bytes([size, branch]) * 16, at=START + size)


def step(epoch: int, size: int, *, base_epoch: int = 1, branch: int = 0, at: int = 100) -> EpochStep:
    return EpochStep(epoch, head(size, epoch=base_epoch, branch=branch), START + at + epoch)


SECOND = LedgerEpoch(step(2, 5), "Khôi phục")
THIRD = LedgerEpoch(step(3, 8, base_epoch=2, branch=1), "Khôi phục lần hai", SECOND.steps)


@pytest.mark.parametrize("statement", [SECOND, THIRD])
def test_a_statement_comes_back_as_it_was(statement: LedgerEpoch) -> None:
    assert verify_ledger_epoch(sign_ledger_epoch(statement, LEDGER), KEYS) == statement


def test_any_flipped_bit_is_refused() -> None:
    signed = sign_ledger_epoch(THIRD, LEDGER)
    for place in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            verify_ledger_epoch(bytes(flipped), KEYS)


def test_another_key_declares_nothing() -> None:
    with refused(Code.SIGNER_UNKNOWN):
        verify_ledger_epoch(sign_ledger_epoch(SECOND, KeySigner(ec_key("somebody else"))), KEYS)


@pytest.mark.parametrize(
    "statement",
    [
        replace(SECOND, step=step(1, 5, base_epoch=0)),
        replace(SECOND, step=step(2, 5, base_epoch=2)),
        replace(SECOND, step=replace(SECOND.step, at=START)),
        replace(SECOND, step=step(2_047, 5)),
        replace(THIRD, step=step(2, 8, branch=1)),
        # From a head that the epoch before has given up.
        replace(THIRD, step=step(3, 8)),
        replace(SECOND, reason=""),
    ],
)
def test_statements_that_cannot_be_are_not_signed(statement: LedgerEpoch) -> None:
    with pytest.raises(ProtocolError):
        sign_ledger_epoch(statement, LEDGER)


@pytest.mark.parametrize(
    ("known", "statement", "size"),
    [
        (None, SECOND, 5),
        (None, THIRD, 5),
        (SECOND, THIRD, 8),
        # Two epochs of one number: the centre was put back behind the first of them.
        (SECOND, LedgerEpoch(step(3, 9, base_epoch=2), "x", (replace(SECOND.step, at=START + 500),)), 5),
        # The known epoch was undone: a copy of before it, but longer, was put back.
        (LedgerEpoch(step(2, 3), "x"), LedgerEpoch(step(3, 6), "y"), 3),
    ],
)
def test_both_go_back_to_where_they_part(known: LedgerEpoch | None, statement: LedgerEpoch, size: int) -> None:
    assert divergence(statement, known) == size
    assert check_epoch_follows(statement, known, []) == size


def test_heads_up_to_the_base_must_agree_and_others_are_lost() -> None:
    assert check_epoch_follows(SECOND, None, [head(3), head(5), head(9), head(9, branch=7)]) == 5
    with refused(Code.HEAD_INCONSISTENT):
        check_epoch_follows(SECOND, None, [head(5, branch=7)])
    with refused(Code.HEAD_INCONSISTENT):
        check_epoch_follows(SECOND, None, [replace(head(3), at=START + 6)])


@pytest.mark.parametrize(("statement", "known"), [(SECOND, SECOND), (SECOND, THIRD), (THIRD, THIRD)])
def test_an_older_or_the_same_statement_changes_nothing(statement: LedgerEpoch, known: LedgerEpoch) -> None:
    with refused(Code.SET_OLDER):
        check_epoch_follows(statement, known, [])


def test_a_head_falls_back_to_the_smallest_base_of_all_younger_epochs() -> None:
    assert superseding(head(5), THIRD.steps) is None
    assert superseding(head(6), THIRD.steps) == SECOND.step
    assert superseding(head(8, epoch=2), THIRD.steps) is None
    assert superseding(head(9, epoch=2), THIRD.steps) == THIRD.step
    assert superseding(head(9, epoch=3), THIRD.steps) is None
    assert proven_from(head(9), THIRD.steps) == SECOND.step.base
    assert proven_from(head(9, epoch=2), THIRD.steps, until=2) == head(9, epoch=2)


@given(st.integers(1, 12), st.integers(1, 3))
def test_what_is_not_superseded_is_where_it_stands(size: int, epoch: int) -> None:
    claimed = head(size, epoch=epoch)
    proven = proven_from(claimed, THIRD.steps)
    assert superseding(proven, THIRD.steps) is None
    assert proven.size <= claimed.size


def test_only_the_item_with_the_first_number_of_its_epoch_may_leave_numbers_out() -> None:
    body = sign_ledger_epoch(SECOND, LEDGER)
    item = FeedItem("19001A", first_item_of(2), FeedKind.LEDGER_EPOCH, START, body)
    assert begins_epoch(item)
    assert not begins_epoch(replace(item, number=first_item_of(2) + 1))
    assert not begins_epoch(replace(item, number=first_item_of(3)))
    assert not begins_epoch(replace(item, kind=FeedKind.VERDICTS))
    assert not begins_epoch(replace(item, body=b"\x00"))


def test_the_mark_of_an_epoch_is_an_entry_of_no_chain() -> None:
    entry = epoch_entry(2, bytes(range(32)), index=7, at=START)
    assert parse_entry(encode_entry(entry)) == entry
    for wrong in (replace(entry, node="19001A"), replace(entry, epoch=1), replace(entry, doses=1)):
        with refused(Code.FIELD_INVALID):
            parse_entry(encode_entry(wrong))

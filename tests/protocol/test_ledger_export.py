"""Ledger exports: a whole ledger checked again, and every way of telling another one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, merkle
from sync_protocol.bundle import BundleKind
from sync_protocol.errors import Code
from sync_protocol.ledger_entry import LedgerEntry, encode_entry, genesis_entry
from sync_protocol.ledger_export import (
    LedgerExport,
    encode_ledger_export,
    parse_ledger_export,
    verify_ledger_export,
)
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import TreeHead, sign_tree_head
from sync_protocol.verdict import encode_verdicts, verdicts_digest
from tests.builders import ec_key
from tests.protocol.refusals import refused

LEDGER = KeySigner(ec_key("ledger"))
KEYS = (LEDGER.public_key,)
START = 1_650_000_000
NO_VERDICTS = verdicts_digest(encode_verdicts(()))


def digest(node: str, epoch: int, sequence: int) -> bytes:
    return hashlib.sha256(f"{node}/{epoch}/{sequence}".encode()).digest()


def link(index: int, node: str, sequence: int, *, epoch: int = 1, outcome: str = "admitted") -> LedgerEntry:
    """The entry of one bundle."""
    return LedgerEntry(
        index=index,
        node=node,
        epoch=epoch,
        sequence=sequence,
        kind=BundleKind.CLOSING,
        digest=digest(node, epoch, sequence),
        previous=digest(node, epoch, sequence - 1),
        admitted_at=START + index,
        outcome=outcome,
        verdicts_digest=NO_VERDICTS,
        doses=0,
    )


ENTRIES = [
    genesis_entry(START),
    link(1, "19001A", 1),
    link(2, "19002B", 1),
    link(3, "19001A", 2, outcome="root-mismatch"),
    link(4, "19001A", 3),
    link(5, "19002B", 1, epoch=2),
]


def export_of(entries: list[LedgerEntry], *, signer: KeySigner = LEDGER) -> LedgerExport:
    """An export with a head that fits its entries."""
    encoded = [encode_entry(entry) for entry in entries]
    root = merkle.root_of(map(merkle.leaf_hash, encoded))
    return LedgerExport(encoded, sign_tree_head(TreeHead(1, len(encoded), root, START + 100), signer))


EXPORT = export_of(ENTRIES)
FILE = encode_ledger_export(EXPORT)


def test_a_ledger_comes_back_and_verifies() -> None:
    parsed = parse_ledger_export(FILE)
    assert list(parsed.entries) == list(EXPORT.entries)
    verified = verify_ledger_export(parsed, KEYS)
    assert (verified.head.size, verified.nodes, verified.refused, verified.doses) == (6, 2, 1, 0)


@given(st.integers(0, 8 * len(FILE) - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(FILE)
    data[bit // 8] ^= 1 << bit % 8
    with refused():
        verify_ledger_export(parse_ledger_export(bytes(data)), KEYS)


@given(st.integers(0, len(FILE) - 1))
def test_any_cut_is_refused(size: int) -> None:
    with refused():
        parse_ledger_export(FILE[:size])
    with refused():
        parse_ledger_export(FILE + FILE[:1])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda entries: entries[:-1], Code.HEAD_INCONSISTENT),
        (lambda entries: [*entries[:4], entries[5], entries[4]], Code.HEAD_INCONSISTENT),
        (lambda entries: [*entries, entries[-1]], Code.HEAD_INCONSISTENT),
    ],
)
def test_a_head_over_other_entries_is_refused(change: Callable[[list[bytes]], list[bytes]], code: Code) -> None:
    with refused(code):
        verify_ledger_export(LedgerExport(change(list(EXPORT.entries)), EXPORT.head_cose), KEYS)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([ENTRIES[0], link(2, "19001A", 1)], Code.FIELD_INVALID),
        ([link(1, "19001A", 1)], Code.FIELD_INVALID),
        ([ENTRIES[0], replace(ENTRIES[1], admitted_at=START + 101)], Code.FIELD_INVALID),
        ([ENTRIES[0], link(1, "19001A", 2)], Code.NOT_NEXT),
        ([*ENTRIES[:2], link(2, "19001A", 3)], Code.NOT_NEXT),
        ([*ENTRIES[:2], replace(link(2, "19001A", 2), previous=bytes(32))], Code.NOT_NEXT),
        ([*ENTRIES, link(6, "19002B", 2)], Code.EPOCH),
        ([*ENTRIES, link(6, "19002B", 2, epoch=3)], Code.NOT_NEXT),
    ],
)
def test_a_ledger_signed_over_a_broken_chain_is_refused(entries: list[LedgerEntry], code: Code) -> None:
    with refused(code):
        verify_ledger_export(export_of(entries), KEYS)


def test_a_strangers_head_is_refused() -> None:
    with refused(Code.SIGNER_UNKNOWN):
        verify_ledger_export(export_of(ENTRIES, signer=KeySigner(ec_key("stranger"))), KEYS)
    with refused(Code.SIGNER_UNKNOWN):
        verify_ledger_export(EXPORT, ())


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({1: "hcvx-ledger", 2: 3, 3: 6}, Code.VERSION),
        ({1: "hcvx-ledger", 2: 2, 3: 6}, Code.FIELD_MISSING),
        ({1: "hcvx-ledger", 2: 1, 3: 0}, Code.FIELD_INVALID),
        ({1: "hcvx-ledger", 2: 1, 3: 20_000_001}, Code.FIELD_INVALID),
        ({1: "hcvx-ledger", 2: 1, 4: 6}, Code.FIELD_MISSING),
        ({1: "hcvx-ledger", 2: 1, 3: 5}, Code.COUNT_MISMATCH),
        ({1: "hcvx-ledger", 2: 1, 3: 7}, Code.COUNT_MISMATCH),
        ({1: "another", 2: 1, 3: 6}, Code.NOT_RECOGNISED),
    ],
)
def test_other_headers_are_refused(header: dict[int, object], code: Code) -> None:
    body = FILE[len(cbor.encode({1: "hcvx-ledger", 2: 1, 3: 6})) :]
    with refused(code):
        parse_ledger_export(cbor.encode(header) + body)


def test_lengths_stand_in_their_shortest_form() -> None:
    start = len(cbor.encode({1: "hcvx-ledger", 2: 1, 3: 6}))
    size = len(EXPORT.entries[0])
    assert FILE[start : start + 2] == bytes((0x58, size))
    for head in (b"\x59" + size.to_bytes(2), b"\x5b" + size.to_bytes(8), b"\x5f"):
        with refused(Code.NOT_DETERMINISTIC):
            parse_ledger_export(FILE[:start] + head + FILE[start + 2 :])
    with refused(Code.TOO_LARGE):
        parse_ledger_export(FILE[:start] + b"\x59\xff\xff" + bytes(70_000))

"""A whole ledger in one file, which anybody can check again from the first entry to the signed head.

The file is a CBOR sequence (RFC 8742): a header, every entry as a byte string, the statements of the ledger's epochs
after the first, and the signed tree head as the last one. Who holds two exports can tell whether the ledger only ever
grew; who holds one can tell whether every node's chain in it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, limits, merkle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.ledger_entry import ENTRY_BYTES, EPOCH_MARK, GENESIS, OWN_KINDS, LedgerEntry, parse_entry
from sync_protocol.ledger_epoch import LEDGER_EPOCH_BYTES, EpochStep, verify_ledger_epoch
from sync_protocol.tree_head import TREE_HEAD_BYTES, TreeHead, verify_tree_head

# A ledger that was never restored is written in the first version, which knows no epochs.
EXPORT_VERSION: Final = 2
# Ten years of 12,000 sites with three bundles a day are 130 million entries; one file holds one year of them.
EXPORT_ENTRIES: Final = 20_000_000
EXPORT_BYTES: Final = 4 * 1024 * 1024 * 1024

_NAME: Final = "hcvx-ledger"
_WHAT: Final = "ledger export"
# The first bytes of every export: a map of three, or of four with epochs, with the name under key 1.
EXPORT_PREFIX: Final = b"\xa3\x01" + cbor.encode(_NAME)
EXPORT_PREFIXES: Final = (EXPORT_PREFIX, b"\xa4" + EXPORT_PREFIX[1:])
_BYTE_STRING: Final = 2
_SIZE_BYTES: Final = {24: 1, 25: 2, 26: 4}


@dataclass(frozen=True, slots=True)
class LedgerExport:
    """A ledger as exported; unverified until `verify_ledger_export`.

    Attributes:
        entries: the encoded entries, the genesis entry first.
        head_cose: the signed tree head over exactly these entries.
        epochs: the signed statements of the epochs after the first, by number.
    """

    entries: Sequence[bytes]
    head_cose: bytes
    epochs: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class VerifiedLedger:
    """A ledger whose entries give the signed root and whose chains are whole.

    Attributes:
        head: the signed head.
        nodes: how many nodes have a chain in it.
        refused: how many bundles were refused as a whole.
        doses: how many doses have a verdict in it.
        epochs: the epochs after the first.
    """

    head: TreeHead
    nodes: int
    refused: int
    doses: int
    epochs: tuple[EpochStep, ...] = ()


def encode_ledger_export(export: LedgerExport) -> bytes:
    """Returns the file's bytes; `export_pieces` gives them one by one."""
    return b"".join(export_pieces(export))


def export_pieces(export: LedgerExport) -> Iterator[bytes]:
    """Yields the file's bytes piece by piece, for ledgers that are written without being held whole."""
    header: dict[int, object] = {1: _NAME, 2: 1, 3: len(export.entries)}
    if export.epochs:
        header |= {2: EXPORT_VERSION, 4: len(export.epochs)}
    yield cbor.encode(header)
    for part in (*export.entries, *export.epochs):
        yield cbor.byte_string(part)
    yield cbor.byte_string(export.head_cose)


def parse_ledger_export(data: bytes) -> LedgerExport:
    """Cuts a file into its entries and its head; nothing is verified.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, VERSION, FIELD_… or COUNT_MISMATCH.
    """
    if len(data) > EXPORT_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: more than {EXPORT_BYTES} bytes")
    count, declared, position = _parse_header(data)
    entries = []
    for _ in range(count):
        entry, position = _next_string(data, position, max_bytes=ENTRY_BYTES)
        entries.append(entry)
    epochs = []
    for _ in range(declared):
        epoch, position = _next_string(data, position, max_bytes=LEDGER_EPOCH_BYTES)
        epochs.append(epoch)
    head_cose, position = _next_string(data, position, max_bytes=TREE_HEAD_BYTES)
    if position != len(data):
        raise ProtocolError(Code.COUNT_MISMATCH, f"{_WHAT}: goes on after its head")
    return LedgerExport(entries, head_cose, epochs)


def verify_ledger_export(export: LedgerExport, ledger_keys: Sequence[PublicKey]) -> VerifiedLedger:
    """Checks a ledger from its first entry to its head.

    1. The head is signed by a trusted ledger key.
    2. It is a head over exactly these entries: size and root (RFC 9162, 2.1.1).
    3. Each entry is well formed and stands at its own index; none is younger than the head.
    4. In each node's chain, every epoch counts from 1 without a gap, and each bundle names the one before it.
    5. Each entry that marks an epoch marks a signed statement, which goes on from a head of just these entries; the
       head is of the newest epoch.

    Raises:
        ProtocolError: what `verify_tree_head`, `verify_ledger_epoch` and `parse_entry` raise; HEAD_INCONSISTENT for
            (2); FIELD_INVALID for (3); NOT_NEXT or EPOCH for (4); LEDGER_EPOCH for (5).
    """
    # (1)
    head = verify_tree_head(export.head_cose, ledger_keys)
    # (2)
    if len(export.entries) != head.size:
        raise ProtocolError(Code.HEAD_INCONSISTENT, f"{_WHAT}: the number of entries is not the head's size")
    tree = merkle.Tree(map(merkle.leaf_hash, export.entries))
    if tree.root != head.root:
        raise ProtocolError(Code.HEAD_INCONSISTENT, f"{_WHAT}: the entries do not give the signed root")
    # (3) and (4)
    last: dict[str, LedgerEntry] = {}
    marks: list[LedgerEntry] = []
    refused = doses = 0
    for index, encoded in enumerate(export.entries):
        entry = parse_entry(encoded)
        if entry.index != index or (entry.kind == GENESIS) != (index == 0):
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: entry {index} states another place")
        if entry.admitted_at > head.at:
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: entry {index} is younger than the head")
        if entry.kind == EPOCH_MARK:
            marks.append(entry)
        if entry.kind in OWN_KINDS:
            continue
        _check_place(entry, last.get(entry.node))
        last[entry.node] = entry
        refused += entry.refusal is not None
        doses += entry.doses
    # (5)
    epochs = _check_epochs(export, marks, tree, head, ledger_keys=ledger_keys)
    return VerifiedLedger(head, nodes=len(last), refused=refused, doses=doses, epochs=epochs)


def ledger_facts(data: bytes, ledger_keys: Sequence[PublicKey]) -> dict[str, str | int]:
    """What a file says, for people. Raises what `parse_ledger_export` and `verify_ledger_export` raise."""
    verified = verify_ledger_export(parse_ledger_export(data), ledger_keys)
    facts: dict[str, str | int] = {
        "ledger_size": verified.head.size,
        "ledger_root": verified.head.root.hex(),
        "signed_at": verified.head.at,
        "nodes": verified.nodes,
        "refused": verified.refused,
        "doses": verified.doses,
    }
    return facts | ({"ledger_epoch": verified.head.epoch} if verified.epochs else {})


def _check_epochs(
    export: LedgerExport,
    marks: Sequence[LedgerEntry],
    tree: merkle.Tree,
    head: TreeHead,
    *,
    ledger_keys: Sequence[PublicKey],
) -> tuple[EpochStep, ...]:
    steps: tuple[EpochStep, ...] = ()
    if [mark.digest for mark in marks] != [hashlib.sha256(signed).digest() for signed in export.epochs]:
        raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: its statements are not those that its entries mark")
    for mark, signed in zip(marks, export.epochs, strict=True):
        statement = verify_ledger_epoch(signed, ledger_keys)
        base = statement.step.base
        if statement.epoch != mark.epoch or statement.earlier != steps:
            raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: epoch {mark.epoch} does not follow the one before it")
        if base.size > mark.index or tree.root_at(base.size) != base.root:
            raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: epoch {mark.epoch} goes on from another history")
        steps = statement.steps
    if head.epoch != (steps[-1].epoch if steps else head.epoch):
        raise ProtocolError(Code.LEDGER_EPOCH, f"{_WHAT}: the head is not of the newest epoch")
    return steps


def _check_place(entry: LedgerEntry, before: LedgerEntry | None) -> None:
    # A restored node starts a new epoch, whose first bundle names the enrolment and not a bundle.
    if before is None or entry.epoch > before.epoch:
        if entry.sequence != 1:
            raise ProtocolError(Code.NOT_NEXT, f"{_WHAT}: entry {entry.index} does not begin its epoch with 1")
        return
    if entry.epoch < before.epoch:
        raise ProtocolError(Code.EPOCH, f"{_WHAT}: entry {entry.index} goes back to an older epoch of its node")
    if entry.sequence != before.sequence + 1 or entry.previous != before.digest:
        raise ProtocolError(Code.NOT_NEXT, f"{_WHAT}: entry {entry.index} is not the next of its node's chain")


def _parse_header(data: bytes) -> tuple[int, int, int]:
    """Returns the number of entries, that of epochs, and where the first entry begins."""
    if not data.startswith(EXPORT_PREFIXES):
        raise ProtocolError(Code.NOT_RECOGNISED, f"{_WHAT}: does not begin with its header")
    # Each number may take 1, 2, 3 or 5 bytes; the one whose encoding is whole is the header.
    for size in range(len(EXPORT_PREFIX) + 4, len(EXPORT_PREFIX) + 13):
        try:
            fields = Fields(cbor.decode(data[:size], max_bytes=limits.MESSAGE_BYTES), what=_WHAT)
        except ProtocolError:
            continue
        fields.text(1, max_chars=limits.SHORT_CHARS)
        version = fields.uint(2)
        if not 1 <= version <= EXPORT_VERSION:
            raise ProtocolError(Code.VERSION, f"{_WHAT}: this program reads version {EXPORT_VERSION}")
        count = fields.uint(3, min=1, max=EXPORT_ENTRIES)
        epochs = fields.uint(4, min=1, max=limits.LEDGER_EPOCHS) if version == EXPORT_VERSION else 0
        fields.finish()
        return count, epochs, size
    raise ProtocolError(Code.NOT_CBOR, f"{_WHAT}: the header is not as it should be")


def _next_string(data: bytes, position: int, *, max_bytes: int) -> tuple[bytes, int]:
    """Returns the byte string at a position and where the next item begins."""
    head = data[position : position + 1]
    if not head or head[0] >> 5 != _BYTE_STRING:
        raise ProtocolError(Code.COUNT_MISMATCH, f"{_WHAT}: fewer entries than its header says")
    short = head[0] & 31
    width = _SIZE_BYTES.get(short, 0)
    if short > 26 or (short >= 24 and width == 0):
        raise ProtocolError(Code.NOT_DETERMINISTIC, f"{_WHAT}: an entry's length is not in its shortest form")
    start = position + 1 + width
    size = int.from_bytes(data[position + 1 : start]) if width else short
    if size > max_bytes:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: an entry of more than {max_bytes} bytes")
    content = data[start : start + size]
    if len(content) != size:
        raise ProtocolError(Code.NOT_CBOR, f"{_WHAT}: ends inside an entry")
    if cbor.byte_string(content) != data[position : start + size]:
        raise ProtocolError(Code.NOT_DETERMINISTIC, f"{_WHAT}: an entry's length is not in its shortest form")
    return content, start + size

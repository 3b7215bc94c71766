"""Takes in what lies in a folder, such as a stick's, and writes the answers beside it.

1. Every file is looked at; bundles are opened only to learn their order.
2. Bundles are admitted node by node in the order of their chains, each as over the network. The answer is written,
   read back and compared before the next one is admitted.
3. Of each node the newest request that its key signed is answered with a feed: what the node said last is what it has,
   also where it had more before.

Nothing is remembered: the digest of a bundle finds its first answer, and a file that is there is not written again.
Interrupted anywhere, the same call goes on; run twice, it changes nothing. What is refused stays where it lies.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from central.domain.ledger import LedgerTree
from central.registry.registry import RegistryClient
from central.store import bundles, feed, ledger, nodes
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.workflow.admit_bundle import admit_bundle
from central.workflow.build_population_pack import tell_missed_pack
from central.workflow.give_feed import feed_file, judged_request
from sync_protocol import limits
from sync_protocol.bundle import parse_bundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedRequest
from sync_protocol.keys import key_id
from sync_protocol.receipt import claimed_entry
from sync_protocol.sealing import Entropy, open_sealed
from sync_protocol.stick import UPWARD, StickFile, StickKind, file_name, recognise_file
from sync_protocol.stick_folder import Passed, StickFolder
from sync_protocol.stick_mount import open_stick

ANSWERED: Final = "answered"
AGAIN: Final = "again"
# What time alone cures: a link before it is missing, or the centre is busy.
WAITING: Final = frozenset({Code.NOT_NEXT.value, Code.LATER.value})


@dataclass(frozen=True, slots=True)
class FolderLine:
    """What became of one file.

    Attributes:
        kind: what it is.
        node: whose it says it is; "" where it could not be opened.
        epoch, sequence: a bundle's place, or 0.
        outcome: ANSWERED, AGAIN where the answer was given before, or the code of why not.
        refusal: the code with which a bundle's receipt refuses it, or "".
    """

    kind: StickKind
    node: str
    epoch: int
    sequence: int
    outcome: str
    refusal: str = ""


@dataclass(slots=True)
class FolderResult:
    """What one run found.

    Attributes:
        lines: one for each bundle and each request that was judged, in their order.
        written: files that were written.
        answers: answers and feeds that lay there.
        superseded: older requests of a node that has a newer one.
        passed: what was passed over, by why.
    """

    lines: list[FolderLine] = field(default_factory=list)
    written: int = 0
    answers: int = 0
    superseded: int = 0
    passed: Counter[Passed] = field(default_factory=Counter)

    @property
    def refused(self) -> int:
        """Files that no waiting helps."""
        return sum(line.outcome not in WAITING | {ANSWERED, AGAIN} for line in self.lines)

    @property
    def gaps(self) -> Sequence[FolderLine]:
        """Bundles that wait for one before them."""
        return [line for line in self.lines if line.outcome in WAITING]


@dataclass(frozen=True, slots=True)
class FolderDesk:
    """What the exchange with a folder needs of a centre."""

    engine: Engine
    keys: KeyRing
    registry: RegistryClient
    tree: LedgerTree
    entropy: Entropy
    now: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Placed:
    node: str
    epoch: int
    sequence: int
    name: str
    file: StickFile


def exchange_folder(
    root: Path, desk: FolderDesk, *, tell: Callable[[int, int], None] = lambda *_: None
) -> FolderResult:
    """Take in and answer everything, as the module says.

    Args:
        root: the stick, or a folder that holds a folder HCVX, or that one itself.
        tell: told how many files are done, and how many there are.

    Raises:
        StickError: the folder; what was admitted stays admitted, and its answer is written by the next run.
        StoreError: the store is away or busy.
        TokenError: a key of the centre cannot sign now.
    """
    result = FolderResult()
    placed: list[_Placed] = []
    requests: list[tuple[str, StickFile]] = []
    with open_stick(root, write=True) as folder:
        # (1)
        listing = folder.listing()
        result.passed += listing.passed
        for name in listing.names:
            file = _recognised(folder, name, result)
            if file is None:
                continue
            if file.kind not in UPWARD:
                result.answers += 1
            elif file.kind is StickKind.REQUEST:
                requests.append((name, file))
            else:
                placed.append(_place(folder, name, file, desk))
        placed.sort(key=lambda one: (one.node, one.epoch, one.sequence, one.name))
        total = len(placed) + len(requests)
        # (2)
        for done, one in enumerate(placed, start=1):
            _take(folder, one, desk, result)
            tell(done, total)
        # (3)
        for asked, digest in _newest(folder, requests, desk, result):
            _give(folder, asked, digest, desk, result)
        tell(total, total)
        folder.confirm()
    return result


def _recognised(folder: StickFolder, name: str, result: FolderResult) -> StickFile | None:
    data = folder.read(name)
    if isinstance(data, Passed):
        result.passed[data] += 1
        return None
    try:
        return recognise_file(data)
    except ProtocolError:
        result.passed[Passed.FOREIGN] += 1
        return None


def _place(folder: StickFolder, name: str, file: StickFile, desk: FolderDesk) -> _Placed:
    """Where a bundle says that it stands; unverified, and good for the order alone."""
    data = folder.read(name)
    try:
        claimed = parse_bundle(open_sealed(b"" if isinstance(data, Passed) else data, desk.keys.sealing)).claimed
    except ProtocolError:
        return _Placed("", 0, 0, name, file)
    return _Placed(claimed.node, claimed.epoch, claimed.sequence, name, file)


def _take(folder: StickFolder, one: _Placed, desk: FolderDesk, result: FolderResult) -> None:
    data = folder.read(one.name)
    if isinstance(data, Passed) or hashlib.sha256(data).digest() != one.file.digest:
        result.passed[Passed.CHANGING] += 1
        return
    with read_transaction(desk.engine) as connection:
        known = bundles.answer_to_sealed(connection, one.file.digest)
    try:
        answer = admit_bundle(
            data, engine=desk.engine, keys=desk.keys, registry=desk.registry, tree=desk.tree, now=desk.now()
        )
    except ProtocolError as error:
        result.lines.append(FolderLine(StickKind.BUNDLE, one.node, one.epoch, one.sequence, error.code.value))
        return
    # From here on the bundle is in the ledger; a run that dies before the answer is written writes it the next time.
    name = file_name(StickKind.ANSWER, hashlib.sha256(answer).digest())
    result.written += folder.put(name, answer)
    refusal = claimed_entry(answer).refusal
    outcome = ANSWERED if known is None else AGAIN
    result.lines.append(
        FolderLine(
            StickKind.BUNDLE, one.node, one.epoch, one.sequence, outcome, "" if refusal is None else refusal.value
        )
    )


def _newest(
    folder: StickFolder, requests: Sequence[tuple[str, StickFile]], desk: FolderDesk, result: FolderResult
) -> list[tuple[FeedRequest, bytes]]:
    """The newest request of each node, with its digest; only what the node's key signed counts."""
    newest: dict[str, tuple[FeedRequest, bytes]] = {}
    now = desk.now()
    for name, file in requests:
        data = folder.read(name)
        try:
            # Its nonce is not used up: whoever repeats it gets what the node alone can open.
            asked = judged_request(b"" if isinstance(data, Passed) else data, desk.engine)
        except ProtocolError as error:
            result.lines.append(FolderLine(StickKind.REQUEST, file.node, file.epoch, 0, error.code.value))
            continue
        held = newest.get(asked.node)
        result.superseded += held is not None
        if held is None or _rank(asked, now=now) > _rank(held[0], now=now):
            newest[asked.node] = (asked, file.digest)
    return [newest[node] for node in sorted(newest)]


def _rank(asked: FeedRequest, *, now: int) -> tuple[bool, int, int]:
    """Which of two requests of a node counts: the greater rank.

    A node that was restored, or lost items, asks for less than it did before: its later word counts, and of two of one
    second the one that leaves out less. Whoever takes in an item twice passes over it; an item that is left out keeps
    everything behind it away. What was signed by a clock that ran ahead stands behind all others.
    """
    return asked.at <= now + limits.CLOCK_AHEAD_SECONDS, asked.at, -asked.after


def _give(folder: StickFolder, asked: FeedRequest, digest: bytes, desk: FolderDesk, result: FolderResult) -> None:
    """Writes the feed that a request asks for, unless the same one lies there."""
    with write_transaction(desk.engine) as connection:
        # What is due to the node is put into its feed first: the name of the file says how far the feed goes.
        lock_ledger(connection)
        feed.settle(connection, asked.node, keys=desk.keys, at=desk.now())
        if asked.held_pack is not None:
            tell_missed_pack(connection, asked.node, held=asked.held_pack, keys=desk.keys, now=desk.now())
        newest, head = feed.newest_number(connection, asked.node), ledger.newest_head(connection)
        opening = nodes.sealing_key_of(connection, asked.node)
    assert head is not None
    assert opening is not None
    # A seal is never made twice alike, so the name tells what is inside: the answer to this request at this point.
    stated = b"".join((digest, newest.to_bytes(8), head.head.size.to_bytes(8)))
    name = file_name(StickKind.FEED, hashlib.sha256(stated).digest())
    there = folder.read(name)
    if not isinstance(there, Passed) and _is_feed_for(there, key_id(opening)):
        outcome = AGAIN
    else:
        content = feed_file(
            asked.node,
            after=asked.after,
            engine=desk.engine,
            keys=desk.keys,
            tree=desk.tree,
            entropy=desk.entropy,
            now=desk.now(),
            known=asked.known,
        )
        result.written += folder.put(name, content)
        outcome = ANSWERED
    result.lines.append(FolderLine(StickKind.REQUEST, asked.node, asked.epoch, 0, outcome))


def _is_feed_for(data: bytes, recipient: bytes) -> bool:
    try:
        file = recognise_file(data)
    except ProtocolError:
        return False
    return (file.kind, file.recipient) == (StickKind.FEED, recipient)

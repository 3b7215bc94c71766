"""Take from a stick what is for this node, and keep what is for others to carry it on.

What a file is follows from its bytes. Each file is judged and kept by itself, in a transaction of its own: one that is
damaged, forged or foreign is counted and holds nothing back, and a stick that is pulled costs what was not read yet.

* an answer to a bundle of this node is verified exactly as over the network (`settle_bundle`);
* a feed that is sealed to this node is taken like one that came over the network;
* everything else of ours is somebody else's: it is kept, unread, within the bounds of `carried`.

What is settled by this is taken off the stick, where it can be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.domain.outbox import DELIVERED, BundleState
from edge.store import audit, bundles, carried, node_identity, receipts, stick_exports
from edge.store.audit import Action
from edge.store.carried import Kept
from edge.store.database import Database
from edge.store.node_identity import NodeIdentity
from edge.workflow.export_stick import SUBJECT
from edge.workflow.settle_bundle import settle_bundle, verify_answer
from edge.workflow.take_feed import take_file
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import opening_keys_of, parse_request
from sync_protocol.stick import StickFile, StickKind, place_of, recognise_file
from sync_protocol.stick_folder import Passed, StickFolder
from sync_protocol.stick_mount import open_stick

# Told how many files were looked at.
Tell = Callable[[int], None]


@dataclass(slots=True)
class ImportResult:
    """What one import found.

    Attributes:
        admitted, refused: bundles of this node that got their signed receipt.
        known: answers and feeds that are here already.
        items, left: items of the feed that came, and how many the centre has beyond them.
        carried: files of others that are carried from now on; `carried_known` those that were.
        no_room: files of others for which there is no room.
        own: bundles and requests that this node wrote.
        faulty: files for this node that do not verify, by their code.
        passed: what was passed over, by why.
        taken_off: files that were settled and removed.
    """

    admitted: int = 0
    refused: int = 0
    known: int = 0
    items: int = 0
    left: int = 0
    carried: int = 0
    carried_known: int = 0
    no_room: int = 0
    own: int = 0
    faulty: Counter[str] = field(default_factory=Counter)
    passed: Counter[Passed] = field(default_factory=Counter)
    taken_off: int = 0


def import_stick(
    database: Database, root: Path, *, now: Callable[[], int], by: str, tell: Tell = lambda _: None
) -> ImportResult:
    """Look at every file of the stick once, as the module says.

    Args:
        root: where the stick is mounted.
        now: the clock; epoch seconds UTC.
        by: who does it, for the audit trail.
        tell: told how many files were looked at, again and again.

    Raises:
        StickError: the stick; what was taken before stays taken.
        StoreError: the store.
    """
    with database.write_transaction() as tables:
        carried.drop_old(tables)
        identity = node_identity.get(tables)
    with open_stick(root, write=False) as folder:
        reading = _Reading(database, folder, identity, now=now, by=by)
        listing = folder.listing()
        reading.result.passed += listing.passed
        for place, name in enumerate(listing.names, start=1):
            reading.look(name)
            tell(place)
        reading.take_feeds()
        reading.tidy()
        folder.confirm()
    found = reading.result
    with database.write_transaction() as tables:
        figures = f"bundles: {found.admitted + found.refused}, items: {found.items}, carried: {found.carried}"
        audit.append(tables, Action.STICK_IMPORTED, SUBJECT, actor=by, at=now(), details=figures)
    return found


class _Reading:
    """One walk over the files of a stick."""

    def __init__(
        self, database: Database, folder: StickFolder, identity: NodeIdentity, *, now: Callable[[], int], by: str
    ) -> None:
        self.result = ImportResult()
        self._database, self._folder, self._identity = database, folder, identity
        self._now, self._by = now, by
        with database.read() as tables:
            # Whoever carried one of these asked in this node's name, and got what this node alone can open.
            self._nonces = [parse_request(one)[1].nonce for one in stick_exports.requests(tables)]
            self._own_keys = opening_keys_of(identity.opening_key, *node_identity.past_opening_keys(tables)).keys()
        self._feeds: list[tuple[str, StickFile]] = []
        self._own: list[tuple[str, bytes]] = []
        self._done: list[tuple[str, bytes]] = []

    def look(self, name: str) -> None:
        """Judge one file and do what is to be done with it."""
        data = self._folder.read(name)
        if isinstance(data, Passed):
            self.result.passed[data] += 1
            return
        try:
            file = recognise_file(data)
        except ProtocolError:
            self.result.passed[Passed.FOREIGN] += 1
            return
        is_sealed_to_us = file.recipient in self._own_keys
        if file.kind is StickKind.ANSWER and file.node == self._identity.node:
            self._take_answer(name, file, data)
        elif file.kind is StickKind.FEED and is_sealed_to_us:
            # They may lie there in any order: each is taken when its turn comes.
            self._feeds.append((name, file))
        elif is_sealed_to_us:
            # Sealed to this node, but no feed: a handover, which its own verb takes.
            self.result.passed[Passed.FOREIGN] += 1
        else:
            self._keep(name, file, data)

    def take_feeds(self) -> None:
        """Take the feeds for this node, again as long as one brings another one's turn."""
        waiting = self._feeds
        while waiting:
            left = [one for one in waiting if not self._take_feed(*one)]
            if len(left) == len(waiting):
                self.result.faulty[Code.NOT_NEXT.value] += len(left)
                break
            waiting = left

    def tidy(self) -> None:
        """Take off what is settled; a stick that cannot be written keeps it."""
        with self._database.read() as tables:
            settled = {digest for _, digest, _ in stick_exports.settled(tables)}
        done = self._done + [(name, digest) for name, digest in self._own if digest in settled]
        self.result.taken_off = sum(self._folder.take_off(name, digest) for name, digest in done)

    def _take_answer(self, name: str, file: StickFile, data: bytes) -> None:
        with self._database.read() as tables:
            bundle = bundles.find(tables, file.epoch, file.sequence)
            kept = receipts.find(tables, file.epoch, file.sequence)
        if bundle is None:
            # Of a time that this store does not know, such as before it was restored: it stays for whoever looks.
            self.result.passed[Passed.FOREIGN] += 1
            return
        if kept is not None and kept.answer == data:
            self.result.known += 1
            self._done.append((name, file.digest))
            return
        try:
            receipt = verify_answer(self._database, bundle, data, identity=self._identity, at=self._now())
        except ProtocolError as error:
            self.result.faulty[error.code.value] += 1
            return
        with self._database.write_transaction() as tables:
            before = bundles.state(tables, bundle)
            state = settle_bundle(tables, bundle, receipt, answer=data, at=self._now(), actor=self._by)
        # From here on the bundle is delivered, as over the network.
        if before in DELIVERED:
            self.result.known += 1
        else:
            self.result.admitted += state is BundleState.RECEIPTED
            self.result.refused += state is BundleState.REFUSED
        self._done.append((name, file.digest))

    def _take_feed(self, name: str, file: StickFile) -> bool:
        """Whether the feed was taken, or can never be; it waits where another one comes before it."""
        data = self._folder.read(name)
        if isinstance(data, Passed):
            self.result.passed[data] += 1
            return True
        try:
            found = take_file(self._database, data, at=self._now(), carried=self._nonces)
        except ProtocolError as error:
            if error.code is Code.NOT_NEXT:
                return False
            self.result.faulty[error.code.value] += 1
            return True
        with self._database.write_transaction() as tables:
            stick_exports.use_up(tables)
        self.result.known += not found.taken
        self.result.items += found.taken
        self.result.left = found.left
        self._done.append((name, file.digest))
        return True

    def _keep(self, name: str, file: StickFile, data: bytes) -> None:
        with self._database.write_transaction() as tables:
            if stick_exports.is_own(tables, file.digest):
                self.result.own += 1
                self._own.append((name, file.digest))
                return
            kept = carried.take(tables, file, data, place=place_of(name), at=self._now())
        match kept:
            case Kept.NEW:
                self.result.carried += 1
            case Kept.KNOWN:
                self.result.carried_known += 1
            case Kept.NO_ROOM:
                self.result.no_room += 1

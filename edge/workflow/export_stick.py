"""Write to a stick what has no receipt, what is carried for others, and a request for the node's feed.

1. EXPORTED is committed before the first byte is written: after that the centre may have the bundle one day.
2. The room is looked at for all files together, then each is written, read back and compared (`stick_folder`); a file
   that is there with the same bytes is left alone, so that the same export twice writes nothing.
3. At the end the folder must still be the one that was opened. Only then "exported" is committed and shown.

A bundle stays "not delivered" whatever is on sticks. Files of this node whose receipt is here are taken off the stick.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from edge.store import audit, bundles, carried, feed, link, node_identity, receipts, stick_exports
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.stick_exports import StoredRequest
from edge.workflow.ask_identity import ask_identity
from edge.workflow.take_statement import missed_pack
from sync_protocol import limits
from sync_protocol.feed import NONCE_BYTES, FeedRequest, sign_request
from sync_protocol.sealing import Entropy, sealed_digest
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.stick import UPWARD, StickKind, file_name
from sync_protocol.stick_folder import StickFolder
from sync_protocol.stick_mount import open_stick

# So long the same request is written again: an older one may have been answered, and that answer lost.
REQUEST_SECONDS: Final = 6 * 3_600
# A node that reached the centre in this time hears its feed by itself: nobody has to carry a request of it.
ONLINE_SECONDS: Final = 3_600
SUBJECT: Final = "stick"
# Told how many bytes were written so far.
Tell = Callable[[int], None]


class Part(StrEnum):
    """What kinds of things an export counts."""

    OWN = "bundles"
    REQUEST = "requests"
    OTHERS = "carried"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that an export writes; `place` is its sequence where it is a bundle of this node, at `epoch`."""

    part: Part
    kind: StickKind
    digest: bytes
    size_bytes: int
    place: int = 0
    epoch: int = 0

    @property
    def name(self) -> str:
        """Its name on the stick."""
        return file_name(self.kind, self.digest, place=self.place)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What one export did.

    Attributes:
        written, there: files written and read back, and files that were there with the same bytes, by what they are.
        size_bytes: of those written.
        taken_off: files of this node whose receipt is here.
    """

    written: Counter[Part] = field(default_factory=Counter)
    there: Counter[Part] = field(default_factory=Counter)
    size_bytes: int = 0
    taken_off: int = 0


def plan_export(database: Database, *, now: int, entropy: Entropy) -> list[Planned]:
    """What an export would write now.

    A node that is alone asks by stick about the people whom no pack here knows, and for its feed: what is needed for
    that is sealed and kept, where nothing of it is fresh.
    """
    with database.read() as tables:
        reached_at = link.state(tables).reached_at
    is_alone = reached_at is None or not 0 <= now - reached_at < ONLINE_SECONDS
    if is_alone:
        ask_identity(database, at=now, by=SUBJECT, entropy=entropy)
    # What is hashed here is hashed before anything is written: nobody who records a dose waits for it.
    planned = list(_own(database))
    if is_alone:
        with database.write_transaction() as tables:
            request = _request(tables, now=now, entropy=entropy)
        planned.append(Planned(Part.REQUEST, StickKind.REQUEST, request.digest, len(request.request)))
    with database.read() as tables:
        planned += [
            Planned(
                Part.OTHERS if one.kind in UPWARD else Part.ANSWERS, one.kind, one.digest, one.size_bytes, one.place
            )
            for one in carried.for_stick(tables)
        ]
    return planned[: limits.STICK_FILES]


def export_stick(
    database: Database,
    root: Path,
    *,
    now: Callable[[], int],
    entropy: Entropy,
    by: str,
    tell: Tell = lambda _: None,
) -> ExportResult:
    """Write everything, as the module says.

    Args:
        root: where the stick is mounted.
        now: the clock; epoch seconds UTC.
        by: who does it, for the audit trail.
        tell: told how many bytes have been written so far, again and again.

    Raises:
        StickError: what was written whole stays, and the next export goes on from there; nothing is called exported.
        StoreError: the store.
    """
    planned = plan_export(database, now=now(), entropy=entropy)
    result, done = ExportResult(), 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        tell(done)

    size_bytes = 0
    with open_stick(root, write=True) as folder:
        names = set(folder.listing().names)
        taken_off = _tidy(database, folder, names)
        folder.make_room([one.size_bytes for one in planned if one.name not in names])
        # (1)
        with database.write_transaction() as tables:
            for one in planned:
                bundle = bundles.find(tables, one.epoch, one.place) if one.part is Part.OWN else None
                if bundle is not None:
                    stick_exports.note_begun(tables, bundle, digest=one.digest, at=now())
        for one in planned:
            # (2) The bytes are read when they are needed: all together they may be more than the memory should hold.
            data = _bytes_of(database, one)
            if data is None:
                continue
            is_new = folder.put(one.name, data, tell=told)
            (result.written if is_new else result.there)[one.part] += 1
            size_bytes += len(data) if is_new else 0
        # (3)
        folder.confirm()
    with database.write_transaction() as tables:
        own = [one.digest for one in planned if one.part is Part.OWN]
        stick_exports.note_exported(tables, own, at=now())
        carried.note_written(
            tables, [one.digest for one in planned if one.part in (Part.OTHERS, Part.ANSWERS)], at=now()
        )
        figures = ", ".join(f"{part}: {number}" for part, number in sorted(result.written.items()))
        audit.append(tables, Action.STICK_EXPORTED, SUBJECT, actor=by, at=now(), details=figures)
    return ExportResult(result.written, result.there, size_bytes, taken_off)


def _own(database: Database) -> Iterator[Planned]:
    """What of this node's own is due, read one by one: all together may be more than the memory should hold."""
    with database.read() as tables:
        if bundles.due(tables) is None:
            # Nothing waits, or nothing may leave now.
            return
        lines = bundles.due_lines(tables, limit=limits.STICK_FILES)
    for line in lines:
        with database.read() as tables:
            bundle = bundles.find(tables, line.epoch, line.sequence)
        assert bundle is not None
        digest = sealed_digest(bundle.sealed)
        yield Planned(Part.OWN, StickKind.BUNDLE, digest, len(bundle.sealed), place=line.sequence, epoch=line.epoch)


def _request(tables: Tables, *, now: int, entropy: Entropy) -> StoredRequest:
    """The request that asks for what follows now: the last one while it is young and nothing has come since."""
    after, newest = feed.newest_number(tables), stick_exports.newest_request(tables)
    identity = node_identity.get(tables)
    if newest is not None and newest.after == after and 0 <= now - newest.made_at < REQUEST_SECONDS:
        return newest
    nonce, known = entropy.token(NONCE_BYTES), receipts.known_head(tables)
    asked = FeedRequest(
        identity.node, identity.epoch, after, at=now, nonce=nonce, known=known, held_pack=missed_pack(tables)
    )
    signed = sign_request(asked, KeySigner(identity.node_key))
    made = StoredRequest(hashlib.sha256(signed).digest(), after, now, signed)
    stick_exports.add_request(tables, made)
    return made


def _bytes_of(database: Database, planned: Planned) -> bytes | None:
    """The bytes of a file; None where they were let go meanwhile."""
    with database.read() as tables:
        match planned.part:
            case Part.OWN:
                bundle = bundles.find(tables, planned.epoch, planned.place)
                return None if bundle is None else bundle.sealed
            case Part.REQUEST:
                newest = stick_exports.newest_request(tables)
                return None if newest is None or newest.digest != planned.digest else newest.request
            case Part.OTHERS | Part.ANSWERS:
                return carried.content(tables, planned.digest)


def _tidy(database: Database, folder: StickFolder, names: set[str]) -> int:
    """Take off what this node wrote and needs there no more; a name finds it, its digest decides."""
    with database.read() as tables:
        settled = stick_exports.settled(tables)
    candidates: Sequence[tuple[str, bytes]] = [
        (file_name(kind, digest, place=place), digest) for kind, digest, place in settled
    ]
    return sum(folder.take_off(name, digest) for name, digest in candidates if name in names)

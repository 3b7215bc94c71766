"""What lies on a stick, and under which names: one folder with sealed bundles, requests, answers and feeds.

A file is what its bytes are: `recognise_file` looks at nothing else. Names are made so that every file system takes
them and two files never meet; who reads a stick uses them for nothing but the order in which it tries.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol import contexts, cose_encrypt, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FEED_REQUEST_BYTES, parse_request
from sync_protocol.feed_page import split_file
from sync_protocol.receipt import RECEIPT_BYTES, claimed_entry

# At the root of the stick; found in whatever case a file system gives it back.
FOLDER: Final = "HCVX"
SUFFIX: Final = ".hcvx"
# A file that is being written has this ending until it is whole.
PART_SUFFIX: Final = ".part"
_NAME: Final = re.compile(r"[bqaf]-(?:(\d{10})-)?[0-9a-f]{32}\.hcvx")
_DIGEST_CHARS: Final = 32
_WHAT: Final = "file"


class StickKind(StrEnum):
    """What kinds of file there are."""

    BUNDLE = "bundle"  # sealed, up
    REQUEST = "request"  # for the feed, up
    ANSWER = "answer"  # a receipt, down
    FEED = "feed"  # sealed pages, down


_LETTERS: Final = {StickKind.BUNDLE: "b", StickKind.REQUEST: "q", StickKind.ANSWER: "a", StickKind.FEED: "f"}
UPWARD: Final = frozenset({StickKind.BUNDLE, StickKind.REQUEST})


@dataclass(frozen=True, slots=True)
class StickFile:
    """A file by its form; nothing of it is verified.

    Attributes:
        digest: 32 bytes, SHA-256 over the file.
        node: whose request or answer it says it is; "" for what is sealed.
        epoch, sequence: the place of the bundle that an answer says it is about, or 0.
        recipient: the name of the key that a bundle or a feed is sealed for, or b"".
    """

    kind: StickKind
    digest: bytes
    node: str = ""
    epoch: int = 0
    sequence: int = 0
    recipient: bytes = b""


def file_name(kind: StickKind, digest: bytes, *, place: int = 0) -> str:
    """The name of a file: 47 characters at most of a–z, 0–9, "-" and ".", and none that a system keeps for itself.

    Args:
        digest: 32 bytes that are the file's own: its SHA-256, or what a feed answers.
        place: where a bundle stands in its chain, so that carriers try them in that order; 0 for none.
    """
    order = f"{place:010d}-" if place else ""
    return f"{_LETTERS[kind]}-{order}{digest.hex()[:_DIGEST_CHARS]}{SUFFIX}"


def place_of(name: str) -> int:
    """The place that a name tells, or 0: good for the order of tries alone."""
    found = _NAME.fullmatch(name.lower())
    return min(int(found[1]), limits.COUNTER) if found and found[1] else 0


def is_passed_over(name: str) -> bool:
    """Whether a name is that of a hidden or unfinished file, which nobody opens."""
    return name.startswith((".", "~", "$")) or name.lower().endswith((PART_SUFFIX, ".tmp"))


def recognise_file(data: bytes) -> StickFile:
    """Say what a file is by its form; nothing is verified.

    Raises:
        ProtocolError: NOT_RECOGNISED, TOO_LARGE, or what the decoder of its form raises.
    """
    digest = hashlib.sha256(data).digest()
    match data[:1]:
        case b"\x00":
            # Whose key its pages are for is told by the first; who opens them notices a foreign one among them.
            first, *_ = split_file(data)
            return StickFile(StickKind.FEED, digest, recipient=_recipient(first))
        case b"\xd8":
            _check_size(data, limits.SEALED_BYTES)
            return StickFile(StickKind.BUNDLE, digest, recipient=_recipient(data))
        case b"\xd2":
            _check_size(data, FEED_REQUEST_BYTES)
            _, asked = parse_request(data)
            return StickFile(StickKind.REQUEST, digest, asked.node, asked.epoch)
        case b"\xa3" | b"\xa4":
            _check_size(data, RECEIPT_BYTES)
            entry = claimed_entry(data)
            return StickFile(StickKind.ANSWER, digest, entry.node, entry.epoch, entry.sequence)
    raise ProtocolError(Code.NOT_RECOGNISED, f"{_WHAT}: none that travels on a stick")


def _recipient(sealed: bytes) -> bytes:
    """The name of the key that an envelope is for, by its form alone."""
    asked: list[bytes] = []
    try:
        cose_encrypt.decrypt(
            sealed,
            key_for=asked.append,
            context=b"",
            content_type=contexts.SEALED.content_type,
            max_bytes=limits.SEALED_BYTES,
        )
    except ProtocolError:
        if not asked:
            raise
    return asked[0]


def _check_size(data: bytes, most: int) -> None:
    if len(data) > most:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: larger than any of its kind")

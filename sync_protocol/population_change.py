"""A change of a population pack: the tags that come and go between one version and the next.

A whole pack weighs 36 bytes a person; from one week to the next hardly anybody in it changes. A change names the
version that it starts from and the digest of what it must lead to, and both packs share one key, since tags under
another key would all be others. A whole pack begins a new key.

Both travel in items of the feed: `encode_news` says which of the two it is. The frame of a change is that of every
signed set (`signed_set`), so it obeys the same rules: audience, version, end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sync_protocol import cbor, keys, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.population import PACK_KEY_BYTES, TAG_BYTES, PopulationPack, TagKind
from sync_protocol.signed_set import SetKind, SignedSet, verify_set

_WHAT: Final = "population change"
_NEWS: Final = "population item"
DIGEST_BYTES: Final = 32
# The map around a signed set of the greatest size.
_NEWS_OVERHEAD: Final = 64

TagBlocks = Mapping[TagKind, bytes]


@dataclass(frozen=True, slots=True, repr=False)
class PopulationChange:
    """A verified change. Its representation shows no tag.

    Attributes:
        base: the version that it starts from.
        version: the version that it leads to.
        facility: whose pack.
        issued_at, expires_at: of the new version, epoch seconds, UTC.
        people: how many people the new version covers.
        digest: 32 bytes, `content_digest` of the new version.
        added, removed: for each kind the sorted tags, one after the other.
    """

    base: int
    version: int
    facility: str
    issued_at: int
    expires_at: int
    people: int
    digest: bytes
    added: TagBlocks
    removed: TagBlocks

    def __repr__(self) -> str:
        return f"PopulationChange(base={self.base}, version={self.version}, facility={self.facility!r})"


@dataclass(frozen=True, slots=True, repr=False)
class PopulationNews:
    """The body of a POPULATION item: a whole signed pack, or a signed change."""

    signed: bytes
    is_whole: bool


def content_digest(pack_key: bytes, people: int, tags: TagBlocks) -> bytes:
    """SHA-256 over what a pack holds: key, people (4 bytes), and each kind's length (4 bytes) and tags, in order."""
    digest = hashlib.sha256(pack_key + people.to_bytes(4))
    for kind in TagKind:
        digest.update(len(tags[kind]).to_bytes(4))
        digest.update(tags[kind])
    return digest.digest()


def build_change(held: PopulationPack, new: PopulationPack) -> SignedSet:
    """The change from one version to a later one of the same facility, ready to be signed.

    Both must have one key (ValueError): under another one nothing of the old tags is left.
    """
    if held.pack_key != new.pack_key or held.facility != new.facility or held.version >= new.version:
        raise ValueError("a change leads to a later version of the same pack")
    added, removed = [], []
    for kind in TagKind:
        before, after = set(_tags(held.tags[kind])), set(_tags(new.tags[kind]))
        added.append(b"".join(sorted(after - before)))
        removed.append(b"".join(sorted(before - after)))
    digest = content_digest(new.pack_key, new.people, new.tags)
    return SignedSet(
        kind=SetKind.POPULATION_CHANGE,
        version=new.version,
        issued_at=new.issued_at,
        expires_at=new.expires_at,
        audience=new.facility,
        body=cbor.encode({1: held.version, 2: new.people, 3: digest, 4: added, 5: removed}),
    )


def verify_change(
    data: bytes, key: keys.PublicKey, *, facility: str, at: int | None, at_least: int | None = None
) -> PopulationChange:
    """Verify a change, then parse it; arguments and errors as in `signed_set.verify_set`.

    Raises:
        ProtocolError: besides those, `FIELD_…` where tags are not sorted, not whole or too many, or the version does
            not follow its base.
    """
    frame = verify_set(data, key, kind=SetKind.POPULATION_CHANGE, at=at, audience=facility, at_least=at_least)
    fields = Fields(cbor.decode(frame.body, max_bytes=limits.SET_BYTES), what=_WHAT)
    base = fields.uint(1, min=1, max=limits.COUNTER)
    people = fields.uint(2, max=limits.POPULATION_PEOPLE)
    digest = fields.bytes_(3, length=DIGEST_BYTES)
    added = fields.list_(4, min_items=len(TagKind), max_items=len(TagKind))
    removed = fields.list_(5, min_items=len(TagKind), max_items=len(TagKind))
    fields.finish()
    if base >= frame.version:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.1: the base comes before the version")
    return PopulationChange(
        base=base,
        version=frame.version,
        facility=frame.audience,
        issued_at=frame.issued_at,
        expires_at=frame.expires_at,
        people=people,
        digest=digest,
        added={kind: _check_block(block) for kind, block in zip(TagKind, added, strict=True)},
        removed={kind: _check_block(block) for kind, block in zip(TagKind, removed, strict=True)},
    )


def apply_change(change: PopulationChange, *, version: int, pack_key: bytes, tags: TagBlocks) -> PopulationPack:
    """The new version, made of the one held; nothing is taken on trust but the digest that the centre signed.

    Args:
        change: verified.
        version, pack_key, tags: of the pack held.

    Raises:
        ProtocolError: PACK_BASE where the pack held is another version; PACK_MISMATCH where a tag that goes is not
            there, one that comes is there already, or the result is not what the change states.
    """
    if len(pack_key) != PACK_KEY_BYTES:
        raise ValueError(f"a pack key has {PACK_KEY_BYTES} bytes")
    if version != change.base:
        raise ProtocolError(Code.PACK_BASE, f"{_WHAT}.1: starts from another version than the one held")
    made = {kind: _spliced(tags[kind], added=change.added[kind], removed=change.removed[kind]) for kind in TagKind}
    if content_digest(pack_key, change.people, made) != change.digest:
        raise ProtocolError(Code.PACK_MISMATCH, f"{_WHAT}.3: the result is not the content that it states")
    return PopulationPack(
        version=change.version,
        facility=change.facility,
        issued_at=change.issued_at,
        expires_at=change.expires_at,
        people=change.people,
        pack_key=pack_key,
        tags=made,
    )


def encode_news(news: PopulationNews) -> bytes:
    """The body of a POPULATION item."""
    return cbor.encode({1 if news.is_whole else 2: news.signed})


def parse_news(data: bytes) -> PopulationNews:
    """Reads the body of a POPULATION item; what is inside is not verified yet.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.SET_BYTES + _NEWS_OVERHEAD), what=_NEWS)
    whole = fields.opt_bytes_(1, max_bytes=limits.SET_BYTES)
    signed = whole if whole is not None else fields.bytes_(2, max_bytes=limits.SET_BYTES)
    fields.finish()
    return PopulationNews(signed, is_whole=whole is not None)


def _spliced(block: bytes, *, added: bytes, removed: bytes) -> bytes:
    """Sorted tags with some put in and some taken out; runs between them are copied as they are."""
    steps = sorted([(tag, True) for tag in _tags(added)] + [(tag, False) for tag in _tags(removed)])
    pieces, copied = [], 0
    for tag, is_coming in steps:
        place = _place(block, tag)
        is_there = block[place : place + TAG_BYTES] == tag
        if is_there == is_coming:
            raise ProtocolError(Code.PACK_MISMATCH, f"{_WHAT}: a tag that comes is there, or one that goes is not")
        pieces.append(block[copied:place])
        if is_coming:
            pieces.append(tag)
        copied = place if is_coming else place + TAG_BYTES
    pieces.append(block[copied:])
    return b"".join(pieces)


def _place(block: bytes, tag: bytes) -> int:
    """Where the first tag begins that is not smaller, in bytes."""
    low, high = 0, len(block) // TAG_BYTES
    while low < high:
        middle = (low + high) // 2
        if block[middle * TAG_BYTES : (middle + 1) * TAG_BYTES] < tag:
            low = middle + 1
        else:
            high = middle
    return low * TAG_BYTES


def _tags(block: bytes) -> Iterator[bytes]:
    return (block[start : start + TAG_BYTES] for start in range(0, len(block), TAG_BYTES))


def _check_block(block: object) -> bytes:
    most = limits.POPULATION_PEOPLE * TAG_BYTES
    if not isinstance(block, bytes) or len(block) % TAG_BYTES or len(block) > most:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: whole tags, not more than people")
    if any(second <= first for first, second in pairwise(_tags(block))):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: tags are sorted, none twice")
    return block

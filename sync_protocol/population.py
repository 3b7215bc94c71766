"""The population pack: offline identity checks against keyed tags, not against a list of people.

Four fields are compared: full name, sex, date of birth, identity number (1908/BYT-CNTT). For each
person the pack holds six HMAC tags: over all four fields, over each choice of three, and over the number alone.
So a check can say which single field differs, and that a number is known though several fields
differ, while the tags confirm only what the asker already holds (THREATS, "What an identity number
hides"). An identity number has 20 to 34 bits of entropy, hence the key: it travels inside the pack,
the pack travels sealed to the node, and both are kept only in the node's encrypted store.

Tags are 6 bytes: with 200,000 of a kind a wrong "yes" has a chance below 10^-9 for each question.

A date of birth is compared as it is written in the registry. A year alone matches only a year alone: saying
"matched" for a year against a full date would make a weak match look like a strong one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import islice, pairwise
from typing import Final

from sync_protocol import cbor, keys, limits, names
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.identity import IdentityState, Sex
from sync_protocol.signed_set import SetKind, SignedSet, sign_set, verify_set
from sync_protocol.signers.signer import Signer

PACK_KEY_BYTES: Final = 32
TAG_BYTES: Final = 6
_WHAT: Final = "population pack"
_SEPARATOR: Final = "\x1f"


class TagKind(IntEnum):
    """Which fields a tag covers; the value is the first byte under the HMAC and the key in the pack."""

    ALL = 1
    BUT_NAME = 2
    BUT_BIRTH_DATE = 3
    BUT_SEX = 4
    BUT_NUMBER = 5
    NUMBER = 6


class PackAnswer(StrEnum):
    """What the pack says of one person."""

    MATCHED = "matched"
    NAME_DIFFERS = "name-differs"
    BIRTH_DATE_DIFFERS = "birth-date-differs"
    SEX_DIFFERS = "sex-differs"
    NUMBER_DIFFERS = "number-differs"
    SEVERAL_DIFFER = "several-differ"
    UNKNOWN = "unknown"

    @property
    def state(self) -> IdentityState:
        """The identity state that this answer gives; who is in no pack waits for the centre's answer."""
        if self is PackAnswer.MATCHED:
            return IdentityState.MATCHED
        return IdentityState.WAITING if self is PackAnswer.UNKNOWN else IdentityState.MISMATCH


_SINGLE_FIELD: Final = (
    (TagKind.BUT_NAME, PackAnswer.NAME_DIFFERS),
    (TagKind.BUT_BIRTH_DATE, PackAnswer.BIRTH_DATE_DIFFERS),
    (TagKind.BUT_SEX, PackAnswer.SEX_DIFFERS),
)


@dataclass(frozen=True, slots=True, repr=False)
class PersonKey:
    """The four compared fields: identity number, name in any spelling of marks, sex, "YYYY-MM-DD" or "YYYY".

    The representation shows none of them.
    """

    number: str
    name: str
    sex: Sex
    birth_date: str


Tags = dict[TagKind, bytes]


def person_tags(pack_key: bytes, person: PersonKey) -> Tags:
    """The six tags of one person, each 6 bytes.

    Args:
        pack_key: 32 bytes, of the pack.
        person: the fields; the name is folded here.
    """
    number, name, sex, birth = person.number, names.fold(person.name), person.sex.value, person.birth_date
    return {
        TagKind.ALL: _tag(pack_key, TagKind.ALL, (number, name, sex, birth)),
        TagKind.BUT_NAME: _tag(pack_key, TagKind.BUT_NAME, (number, sex, birth)),
        TagKind.BUT_BIRTH_DATE: _tag(pack_key, TagKind.BUT_BIRTH_DATE, (number, name, sex)),
        TagKind.BUT_SEX: _tag(pack_key, TagKind.BUT_SEX, (number, name, birth)),
        TagKind.BUT_NUMBER: _tag(pack_key, TagKind.BUT_NUMBER, (name, sex, birth)),
        TagKind.NUMBER: _tag(pack_key, TagKind.NUMBER, (number,)),
    }


def check(lookup: Callable[[TagKind, bytes], bool], tags: Tags) -> PackAnswer:
    """Decide from tags alone, wherever they are looked up.

    Args:
        lookup: whether a tag of a kind is in the pack.
        tags: from `person_tags`.
    """
    if lookup(TagKind.ALL, tags[TagKind.ALL]):
        return PackAnswer.MATCHED
    if not lookup(TagKind.NUMBER, tags[TagKind.NUMBER]):
        # Only now: where the number is somebody's, another person with this name, sex and day is just a namesake.
        namesake = lookup(TagKind.BUT_NUMBER, tags[TagKind.BUT_NUMBER])
        return PackAnswer.NUMBER_DIFFERS if namesake else PackAnswer.UNKNOWN
    for kind, answer in _SINGLE_FIELD:
        if lookup(kind, tags[kind]):
            return answer
    return PackAnswer.SEVERAL_DIFFER


@dataclass(frozen=True, slots=True, repr=False)
class PopulationPack:
    """A verified pack. Its representation shows no key and no tag.

    Attributes:
        version: of this pack; evidence refers to it as `reference`.
        facility: the facility code it is made for.
        issued_at: epoch seconds, UTC.
        expires_at: epoch seconds, UTC.
        people: how many people it covers.
        pack_key: 32 bytes.
        tags: for each kind the sorted tags, one after the other.
    """

    version: int
    facility: str
    issued_at: int
    expires_at: int
    people: int
    pack_key: bytes
    tags: dict[TagKind, bytes]

    def __repr__(self) -> str:
        return f"PopulationPack(version={self.version}, facility={self.facility!r}, people={self.people})"

    @property
    def reference(self) -> str:
        """How a dose's identity evidence names this pack, "pack-3"."""
        return f"pack-{self.version}"

    def check(self, person: PersonKey) -> PackAnswer:
        """Compare a person's four fields with the pack."""
        return check(self.holds, person_tags(self.pack_key, person))

    def holds(self, kind: TagKind, tag: bytes) -> bool:
        """Whether a tag of this kind is in the pack."""
        return has_tag(self.tags[kind], tag)


def has_tag(block: bytes, tag: bytes) -> bool:
    """Whether a tag stands among sorted, concatenated tags of one kind; a binary search."""
    low, high = 0, len(block) // TAG_BYTES
    while low < high:
        middle = (low + high) // 2
        found = block[middle * TAG_BYTES : (middle + 1) * TAG_BYTES]
        if found == tag:
            return True
        if found < tag:
            low = middle + 1
        else:
            high = middle
    return False


def build_pack(
    people: Iterable[PersonKey],
    *,
    pack_key: bytes,
    version: int,
    facility: str,
    issued_at: int,
    expires_at: int,
) -> SignedSet:
    """Build a pack for one facility, ready to be signed.

    Args:
        people: at most `limits.POPULATION_PEOPLE`, each with a number; who has an old and a new number comes twice.
        pack_key: 32 random bytes that no other node's pack has; the key of the version before where the new one is to
            travel as a change of it (`population_change`).
        version: from 1, growing for each facility.
        facility: code of the facility.
        issued_at: epoch seconds, UTC.
        expires_at: epoch seconds, UTC.

    Raises:
        ProtocolError: `TOO_LARGE` with too many people, `FIELD_INVALID` for a person without a number.
    """
    if len(pack_key) != PACK_KEY_BYTES:
        raise ValueError(f"a pack key has {PACK_KEY_BYTES} bytes")
    kinds: dict[TagKind, set[bytes]] = {kind: set() for kind in TagKind}
    listed = list(islice(people, limits.POPULATION_PEOPLE + 1))
    if len(listed) > limits.POPULATION_PEOPLE:
        raise ProtocolError(Code.TOO_LARGE, f"{_WHAT}: more than {limits.POPULATION_PEOPLE} people")
    for person in listed:
        if not person.number:
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: each person has a number")
        for kind, tag in person_tags(pack_key, person).items():
            kinds[kind].add(tag)
    blocks = [b"".join(sorted(kinds[kind])) for kind in TagKind]
    return SignedSet(
        kind=SetKind.POPULATION,
        version=version,
        issued_at=issued_at,
        expires_at=expires_at,
        audience=facility,
        body=cbor.encode({1: pack_key, 2: len(listed), 3: blocks}),
    )


def sign_pack(pack: SignedSet, signer: Signer) -> bytes:
    """Sign a pack with the publisher key. It holds its key, so it leaves the centre only sealed to the node.

    Raises:
        TokenError: the signer cannot sign now.
    """
    return sign_set(pack, signer)


def verify_pack(
    data: bytes,
    key: keys.PublicKey,
    *,
    facility: str,
    at: int | None,
    newer_than: int | None = None,
    at_least: int | None = None,
) -> PopulationPack:
    """Verify a pack, then parse it; arguments and errors as in `signed_set.verify_set`.

    Args:
        data: the COSE_Sign1, opened from its envelope.
        key: the publisher key.
        facility: the facility that this node belongs to.
        at: now, epoch seconds, UTC; None judges no end.
        newer_than: version held already.
        at_least: newest version ever seen.

    Raises:
        ProtocolError: besides those, `FIELD_…` where tags are not sorted, not whole or too many.
    """
    frame = verify_set(
        data, key, kind=SetKind.POPULATION, at=at, audience=facility, newer_than=newer_than, at_least=at_least
    )
    return read_pack(frame)


def read_pack(frame: SignedSet) -> PopulationPack:
    """Read the body of a set whose frame was verified, or is our own.

    Raises:
        ProtocolError: a code of form; `FIELD_…` where tags are not sorted, not whole or too many.
    """
    fields = Fields(cbor.decode(frame.body, max_bytes=limits.SET_BYTES), what=_WHAT)
    pack_key = fields.bytes_(1, length=PACK_KEY_BYTES)
    people = fields.uint(2, max=limits.POPULATION_PEOPLE)
    blocks = fields.list_(3, min_items=len(TagKind), max_items=len(TagKind))
    fields.finish()
    return PopulationPack(
        version=frame.version,
        facility=frame.audience,
        issued_at=frame.issued_at,
        expires_at=frame.expires_at,
        people=people,
        pack_key=pack_key,
        tags={kind: _check_block(block, people=people) for kind, block in zip(TagKind, blocks, strict=True)},
    )


def _tag(pack_key: bytes, kind: TagKind, parts: tuple[str, ...]) -> bytes:
    # The separator is a control character: folding drops it, dates and numbers of real people hold none.
    message = bytes((kind,)) + _SEPARATOR.join(parts).encode()
    return hmac.digest(pack_key, message, "sha256")[:TAG_BYTES]


def _check_block(block: object, *, people: int) -> bytes:
    if not isinstance(block, bytes) or len(block) % TAG_BYTES or len(block) > people * TAG_BYTES:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.3: whole tags, not more than people")
    tags = [block[start : start + TAG_BYTES] for start in range(0, len(block), TAG_BYTES)]
    if any(second <= first for first, second in pairwise(tags)):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.3: tags are sorted, none twice")
    return block

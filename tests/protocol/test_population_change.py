"""A population pack travels as what changed: it gives exactly the pack that the centre states, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import Sex
from sync_protocol.population import (
    TAG_BYTES,
    PackAnswer,
    PersonKey,
    PopulationPack,
    TagKind,
    build_pack,
    read_pack,
    sign_pack,
    verify_pack,
)
from sync_protocol.population_change import (
    PopulationNews,
    apply_change,
    build_change,
    content_digest,
    encode_news,
    parse_news,
    verify_change,
)
from sync_protocol.signed_set import SetKind, SignedSet, sign_set
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key

PUBLISHER = KeySigner(ec_key("publisher"))
ISSUED = 1_649_415_600
EXPIRES = ISSUED + 30 * 86_400


def person(number: int, *, year: int = 1980) -> PersonKey:
    given = "".join("abcdefghij"[int(digit)] for digit in str(number))
    return PersonKey(f"0191{number:08d}", f"Nguyễn Văn {given}", Sex.M if number % 2 else Sex.F, f"{year}-05-17")


def frame(people: Iterable[PersonKey], *, version: int, key: bytes = bytes(32)) -> SignedSet:
    return build_pack(people, pack_key=key, version=version, facility="19001", issued_at=ISSUED, expires_at=EXPIRES)


def pack(people: Iterable[PersonKey], *, version: int, key: bytes = bytes(32)) -> PopulationPack:
    return read_pack(frame(people, version=version, key=key))


def signed(held: PopulationPack, new: PopulationPack, **changes: Any) -> bytes:
    return sign_set(replace(build_change(held, new), **changes), PUBLISHER)


def applied(held: PopulationPack, data: bytes) -> PopulationPack:
    change = verify_change(data, PUBLISHER.public_key, facility="19001", at=ISSUED)
    return apply_change(change, version=held.version, pack_key=held.pack_key, tags=held.tags)


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
@settings(max_examples=60, deadline=None)
def test_a_change_between_any_two_packs_gives_the_later_one(before: set[int], after: set[int]) -> None:
    held, new = pack(map(person, before), version=4), pack(map(person, after), version=7)
    assert applied(held, signed(held, new)) == new


def test_one_hundredth_that_changes_costs_a_small_part_of_the_pack() -> None:
    everybody = [person(number) for number in range(10_000)]
    # A hundred people: some have moved away, some have come, some were put right.
    later = everybody[50:]
    later += [person(number) for number in range(10_000, 10_025)]
    later[:25] = [person(number, year=1981) for number in range(50, 75)]
    held, new = pack(everybody, version=1), pack(later, version=2)
    whole = len(sign_pack(frame(later, version=2), PUBLISHER))
    change = len(encode_news(PopulationNews(signed(held, new), is_whole=False)))
    print(f"10,000 people, 100 of them changed: whole pack {whole} bytes, change {change} bytes, {change / whole:.2%}")
    assert change < whole / 50
    assert applied(held, signed(held, new)).check(person(60, year=1981)) is PackAnswer.MATCHED
    assert applied(held, signed(held, new)).check(person(60)) is PackAnswer.BIRTH_DATE_DIFFERS
    assert applied(held, signed(held, new)).check(person(10)) is PackAnswer.UNKNOWN


def test_a_change_starts_from_its_base_alone() -> None:
    first, second, third = (pack(map(person, range(count)), version=count) for count in (3, 4, 5))
    step = signed(second, third)
    with pytest.raises(ProtocolError) as caught:
        applied(first, step)
    assert caught.value.code is Code.PACK_BASE


def test_another_pack_of_the_same_version_is_not_changed_into_something_new() -> None:
    held, new = pack(map(person, range(5)), version=1), pack(map(person, range(6)), version=2)
    step = signed(held, new)
    for other in (
        pack(map(person, range(5)), version=1, key=b"\x01" * 32),
        pack(map(person, range(1, 5)), version=1),
        pack(map(person, range(6)), version=1),
    ):
        with pytest.raises(ProtocolError) as caught:
            applied(other, step)
        assert caught.value.code is Code.PACK_MISMATCH


def test_packs_under_two_keys_have_no_change_between_them() -> None:
    held = pack([person(1)], version=1)
    for other in (pack([person(1)], version=2, key=b"\x01" * 32), pack([person(1)], version=1)):
        with pytest.raises(ValueError, match="later version"):
            build_change(held, other)


def test_a_change_is_neither_a_pack_nor_of_another_key_place_or_time() -> None:
    held, new = pack([person(1)], version=1), pack([person(1), person(2)], version=2)
    step = signed(held, new)
    whole = sign_pack(frame([person(1), person(2)], version=2), PUBLISHER)
    key = PUBLISHER.public_key
    for data, arguments, code in (
        (whole, {}, Code.CONTENT_TYPE),
        (step, {"key": ec_key("stranger").public_key()}, Code.SIGNATURE_INVALID),
        (step[:-1] + bytes((step[-1] ^ 1,)), {}, Code.SIGNATURE_INVALID),
        (step, {"facility": "19002"}, Code.SET_FOREIGN),
        (step, {"at": EXPIRES}, Code.SET_EXPIRED),
        (step, {"at_least": 3}, Code.SET_OLDER),
    ):
        asked: dict[str, Any] = {"key": key, "facility": "19001", "at": ISSUED, **arguments}
        with pytest.raises(ProtocolError) as caught:
            verify_change(data, asked.pop("key"), **asked)
        assert caught.value.code is code
    with pytest.raises(ProtocolError) as caught:
        verify_pack(step, key, facility="19001", at=ISSUED)
    assert caught.value.code is Code.CONTENT_TYPE


def body(**changes: Any) -> bytes:
    """A body that adds one tag of each kind, with some fields otherwise."""
    tags: Sequence[object] = [b"\x01" * TAG_BYTES] * len(TagKind)
    fields: dict[int, object] = {1: 1, 2: 5, 3: bytes(32), 4: tags, 5: [b""] * len(TagKind)}
    fields |= {int(name[1:]): value for name, value in changes.items()}
    return cbor.encode({key: value for key, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"f1": 0}, Code.FIELD_INVALID),
        ({"f1": 2}, Code.FIELD_INVALID),
        ({"f1": 2**31}, Code.FIELD_INVALID),
        ({"f2": limits.POPULATION_PEOPLE + 1}, Code.FIELD_INVALID),
        ({"f3": bytes(31)}, Code.FIELD_INVALID),
        ({"f4": [b""] * 5}, Code.FIELD_INVALID),
        ({"f4": [b"\x01" * 5, *[b""] * 5]}, Code.FIELD_INVALID),
        ({"f4": [b"\x02" * 6 + b"\x01" * 6, *[b""] * 5]}, Code.FIELD_INVALID),
        ({"f5": [b"\x01" * 6 + b"\x01" * 6, *[b""] * 5]}, Code.FIELD_INVALID),
        ({"f5": [7, *[b""] * 5]}, Code.FIELD_INVALID),
        ({"f5": None}, Code.FIELD_MISSING),
        ({"f6": 1}, Code.FIELD_UNKNOWN),
    ],
)
def test_the_reader_of_a_change_is_strict(changes: dict[str, Any], code: Code) -> None:
    content = SignedSet(SetKind.POPULATION_CHANGE, 2, ISSUED, EXPIRES, "19001", body(**changes))
    with pytest.raises(ProtocolError) as caught:
        verify_change(sign_set(content, PUBLISHER), PUBLISHER.public_key, facility="19001", at=ISSUED)
    assert caught.value.code is code


def test_an_item_is_a_whole_pack_or_a_change() -> None:
    for news in (PopulationNews(b"whole", is_whole=True), PopulationNews(b"change", is_whole=False)):
        assert parse_news(encode_news(news)).signed == news.signed
        assert parse_news(encode_news(news)).is_whole == news.is_whole
    for data in (cbor.encode({}), cbor.encode({1: b"a", 2: b"b"}), cbor.encode({2: 7}), b"\xff"):
        with pytest.raises(ProtocolError):
            parse_news(data)


def test_a_digest_depends_on_everything_that_a_pack_holds() -> None:
    tags = {kind: bytes((kind,)) * TAG_BYTES for kind in TagKind}
    moved = tags | {TagKind.ALL: b"", TagKind.BUT_NAME: tags[TagKind.ALL] + tags[TagKind.BUT_NAME]}
    digests = {
        content_digest(bytes(32), 1, tags),
        content_digest(b"\x01" * 32, 1, tags),
        content_digest(bytes(32), 2, tags),
        content_digest(bytes(32), 1, moved),
    }
    assert len(digests) == 4


@given(st.binary(max_size=60))
def test_bytes_at_random_are_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_news(data)

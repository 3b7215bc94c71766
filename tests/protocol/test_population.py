"""The population pack: what it answers, what it hides, and which packs are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits, population, sealing
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import IdentityState, Sex
from sync_protocol.keys import key_id
from sync_protocol.population import (
    TAG_BYTES,
    PackAnswer,
    PersonKey,
    PopulationPack,
    TagKind,
    build_pack,
    person_tags,
    sign_pack,
    verify_pack,
)
from sync_protocol.signed_set import SignedSet
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key

PUBLISHER = KeySigner(ec_key("publisher"))
PACK_KEY = bytes(range(32))
ISSUED = 1_650_000_000
EXPIRES = ISSUED + 30 * 86_400
FACILITY = "19001"

AN = PersonKey(number="019085000001", name="Nguyễn Văn Ân", sex=Sex.M, birth_date="1985-02-03")
BINH = PersonKey(number="019190000002", name="Đặng Thị Bình", sex=Sex.F, birth_date="1990-11-30")
# Born the same day, of the same name and sex as Ân, with another number.
NAMESAKE = replace(AN, number="019085000003")
# The registry knows the year alone.
CU = PersonKey(number="019140000004", name="Lò Thị Cứ", sex=Sex.F, birth_date="1940")
PEOPLE = (AN, BINH, NAMESAKE, CU)


def frame(people: tuple[PersonKey, ...] = PEOPLE, *, version: int = 3) -> SignedSet:
    return build_pack(
        people, pack_key=PACK_KEY, version=version, facility=FACILITY, issued_at=ISSUED, expires_at=EXPIRES
    )


def verify(data: bytes, **changes: object) -> PopulationPack:
    arguments: dict[str, object] = {"facility": FACILITY, "at": ISSUED, **changes}
    return verify_pack(data, PUBLISHER.public_key, **arguments)  # type: ignore[arg-type]


PACK = verify(sign_pack(frame(), PUBLISHER))


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_in_the_pack_is_matched(person: PersonKey) -> None:
    assert PACK.check(person) is PackAnswer.MATCHED


@pytest.mark.parametrize("name", ["NGUYỄN VĂN ÂN", "nguyen van an", " Nguyễn  Văn Ân ", "Nguyễn Văn Ân"])
def test_names_match_without_case_marks_and_spaces(name: str) -> None:
    assert PACK.check(replace(AN, name=name)) is PackAnswer.MATCHED


@pytest.mark.parametrize("letter", ["Đ", "Ð", "Ɖ", "đ", "ð", "D"])
def test_the_three_ways_of_writing_d_with_a_stroke_match(letter: str) -> None:
    assert PACK.check(replace(BINH, name=f"{letter}ặng Thị Bình")) is PackAnswer.MATCHED


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"name": "Đặng Thị Bích"}, PackAnswer.NAME_DIFFERS),
        ({"birth_date": "1990-11-03"}, PackAnswer.BIRTH_DATE_DIFFERS),
        ({"birth_date": "1990"}, PackAnswer.BIRTH_DATE_DIFFERS),
        ({"sex": Sex.M}, PackAnswer.SEX_DIFFERS),
        ({"number": "019190000009"}, PackAnswer.NUMBER_DIFFERS),
        ({"name": "Đặng Thị Bích", "sex": Sex.M}, PackAnswer.SEVERAL_DIFFER),
        ({"name": "Đặng Thị Bích", "sex": Sex.M, "birth_date": "1991-01-01"}, PackAnswer.SEVERAL_DIFFER),
        ({"number": "019190000009", "sex": Sex.M}, PackAnswer.UNKNOWN),
    ],
)
def test_the_answer_names_the_one_field_that_differs(change: dict[str, object], answer: PackAnswer) -> None:
    assert PACK.check(replace(BINH, **change)) is answer  # type: ignore[arg-type]


def test_somebody_elses_number_is_not_called_a_mistyped_number() -> None:
    # The number is Bình's, everything else is Ân's: several fields of the number's holder differ.
    assert PACK.check(replace(AN, number=BINH.number)) is PackAnswer.SEVERAL_DIFFER


def test_a_year_alone_matches_only_a_year_alone() -> None:
    assert PACK.check(CU) is PackAnswer.MATCHED
    assert PACK.check(replace(CU, birth_date="1940-01-01")) is PackAnswer.BIRTH_DATE_DIFFERS


def test_each_answer_leads_to_an_identity_state() -> None:
    states = {answer: answer.state for answer in PackAnswer}
    assert states.pop(PackAnswer.MATCHED) is IdentityState.MATCHED
    assert states.pop(PackAnswer.UNKNOWN) is IdentityState.WAITING
    assert set(states.values()) == {IdentityState.MISMATCH}


def test_an_empty_pack_knows_nobody() -> None:
    assert verify(sign_pack(frame(()), PUBLISHER)).check(AN) is PackAnswer.UNKNOWN


@given(st.lists(st.integers(0, 2**16), max_size=80, unique=True), st.integers(0, 2**16))
def test_the_search_agrees_with_a_set(numbers: list[int], asked: int) -> None:
    people = tuple(replace(AN, number=f"{number:012d}") for number in numbers)
    pack = verify(sign_pack(frame(people), PUBLISHER))
    tag = person_tags(PACK_KEY, replace(AN, number=f"{asked:012d}"))[TagKind.NUMBER]
    assert pack.holds(TagKind.NUMBER, tag) == (asked in numbers)


def test_tags_depend_on_the_key_and_on_each_field_alone() -> None:
    tags = person_tags(PACK_KEY, AN)
    assert len(set(tags.values())) == len(TagKind)
    assert set(tags.values()).isdisjoint(person_tags(bytes(32), AN).values())
    for field, kind in (
        ("name", TagKind.BUT_NAME),
        ("birth_date", TagKind.BUT_BIRTH_DATE),
        ("sex", TagKind.BUT_SEX),
        ("number", TagKind.BUT_NUMBER),
    ):
        other = person_tags(PACK_KEY, replace(AN, **{field: getattr(BINH, field)}))
        expected = {kind, TagKind.NUMBER} - ({TagKind.NUMBER} if field == "number" else set())
        assert {same for same in TagKind if other[same] == tags[same]} == expected


def test_nothing_of_a_person_can_be_read_in_a_pack() -> None:
    data = sign_pack(frame(), PUBLISHER)
    for person in PEOPLE:
        for text in (person.number, person.name, person.birth_date, person.name.split()[-1].upper()):
            assert text.encode() not in data
    assert PACK_KEY.hex() not in repr(PACK)
    assert "pack_key" not in repr(PACK)


def test_the_pack_states_how_evidence_refers_to_it() -> None:
    assert PACK.reference == "pack-3"
    assert (PACK.people, PACK.facility) == (len(PEOPLE), FACILITY)


# --- packs that are refused -------------------------------------------------------------------------------------------


def test_a_pack_travels_sealed_to_its_node() -> None:
    node = ec_key("node sealing key")
    signed = sign_pack(frame(), PUBLISHER)
    sealed = sealing.seal(signed, recipient=node.public_key(), entropy=SeededEntropy(1))
    assert PACK_KEY not in sealed
    assert verify(sealing.open_sealed(sealed, {key_id(node.public_key()): node})).check(AN) is PackAnswer.MATCHED


def test_another_facilitys_older_and_expired_packs_are_refused() -> None:
    data = sign_pack(frame(), PUBLISHER)
    for changes, code in (
        ({"facility": "19002"}, Code.SET_FOREIGN),
        ({"newer_than": 3}, Code.SET_OLDER),
        ({"at_least": 4}, Code.SET_OLDER),
        ({"at": EXPIRES}, Code.SET_EXPIRED),
    ):
        with pytest.raises(ProtocolError, match=code):
            verify(data, **changes)


@given(st.data())
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    signed = bytearray(sign_pack(frame(), PUBLISHER))
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    signed[place // 8] ^= 1 << place % 8
    with pytest.raises(ProtocolError):
        verify(bytes(signed))


def body_with(**changes: object) -> bytes:
    tags = [person_tags(PACK_KEY, AN)[kind] for kind in TagKind]
    body: dict[int, object] = {1: PACK_KEY, 2: 1, 3: tags}
    body.update({int(key[1:]): value for key, value in changes.items()})
    return cbor.encode(body)


ONE, TWO = b"\x01" * TAG_BYTES, b"\x02" * TAG_BYTES


@pytest.mark.parametrize(
    "body",
    [
        body_with(_1=bytes(31)),
        body_with(_2=limits.POPULATION_PEOPLE + 1),
        body_with(_3=[b""] * 5),
        body_with(_3=[b""] * 7),
        body_with(_3=[b"\x00" * 5, *[b""] * 5]),
        body_with(_2=2, _3=[TWO + ONE, *[b""] * 5]),
        body_with(_2=2, _3=[ONE + ONE, *[b""] * 5]),
        body_with(_2=1, _3=[ONE + TWO, *[b""] * 5]),
        body_with(_3=["text", *[b""] * 5]),
    ],
    ids=["key", "people", "five", "seven", "half a tag", "unsorted", "twice", "more than people", "text"],
)
def test_tags_that_break_a_rule_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        verify(sign_pack(replace(frame(), body=body), PUBLISHER))


def test_the_unchanged_body_of_the_test_above_is_taken() -> None:
    assert verify(sign_pack(replace(frame(), body=body_with()), PUBLISHER)).check(AN) is PackAnswer.MATCHED


def test_one_person_too_many_is_not_packed() -> None:
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        frame((AN,) * (limits.POPULATION_PEOPLE + 1))


def test_a_person_without_a_number_is_not_packed() -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        frame((replace(AN, number=""),))


def test_a_short_key_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        build_pack([], pack_key=b"short", version=1, facility=FACILITY, issued_at=ISSUED, expires_at=EXPIRES)


def test_a_pack_of_a_hundred_thousand_people_holds_everybody_in_six_tags_each() -> None:
    people = [replace(AN, number=f"{number:012d}", name=f"Nguyễn Thị {number}") for number in range(100_000)]
    signed = sign_pack(
        build_pack(people, pack_key=PACK_KEY, version=1, facility=FACILITY, issued_at=ISSUED, expires_at=EXPIRES),
        PUBLISHER,
    )
    pack = verify(signed)
    assert len(signed) < 100_000 * TAG_BYTES * len(population.TagKind) + 1_000
    assert pack.check(people[77_777]) is PackAnswer.MATCHED

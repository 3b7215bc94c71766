"""Questions about people and their answers: written in one way, read strictly, bounded, and silent about people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import PaperKind, Recipient, Sex
from sync_protocol.population import PackAnswer, PersonKey
from sync_protocol.questions import (
    Answer,
    Question,
    encode_answers,
    encode_questions,
    parse_answers,
    parse_questions,
)
from tests.protocol.dose_strategies import recipients
from tests.protocol.refusals import refusal_of, refused
from tests.protocol.synthetic import generate_doses

AT = 1_649_415_600
PERSON = PersonKey("001180000017", "Nguyễn Thị Ánh", Sex.F, "1980-02-29")
NUMBERS = st.text("0123456789", min_size=12, max_size=12) | st.text("0123456789", min_size=9, max_size=9)


def key_of(recipient: Recipient) -> PersonKey:
    return PersonKey(recipient.number, recipient.name, recipient.sex, recipient.birth_date)


@st.composite
def people(draw: st.DrawFn) -> PersonKey:
    anybody = draw(recipients())
    is_citizen = anybody.number.isascii() and anybody.number.isdigit() and len(anybody.number) in (9, 12)
    return replace(key_of(anybody), number=anybody.number if is_citizen else draw(NUMBERS))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Question, ...]:
    references = sorted(draw(st.sets(st.integers(1, 50) | st.integers(1, limits.COUNTER), min_size=1, max_size=12)))
    return tuple(Question(reference, draw(people())) for reference in references)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Answer, ...]:
    references = sorted(draw(st.sets(st.integers(1, 50) | st.integers(1, limits.COUNTER), min_size=1, max_size=40)))
    return tuple(Answer(reference, draw(st.sampled_from(PackAnswer))) for reference in references)


def strangers(count: int) -> tuple[Question, ...]:
    """So many people as a day at a site has them, in the order of their coming."""
    citizens = {
        key_of(dose.recipient): None
        for dose in generate_doses(3_000, "day")
        if dose.recipient.paper in (PaperKind.CCCD, PaperKind.CMND) and len(dose.recipient.number) in (9, 12)
    }
    return tuple(Question(reference, person) for reference, person in enumerate(list(citizens)[:count], 41))


@given(questions())
def test_questions_come_back_as_they_were(asked: tuple[Question, ...]) -> None:
    assert parse_questions(encode_questions(asked)) == asked


@given(answers(), st.integers(0, limits.INSTANT))
def test_answers_come_back_as_they_were(said: tuple[Answer, ...], at: int) -> None:
    assert parse_answers(encode_answers(at, said)) == (at, said)


@given(questions(), st.data())
def test_questions_are_written_in_one_way_only(asked: tuple[Question, ...], data: st.DataObject) -> None:
    mutated = mutation_of(encode_questions(asked), data)
    if refusal_of(lambda: parse_questions(mutated)) is None:
        assert encode_questions(parse_questions(mutated)) == mutated


@given(answers(), st.data())
def test_answers_are_written_in_one_way_only(said: tuple[Answer, ...], data: st.DataObject) -> None:
    mutated = mutation_of(encode_answers(AT, said), data)
    if refusal_of(lambda: parse_answers(mutated)) is None:
        assert encode_answers(*parse_answers(mutated)) == mutated


def mutation_of(encoded: bytes, data: st.DataObject) -> bytes:
    """The bytes with one changed, one left out, or one put in."""
    place = data.draw(st.integers(0, len(encoded) - 1))
    left = data.draw(st.binary(max_size=2))
    return encoded[:place] + left + encoded[place + 1 :]


def test_every_bit_of_questions_counts() -> None:
    asked = strangers(20)
    encoded = encode_questions(asked)
    for place in range(len(encoded)):
        for bit in range(8):
            flipped = encoded[:place] + bytes((encoded[place] ^ 1 << bit,)) + encoded[place + 1 :]
            try:
                assert parse_questions(flipped) != asked
            except ProtocolError:
                continue
        with refused():
            parse_questions(encoded[:place])


@pytest.mark.parametrize(("count", "most"), [(1, 30), (20, 210), (500, 3_600)])
def test_questions_are_small(count: int, most: int) -> None:
    asked = strangers(count)
    plain = [[one.reference, one.person.number, one.person.name, 0, one.person.birth_date] for one in asked]
    assert len(asked) == count
    assert len(encode_questions(asked)) <= most < len(cbor.encode(plain))


def test_answers_of_a_whole_bundle_fit_into_one_piece_of_the_feed() -> None:
    said = tuple(Answer(one.reference, PackAnswer.UNKNOWN) for one in strangers(limits.QUESTIONS))
    assert len(encode_answers(AT, said)) < limits.FEED_PIECE_BYTES // 4


def test_names_of_all_scripts_at_their_cap_fit_into_a_message() -> None:
    name = " ".join("\U00020000" * 6 + chr(0x4E00 + n) for n in range(12))[: limits.NAME_CHARS]
    asked = tuple(
        Question(n, replace(PERSON, name=name[:-4] + f"{n:04d}", number=f"{n:012d}"))
        for n in range(1, limits.QUESTIONS + 1)
    )
    assert parse_questions(encode_questions(asked)) == asked


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [Question(0, PERSON)],
        [Question(limits.COUNTER + 1, PERSON)],
        [Question(True, PERSON)],
        [Question(2, PERSON), Question(2, PERSON)],
        [Question(2, PERSON), Question(1, PERSON)],
        [Question(n, PERSON) for n in range(1, limits.QUESTIONS + 2)],
        [Question(1, replace(PERSON, number=""))],
        [Question(1, replace(PERSON, number="00118000001"))],
        [Question(1, replace(PERSON, number="B1234567"))],
        [Question(1, replace(PERSON, number="001180000017\n"))],
        [Question(1, replace(PERSON, number="\uff10" * 12))],
        [Question(1, replace(PERSON, name=""))],
        [Question(1, replace(PERSON, name="A" * (limits.NAME_CHARS + 1)))],
        [Question(1, replace(PERSON, name="A\nB"))],
        [Question(1, replace(PERSON, name="A\u202eB"))],
        [Question(1, replace(PERSON, birth_date="1981-02-29"))],
        [Question(1, replace(PERSON, birth_date=""))],
        [Question(1, replace(PERSON, sex="F"))],  # type: ignore[arg-type]
    ],
)
def test_what_no_centre_would_take_is_not_written(asked: list[Question]) -> None:
    with refused(Code.FIELD_INVALID):
        encode_questions(asked)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({1: 0}, Code.FIELD_INVALID),
        ({1: limits.QUESTIONS + 1}, Code.FIELD_INVALID),
        ({1: 19}, Code.COLUMNS_INVALID),
        ({1: 21}, Code.COLUMNS_INVALID),
        ({2: b""}, Code.COLUMNS_INVALID),
        ({2: "text"}, Code.FIELD_INVALID),
        ({3: b""}, Code.FIELD_INVALID),
        ({3: b"Lan\n"}, Code.COLUMNS_INVALID),
        ({3: b"\xff\n"}, Code.COLUMNS_INVALID),
        ({4: 1}, Code.FIELD_UNKNOWN),
    ],
)
def test_the_reader_of_questions_is_strict(changes: dict[int, object], code: Code) -> None:
    fields = cbor.decode(encode_questions(strangers(20)), max_bytes=limits.MESSAGE_BYTES)
    assert isinstance(fields, dict)
    for key, value in changes.items():
        fields[key] = value  # type: ignore[assignment]
    with refused(code):
        parse_questions(cbor.encode(fields))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({1: AT, 2: [1]}, Code.FIELD_MISSING),
        ({1: AT, 2: [], 3: b""}, Code.FIELD_INVALID),
        ({1: AT, 2: [0], 3: b"\0"}, Code.FIELD_INVALID),
        ({1: AT, 2: [True], 3: b"\0"}, Code.FIELD_INVALID),
        ({1: AT, 2: [1, 0], 3: b"\0\0"}, Code.FIELD_INVALID),
        ({1: AT, 2: [limits.COUNTER, 1], 3: b"\0\0"}, Code.FIELD_INVALID),
        ({1: AT, 2: [1], 3: b"\x07"}, Code.FIELD_INVALID),
        ({1: AT, 2: [1], 3: b""}, Code.COUNT_MISMATCH),
        ({1: AT, 2: [1], 3: b"\0\0"}, Code.COUNT_MISMATCH),
        ({1: limits.INSTANT + 1, 2: [1], 3: b"\0"}, Code.FIELD_INVALID),
        ({1: AT, 2: [1] * (limits.QUESTIONS + 1), 3: bytes(limits.QUESTIONS)}, Code.FIELD_INVALID),
        ({1: AT, 2: [1], 3: b"\0", 4: 1}, Code.FIELD_UNKNOWN),
    ],
)
def test_the_reader_of_answers_is_strict(body: object, code: Code) -> None:
    with refused(code):
        parse_answers(cbor.encode(body))


@pytest.mark.parametrize("references", [(), (0,), (2, 2), (2, 1), (limits.COUNTER + 1,)])
def test_answers_that_no_node_would_take_are_not_written(references: tuple[int, ...]) -> None:
    with refused(Code.FIELD_INVALID):
        encode_answers(AT, [Answer(reference, PackAnswer.MATCHED) for reference in references])


def test_every_answer_has_its_place_for_ever() -> None:
    said = [Answer(number, answer) for number, answer in enumerate(PackAnswer, 1)]
    assert encode_answers(AT, said).endswith(bytes(range(len(PackAnswer))))
    assert parse_answers(encode_answers(AT, said))[1] == tuple(said)


def test_more_than_a_message_holds_is_not_even_decoded() -> None:
    for read in (parse_questions, parse_answers):
        with refused(Code.TOO_LARGE):
            read(bytes(limits.MESSAGE_BYTES + 1))


def test_neither_a_question_nor_its_refusal_shows_the_person() -> None:
    assert repr(Question(7, PERSON)) == "Question(reference=7)"
    for person in (replace(PERSON, number="00118000001"), replace(PERSON, birth_date="1981-02-29")):
        with pytest.raises(ProtocolError) as caught:
            encode_questions([Question(1, person)])
        assert not any(part in str(caught.value) for part in (person.number, person.name, person.birth_date))

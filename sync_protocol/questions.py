"""A node asks the national population database about people whom its pack does not know, and what comes back.

Questions are the body of a `questions` bundle: a reference, which the node counts itself, and the four compared
fields. They are packed as columns, like the people of a batch: 26 bytes for one person, 196 for twenty and 3.5 KB for
five hundred, where plain rows of CBOR take 46, 956 and 23.8 KB. The form is {1: how many, 2: the stream, 3: the texts
that no vocabulary knows, or nothing}.

Answers are the body of an `answers` item of the feed. They say right, which field is wrong, or unknown, and repeat
nothing of what was asked: data of the population database are given to nobody (DOMAIN). The form is {1: when it was
asked, 2: the first reference and the steps from one to the next, 3: one byte each}.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.column_codecs import ColumnPort, ColumnReader, ColumnWriter
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.field_columns import BirthColumns, NameColumns, NumberColumns, member
from sync_protocol.fields import Fields, check_text
from sync_protocol.identity import HOME_COUNTRY, SEXES, PaperKind, Recipient, Sex, is_birth_date
from sync_protocol.population import PackAnswer, PersonKey

_QUESTIONS: Final = "questions"
_ANSWERS: Final = "answers"
# The numbers that the population database can know: the personal number, and that of the old card.
_NUMBER: Final = re.compile(r"[0-9]{12}|[0-9]{9}")

# Answers travel as their place in this tuple, so the order never changes; new ones go at the end.
_SAID: Final = (
    PackAnswer.MATCHED,
    PackAnswer.NAME_DIFFERS,
    PackAnswer.BIRTH_DATE_DIFFERS,
    PackAnswer.SEX_DIFFERS,
    PackAnswer.NUMBER_DIFFERS,
    PackAnswer.SEVERAL_DIFFER,
    PackAnswer.UNKNOWN,
)


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One person asked about; the representation shows nobody.

    Attributes:
        reference: from 1 to `limits.COUNTER`; the node's own count, by which the answer names the question.
        person: the four compared fields; the number has 9 or 12 digits.
    """

    reference: int
    person: PersonKey

    def __repr__(self) -> str:
        return f"Question(reference={self.reference})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the population database says of one person; `reference` is that of the question."""

    reference: int
    answer: PackAnswer


def encode_questions(questions: Sequence[Question]) -> bytes:
    """The body of a `questions` bundle.

    Args:
        questions: 1 to `limits.QUESTIONS`, by reference, each reference once.

    Raises:
        ProtocolError: FIELD_INVALID for what no centre would take.
    """
    _check_questions(questions)
    stream, texts = _write(questions)
    fields: dict[int, object] = {1: len(questions), 2: stream}
    if texts:
        fields[3] = texts
    return cbor.encode(fields)


def parse_questions(data: bytes) -> tuple[Question, ...]:
    """Reads questions strictly: what :func:`encode_questions` would not have written is refused.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID or
            COLUMNS_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.MESSAGE_BYTES), what=_QUESTIONS)
    rows = fields.uint(1, min=1, max=limits.QUESTIONS)
    stream = fields.bytes_(2, max_bytes=limits.MESSAGE_BYTES)
    texts = fields.opt_bytes_(3, max_bytes=limits.MESSAGE_BYTES)
    fields.finish()
    if texts == b"":
        raise fields.invalid(3, "no texts are written as nothing")
    try:
        reader = ColumnReader(stream, (texts or b"").decode())
        questions = _carry(reader, (), rows)
        reader.finish()
        _check_questions(questions)
        again = _write(questions)
    except (IndexError, OverflowError, StopIteration, RuntimeError, ValueError):
        raise ProtocolError(Code.COLUMNS_INVALID, f"{_QUESTIONS}: the columns do not fit together") from None
    if again != (stream, texts or b""):
        raise ProtocolError(Code.COLUMNS_INVALID, f"{_QUESTIONS}: they would be written otherwise")
    return tuple(questions)


def encode_answers(at: int, answers: Sequence[Answer]) -> bytes:
    """The body of an `answers` item.

    Args:
        at: epoch seconds, UTC, when the population database was asked.
        answers: 1 to `limits.QUESTIONS`, by reference, each reference once.

    Raises:
        ProtocolError: FIELD_INVALID for what no node would take.
    """
    references = [0, *(answer.reference for answer in answers)]
    steps = [after - before for before, after in pairwise(references)]
    if any(step < 1 for step in steps):
        raise ProtocolError(Code.FIELD_INVALID, f"{_ANSWERS}.2: references are positive and ascend")
    encoded = cbor.encode({1: at, 2: steps, 3: bytes(_SAID.index(answer.answer) for answer in answers)})
    # The reader's rules are the only ones: what it would refuse is not written.
    parse_answers(encoded)
    return encoded


def parse_answers(data: bytes) -> tuple[int, tuple[Answer, ...]]:
    """Reads answers strictly: when it was asked, and the answers by reference.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID, or
            COUNT_MISMATCH where there are more or fewer answers than references.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.MESSAGE_BYTES), what=_ANSWERS)
    at = fields.uint(1, max=limits.INSTANT)
    steps = []
    for step in fields.list_(2, min_items=1, max_items=limits.QUESTIONS):
        # `type` and not isinstance: True must not pass for 1.
        if type(step) is not int or not 1 <= step <= limits.COUNTER:
            raise fields.invalid(2, f"a step is an integer from 1 to {limits.COUNTER}")
        steps.append(step)
    said = fields.bytes_(3, max_bytes=limits.QUESTIONS)
    fields.finish()
    if len(said) != len(steps):
        raise ProtocolError(Code.COUNT_MISMATCH, f"{_ANSWERS}.3: one answer for each reference")
    references = list(accumulate(steps))
    if references[-1] > limits.COUNTER:
        raise fields.invalid(2, f"a reference is at most {limits.COUNTER}")
    if max(said) >= len(_SAID):
        raise fields.invalid(3, "an answer is unknown to this version")
    return at, tuple(Answer(reference, _SAID[place]) for reference, place in zip(references, said, strict=True))


def _check_questions(questions: Sequence[Question]) -> None:
    if not 1 <= len(questions) <= limits.QUESTIONS:
        raise _invalid(f"between 1 and {limits.QUESTIONS} people")
    last = 0
    for question in questions:
        # `type` and not isinstance: True must not pass for 1.
        if type(question.reference) is not int or not last < question.reference <= limits.COUNTER:
            raise _invalid(f"references ascend, from 1 to {limits.COUNTER}")
        last = question.reference
        check_person(question.person)


def check_person(person: PersonKey) -> None:
    """Checks that somebody can be asked about; one who cannot would keep all the questions of a bundle back.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if _NUMBER.fullmatch(person.number) is None:
        raise _invalid("a number has 9 or 12 digits")
    if not 1 <= len(person.name) <= limits.NAME_CHARS:
        raise _invalid(f"a name has 1 to {limits.NAME_CHARS} characters")
    check_text(person.name, what=f"{_QUESTIONS}.name")
    if type(person.sex) is not Sex or not is_birth_date(person.birth_date):
        raise _invalid("sex or date of birth are outside what they may hold")


def _write(questions: Sequence[Question]) -> tuple[bytes, bytes]:
    writer = ColumnWriter()
    _carry(writer, questions, len(questions))
    return writer.finish()


def _carry(port: ColumnPort, questions: Sequence[Question], rows: int) -> list[Question]:
    """Brings the questions through a port, which writes or reads, and gives them back."""
    references = port.series([question.reference for question in questions], rows)
    people = [_recipient(question.person) for question in questions]
    sexes = port.integers([SEXES.index(person.sex) for person in people], rows)
    names = NameColumns(people).carry(port, rows, sexes)
    births = BirthColumns([person.birth_date for person in people])
    birth_dates = births.carry(port, rows)
    # Cards old and new are told apart by the number itself, so that no column of papers is needed.
    numbers = NumberColumns(people).carry(port, rows, sexes=sexes, years=births.years, papers=[0] * rows)
    return [
        Question(reference, PersonKey(number, name, member(SEXES, sex), birth_date))
        for reference, number, (name, _), sex, birth_date in zip(
            references, numbers, names, sexes, birth_dates, strict=True
        )
    ]


def _recipient(person: PersonKey) -> Recipient:
    """The person in the form of the columns; what is not compared is empty."""
    return Recipient(
        name=person.name,
        family_name=None,
        sex=person.sex,
        birth_date=person.birth_date,
        paper=PaperKind.CCCD,
        number=person.number,
        nationality=HOME_COUNTRY,
        phone="",
        address_unit="",
        guardian="",
        group=0,
    )


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"{_QUESTIONS}: {rule}")

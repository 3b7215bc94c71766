"""Fields of a person that are more than one column: names by their tokens, dates, digits, numbers that others predict.

Each class here is one field of all people. It takes the values apart into columns, and `carry` brings those through a
port (which writes or reads, see `column_codecs`) and gives the values back. A column of kinds says which rule a row
follows; the columns after it hold only the rows of that kind. What follows no rule is written as it is.

`carry` raises IndexError, OverflowError, RuntimeError or ValueError where what was read does not fit together; the door
(`columns`) turns them into one refusal.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Final, TypeVar

from sync_protocol.column_codecs import ColumnPort
from sync_protocol.column_costs import Column
from sync_protocol.identity import SEXES, Recipient, Sex

# A name of more tokens is written whole: such names are rare, and their tokens are not those of other names.
_TOKENS_MAX: Final = 8
_FAMILY_UNSTATED, _FAMILY_IS_FIRST, _FAMILY_APART = range(3)
_YEAR_ONLY, _DAY_KNOWN = range(2)
_FOLLOWS, _OTHER = range(2)
_DIGITS: Final = re.compile(r"[0-9]+")
_Member = TypeVar("_Member")
_CITIZEN_NUMBER: Final = re.compile(r"[0-9]{12}")


class NameColumns:
    """Names as first, middle and last tokens; which middle and last ones are likely depends on the sex."""

    def __init__(self, people: Sequence[Recipient]) -> None:
        self._counts: Column = []
        self._first: list[str] = []
        self._middle: list[str] = []
        self._last: list[str] = []
        self._whole: list[str] = []
        self._family_kinds: Column = []
        self._family: list[str] = []
        for person in people:
            self._add(person)

    def _add(self, person: Recipient) -> None:
        tokens = person.name.split(" ")
        if len(tokens) > _TOKENS_MAX:
            self._counts.append(0)
            self._whole.append(person.name)
        else:
            self._counts.append(len(tokens))
            self._first.append(tokens[0])
            self._middle += tokens[1:-1]
            self._last += tokens[1:][-1:]
        if person.family_name is None:
            self._family_kinds.append(_FAMILY_UNSTATED)
        elif person.family_name == tokens[0] and len(tokens) <= _TOKENS_MAX:
            self._family_kinds.append(_FAMILY_IS_FIRST)
        else:
            self._family_kinds.append(_FAMILY_APART)
            self._family.append(person.family_name)

    def carry(self, port: ColumnPort, rows: int, sexes: Column) -> list[tuple[str, str | None]]:
        """Gives name and family name of each row."""
        self._counts = port.integers(self._counts, rows)
        # A count outside its bounds asks for no tokens here, and :meth:`_values` stumbles over it.
        split = [(count, sex) for count, sex in zip(self._counts, sexes, strict=True) if 1 <= count <= _TOKENS_MAX]
        middle_sexes = [sex for count, sex in split for _ in range(count - 2)]
        last_sexes = [sex for count, sex in split if count > 1]
        self._first, _ = port.texts(self._first, len(split))
        self._middle, _ = port.texts(self._middle, len(middle_sexes), contexts=[middle_sexes])
        self._last, _ = port.texts(self._last, len(last_sexes), contexts=[last_sexes])
        self._whole, _ = port.texts(self._whole, rows - len(split))
        self._family_kinds = port.integers(self._family_kinds, rows)
        self._family, _ = port.texts(self._family, self._family_kinds.count(_FAMILY_APART))
        return self._values()

    def _values(self) -> list[tuple[str, str | None]]:
        first, middle, last = iter(self._first), iter(self._middle), iter(self._last)
        whole, family = iter(self._whole), iter(self._family)
        found: list[tuple[str, str | None]] = []
        for count, kind in zip(self._counts, self._family_kinds, strict=True):
            if count == 0:
                head, name = "", next(whole)
            else:
                head = next(first)
                tokens = [head, *(next(middle) for _ in range(count - 2))]
                name = " ".join(tokens if count == 1 else [*tokens, next(last)])
            if kind == _FAMILY_UNSTATED:
                found.append((name, None))
            else:
                found.append((name, head if kind == _FAMILY_IS_FIRST else next(family)))
        return found


class BirthColumns:
    """Dates of birth as year and day of the year; some are a year only."""

    def __init__(self, birth_dates: Sequence[str]) -> None:
        self.years = [int(birth_date[:4]) for birth_date in birth_dates]
        self._kinds = [_YEAR_ONLY if len(birth_date) == 4 else _DAY_KNOWN for birth_date in birth_dates]
        self._days = [
            datetime.date.fromisoformat(birth_date).timetuple().tm_yday - 1
            for birth_date in birth_dates
            if len(birth_date) != 4
        ]

    def carry(self, port: ColumnPort, rows: int) -> list[str]:
        self._kinds = port.integers(self._kinds, rows)
        self.years = port.integers(self.years, rows)
        days = iter(port.integers(self._days, self._kinds.count(_DAY_KNOWN)))
        return [
            f"{year:04d}"
            if kind == _YEAR_ONLY
            else (datetime.date(year, 1, 1) + datetime.timedelta(next(days))).isoformat()
            for kind, year in zip(self._kinds, self.years, strict=True)
        ]


class DigitColumns:
    """Texts that mostly consist of a fixed number of digits.

    Args:
        shapes: the groups of digits that a text may consist of, (3, 7) for a telephone number of ten digits.
        texts: the values.
    """

    def __init__(self, *shapes: tuple[int, ...], texts: Sequence[str]) -> None:
        self._shapes = shapes
        self._kind_of = {sum(shape): kind for kind, shape in enumerate(shapes)}
        self._kinds: Column = []
        self._groups: list[list[Column]] = [[[] for _ in shape] for shape in shapes]
        self._texts: list[str] = []
        for text in texts:
            self._add(text)

    def _add(self, text: str) -> None:
        kind = self._kind_of.get(len(text)) if _DIGITS.fullmatch(text) else None
        if kind is None:
            self._kinds.append(len(self._shapes))
            self._texts.append(text)
            return
        self._kinds.append(kind)
        start = 0
        for size, column in zip(self._shapes[kind], self._groups[kind], strict=True):
            column.append(int(text[start : start + size]))
            start += size

    def carry(self, port: ColumnPort, rows: int) -> list[str]:
        self._kinds = port.integers(self._kinds, rows)
        for kind, columns in enumerate(self._groups):
            count = self._kinds.count(kind)
            columns[:] = [port.integers(column, count) for column in columns]
        self._texts, _ = port.texts(self._texts, self._kinds.count(len(self._shapes)))
        return self._values()

    def _values(self) -> list[str]:
        rows = [zip(*columns, strict=True) for columns in self._groups]
        texts = iter(self._texts)
        found = []
        for kind in self._kinds:
            if kind == len(self._shapes):
                found.append(next(texts))
            else:
                groups = zip(next(rows[kind]), self._shapes[kind], strict=True)
                found.append("".join(f"{number:0{size}d}" for number, size in groups))
        return found


class NumberColumns:
    """Numbers of identity papers.

    A citizen's number is PPP G YY RRRRRR. G and YY follow from sex and year of birth, so of a number that agrees with
    them only the province and the six random digits are written.
    """

    def __init__(self, people: Sequence[Recipient]) -> None:
        self._kinds = [_FOLLOWS if _follows(person) else _OTHER for person in people]
        numbers = [person.number for person in people if _follows(person)]
        self._provinces = [int(number[:3]) for number in numbers]
        self._randoms = [int(number[6:]) for number in numbers]
        self._others = DigitColumns((3, 3, 6), (9,), texts=[person.number for person in people if not _follows(person)])

    def carry(self, port: ColumnPort, rows: int, *, sexes: Column, years: Column, papers: Column) -> list[str]:
        self._kinds = port.integers(self._kinds, rows, contexts=[papers])
        follows = self._kinds.count(_FOLLOWS)
        provinces = iter(port.integers(self._provinces, follows))
        randoms = iter(port.integers(self._randoms, follows))
        others = iter(self._others.carry(port, rows - follows))
        return [
            f"{next(provinces):03d}{_predict(member(SEXES, sex), year)}{next(randoms):06d}"
            if kind == _FOLLOWS
            else next(others)
            for kind, sex, year in zip(self._kinds, sexes, years, strict=True)
        ]


def member(members: Sequence[_Member], index: int) -> _Member:
    """The member of an enumeration with this index; a negative index is none."""
    if index < 0:
        raise IndexError("no such member")
    return members[index]


def _follows(person: Recipient) -> bool:
    number = person.number
    return _CITIZEN_NUMBER.fullmatch(number) is not None and number[3:6] == _predict(
        person.sex, int(person.birth_date[:4])
    )


def _predict(sex: Sex, year: int) -> str:
    """G and YY: 0 and 1 for the 1900s, 2 and 3 for the 2000s, the even ones male (DOMAIN, 4); "" where none exist."""
    century = year // 100 - 19
    return f"{2 * century + (sex is Sex.F)}{year % 100:02d}" if 0 <= century <= 4 else ""

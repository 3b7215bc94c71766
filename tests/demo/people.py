"""The people of two invented communes, and what the national registry knows of them.

Deterministic: the same seed gives the same people. Every person is invented; names come from
lists of common Vietnamese names, identity numbers have the legal structure and random ends.
Together the names use every letter of the Vietnamese alphabet with every tone.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, replace
from enum import StrEnum

# A name that stands several times is that much more common.
_FAMILY = """
    Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn
    Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn Nguyễn
    Trần Trần Trần Trần Trần Trần Trần Trần Trần Trần Lê Lê Lê Lê Lê Lê Lê Lê Phạm Phạm Phạm Phạm Phạm Phạm
    Hoàng Hoàng Hoàng Hoàng Hoàng Vũ Vũ Vũ Vũ Đặng Đặng Đặng Đặng Bùi Bùi Bùi Bùi Đỗ Đỗ Đỗ Hồ Ngô Dương Lý Đào
    Đinh Trịnh Lường Hà Quách Nông Triệu Tạ Ấu Ưng
""".split()
_MIDDLE_M = """
    Văn Văn Văn Văn Văn Văn Văn Văn Văn Đức Minh Quang Hữu Công Xuân Thành Đình Quốc Tuấn Viết Trọng Bảo
""".split()
_MIDDLE_F = """
    Thị Thị Thị Thị Thị Thị Thị Thị Thị Ngọc Thu Thanh Kim Bích Phương Thùy Hồng Mỹ Quỳnh Diệu Khánh Cẩm
""".split()
_GIVEN_M = """
    Hùng Dũng Tuấn Hải Nam Sơn Thắng Cường Đức Hiếu Huy Kiên Lâm Lộc Mạnh Nghĩa Phong Phúc Quân Quý Tài Tân
    Thịnh Thọ Tiến Toàn Trường Tú Việt Vinh Đạt Bình Chiến Đông Hòa Hậu Hưng Nhật Sáng Thiện Trí Vỹ Cảnh Chấn
    Mẫn Bằng Thưởng Sỹ Sĩ Kỳ Khải Duẩn Phước Đệ Cừ Nhượng Ích Ước Ỷ
""".split()
_GIVEN_F = """
    Hương Lan Hoa Linh Mai Hà Thảo Trang Hằng Hạnh Hiền Huyền Lệ Liên Ly My Nga Ngân Nguyệt Nhung Oanh Phượng
    Quyên Tâm Thúy Thương Trâm Tuyết Uyên Vân Yến Chi Cúc Diễm Duyên Đào Hậu Hoài Kiều Nhàn Như Tươi Thơm Tiên
    Nữ Bưởi Mẩn Lẽ Sậy Ẩn Ớt Hẹn Nụ Sử Tỵ Xuyến Hằng Mến Mỡ Nhỡ Gẫm Rọi Khế Nọc Kỷ Tẻo Vẻ Nỡ Tẽ Hỉ Mị Gìn Tròn
    Chò Bõ Khỏe Ngò Ngỏ Lờ Lợi Ữu Ừng Cửu Mỷ Mỳ Quỵ Lũy Ếch Ề Ể Ẵm Ặc Ằng Ẳng Ậu Ầu Mã Hè Bé Vóc Hổ Thủy Tự
""".split()
_PROVINCES = """
    019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019 019
    019 019 019 019 019 019 019 019 019 019 019 019 019 019 001 024 006 002 026 034 036 038
""".split()


class Fault(StrEnum):
    """What goes wrong with a person's identity on the day list."""

    NONE = "none"
    NO_NUMBER = "no number"
    MALFORMED = "malformed number"
    NAME_DIFFERS = "name differs"
    BIRTH_DATE_DIFFERS = "birth date differs"
    NOT_IN_REGISTRY = "not in the registry"
    LOST_ZERO = "leading zero lost in Excel"


# Out of 1,000 people: about 30 % cannot be matched, as in March 2022.
_FAULTS = (
    (Fault.NAME_DIFFERS, 120),
    (Fault.BIRTH_DATE_DIFFERS, 95),
    (Fault.NOT_IN_REGISTRY, 35),
    (Fault.NO_NUMBER, 25),
    (Fault.MALFORMED, 22),
    (Fault.LOST_ZERO, 12),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A person as somebody wrote them down. `birth_date` is ISO, `sex` "M" or "F"."""

    name: str
    sex: str
    birth_date: str
    number: str
    phone: str
    hamlet: str


@dataclass(frozen=True, slots=True)
class Villager:
    """A person as the registry knows them, and as the station's list has them."""

    registered: Person
    listed: Person
    fault: Fault


class Population:
    """Draws villagers one after the other from a seeded generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._numbers: set[str] = set()

    def pick(self, options: list[str]) -> str:
        return options[int(self._random.random() * len(options))]

    def below(self, bound: int) -> int:
        return int(self._random.random() * bound)

    def villager(self, hamlets: list[str]) -> Villager:
        """One more villager, with a fault as often as in real life."""
        person = self._person(hamlets)
        draw, fault = self.below(1000), Fault.NONE
        for candidate, weight in _FAULTS:
            if draw < weight:
                fault = candidate
                break
            draw -= weight
        return Villager(registered=person, listed=self._with_fault(person, fault), fault=fault)

    def visitor(self, home: str) -> Villager:
        """Somebody from far away, whom the registry knows exactly as they stand on the list."""
        person = self._person([home])
        return Villager(registered=person, listed=person, fault=Fault.NONE)

    def _person(self, hamlets: list[str]) -> Person:
        female = self.below(2) == 1
        middle, given = (_MIDDLE_F, _GIVEN_F) if female else (_MIDDLE_M, _GIVEN_M)
        name = " ".join((self.pick(_FAMILY), self.pick(middle), self.pick(given)))
        born = dt.date(1938, 1, 1) + dt.timedelta(days=self.below(365 * 76))
        digit = (2 if born.year >= 2000 else 0) + female
        number = ""
        while not number or number in self._numbers:
            number = f"{self.pick(_PROVINCES)}{digit}{born.year % 100:02d}{self.below(1_000_000):06d}"
        self._numbers.add(number)
        phone = f"{self.pick(['096', '098', '091', '038', '035', '086'])}{self.below(10_000_000):07d}"
        return Person(name, "F" if female else "M", born.isoformat(), number, phone, self.pick(hamlets))

    def _with_fault(self, person: Person, fault: Fault) -> Person:
        match fault:
            case Fault.NO_NUMBER:
                return replace(person, number="")
            case Fault.MALFORMED:
                return replace(
                    person, number=person.number[:10] if self.below(2) else f"{person.number[:8]}O{person.number[9:]}"
                )
            case Fault.NAME_DIFFERS:
                family, _, rest = person.name.partition(" ")
                return replace(person, name=f"{family} {self.pick(_GIVEN_F + _GIVEN_M)} {rest.split(' ')[-1]}")
            case Fault.BIRTH_DATE_DIFFERS:
                year, month, day = person.birth_date.split("-")
                return replace(person, birth_date=f"{year}-{month}-{1 + (int(day) + 3 + self.below(20)) % 28:02d}")
            case Fault.LOST_ZERO:
                return replace(person, number=person.number.removeprefix("0"))
            case _:
                return person

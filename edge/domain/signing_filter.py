"""Which recorded doses a person wants in a turn: by day, by number, by name or phone (1908/BYT-CNTT, rule 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.domain.pass_journal import PassCode, PassRefusedError
from sync_protocol.days import local_day, parse_day
from sync_protocol.dose import Dose
from sync_protocol.errors import ProtocolError
from sync_protocol.names import fold

_RANGE: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SigningFilter:
    """All that is given must hold; what is empty lets everything through.

    Attributes:
        first_day, last_day: local days "YYYY-MM-DD" of the injection, both included.
        ranges: dose numbers as (first, last), both included; empty for all.
        name: part of the name, with or without diacritics.
        phone: part of the phone number.
    """

    first_day: str = ""
    last_day: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    name: str = ""
    phone: str = ""

    def admits(self, dose: Dose) -> bool:
        """Return whether the dose is wanted."""
        day = local_day(dose.given_at)
        return (
            (not self.first_day or self.first_day <= day)
            and (not self.last_day or day <= self.last_day)
            and (not self.ranges or any(first <= dose.sequence <= last for first, last in self.ranges))
            and fold(self.name) in fold(dose.recipient.name)
            and self.phone in dose.recipient.phone
        )


def parse_filter(conditions: Iterable[str]) -> SigningFilter:
    """Read conditions as the command line gives them.

    Args:
        conditions: each `day=2022-04-12`, `day=2022-04-01..2022-04-12`, `dose=17,20-30`, `name=…` or `phone=…`.

    Raises:
        PassRefusedError: FILTER; what was typed is not repeated, since it may be a name.
    """
    found: dict[str, str] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if name not in {"day", "dose", "name", "phone"} or not equals or not value or name in found:
            raise PassRefusedError(PassCode.FILTER)
        found[name] = value
    first_day, _, last_day = found.get("day", "").partition("..")
    return SigningFilter(
        first_day=_day(first_day),
        last_day=_day(last_day or first_day),
        ranges=tuple(_range(part) for part in found.get("dose", "").split(",") if part),
        name=found.get("name", ""),
        phone=found.get("phone", ""),
    )


def _day(text: str) -> str:
    if not text:
        return ""
    try:
        return parse_day(text, what="day").isoformat()
    except ProtocolError:
        raise PassRefusedError(PassCode.FILTER) from None


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise PassRefusedError(PassCode.FILTER)
    first = int(match[1])
    return first, int(match[2] or first)

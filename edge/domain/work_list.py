"""Work lists: people whose doses cannot go on, by cause (1908/BYT-CNTT, rule 7), and what the centre returned.

A list is named by one word that may stand in an address: a cause, or `returned-` and the centre's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain import waiting
from edge.domain.refusals import Words
from sync_protocol.errors import Code

# The unit of people whose commune is not known; no code of the catalogue has letters.
NO_UNIT: Final = "none"
_RETURNED: Final = "returned-"


class Cause(StrEnum):
    """Why a person is on a list; the words stand in the store (`people.work_list`), the first three on the letter."""

    NO_NUMBER = "identity-missing"
    MALFORMED = "identity-malformed"
    MISMATCH = "identity-mismatch"
    FOREIGN = "identity-foreign"
    WAITING = "identity-waiting"


# The groups of the official letter, in its order: what goes to the commune police.
LETTER: Final = (Cause.NO_NUMBER, Cause.MALFORMED, Cause.MISMATCH)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to; "" lets everything through.

    Attributes:
        list: a `Cause`, or what `returned_list` gives.
        unit: code of the commune, or `NO_UNIT`.
        first_day, last_day: local days "YYYY-MM-DD" of the injections, both included.
        product: code of the catalogue.
    """

    list: str
    unit: str = ""
    first_day: str = ""
    last_day: str = ""
    product: str = ""

    @property
    def narrows_doses(self) -> bool:
        """Whether only people with certain doses are wanted."""
        return bool(self.first_day or self.last_day or self.product)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the list is left out."""
        return not (self.unit or self.narrows_doses)

    @property
    def returned_code(self) -> str:
        """The centre's code that the list is about, or ""."""
        return self.list.removeprefix(_RETURNED) if self.list.startswith(_RETURNED) else ""


def returned_list(code: str) -> str:
    """Return the word of the list of what the centre returned with this code."""
    return _RETURNED + code


def is_list(word: str) -> bool:
    """Return whether this names a list: a cause, or one of the centre's codes behind `returned-`."""
    return word in set(Cause) or (word.startswith(_RETURNED) and word.removeprefix(_RETURNED) in set(Code))


WORDS: Final[Mapping[Cause, Words]] = MappingProxyType(
    {
        **{cause: waiting.WORDS[waiting.Waiting(cause.value)] for cause in Cause if cause is not Cause.FOREIGN},
        Cause.FOREIGN: Words(
            "Người nước ngoài chờ bảo lãnh",
            "Mở từng người, đối chiếu với hộ chiếu rồi bấm bảo lãnh.",
            "foreigners whom the site can vouch for",
        ),
    }
)

"""The person vaccinated as the site knew them, and why their identity is believed.

The values stand here with their bounds; `dose` puts them into a dose record. Checks name the field and never repeat
its value.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import check_text

GROUP_MAX: Final = 99


class Sex(StrEnum):
    """As on the identity paper."""

    M = "M"
    F = "F"


class PaperKind(StrEnum):
    """The paper that identifies a person: 12-digit card, 9-digit old card, passport of a foreigner, or none."""

    CCCD = "cccd"
    CMND = "cmnd"
    PASSPORT = "passport"
    NONE = "none"


class IdentityState(StrEnum):
    """What the comparison with the national population database said; only matched and vouched may be signed."""

    MATCHED = "matched"
    MISMATCH = "mismatch"
    MALFORMED = "malformed"
    NO_NUMBER = "no_number"
    WAITING = "waiting"
    VOUCHED = "vouched"


class EvidenceSource(StrEnum):
    """Where the identity state comes from: the node's population pack, the centre's answer, the site's own word."""

    PACK = "pack"
    ANSWER = "answer"
    VOUCHED = "vouched"


@dataclass(frozen=True, slots=True, repr=False)
class Recipient:
    """The person vaccinated, as known when the dose was given; the representation shows nobody.

    Attributes:
        name: full name, NFC, kept as written.
        family_name: the family name where it is known apart from the rest; None where it is the first token.
        birth_date: "YYYY-MM-DD", or "YYYY" where only the year is known.
        number: the number on the paper exactly as read, right or wrong; "" where there is none.
        nationality: ISO 3166-1 alpha-2.
        address_unit: code of the commune, or "".
        guardian: name of the guardian, or "".
        group: priority group, 0 where unknown.
    """

    name: str
    family_name: str | None
    sex: Sex
    birth_date: str
    paper: PaperKind
    number: str
    nationality: str
    phone: str
    address_unit: str
    guardian: str
    group: int

    def __repr__(self) -> str:
        return f"Recipient(paper={self.paper!r})"


@dataclass(frozen=True, slots=True)
class IdentityEvidence:
    """Why the person's identity is believed, or not.

    Attributes:
        reference: id of the population pack or of the centre's answer, or "".
        checked_at: epoch seconds, UTC.
    """

    state: IdentityState
    source: EvidenceSource
    reference: str
    checked_at: int


# Enumerations travel as their place in these tuples, so their order never changes; new members go at the end.
SEXES: Final = (Sex.M, Sex.F)
PAPERS: Final = (PaperKind.CCCD, PaperKind.CMND, PaperKind.PASSPORT, PaperKind.NONE)
STATES: Final = (
    IdentityState.MATCHED,
    IdentityState.MISMATCH,
    IdentityState.MALFORMED,
    IdentityState.NO_NUMBER,
    IdentityState.WAITING,
    IdentityState.VOUCHED,
)
SOURCES: Final = (EvidenceSource.PACK, EvidenceSource.ANSWER, EvidenceSource.VOUCHED)

# Citizens of this country are in the population database; a site vouches for nobody else than foreigners.
HOME_COUNTRY: Final = "VN"
_NATIONALITY: Final = re.compile(r"[A-Z]{2}")
_YEAR: Final = re.compile(r"(?:1[89]|20|21)[0-9]{2}")
_DAY: Final = re.compile(r"(?:1[89]|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}")


def check_recipient(person: Recipient) -> None:
    """Checks every value of a person against its bounds.

    Raises:
        ProtocolError: FIELD_INVALID, naming the field.
    """
    require_text(person.name, limits.NAME_CHARS, what="name")
    require(person.name != "", "name")
    if person.family_name is not None:
        require_text(person.family_name, limits.NAME_CHARS, what="family_name")
        require(person.family_name != "", "family_name")
    require(type(person.sex) is Sex, "sex")
    require(is_birth_date(person.birth_date), "birth_date")
    require(type(person.paper) is PaperKind, "paper")
    require_text(person.number, limits.SHORT_CHARS, what="number")
    require(type(person.nationality) is str and _NATIONALITY.fullmatch(person.nationality), "nationality")
    require_text(person.phone, limits.SHORT_CHARS, what="phone")
    require_text(person.address_unit, limits.SHORT_CHARS, what="address_unit")
    require_text(person.guardian, limits.NAME_CHARS, what="guardian")
    require_whole(person.group, 0, GROUP_MAX, what="group")


def check_evidence(evidence: IdentityEvidence) -> None:
    """Checks every value of the evidence against its bounds.

    Raises:
        ProtocolError: FIELD_INVALID, naming the field.
    """
    require(type(evidence.state) is IdentityState, "evidence.state")
    require(type(evidence.source) is EvidenceSource, "evidence.source")
    require_text(evidence.reference, limits.SHORT_CHARS, what="evidence.reference")
    require_whole(evidence.checked_at, 0, limits.INSTANT, what="evidence.checked_at")


def is_birth_date(text: str) -> bool:
    """Whether the text is a real day "YYYY-MM-DD" or a year "YYYY", from 1800 to 2199."""
    return type(text) is str and (_YEAR.fullmatch(text) is not None or is_day(text))


def is_day(text: str) -> bool:
    """Whether the text is a real day "YYYY-MM-DD" from 1800 to 2199."""
    if type(text) is not str or _DAY.fullmatch(text) is None:
        return False
    if text[8:] <= "28" and "01" <= text[5:7] <= "12" and text[8:] >= "01":
        return True
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def require(condition: object, what: str) -> None:
    """Refuses a field whose condition does not hold.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if not condition:
        raise ProtocolError(Code.FIELD_INVALID, f"dose.{what}: outside what this field may hold")


def require_text(text: object, max_chars: int, *, what: str) -> None:
    """Refuses what is not NFC text of at most so many characters, without control characters.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if type(text) is not str or len(text) > max_chars:
        raise ProtocolError(Code.FIELD_INVALID, f"dose.{what}: must be text of at most {max_chars} characters")
    check_text(text, what=what)


def require_whole(number: object, low: int, high: int, *, what: str) -> None:
    """Refuses what is not an integer within the bounds; True does not pass for 1.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if type(number) is not int or not low <= number <= high:
        raise ProtocolError(Code.FIELD_INVALID, f"dose.{what}: must be an integer from {low} to {high}")

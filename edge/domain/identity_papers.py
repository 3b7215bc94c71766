"""Identity papers: the grammar of their numbers, what a number says of its bearer, and the QR of the card.

Personal identification number (CCCD): 12 digits `PPP G YY RRRRRR` (decree 137/2015/NĐ-CP, circular 59/2021/TT-BCA):
province of birth registration, century and sex, year of birth, six random. No check digit. CMND: 9 digits. Only ASCII
digits count: `'０１２'.isdigit()` is True in Python, so every test here is a regular expression over [0-9].
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from edge.domain.refusals import EdgeCode, Finding, refuse
from sync_protocol.days import parse_day
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import PaperKind, Sex
from sync_protocol.limits import LONG_CHARS, NAME_CHARS

_CCCD: Final = re.compile(r"[0-9]{12}")
_CMND: Final = re.compile(r"[0-9]{9}")
_PASSPORT: Final = re.compile(r"(?=.*[0-9])[A-Z0-9]{6,12}")
# A citizen's own passport. Kept narrow, so that a card number with a letter O for a zero is not taken for one.
_OWN_PASSPORT: Final = re.compile(r"[A-Z]{1,2}[0-9]{6,8}")
_PHONE: Final = re.compile(r"0[0-9]{9,10}")
_DIGITS: Final = re.compile(r"[0-9]+")
_CARD_DATE: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4})")
_BIRTH_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2})?")

# Provinces of birth registration as numbers on cards carry them; a new code is no fault of its bearer.
_PROVINCES: Final = (
    "001 002 004 006 008 010 011 012 014 015 017 019 020 022 024 025 026 027 030 031 033 034 035 036 037 038 040 042 "
    "044 045 046 048 049 051 052 054 056 058 060 062 064 066 067 068 070 072 074 075 077 079 080 082 083 084 086 087 "
    "089 091 092 093 094 095 096"
)
PROVINCES: Final = frozenset(_PROVINCES.split())

CARD_CHARS: Final = 1_000
_CARD_FIELDS: Final = 7
_NUMBER_CHARS: Final = 20


@dataclass(frozen=True, slots=True, repr=False)
class Paper:
    """A paper and its number as it stands on it; `is_well_formed` is False where the number breaks the grammar."""

    kind: PaperKind
    number: str
    is_well_formed: bool


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """What the QR of a citizen card states. Unsigned: a hint that fills the form, not a proof."""

    number: str
    old_number: str
    name: str
    sex: Sex
    birth_date: str
    address: str


def recognise_paper(text: str, *, nationality: str = "VN") -> Paper:
    """Return which paper a number as typed belongs to.

    Spaces, dots and hyphens between the characters are dropped and letters made upper case; nothing else is changed.
    A number that fits no grammar is kept as typed, as a CCCD (or a foreigner's passport) that is malformed.
    """
    number = re.sub(r"[\s.\-]", "", text).upper()
    if not number:
        return Paper(PaperKind.NONE, "", True)
    if nationality != "VN":
        return Paper(PaperKind.PASSPORT, number, _PASSPORT.fullmatch(number) is not None)
    if _CCCD.fullmatch(number):
        return Paper(PaperKind.CCCD, number, True)
    if _CMND.fullmatch(number):
        return Paper(PaperKind.CMND, number, True)
    if _OWN_PASSPORT.fullmatch(number):
        return Paper(PaperKind.PASSPORT, number, True)
    return Paper(PaperKind.CCCD, number[:_NUMBER_CHARS], False)


def is_well_formed(kind: PaperKind, number: str) -> bool:
    """Return whether the number keeps the grammar of its paper; no paper has no number."""
    match kind:
        case PaperKind.CCCD:
            return _CCCD.fullmatch(number) is not None
        case PaperKind.CMND:
            return _CMND.fullmatch(number) is not None
        case PaperKind.PASSPORT:
            return _PASSPORT.fullmatch(number) is not None
        case PaperKind.NONE:
            return number == ""


def check_number(
    kind: PaperKind, number: str, *, sex: Sex, birth_date: str, provinces: Collection[str] = PROVINCES
) -> tuple[Finding, ...]:
    """Return what the number says against itself or against what was typed beside it; all are warnings.

    They are warnings since a dose that was given must be recorded; the population pack decides afterwards. Only a
    malformed number keeps a dose from being signed without any check.
    """
    if not is_well_formed(kind, number):
        return (Finding(Code.IDENTITY_MALFORMED, False, "number"),)
    if kind is not PaperKind.CCCD:
        return ()
    findings: list[Finding] = []
    if number[:3] not in provinces:
        findings.append(Finding(EdgeCode.NUMBER_PROVINCE, False, "number"))
    if _BIRTH_DATE.fullmatch(birth_date):
        year = int(birth_date[:4])
        # 1900s 0 and 1, 2000s 2 and 3 …; even is male.
        if int(number[3]) != (year // 100 - 19) * 2 + (sex is Sex.F):
            findings.append(Finding(EdgeCode.NUMBER_SEX, False, "number"))
        if int(number[4:6]) != year % 100:
            findings.append(Finding(EdgeCode.NUMBER_YEAR, False, "number"))
    return tuple(findings)


def propose_number(text: str, *, sex: Sex, birth_date: str) -> str | None:
    """Return the number with the zeros that a spreadsheet took from its front, or None if it does not look like that.

    A CCCD begins with at most two zeros that can be lost, a CMND with one. A CCCD is proposed only where it then agrees
    with province, sex, century and year of birth; this makes a wrong proposal rare. The user decides.
    """
    # What a spreadsheet made of a number has no zero in front any more.
    if not _DIGITS.fullmatch(text) or text.startswith("0"):
        return None
    if len(text) in (10, 11):
        number = text.rjust(12, "0")
        return None if check_number(PaperKind.CCCD, number, sex=sex, birth_date=birth_date) else number
    return "0" + text if len(text) == 8 else None


def tidy_phone(text: str) -> str:
    """Return a phone number without separators and with 0 in place of +84; anything else stays as typed."""
    phone = re.sub(r"[\s.\-()]", "", text)
    return "0" + phone[3:] if phone.startswith("+84") else phone


def is_phone(phone: str) -> bool:
    """Return whether this is a Vietnamese phone number: 0 and nine or ten digits."""
    return _PHONE.fullmatch(phone) is not None


def propose_phone(phone: str) -> str | None:
    """Return the phone number with its lost leading zero, or None if it does not look like that."""
    return "0" + phone if re.fullmatch(r"[235789][0-9]{8}", phone) else None


def parse_card(text: str) -> Card:
    """Read the QR of a citizen card: `number|old|name|ddmmyyyy|Nam/Nữ|address|ddmmyyyy`, further fields ignored.

    Raises:
        RefusedError: CARD_UNREADABLE for everything else, before anything of it is used.
    """
    if len(text) > CARD_CHARS:
        raise refuse(EdgeCode.CARD_UNREADABLE, "card", detail=f"> {CARD_CHARS}")
    line = unicodedata.normalize("NFC", text.strip())
    fields = [field.strip() for field in line.split("|")]
    if len(fields) < _CARD_FIELDS:
        raise refuse(EdgeCode.CARD_UNREADABLE, "card", detail=f"{len(fields)}/{_CARD_FIELDS}")
    # Control, format and unassigned characters (also those that turn the writing direction) have no place on a card.
    if any(unicodedata.category(character).startswith("C") for character in line):
        raise refuse(EdgeCode.CARD_UNREADABLE, "card")
    number, old_number, name, born, sex_word, address, _issued = fields[:_CARD_FIELDS]
    if not _CCCD.fullmatch(number) or (old_number and not _CMND.fullmatch(old_number)):
        raise refuse(EdgeCode.CARD_UNREADABLE, "number")
    if not name or len(name) > NAME_CHARS or len(address) > LONG_CHARS:
        raise refuse(EdgeCode.CARD_UNREADABLE, "name")
    sex = SEX_WORDS.get(sex_word.casefold())
    if sex is None:
        raise refuse(EdgeCode.CARD_UNREADABLE, "sex")
    return Card(number, old_number, name=name, sex=sex, birth_date=_card_date(born), address=address)


SEX_WORDS: Final = {"nam": Sex.M, "nữ": Sex.F, "nu": Sex.F, "m": Sex.M, "f": Sex.F, "male": Sex.M, "female": Sex.F}


def _card_date(text: str) -> str:
    found = _CARD_DATE.fullmatch(text)
    if found is None or not is_date(f"{found[3]}-{found[2]}-{found[1]}"):
        raise refuse(EdgeCode.CARD_UNREADABLE, "birth_date")
    return f"{found[3]}-{found[2]}-{found[1]}"


def is_date(text: str) -> bool:
    """Return whether the text is a day of the calendar, "YYYY-MM-DD", in ASCII digits."""
    try:
        parse_day(text, what="date")
    except ProtocolError:
        return False
    return True

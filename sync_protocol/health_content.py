"""What a health certificate says: the European DCC content, one vaccination, test or recovery each.

The checks are those of the published JSON schemas 1.3.0 and 1.3.3, written as types: exactly one group with exactly
one entry, required members, lengths, patterns, full dates. Members beyond the schema are ignored, as it asks. Value
sets are not looked at here: a code from a newer value set is no forgery.

Source: eu-dcc-schema (ehn-dcc-development), DCC.combined-schema.json.
"""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final

import cbor2
import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync_protocol.errors import Code, ProtocolError


class EntryKind(StrEnum):
    """What a health certificate attests; the value is the group's name in the content."""

    VACCINATION = "v"
    TEST = "t"
    RECOVERY = "r"


_Text80 = Annotated[str, Meta(max_length=80)]
_Icao80 = Annotated[str, Meta(max_length=80, pattern=r"^[A-Z<]*\Z")]
_Count = Annotated[int, Meta(ge=1)]

# The schema's pattern of a country is not anchored: it is found somewhere in the text.
_COUNTRY: Final = re.compile("[A-Z]{1,10}")
# Forms of the members that repeat from one certificate to the next; they are checked apart, with a cache.
_FORMS: Final = {
    "ver": re.compile(r"[0-9]+\.[0-9]+\.[0-9]+"),
    "dob": re.compile(r"((19|20)[0-9]{2}(-[0-9]{2}){0,2})?"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    # RFC 3339, and offsets without the colon, which several issuing states wrote.
    "instant": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
    ),
}
_FULL_DATE_CHARS: Final = 10
_CACHED_FORMS: Final = 4_096


class PersonName(msgspec.Struct, frozen=True, gc=False):
    """A name as displayed (`fn` family, `gn` given) and as transliterated by ICAO 9303 (`fnt`, `gnt`)."""

    fn: _Text80 = ""
    fnt: _Icao80 = ""
    gn: _Text80 = ""
    gnt: _Icao80 = ""


class Vaccination(msgspec.Struct, frozen=True, gc=False, rename={"is_": "is"}):
    """One dose: disease, prophylaxis, product, holder, number and series, date, country, issuer, UVCI."""

    tg: str
    vp: str
    mp: str
    ma: str
    dn: _Count
    sd: _Count
    dt: str
    co: str
    is_: _Text80
    ci: _Text80


class LaboratoryTest(msgspec.Struct, frozen=True, gc=False, rename={"is_": "is"}):
    """One test: disease, type, time of the sample, result, country, issuer, UVCI; name, maker and centre if stated."""

    tg: str
    tt: str
    sc: str
    tr: str
    co: str
    is_: _Text80
    ci: _Text80
    nm: _Text80 = ""
    ma: str = ""
    tc: _Text80 = ""


class Recovery(msgspec.Struct, frozen=True, gc=False, rename={"is_": "is"}):
    """One recovery: disease, first positive test, country, issuer, from and until when, UVCI."""

    tg: str
    fr: str
    co: str
    is_: _Text80
    df: str
    du: str
    ci: _Text80


class _Content(msgspec.Struct, frozen=True, gc=False):
    ver: str
    nam: PersonName
    dob: str
    v: Annotated[list[Vaccination], Meta(min_length=1, max_length=1)] | UnsetType = UNSET
    t: Annotated[list[LaboratoryTest], Meta(min_length=1, max_length=1)] | UnsetType = UNSET
    r: Annotated[list[Recovery], Meta(min_length=1, max_length=1)] | UnsetType = UNSET


class HealthContent(msgspec.Struct, frozen=True, gc=False):
    """The checked content: schema version, person, date of birth (possibly partial or empty), the one entry."""

    version: str
    name: PersonName
    birth_date: str
    entry: Vaccination | LaboratoryTest | Recovery

    @property
    def kind(self) -> EntryKind:
        """Which of the three it attests."""
        if isinstance(self.entry, Vaccination):
            return EntryKind.VACCINATION
        return EntryKind.TEST if isinstance(self.entry, LaboratoryTest) else EntryKind.RECOVERY


def check_content(value: object) -> HealthContent:
    """Checks decoded content, whose signature has been verified, against the schema.

    Args:
        value: the map under claim -260, key 1.

    Raises:
        ProtocolError: HC1_CONTENT naming the member that breaks the schema, never its value.
    """
    if not isinstance(value, dict):
        raise ProtocolError(Code.HC1_CONTENT, "content: must be a map")
    try:
        content = msgspec.convert(value, _Content)
    except msgspec.ValidationError:
        content = _converted_plain(value)
    entry = _only_entry(content)
    name = value["nam"]
    # Schema 1.3.0 requires fnt; 1.3.3 lets gnt stand alone.
    if "fnt" not in name and "gnt" not in name:
        raise ProtocolError(Code.HC1_CONTENT, "content.nam: fnt or gnt is required")
    _check_forms(content, entry)
    return HealthContent(content.ver, content.nam, content.dob, entry)


def _only_entry(content: _Content) -> Vaccination | LaboratoryTest | Recovery:
    match content.v, content.t, content.r:
        case [entry], UnsetType(), UnsetType():
            return entry
        case UnsetType(), [entry], UnsetType():
            return entry
        case UnsetType(), UnsetType(), [entry]:
            return entry
    raise ProtocolError(Code.HC1_CONTENT, "content: must hold exactly one of v, t and r")


def plain(value: object) -> object:
    """Returns the content as JSON has it: dates out of their CBOR tags, whole floats as integers."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, cbor2.CBORTag):
        return plain(value.value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _converted_plain(value: object) -> _Content:
    try:
        return msgspec.convert(plain(value), _Content)
    except msgspec.ValidationError as error:
        # The text states types, bounds and the member's path, never what the member holds.
        raise ProtocolError(Code.HC1_CONTENT, f"content: {error}") from None


def _check_forms(content: _Content, entry: Vaccination | LaboratoryTest | Recovery) -> None:
    if not _has_form("ver", content.ver):
        raise _wrong_form("ver")
    if not _has_form("dob", content.dob):
        raise _wrong_form("dob")
    if not _COUNTRY.search(entry.co):
        raise _wrong_form("co")
    if isinstance(entry, Vaccination):
        right = _has_form("date", entry.dt)
    elif isinstance(entry, LaboratoryTest):
        right = _has_form("instant", entry.sc)
    else:
        right = _has_form("date", entry.fr) and _has_form("date", entry.df) and _has_form("date", entry.du)
    if not right:
        raise _wrong_form("v.dt, t.sc, r.fr, r.df or r.du")


@lru_cache(maxsize=_CACHED_FORMS)
def _has_form(form: str, text: str) -> bool:
    """Says whether the whole text has the form, and whether the date it may begin with is one of the calendar."""
    if not _FORMS[form].fullmatch(text):
        return False
    day = text[:_FULL_DATE_CHARS]
    if len(day) < _FULL_DATE_CHARS:
        return True
    try:
        dt.date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _wrong_form(member: str) -> ProtocolError:
    return ProtocolError(Code.HC1_CONTENT, f"content.{member}: has not the form that the schema asks for")

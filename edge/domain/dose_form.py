"""One dose as a person types it: texts by field name, read into recipient and facts, all faults reported at once.

The page and the command `record` share the fields and this reading. The grammar of each text is that of the day
lists; what the values mean together is judged by `dosing` and `identity_papers` afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from edge.domain.day_list_cells import CellError, birth_date_of, day_of, seconds_of
from edge.domain.dosing import DoseFacts, propose_dose_total
from edge.domain.identity_papers import SEX_WORDS, parse_card, recognise_paper
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import day_start, local_day
from sync_protocol.errors import Code
from sync_protocol.identity import PaperKind, Recipient, Sex

FIELDS: Final = (
    "name",
    "family_name",
    "sex",
    "birth_date",
    "number",
    "nationality",
    "phone",
    "address_unit",
    "guardian",
    "group",
    "product",
    "lot",
    "lot_expiry",
    "dose_number",
    "dose_total",
    "given_day",
    "given_time",
    "vaccinator",
    "station",
    "reaction",
    "late_reason",
)
# Larger than any field's own bound, which the record's check names.
FIELD_CHARS: Final = 1_000
_Value = TypeVar("_Value")


def read_form(texts: Mapping[str, str], *, catalogue: Catalogue, now: int) -> tuple[Recipient, DoseFacts]:
    """Read what was typed.

    Args:
        texts: by the names of `FIELDS`; a missing one is empty. Without day and time the dose was given now.
        catalogue: gives the series' length where the total is not typed.
        now: epoch seconds UTC.

    Raises:
        RefusedError: one finding for each field that cannot be read.
    """
    reader = _Reader(texts)
    recipient = _recipient(reader, None)
    facts = _facts(reader, catalogue=catalogue, now=now)
    reader.finish()
    return recipient, facts


def read_person(texts: Mapping[str, str], *, known: Recipient | None = None) -> Recipient:
    """Read the person alone; where the number and the nationality of `known` were left alone, so is the paper.

    Raises:
        RefusedError: one finding for each field that cannot be read.
    """
    reader = _Reader(texts)
    recipient = _recipient(reader, known)
    reader.finish()
    return recipient


def read_facts(texts: Mapping[str, str], *, catalogue: Catalogue, now: int) -> DoseFacts:
    """Read the dose alone. Arguments and errors as `read_form`."""
    reader = _Reader(texts)
    facts = _facts(reader, catalogue=catalogue, now=now)
    reader.finish()
    return facts


def texts_of_card(line: str) -> dict[str, str]:
    """Return the fields that a citizen card's QR fills: a hint for the form, not a proof.

    Raises:
        RefusedError: CARD_UNREADABLE.
    """
    card = parse_card(line)
    year, month, day = card.birth_date.split("-")
    return {
        "name": card.name,
        "sex": card.sex.value,
        "birth_date": f"{day}/{month}/{year}",
        "number": card.number,
        "nationality": "VN",
    }


class _Reader:
    """Reads fields one by one and remembers every fault."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = {name: " ".join(texts.get(name, "").split())[:FIELD_CHARS] for name in FIELDS}
        self._findings: list[Finding] = []

    def field(self, name: str, read: Callable[[str], _Value], default: _Value, *, required: bool = False) -> _Value:
        """The value of a field, or the default where it is empty or cannot be read."""
        text = self.texts[name]
        if not text:
            if required:
                self._findings.append(Finding(EdgeCode.CELL_MISSING, True, name))
            return default
        try:
            return read(text)
        except CellError as error:
            self._findings.append(Finding(error.code, True, name))
        except ValueError:
            self._findings.append(Finding(Code.FIELD_INVALID, True, name))
        return default

    def finish(self) -> None:
        """Raise RefusedError if there was a fault."""
        if self._findings:
            raise RefusedError(tuple(self._findings))


def _recipient(reader: _Reader, known: Recipient | None) -> Recipient:
    texts = reader.texts
    nationality = texts["nationality"].upper() or "VN"
    if known is not None and (texts["number"], nationality) == (known.number, known.nationality):
        kind, number = known.paper, known.number
    else:
        paper = recognise_paper(texts["number"], nationality=nationality)
        kind, number = paper.kind if paper.number else PaperKind.NONE, paper.number
    return Recipient(
        name=reader.field("name", str, "", required=True),
        family_name=texts["family_name"] or None,
        sex=reader.field("sex", _sex, Sex.F, required=True),
        birth_date=reader.field("birth_date", birth_date_of, "1900", required=True),
        paper=kind,
        number=number,
        nationality=nationality,
        phone=texts["phone"],
        address_unit=texts["address_unit"],
        guardian=texts["guardian"],
        group=reader.field("group", _count, 0),
    )


def _facts(reader: _Reader, *, catalogue: Catalogue, now: int) -> DoseFacts:
    texts, field = reader.texts, reader.field
    dose_number = field("dose_number", _count, 1, required=True)
    return DoseFacts(
        product=field("product", str, "", required=True),
        lot=field("lot", str, "", required=True),
        lot_expiry=field("lot_expiry", day_of, ""),
        dose_number=dose_number,
        dose_total=field("dose_total", _count, usual_total(catalogue, texts["product"], dose_number)),
        given_at=_given_at(field("given_day", day_of, ""), field("given_time", seconds_of, -1), now=now),
        vaccinator=texts["vaccinator"],
        station=texts["station"],
        reaction=texts["reaction"],
        late_reason=texts["late_reason"],
    )


def usual_total(catalogue: Catalogue, code: str, dose_number: int) -> int:
    """The length of the series where nobody typed it; at least 1."""
    for product in catalogue.products:
        if product.code == code:
            return propose_dose_total(product, dose_number)
    return max(dose_number, 1)


def _given_at(day: str, seconds: int, *, now: int) -> int:
    if not day and seconds < 0:
        return now
    # A time without a day is today's; a day without a time is its noon, or now if that is today.
    if not day or day == local_day(now):
        return now if seconds < 0 else day_start(local_day(now)) + seconds
    return day_start(day) + (12 * 3_600 if seconds < 0 else seconds)


def _sex(text: str) -> Sex:
    sex = SEX_WORDS.get(text.casefold())
    if sex is None:
        raise ValueError("sex")
    return sex


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise ValueError("count")
    return int(text)

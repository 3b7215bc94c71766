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
    found = {name: " ".join(texts.get(name, "").split())[:FIELD_CHARS] for name in FIELDS}
    findings: list[Finding] = []

    def field(name: str, read: Callable[[str], _Value], default: _Value, *, required: bool = False) -> _Value:
        text = found[name]
        if not text:
            if required:
                findings.append(Finding(EdgeCode.CELL_MISSING, True, name))
            return default
        try:
            return read(text)
        except CellError as error:
            findings.append(Finding(error.code, True, name))
        except ValueError:
            findings.append(Finding(Code.FIELD_INVALID, True, name))
        return default

    nationality = found["nationality"].upper() or "VN"
    paper = recognise_paper(found["number"], nationality=nationality)
    dose_number = field("dose_number", _count, 1, required=True)
    recipient = Recipient(
        name=field("name", str, "", required=True),
        family_name=found["family_name"] or None,
        sex=field("sex", _sex, Sex.F, required=True),
        birth_date=field("birth_date", birth_date_of, "1900", required=True),
        paper=paper.kind if paper.number else PaperKind.NONE,
        number=paper.number,
        nationality=nationality,
        phone=found["phone"],
        address_unit=found["address_unit"],
        guardian=found["guardian"],
        group=field("group", _count, 0),
    )
    facts = DoseFacts(
        product=field("product", str, "", required=True),
        lot=field("lot", str, "", required=True),
        lot_expiry=field("lot_expiry", day_of, ""),
        dose_number=dose_number,
        dose_total=field("dose_total", _count, _usual_total(catalogue, found["product"], dose_number)),
        given_at=_given_at(field("given_day", day_of, ""), field("given_time", seconds_of, -1), now=now),
        vaccinator=found["vaccinator"],
        station=found["station"],
        reaction=found["reaction"],
        late_reason=found["late_reason"],
    )
    if findings:
        raise RefusedError(tuple(findings))
    return recipient, facts


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


def _given_at(day: str, seconds: int, *, now: int) -> int:
    if not day and seconds < 0:
        return now
    # A time without a day is today's; a day without a time is its noon, or now if that is today.
    if not day or day == local_day(now):
        return now if seconds < 0 else day_start(local_day(now)) + seconds
    return day_start(day) + (12 * 3_600 if seconds < 0 else seconds)


def _usual_total(catalogue: Catalogue, code: str, dose_number: int) -> int:
    for product in catalogue.products:
        if product.code == code:
            return propose_dose_total(product, dose_number)
    return max(dose_number, 1)


def _sex(text: str) -> Sex:
    sex = SEX_WORDS.get(text.casefold())
    if sex is None:
        raise ValueError("sex")
    return sex


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise ValueError("count")
    return int(text)

"""An opened vial: what is printed on it, how many doses it gives, at which table; and what may not be opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from edge.domain.day_list_cells import CellError, day_of
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from sync_protocol.catalogue import Catalogue
from sync_protocol.errors import Code
from sync_protocol.limits import SHORT_CHARS

MOST_DOSES: Final = 100
FIELDS: Final = ("product", "lot", "lot_expiry", "doses", "station")


@dataclass(frozen=True, slots=True)
class VialContents:
    """What is known of a vial.

    Attributes:
        product: code in the catalogue.
        lot, lot_expiry: the manufacturer's lot; "YYYY-MM-DD".
        doses: how many it gives.
        station: the name of the table, one of those that the site has settled.
    """

    product: str
    lot: str
    lot_expiry: str
    doses: int
    station: str


def read_vial(
    texts: Mapping[str, str], *, catalogue: Catalogue, day: str, stations: Collection[str], usual_doses: int
) -> VialContents:
    """Read a vial that is about to be opened.

    Args:
        texts: by the names of `FIELDS`.
        day: the local day, "YYYY-MM-DD": the lot has to last until its end.
        stations: the names of the site's tables.
        usual_doses: what one vial of the product gave before, taken where the field is empty; 0 for unknown.

    Raises:
        RefusedError: one finding for each field that is wrong; LOT_EXPIRED among them.
    """
    findings: list[Finding] = []
    product, lot, expiry = texts["product"], " ".join(texts["lot"].split()), ""
    if not product:
        findings.append(Finding(EdgeCode.CELL_MISSING, True, "product"))
    elif product not in {one.code for one in catalogue.products}:
        findings.append(Finding(Code.PRODUCT_UNKNOWN, True, "product"))
    if not lot or len(lot) > SHORT_CHARS or not lot.isprintable():
        findings.append(Finding(Code.FIELD_INVALID if lot else EdgeCode.CELL_MISSING, True, "lot"))
    try:
        expiry = day_of(texts["lot_expiry"]) if texts["lot_expiry"] else ""
    except CellError as error:
        findings.append(Finding(error.code, True, "lot_expiry"))
    else:
        if not expiry:
            findings.append(Finding(EdgeCode.CELL_MISSING, True, "lot_expiry"))
        elif expiry < day:
            findings.append(Finding(Code.LOT_EXPIRED, True, "lot_expiry", expiry))
    doses = _count(texts["doses"], MOST_DOSES) if texts["doses"] else usual_doses
    if not doses:
        findings.append(Finding(Code.FIELD_INVALID if texts["doses"] else EdgeCode.CELL_MISSING, True, "doses"))
    if texts["station"] not in stations:
        findings.append(Finding(Code.FIELD_INVALID if texts["station"] else EdgeCode.CELL_MISSING, True, "station"))
    if findings:
        raise RefusedError(tuple(findings))
    return VialContents(product, lot, expiry, doses=doses, station=texts["station"])


def _count(text: str, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0
    return number if number <= most else 0

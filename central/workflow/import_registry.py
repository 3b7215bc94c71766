"""Imports the national population registry from a CSV file (UTF-8), for training and for a province of its own.

Columns are found by their names in the first row, either ours or those of the national service's request:
`number` (SoDinhDanh), `name` (HoVaTen), `sex` (GioiTinh: M, F, Nam, Nữ), `birth_date` (NgayThangNamSinh: yyyy-mm-dd or
yyyy), and if there, `old_number` (SoCMND) and `unit` (MaXa).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from central.store.database import write_transaction
from central.store.registry_people import RegistryPerson, put_people
from sync_protocol import limits, names
from sync_protocol.identity import is_birth_date

_COLUMNS: Final = {
    "number": "number", "sodinhdanh": "number",
    "name": "name", "hovaten": "name",
    "sex": "sex", "gioitinh": "sex",
    "birth_date": "birth_date", "ngaythangnamsinh": "birth_date",
    "old_number": "old_number", "socmnd": "old_number",
    "unit": "unit", "maxa": "unit",
}  # fmt: skip
_REQUIRED: Final = ("number", "name", "sex", "birth_date")
_SEXES: Final = {"M": "M", "F": "F", "NAM": "M", "NU": "F"}
_NUMBER: Final = re.compile(r"[0-9]{12}", re.ASCII)
_OLD_NUMBER: Final = re.compile(r"[0-9]{9}", re.ASCII)
# Enough to see what is wrong with a file; the rest is counted.
_SHOWN: Final = 20


class RegistryFileError(Exception):
    """The file is no registry file; the text names a column or a line, never its content."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of the file.

    Attributes:
        written: people written, new or renewed.
        faulty: lines left out.
        examples: the first of them, as (line number, rule).
    """

    written: int
    faulty: int
    examples: tuple[tuple[int, str], ...]


def import_registry(lines: Iterable[str], *, engine: Engine) -> ImportResult:
    """Writes everybody of a registry file, in one transaction; who is there already is renewed.

    Args:
        lines: of the CSV file, the header first.
        engine: the store.

    Raises:
        RegistryFileError: a required column is missing; nothing is written.
        StoreError: the store is away or busy; nothing is written.
    """
    reader = csv.reader(lines)
    places = _places(next(reader, []))
    faults: list[tuple[int, str]] = []
    with write_transaction(engine) as connection:
        written = put_people(connection, _read(reader, places, faults))
    return ImportResult(written, faulty=len(faults), examples=tuple(faults[:_SHOWN]))


def _places(header: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, title in enumerate(header):
        name = _COLUMNS.get(title.strip().lstrip("\ufeff").lower())
        if name in places:
            raise RegistryFileError(f"column {name}: stands twice")
        if name is not None:
            places[name] = place
    for name in _REQUIRED:
        if name not in places:
            raise RegistryFileError(f"column {name}: is missing")
    return places


def _read(
    rows: Iterator[list[str]], places: Mapping[str, int], faults: list[tuple[int, str]]
) -> Iterator[RegistryPerson]:
    for line, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        values = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
        sex = _SEXES.get(names.fold(values["sex"]), "")
        name = unicodedata.normalize("NFC", values["name"])
        if (rule := _fault(values, name=name, sex=sex)) is not None:
            faults.append((line, rule))
            continue
        yield RegistryPerson(
            number=values["number"],
            old_number=values.get("old_number", ""),
            name=name,
            folded_name=names.fold(name),
            sex=sex,
            birth_date=values["birth_date"],
            unit=values.get("unit", ""),
        )


def _fault(values: Mapping[str, str], *, name: str, sex: str) -> str | None:
    if not _NUMBER.fullmatch(values["number"]):
        return "number: must have 12 digits"
    if values.get("old_number") and not _OLD_NUMBER.fullmatch(values["old_number"]):
        return "old_number: must have 9 digits"
    if not 0 < len(name) <= limits.NAME_CHARS:
        return f"name: must have 1 to {limits.NAME_CHARS} characters"
    if not sex:
        return "sex: must be M, F, Nam or Nữ"
    if not is_birth_date(values["birth_date"]):
        return "birth_date: must be yyyy-mm-dd or yyyy"
    if len(values.get("unit", "")) > limits.SHORT_CHARS:
        return f"unit: must have at most {limits.SHORT_CHARS} characters"
    return None

"""One person's passport: the eleven fields of Decision 5772/QĐ-BYT and a QR for each dose, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Engine

from central.domain.day_run import series
from central.domain.passport_id import passport_id, uvci_of
from central.store.database import read_transaction
from central.store.health_certificates import all_certificates, person_with
from central.store.passport_rows import CertifiedDose, certified_doses
from central.workflow.publish_sets import current_catalogue
from sync_protocol.catalogue import Product
from sync_protocol.errors import Code, ProtocolError


@dataclass(frozen=True, slots=True, repr=False)
class PassportDose:
    """One dose with its certificate; `product` is None where the catalogue does not list it any more."""

    row: CertifiedDose
    product: Product | None
    dose_total: int


@dataclass(frozen=True, slots=True, repr=False)
class Passport:
    """A passport; it prints nothing of itself.

    Attributes:
        id: opaque, made of the newest dose's UVCI.
        name, birth_date, nationality: as the newest dose has them.
        doses: the newest first, never empty.
    """

    id: str
    name: str
    birth_date: str
    nationality: str
    doses: tuple[PassportDose, ...]


@dataclass(frozen=True, slots=True, repr=False)
class PassportTexts:
    """The HC1 texts of one passport, the newest dose first."""

    id: str
    texts: tuple[str, ...]


def show_passport(engine: Engine, name: str) -> Passport | None:
    """The passport of this opaque name, or None.

    Raises:
        StoreError: the store is away.
    """
    try:
        uvci = uvci_of(name)
    except ProtocolError:
        return None
    with read_transaction(engine) as connection:
        person = person_with(connection, uvci)
        rows = [] if person is None else certified_doses(connection, person)
        if not rows:
            return None
        catalogue = current_catalogue(connection)
    products = {product.code: product for product in catalogue.products}
    newest = rows[0]
    return Passport(
        id=passport_id(newest.uvci),
        name=newest.name,
        birth_date=newest.birth_date,
        nationality=newest.nationality,
        doses=tuple(_dose(row, products.get(row.product)) for row in rows),
    )


def passport_texts(engine: Engine, *, run: int | None = None, name: str | None = None) -> Iterator[PassportTexts]:
    """The HC1 texts of all passports, or of one, person by person.

    Args:
        engine: the store.
        run: only people who got a certificate in this run, with the certificates of this run.
        name: only the passport of this opaque name.

    Raises:
        ProtocolError: UVCI_INVALID, there is no such passport.
        StoreError: the store is away.
    """
    if name is not None:
        passport = show_passport(engine, name)
        if passport is None:
            raise ProtocolError(Code.UVCI_INVALID, "passport: there is none of this name")
        yield PassportTexts(passport.id, tuple(dose.row.hc1 for dose in passport.doses))
        return
    with read_transaction(engine) as connection:
        for _, group in groupby(all_certificates(connection, run=run), key=lambda stored: stored.person):
            held = list(group)
            yield PassportTexts(passport_id(held[0].uvci), tuple(stored.hc1 for stored in held))


def _dose(row: CertifiedDose, product: Product | None) -> PassportDose:
    total = row.dose_number if product is None else series(row.dose_number, product)
    return PassportDose(row, product, total)

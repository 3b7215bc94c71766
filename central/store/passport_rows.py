"""The rows behind one passport: a person's certified doses, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import Connection, and_, func, select

from central.store.health_certificates import is_live, is_newest_issue
from central.store.tables import batches, doses, facilities, health_certificates
from central.store.withdrawals import is_withdrawn


@dataclass(frozen=True, slots=True, repr=False)
class CertifiedDose:
    """One certified dose as recorded, with its newest certificate; its representation shows nothing of it.

    Attributes:
        name, birth_date, nationality: of the person, as this dose has them.
        facility: the site's name.
        signed_by: name of the facility that signed for it, "" where it signed itself.
        issued_at, expires_at: of the certificate, epoch seconds UTC.
        hc1: what stands in the QR.
    """

    name: str
    birth_date: str
    nationality: str
    product: str
    lot: str
    dose_number: int
    given_day: str
    facility: str
    signed_by: str
    uvci: str
    issued_at: int
    expires_at: int
    hc1: str


def certified_doses(connection: Connection, person: str) -> list[CertifiedDose]:
    """The doses of a person that have a certificate that stands, and no newer version, the newest first."""
    held, hubs = health_certificates, facilities.alias("hubs")
    statement = (
        select(
            doses.c.name,
            doses.c.birth_date,
            doses.c.nationality,
            doses.c.product,
            doses.c.lot,
            doses.c.dose_number,
            doses.c.given_day,
            facilities.c.name,
            func.coalesce(hubs.c.name, ""),
            held.c.uvci,
            held.c.issued_at,
            held.c.expires_at,
            held.c.hc1,
        )
        .select_from(
            held.join(doses, doses.c.id == held.c.dose)
            .join(facilities, facilities.c.code == doses.c.facility)
            .outerjoin(batches, and_(batches.c.ledger_index == doses.c.ledger_index, batches.c.for_facility != ""))
            .outerjoin(hubs, hubs.c.code == batches.c.facility)
        )
        .where(held.c.person == person, is_newest_issue(), is_live(), ~is_withdrawn())
        .order_by(doses.c.given_day.desc(), doses.c.dose_number.desc(), doses.c.id.desc())
    )
    return list(starmap(CertifiedDose, connection.execute(statement)))

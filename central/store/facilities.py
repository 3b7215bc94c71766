"""Facilities, the communes that they serve, and the certificate serials registered for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from central.domain.admission import Registration
from central.store.database import insert_on
from central.store.tables import facilities, facility_units, registered_certificates


@dataclass(frozen=True, slots=True)
class Facility:
    """A place that gives vaccines; `units` are the communes that it serves."""

    code: str
    name: str
    units: tuple[str, ...]


def put_facility(connection: Connection, facility: Facility, *, at: int) -> None:
    """Creates a facility, or renames it and sets its communes anew."""
    statement = insert_on(connection, facilities)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["code"], set_={"name": statement.excluded.name}),
        {"code": facility.code, "name": facility.name, "created_at": at},
    )
    connection.execute(facility_units.delete().where(facility_units.c.facility == facility.code))
    if facility.units:
        rows = [{"facility": facility.code, "unit": unit} for unit in sorted(set(facility.units))]
        connection.execute(facility_units.insert(), rows)


def find_facility(connection: Connection, code: str) -> Facility | None:
    """The facility with this code, or None."""
    name = connection.execute(select(facilities.c.name).where(facilities.c.code == code)).scalar()
    if name is None:
        return None
    units = connection.execute(
        select(facility_units.c.unit).where(facility_units.c.facility == code).order_by(facility_units.c.unit)
    )
    return Facility(code, name, tuple(units.scalars()))


def put_registration(
    connection: Connection, facility: str, serial: str, *, registration: Registration, at: int
) -> None:
    """Registers a certificate serial (upper hex) for a facility, or changes officer and dates."""
    statement = insert_on(connection, registered_certificates)
    excluded = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["facility", "serial"],
            set_={
                "officer": excluded.officer,
                "valid_from": excluded.valid_from,
                "valid_until": excluded.valid_until,
            },
        ),
        {
            "facility": facility,
            "serial": serial,
            "officer": registration.officer,
            "valid_from": registration.valid_from,
            "valid_until": registration.valid_until,
            "registered_at": at,
        },
    )


def facilities_with_registrations(connection: Connection, *, serial: str | None = None) -> Sequence[str]:
    """The codes of facilities for which a serial number (upper hex) is registered, or any one at all."""
    table = registered_certificates
    statement = select(table.c.facility).distinct().order_by(table.c.facility)
    if serial is not None:
        statement = statement.where(table.c.serial == serial)
    return connection.execute(statement).scalars().all()


def registrations_of(connection: Connection, facility: str) -> dict[str, Registration]:
    """What is registered for a facility, by serial number."""
    table = registered_certificates
    rows = connection.execute(
        select(table.c.serial, table.c.officer, table.c.valid_from, table.c.valid_until).where(
            table.c.facility == facility
        )
    )
    return {row[0]: Registration(officer=row[1], valid_from=row[2], valid_until=row[3]) for row in rows}

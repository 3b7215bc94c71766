"""Certificates and keys that the centre trusts or has seen, and what was revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select, update

from central.store.database import insert_on
from central.store.key_store import KeyRole
from central.store.tables import (
    centre_keys,
    organisation_certificates,
    registered_certificates,
    revoked_certificates,
    trust_certificates,
)
from sync_protocol import keys
from sync_protocol.certificate import Certificate, parse_certificate, serial_text
from sync_protocol.keys import PublicKey


class AnchorScope(StrEnum):
    """Whose organisations an anchor stands for (FEATURES: two roots). What it may sign for is the same."""

    GOVERNMENT = "government"
    PUBLIC = "public"
    UNSTATED = ""


@dataclass(frozen=True, slots=True)
class TrustedRow:
    """A trusted certificate with its record; `removed_at` is None while it is trusted."""

    certificate: Certificate
    role: CertificateRole
    scope: AnchorScope
    added_at: int
    removed_at: int | None


class CertificateRole(StrEnum):
    """What a trusted certificate is trusted for."""

    DOCUMENT_SIGNER = "document_signer"
    COUNTRY_ANCHOR = "country_anchor"
    ORGANISATION_ANCHOR = "organisation_anchor"
    ORGANISATION_INTERMEDIATE = "organisation_intermediate"


# Authorities of organisation certificates: who may sign revocation lists that the centre takes.
AUTHORITY_ROLES: Final = (CertificateRole.ORGANISATION_ANCHOR, CertificateRole.ORGANISATION_INTERMEDIATE)


def put_trusted(
    connection: Connection,
    certificate: Certificate,
    role: CertificateRole,
    *,
    country: str,
    at: int,
    scope: AnchorScope = AnchorScope.UNSTATED,
) -> None:
    """Trusts a certificate in a role; one that is trusted already stays, one that was retired is trusted again."""
    statement = insert_on(connection, trust_certificates)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["thumbprint", "role"],
            set_={"added_at": statement.excluded.added_at, "removed_at": None, "scope": statement.excluded.scope},
            where=trust_certificates.c.removed_at.is_not(None),
        ),
        {
            "thumbprint": certificate.thumbprint,
            "role": role.value,
            "country": country,
            "der": certificate.der,
            "added_at": at,
            "removed_at": None,
            "scope": scope.value,
        },
    )


def retire_trusted(connection: Connection, thumbprint: bytes, roles: Iterable[CertificateRole], *, at: int) -> int:
    """Ends the trust in a certificate; gives how many roles it had. Its row stays: it says what was trusted when."""
    table = trust_certificates
    statement = update(table).where(
        table.c.thumbprint == thumbprint, table.c.role.in_([role.value for role in roles]), table.c.removed_at.is_(None)
    )
    return connection.execute(statement.values(removed_at=at)).rowcount


def trusted(connection: Connection, role: CertificateRole) -> tuple[Certificate, ...]:
    """The certificates trusted in a role now, the newest first."""
    return tuple(row.certificate for row in trusted_rows(connection, [role]) if row.removed_at is None)


def trusted_rows(connection: Connection, roles: Iterable[CertificateRole]) -> tuple[TrustedRow, ...]:
    """Every certificate that is or was trusted in one of these roles, the newest first."""
    table = trust_certificates
    statement = (
        select(table.c.der, table.c.role, table.c.scope, table.c.added_at, table.c.removed_at)
        .where(table.c.role.in_([role.value for role in roles]))
        .order_by(table.c.added_at.desc(), table.c.thumbprint)
    )
    return tuple(
        TrustedRow(parse_certificate(row[0]), CertificateRole(row[1]), AnchorScope(row[2]), row[3], row[4])
        for row in connection.execute(statement)
    )


def put_seen(connection: Connection, seen: Iterable[Certificate], *, at: int) -> None:
    """Keeps organisation certificates, since later batches may name them by thumbprint alone."""
    rows = [
        {"thumbprint": item.thumbprint, "serial": serial_text(item.serial), "der": item.der, "added_at": at}
        for item in seen
    ]
    if rows:
        connection.execute(insert_on(connection, organisation_certificates).on_conflict_do_nothing(), rows)


def seen_with_serials(connection: Connection, serials: Iterable[str]) -> dict[bytes, Certificate]:
    """The kept organisation certificates with these serial numbers (upper hex), by thumbprint."""
    table = organisation_certificates
    found = connection.execute(select(table.c.der).where(table.c.serial.in_(list(serials)))).scalars()
    return {certificate.thumbprint: certificate for certificate in map(parse_certificate, found)}


def seen_certificate(connection: Connection, thumbprint: bytes) -> Certificate | None:
    """The kept organisation certificate with this thumbprint (32 bytes), or None."""
    table = organisation_certificates
    der = connection.execute(select(table.c.der).where(table.c.thumbprint == thumbprint)).scalar()
    return None if der is None else parse_certificate(der)


def registered_seen(connection: Connection, *, facilities: str = "") -> tuple[Certificate, ...]:
    """The kept organisation certificates whose serial number is registered, in the order of thumbprints.

    Args:
        facilities: with what the codes of their facilities begin.
    """
    table = organisation_certificates
    held = registered_certificates
    serials = select(held.c.serial).where(held.c.facility.startswith(facilities, autoescape=True))
    statement = select(table.c.der).where(table.c.serial.in_(serials)).order_by(table.c.thumbprint)
    return tuple(map(parse_certificate, connection.execute(statement).scalars()))


def put_revocation(connection: Connection, certificate: Certificate, *, revoked_at: int, reason: str, at: int) -> None:
    """Notes that a certificate is revoked; an earlier instant takes the place of a later one, never the reverse."""
    table = revoked_certificates
    statement = insert_on(connection, table)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["thumbprint"],
            set_={"revoked_at": statement.excluded.revoked_at, "reason": statement.excluded.reason},
            where=table.c.revoked_at > statement.excluded.revoked_at,
        ),
        {
            "thumbprint": certificate.thumbprint,
            "issuer": certificate.issuer,
            "serial": serial_text(certificate.serial),
            "revoked_at": revoked_at,
            "reason": reason,
            "recorded_at": at,
        },
    )


def revocations(connection: Connection) -> dict[bytes, int]:
    """Instants of revocation (epoch seconds, UTC) by thumbprint."""
    table = revoked_certificates
    return {row[0]: row[1] for row in connection.execute(select(table.c.thumbprint, table.c.revoked_at))}


def put_centre_key(connection: Connection, role: KeyRole, key: PublicKey, *, at: int) -> None:
    """Notes the public half of one of the centre's own keys."""
    connection.execute(
        insert_on(connection, centre_keys).on_conflict_do_nothing(),
        {
            "kid": keys.key_id(key),
            "role": role.value,
            "public_key": keys.encode_public_key(key),
            "added_at": at,
            "retired_at": None,
        },
    )


def centre_public_keys(connection: Connection, role: KeyRole) -> tuple[PublicKey, ...]:
    """The public keys of a role, retired ones included, the newest first."""
    table = centre_keys
    statement = (
        select(table.c.public_key).where(table.c.role == role.value).order_by(table.c.added_at.desc(), table.c.kid)
    )
    return tuple(map(keys.load_public_key, connection.execute(statement).scalars()))

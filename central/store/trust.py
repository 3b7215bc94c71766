"""Certificates and keys that the centre trusts or has seen, and what was revoked."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import Connection, select

from central.store.database import insert_on
from central.store.key_store import KeyRole
from central.store.tables import centre_keys, organisation_certificates, revoked_certificates, trust_certificates
from sync_protocol import keys
from sync_protocol.certificate import Certificate, parse_certificate, serial_text
from sync_protocol.keys import PublicKey
from sync_protocol.trust_list import Revocation


class CertificateRole(StrEnum):
    """What a trusted certificate is trusted for."""

    DOCUMENT_SIGNER = "document_signer"
    COUNTRY_ANCHOR = "country_anchor"
    ORGANISATION_ANCHOR = "organisation_anchor"
    ORGANISATION_INTERMEDIATE = "organisation_intermediate"


def put_trusted(
    connection: Connection, certificate: Certificate, role: CertificateRole, *, country: str, at: int
) -> None:
    """Trusts a certificate in a role; does nothing where it is trusted already."""
    connection.execute(
        insert_on(connection, trust_certificates).on_conflict_do_nothing(),
        {
            "thumbprint": certificate.thumbprint,
            "role": role.value,
            "country": country,
            "der": certificate.der,
            "added_at": at,
            "removed_at": None,
        },
    )


def trusted(connection: Connection, role: CertificateRole) -> tuple[Certificate, ...]:
    """The certificates trusted in a role now, the newest first."""
    table = trust_certificates
    statement = (
        select(table.c.der)
        .where(table.c.role == role.value, table.c.removed_at.is_(None))
        .order_by(table.c.added_at.desc(), table.c.thumbprint)
    )
    return tuple(map(parse_certificate, connection.execute(statement).scalars()))


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


def revocation_list(connection: Connection) -> tuple[Revocation, ...]:
    """The same as it stands in a trust list, in the order of thumbprints."""
    return tuple(Revocation(thumbprint, at) for thumbprint, at in sorted(revocations(connection).items()))


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

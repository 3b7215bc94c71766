"""Revocation lists that were taken, what they list, and where they were fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, tuple_, update

from central.store.database import insert_on, rows_in_chunks
from central.store.tables import crl_revocations, crl_sources, crls
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.crl import Crl, Listed, line_of

_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class HeldCrl:
    """The newest list of a line.

    Attributes:
        line: 32 bytes.
        issuer: distinguished name in the form of RFC 4514.
        issuer_thumbprint: 32 bytes, of the certificate under which it verified.
        number: or None where the issuer does not count.
        this_update, next_update, fetched_at: epoch seconds, UTC; `next_update` None where none is promised.
        entries: certificates that it lists.
        source: the address, or the name of the file.
        digest: 32 bytes, SHA-256 of the DER.
    """

    line: bytes
    issuer: str
    issuer_thumbprint: bytes
    number: int | None
    this_update: int
    next_update: int | None
    entries: int
    fetched_at: int
    source: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class CrlSource:
    """An address at which lists are fetched, and how it answered the last time (epoch seconds, UTC)."""

    url: str
    asked_at: int
    outcome: str
    etag: str
    modified: str


def put_crl(
    connection: Connection,
    crl: Crl,
    issuer: Certificate,
    *,
    listed: Mapping[int, Listed],
    source: str,
    at: int,
) -> None:
    """Takes a verified list with what it says, newer than the one that is held, in place of it.

    What the older list named and this one does not stays revoked, unless it was on hold; and an instant of revocation
    moves only to an earlier one, except that of a hold.
    """
    line = line_of(crl, issuer)
    connection.execute(update(crls).where(crls.c.line == line).values(der=None))
    connection.execute(
        crls.insert(),
        {
            "line": line,
            "issuer": crl.issuer,
            "issuer_thumbprint": issuer.thumbprint,
            "number": "" if crl.number is None else str(crl.number),
            "this_update": crl.this_update,
            "next_update": crl.next_update,
            "entries": len(listed),
            "fetched_at": at,
            "source": source,
            "digest": crl.digest,
            "der": crl.der,
        },
    )
    _put_listed(connection, line, {serial_text(serial): item for serial, item in listed.items()}, at=at)


def _put_listed(connection: Connection, line: bytes, listed: dict[str, Listed], *, at: int) -> None:
    # A list names up to 100,000 certificates and differs from the one before in a few: only those are written.
    table = crl_revocations
    held = listed_of_line(connection, line)
    lifted = [serial for serial, item in held.items() if item.is_hold and serial not in listed]
    for chunk in rows_in_chunks(lifted, _CHUNK):
        connection.execute(delete(table).where(table.c.line == line, table.c.serial.in_(chunk)))
    fresh = {serial: item for serial, item in listed.items() if _takes_the_place(item, held.get(serial))}
    statement = insert_on(connection, table)
    excluded = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["line", "serial"],
        set_={"revoked_at": excluded.revoked_at, "reason": excluded.reason, "recorded_at": excluded.recorded_at},
    )
    for rows in rows_in_chunks(fresh.items(), _CHUNK):
        connection.execute(
            statement,
            [
                {
                    "line": line,
                    "serial": serial,
                    "revoked_at": item.revoked_at,
                    "reason": item.reason,
                    "recorded_at": at,
                }
                for serial, item in rows
            ],
        )


def _takes_the_place(item: Listed, held: Listed | None) -> bool:
    if held is None or held.is_hold:
        return item != held
    return not item.is_hold and item.revoked_at < held.revoked_at


def held_crl(connection: Connection, line: bytes) -> HeldCrl | None:
    """The newest list of a line, or None before the first."""
    statement = select(*_HELD).where(crls.c.line == line).order_by(crls.c.this_update.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _held(tuple(row))


def held_crls(connection: Connection) -> list[HeldCrl]:
    """The newest list of every line, by issuer."""
    newest = select(crls.c.line, func.max(crls.c.this_update)).group_by(crls.c.line)
    statement = select(*_HELD).where(tuple_(crls.c.line, crls.c.this_update).in_(newest))
    return [_held(tuple(row)) for row in connection.execute(statement.order_by(crls.c.issuer, crls.c.line))]


def held_ders(connection: Connection) -> list[bytes]:
    """The newest list of every line, as it came."""
    statement = select(crls.c.der).where(crls.c.der.is_not(None)).order_by(crls.c.issuer, crls.c.line)
    return list(connection.execute(statement).scalars())


def listed_of_line(connection: Connection, line: bytes) -> dict[str, Listed]:
    """Everything that the lists of a line name, by serial number in upper hex."""
    table = crl_revocations
    statement = select(table.c.serial, table.c.revoked_at, table.c.reason).where(table.c.line == line)
    return {row[0]: Listed(row[1], row[2]) for row in connection.execute(statement)}


def has_listed(connection: Connection) -> bool:
    """Whether any list names any certificate."""
    return connection.execute(select(crl_revocations.c.serial).limit(1)).scalar() is not None


def listed_in(connection: Connection, certificate: Certificate) -> Listed | None:
    """What the lists of a certificate's issuer say of it; the earliest, where several lines name it."""
    lines = select(crls.c.line).where(crls.c.issuer == certificate.issuer)
    statement = (
        select(crl_revocations.c.revoked_at, crl_revocations.c.reason)
        .where(crl_revocations.c.line.in_(lines), crl_revocations.c.serial == serial_text(certificate.serial))
        .order_by(crl_revocations.c.revoked_at)
    )
    found = [Listed(*row) for row in connection.execute(statement)]
    # What is revoked for good comes before what is only on hold, whichever is earlier.
    return next((item for item in found if not item.is_hold), found[0] if found else None)


def standing_of(connection: Connection, certificate: Certificate) -> tuple[int | None, int | None, int | None]:
    """What the lists of a certificate's issuer say of it.

    Returns:
        (revoked at, this update, next update) in epoch seconds, UTC: the instant of its revocation, or None; and the
        times of the newest list of its issuer that is held, None where none is held or none is promised.
    """
    listed = listed_in(connection, certificate)
    statement = select(crls.c.this_update, crls.c.next_update).where(crls.c.issuer == certificate.issuer)
    newest = connection.execute(statement.order_by(crls.c.this_update.desc()).limit(1)).one_or_none()
    this_update, next_update = (None, None) if newest is None else (newest[0], newest[1])
    return (None if listed is None else listed.revoked_at), this_update, next_update


def put_source(connection: Connection, source: CrlSource) -> None:
    """Notes how an address answered."""
    statement = insert_on(connection, crl_sources)
    excluded = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["url"],
            set_={name: excluded[name] for name in ("asked_at", "outcome", "etag", "modified")},
        ),
        {
            "url": source.url,
            "asked_at": source.asked_at,
            "outcome": source.outcome,
            "etag": source.etag,
            "modified": source.modified,
        },
    )


def sources(connection: Connection) -> dict[str, CrlSource]:
    """Every address that was asked, by itself."""
    table = crl_sources
    columns = (table.c.url, table.c.asked_at, table.c.outcome, table.c.etag, table.c.modified)
    return {row[0]: CrlSource(*row) for row in connection.execute(select(*columns).order_by(table.c.url))}


_HELD = (
    crls.c.line, crls.c.issuer, crls.c.issuer_thumbprint, crls.c.number, crls.c.this_update, crls.c.next_update,
    crls.c.entries, crls.c.fetched_at, crls.c.source, crls.c.digest,
)  # fmt: skip


def _held(row: Sequence[object]) -> HeldCrl:
    line, issuer, thumbprint, number, *rest = row
    return HeldCrl(line, issuer, thumbprint, int(str(number)) if number else None, *rest)  # type: ignore[arg-type]

"""Organisation certificates: which this site has seen, which it asked to be registered, and what the centre says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from edge.domain.certificate_standing import KnownList, Request
from edge.domain.outbox import BundleState
from edge.store.database import Tables
from sync_protocol.certificate import Certificate, parse_certificate, serial_text
from sync_protocol.registration_list import RegisteredCertificate, Registrations, RegistrationState

_LISTED: Final = tuple(field.name for field in fields(RegisteredCertificate))


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request whose bundle was sealed in the same transaction.

    Attributes:
        serial: upper hex.
        thumbprint: of a certificate that was seen; None for a number alone.
        officer: name of the signing officer.
        at: epoch seconds UTC.
        by: the user's name.
        epoch, sequence: the bundle's place.
    """

    serial: str
    thumbprint: bytes | None
    officer: str
    at: int
    by: str
    epoch: int
    sequence: int


def see(tables: Tables, certificate: Certificate, *, at: int) -> None:
    """Keep a certificate that this site has in its hands; does nothing where it is kept already."""
    tables.execute(
        "INSERT INTO seen_certificates VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (certificate.thumbprint, serial_text(certificate.serial), certificate.der, at),
    )


def seen(tables: Tables) -> list[Certificate]:
    """Every certificate that was seen, the newest first."""
    rows = tables.execute("SELECT der FROM seen_certificates ORDER BY seen_at DESC, thumbprint")
    return [parse_certificate(bytes(row[0])) for row in rows]


def add_request(tables: Tables, new: NewRequest) -> int:
    """Keep a request; gives its number."""
    number = int(tables.execute("SELECT coalesce(max(number), 0) + 1 FROM registration_requests").fetchone()[0])
    tables.execute(
        "INSERT INTO registration_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, new.serial, new.thumbprint, new.officer, new.at, new.by, new.epoch, new.sequence),
    )
    return number


def requests(tables: Tables) -> list[Request]:
    """Every request with how far its bundle is, the oldest first.

    One whose bundle was left behind in an ended epoch is none any more: its proof names that epoch.
    """
    rows = tables.execute(
        "SELECT q.serial, q.thumbprint, q.officer, q.asked_at, b.state, r.admitted_at, r.outcome"
        " FROM registration_requests AS q JOIN bundles AS b ON b.epoch = q.epoch AND b.sequence = q.sequence"
        " LEFT JOIN receipts AS r ON r.epoch = q.epoch AND r.sequence = q.sequence"
        " WHERE NOT EXISTS (SELECT 1 FROM left_bundles AS x WHERE x.epoch = q.epoch AND x.sequence = q.sequence)"
        " ORDER BY q.number"
    )
    return [
        Request(
            serial=row[0],
            thumbprint=row[1],
            officer=row[2],
            asked_at=row[3],
            admitted_at=row[5],
            refusal=row[6] if BundleState(row[4]) is BundleState.REFUSED else "",
        )
        for row in rows
    ]


def replace_list(tables: Tables, listed: Registrations, *, number: int, at: int) -> None:
    """Put the centre's newest list in place of the one before.

    Args:
        number: of the feed's item.
        at: epoch seconds UTC, when the centre made it.
    """
    tables.execute("DELETE FROM registered_certificates")
    tables.conn.executemany(
        f"INSERT INTO registered_certificates ({', '.join(_LISTED)}) VALUES ({', '.join('?' * len(_LISTED))})",
        [tuple(getattr(one, name) for name in _LISTED) for one in listed.certificates],
    )
    tables.execute("INSERT OR REPLACE INTO registration_list VALUES (1, ?, ?)", (number, at))


def known_list(tables: Tables) -> KnownList | None:
    """The centre's newest list; None for a node that never got one."""
    row = tables.execute("SELECT at FROM registration_list").fetchone()
    if row is None:
        return None
    rows = tables.execute(f"SELECT {', '.join(_LISTED)} FROM registered_certificates ORDER BY serial")
    return KnownList(
        at=row[0],
        certificates=tuple(
            RegisteredCertificate(**{**dict(zip(_LISTED, one, strict=True)), "state": RegistrationState(one[3])})
            for one in rows
        ),
    )


def oldest_revocations(tables: Tables, *, now: int) -> tuple[int, int | None] | None:
    """When the list of revocations was made by which a registered certificate is judged, and when its next is due.

    Of several certificates the one of which the oldest is known; those that have ended at `now` (epoch seconds UTC) say
    nothing. None where no list is known.
    """
    row = tables.execute(
        "SELECT crl_at, crl_until FROM registered_certificates WHERE state = 'registered' AND crl_at IS NOT NULL"
        " AND coalesce(not_after, ?1) >= ?1 AND coalesce(valid_until, ?1) >= ?1 ORDER BY crl_at LIMIT 1",
        (now,),
    ).fetchone()
    return None if row is None else (int(row[0]), row[1])


def list_number(tables: Tables) -> int:
    """The number of the feed's item from which the list came; 0 without one."""
    row = tables.execute("SELECT number FROM registration_list").fetchone()
    return 0 if row is None else int(row[0])


def requests_by_bundle(tables: Tables) -> dict[tuple[int, int], tuple[str, bytes | None, str]]:
    """Serial number, thumbprint and officer of each request by the (epoch, sequence) of its bundle, for `check`."""
    rows = tables.execute("SELECT epoch, sequence, serial, thumbprint, officer FROM registration_requests")
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}

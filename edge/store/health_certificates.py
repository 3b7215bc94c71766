"""The health certificates of the doses that this node recorded: texts for the QR, as the centre sent them.

Nothing in them is believed because it lies here: whoever shows one verifies it first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.store.database import Tables
from edge.store.people import PersonId
from sync_protocol.days import local_day
from sync_protocol.passports import CertificateState, IssuedCertificate


@dataclass(frozen=True, slots=True, repr=False)
class StoredCertificate:
    """One certificate; its representation shows nothing of it.

    Attributes:
        sequence, issue: of which dose, and which of its certificates.
        changed_at: epoch seconds UTC, since when it stands so, by the centre's clock.
        expires_at: epoch seconds UTC, as the centre said; the certificate says it again.
        hc1: what stands in the QR; "" where the centre told of a revocation alone.
        taken_at: epoch seconds UTC.
    """

    sequence: int
    issue: int
    state: CertificateState
    changed_at: int
    expires_at: int
    hc1: str
    taken_at: int


@dataclass(frozen=True, slots=True, repr=False)
class DayCertificate:
    """A certificate of a day's list, and whose it is."""

    person_id: PersonId
    name: str
    birth_date: str
    certificate: StoredCertificate


_COLUMNS: Final = "h.sequence, h.issue, h.state, h.changed_at, h.expires_at, h.hc1, h.taken_at"
# Of each dose the last issue only, and doses of which no newer version was written. A restored store may have given the
# number to somebody else's dose: nothing is shown before the centre has answered for the dose that is here.
_NEWEST: Final = (
    "h.issue = (SELECT max(n.issue) FROM health_certificates AS n WHERE n.sequence = h.sequence)"
    " AND EXISTS (SELECT 1 FROM standings AS s WHERE s.sequence = h.sequence AND s.verdict_state <> ''"
    " AND s.stage <> 'taken')"
)


def add(tables: Tables, one: IssuedCertificate, *, item: int, at: int) -> bool:
    """Keep a certificate or its revocation; False, with nothing written, where it is kept already.

    Args:
        one: as an item of the feed says it.
        item: number of the item.
        at: epoch seconds UTC.
    """
    issued_day = "" if one.state is CertificateState.REVOKED else local_day(one.at)
    values = (one.sequence, one.issue, one.state, one.at, issued_day, one.expires_at, one.hc1, item, at)
    # A revocation is the last word, whichever came first.
    written = tables.execute(
        "INSERT INTO health_certificates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET state = excluded.state, changed_at = excluded.changed_at"
        " WHERE excluded.state = 'revoked' AND health_certificates.state <> 'revoked' RETURNING 1",
        values,
    )
    return bool(written.fetchall())


def all_told(tables: Tables) -> list[IssuedCertificate]:
    """Every certificate as it is kept, for `check`."""
    rows = tables.execute("SELECT sequence, issue, state, changed_at, expires_at, hc1 FROM health_certificates")
    return [IssuedCertificate(row[0], row[1], CertificateState(row[2]), *row[3:]) for row in rows]


def of_doses(tables: Tables, sequences: Sequence[int]) -> dict[int, StoredCertificate]:
    """The last issue of each of these doses, by sequence; doses without one are left out."""
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM json_each(?) AS w JOIN health_certificates AS h ON h.sequence = w.value"
        f" WHERE {_NEWEST}",
        (json.dumps(list(sequences)),),
    )
    return {int(row[0]): _certificate(row) for row in rows}


def days(tables: Tables, *, limit: int) -> list[tuple[str, int]]:
    """The local days with certificates and how many there are, the newest day first."""
    rows = tables.execute(
        "SELECT h.issued_day, count(*) FROM health_certificates AS h WHERE h.issued_day <> ''"
        f" AND {_NEWEST} GROUP BY h.issued_day ORDER BY h.issued_day DESC LIMIT ?",
        (limit,),
    )
    return [(str(row[0]), int(row[1])) for row in rows]


def count_of_day(tables: Tables, day: str) -> int:
    """How many certificates of a local day ("YYYY-MM-DD") there are to show."""
    row = tables.execute(
        f"SELECT count(*) FROM health_certificates AS h WHERE h.issued_day = ? AND {_NEWEST}", (day,)
    ).fetchone()
    return int(row[0])


def of_day(tables: Tables, day: str, *, offset: int, limit: int) -> list[DayCertificate]:
    """The certificates of a local day, in the order of the doses."""
    rows = tables.execute(
        f"SELECT p.person_id, p.name, p.birth_date, {_COLUMNS} FROM health_certificates AS h"
        " JOIN doses AS d ON d.sequence = h.sequence JOIN people AS p ON p.person_id = d.person_id"
        f" WHERE h.issued_day = ? AND {_NEWEST} ORDER BY h.sequence LIMIT ? OFFSET ?",
        (day, limit, offset),
    )
    return [DayCertificate(PersonId(row[0]), row[1], row[2], _certificate(row[3:])) for row in rows]


def _certificate(row: Sequence[Any]) -> StoredCertificate:
    return StoredCertificate(row[0], row[1], CertificateState(row[2]), *row[3:])

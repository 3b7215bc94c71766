"""Recorded doses: facts, append-only, numbered without gaps. A correction is a new row that names the older one.

What identifies the person is not in these rows: identity may be cleared up after the dose. `assemble` puts dose, person
and newest identity check together into the protocol's `Dose`; from the moment it is signed, the signed bytes are what
counts, and a changed person needs a correcting version.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.dosing import DoseFacts
from edge.store import dose_numbers, node_identity
from edge.store.database import Tables
from edge.store.people import RECIPIENT_COLUMNS, PersonId, recipient_of
from sync_protocol.days import local_day
from sync_protocol.dose import Dose
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState


@dataclass(frozen=True, slots=True)
class StoredDose:
    """One version of a dose."""

    sequence: int
    person_id: PersonId
    facts: DoseFacts
    given_day: str
    recorded_at: int
    recorded_by: str
    replaces: int | None
    replace_reason: str
    submission: str


_COLUMNS: Final = (
    "d.sequence, d.person_id, d.product, d.lot, d.lot_expiry, d.dose_number, d.dose_total, d.given_at, d.given_day, "
    "d.recorded_at, d.vaccinator, d.station, d.reaction, d.recorded_by, d.late_reason, d.replaces, d.replace_reason, "
    "d.submission"
)
# The newest check is that of the person's current revision; json_each lets one statement take 3,000 sequences.
_ASSEMBLE: Final = f"""
SELECT {_COLUMNS}, {RECIPIENT_COLUMNS}, p.identity_state, p.changed_at, c.state, c.source, c.reference, c.checked_at
FROM json_each(?) AS wanted
JOIN doses AS d ON d.sequence = wanted.value
JOIN people AS p ON p.person_id = d.person_id
LEFT JOIN identity_checks AS c ON c.check_id = (
    SELECT max(n.check_id) FROM identity_checks AS n WHERE n.person_id = p.person_id AND n.revision = p.revision)
ORDER BY wanted.key
"""


def add(
    tables: Tables,
    person_id: PersonId,
    facts: DoseFacts,
    *,
    at: int,
    by: str,
    submission: str,
    replaces: int | None = None,
    replace_reason: str = "",
) -> int:
    """Write the next dose and return its sequence.

    IntegrityError where `submission` or `replaces` is there already: the caller looks first, in the same transaction.
    """
    sequence = next_sequence(tables)
    tables.execute(
        "INSERT INTO doses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sequence,
            person_id,
            facts.product,
            facts.lot,
            facts.lot_expiry,
            facts.dose_number,
            facts.dose_total,
            facts.given_at,
            local_day(facts.given_at),
            at,
            facts.vaccinator,
            facts.station,
            facts.reaction,
            by,
            facts.late_reason,
            replaces,
            replace_reason,
            submission,
        ),
    )
    return sequence


def get(tables: Tables, sequence: int) -> StoredDose | None:
    """The version with this number, if there is one."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM doses AS d WHERE d.sequence = ?", (sequence,)).fetchone()
    return None if row is None else _stored(row)


def submitted(tables: Tables, submission: str) -> StoredDose | None:
    """The dose that was recorded under this key of the client, if there is one."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM doses AS d WHERE d.submission = ?", (submission,)).fetchone()
    return None if row is None else _stored(row)


def replaced_by(tables: Tables, sequence: int) -> int | None:
    """The version that replaces this one, or the same dose under a new number; if there is one."""
    row = tables.execute("SELECT max(sequence) FROM doses WHERE replaces = ?", (sequence,)).fetchone()
    if row[0] is not None:
        return int(row[0])
    taken = dose_numbers.find_taken(tables, sequence)
    return None if taken is None else taken.again


def of_person(tables: Tables, person_id: PersonId, *, with_replaced: bool = False) -> list[StoredDose]:
    """A person's doses, newest versions only unless `with_replaced`, by the instant they were given."""
    source = "doses" if with_replaced else "live_doses"
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM {source} AS d WHERE d.person_id = ? ORDER BY d.given_at, d.sequence", (person_id,)
    )
    return [_stored(row) for row in rows]


def of_day(tables: Tables, day: str, *, limit: int = 20_000) -> list[StoredDose]:
    """The newest versions given on this local day ("YYYY-MM-DD"), by sequence."""
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM live_doses AS d WHERE d.given_day = ? ORDER BY d.sequence LIMIT ?", (day, limit)
    )
    return [_stored(row) for row in rows]


def next_sequence(tables: Tables) -> int:
    """The number that the next dose gets: above every one of this store, and not below what the centre has reserved."""
    return max(last_sequence(tables) + 1, dose_numbers.floor(tables))


def last_sequence(tables: Tables) -> int:
    """The number of the newest row, or 0."""
    return int(tables.execute("SELECT coalesce(max(sequence), 0) FROM doses").fetchone()[0])


def count(tables: Tables, *, day: str = "") -> int:
    """How many doses are recorded (newest versions), on this local day or on all days."""
    row = tables.execute("SELECT count(*) FROM live_doses WHERE ? IN ('', given_day)", (day,)).fetchone()
    return int(row[0])


def assemble(tables: Tables, sequences: Sequence[int]) -> list[Dose]:
    """The doses with these numbers as the protocol knows them, in the order asked for.

    Identity evidence is the newest check of the person as they are known now. Where there was none yet, the state that
    follows from the paper alone is given with an empty reference.

    Raises:
        StoreError: NOT_ENROLLED while the node has no code.
        KeyError: a sequence does not exist; a mistake of the caller.
    """
    codes = node_identity.codes(tables)
    rows = tables.execute(_ASSEMBLE, (json.dumps(list(sequences)),)).fetchall()
    if len(rows) != len(sequences):
        raise KeyError("a dose that is not in the store")
    return [_dose(row, codes.node, codes.facility) for row in rows]


def _dose(row: Sequence[Any], node: str, facility: str) -> Dose:
    stored = _stored(row)
    facts = stored.facts
    paper_state, changed_at, state, source, reference, checked_at = row[29:35]
    if state is None:
        evidence = IdentityEvidence(IdentityState(paper_state), EvidenceSource.PACK, "", changed_at)
    else:
        evidence = IdentityEvidence(IdentityState(state), EvidenceSource(source), reference, checked_at)
    return Dose(
        node=node,
        sequence=stored.sequence,
        facility=facility,
        recipient=recipient_of(row[18:29]),
        product=facts.product,
        lot=facts.lot,
        lot_expiry=facts.lot_expiry,
        dose_number=facts.dose_number,
        dose_total=facts.dose_total,
        given_at=facts.given_at,
        recorded_at=stored.recorded_at,
        vaccinator=facts.vaccinator,
        station=facts.station,
        reaction=facts.reaction,
        recorded_by=stored.recorded_by,
        late_reason=facts.late_reason,
        evidence=evidence,
        replaces=stored.replaces,
        replace_reason=stored.replace_reason,
    )


def _stored(row: Sequence[Any]) -> StoredDose:
    return StoredDose(
        sequence=row[0],
        person_id=PersonId(row[1]),
        facts=DoseFacts(
            product=row[2],
            lot=row[3],
            lot_expiry=row[4],
            dose_number=row[5],
            dose_total=row[6],
            given_at=row[7],
            vaccinator=row[10],
            station=row[11],
            reaction=row[12],
            late_reason=row[14],
        ),
        given_day=row[8],
        recorded_at=row[9],
        recorded_by=row[13],
        replaces=row[15],
        replace_reason=row[16],
        submission=row[17],
    )

"""The journal of signing passes: what was fixed before the token was asked, what it answered, which doses are leaves.

Everything that will be signed is a fixed row before the token is asked; the triggers of step 2 keep it so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.pass_journal import OPEN, PassState, check_step
from edge.store import hub_passes
from edge.store.database import Tables
from sync_protocol.batch import Purpose


@dataclass(frozen=True, slots=True, repr=False)
class NewPass:
    """A pass as it is prepared: every byte that will be signed, and who asked for it.

    With `for_node` the doses are those of another site's node, which this one signs as its hub.
    """

    batch_number: int
    purpose: Purpose
    first_day: str
    last_day: str
    people: int
    sequences: tuple[int, ...]
    signer_name: str
    approver: str
    late_reason: str
    claimed_at: int
    secret: bytes
    columns: bytes
    statement_payload: bytes
    for_node: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class StoredPass:
    """A pass as the journal has it. `statement` is there from `signed` on; its signature was verified before."""

    pass_id: int
    batch_number: int
    state: PassState
    purpose: Purpose
    first_day: str
    last_day: str
    people: int
    doses: int
    signer_name: str
    approver: str
    late_reason: str
    claimed_at: int
    secret: bytes
    columns: bytes
    statement_payload: bytes
    statement: bytes | None
    signed_at: int | None


_COLUMNS: Final = (
    "pass_id, batch_number, state, purpose, first_day, last_day, people, doses, signer_name, approver, late_reason, "
    "claimed_at, secret, columns, statement_payload, statement, signed_at"
)
_OPEN: Final = ", ".join(f"'{state}'" for state in sorted(OPEN))


def next_batch_number(tables: Tables) -> int:
    """The number of the next batch: 1, 2, 3 … over everything that may have left the node."""
    row = tables.execute("SELECT coalesce(max(batch_number), 0) + 1 FROM passes WHERE state <> 'abandoned'").fetchone()
    return int(row[0])


def latest_claim(tables: Tables) -> int:
    """The newest time that a statement of this node claims (epoch seconds), or 0: claims never go back.

    What the centre has refused counts no more: its claim may have been the very fault.
    """
    row = tables.execute(
        "SELECT coalesce(max(claimed_at), 0) FROM passes WHERE state IN ('signed', 'sealed')"
    ).fetchone()
    return int(row[0])


def previous_statement(tables: Tables) -> bytes | None:
    """SHA-256 (32 bytes) of the newest statement that was sealed into a bundle, or None before the first."""
    row = tables.execute(
        "SELECT statement FROM passes WHERE state IN ('sealed', 'released') ORDER BY batch_number DESC LIMIT 1"
    ).fetchone()
    return None if row is None else hashlib.sha256(row[0]).digest()


def prepare(tables: Tables, new: NewPass) -> int:
    """Write the pass and its leaves; return its number. IntegrityError (our bug) if a dose is in a live batch."""
    pass_id = int(tables.execute("SELECT coalesce(max(pass_id), 0) + 1 FROM passes").fetchone()[0])
    tables.execute(
        f"INSERT INTO passes ({_COLUMNS}, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)",
        (
            pass_id,
            new.batch_number,
            PassState.PREPARED,
            new.purpose,
            new.first_day,
            new.last_day,
            new.people,
            len(new.sequences),
            new.signer_name,
            new.approver,
            new.late_reason,
            new.claimed_at,
            new.secret,
            new.columns,
            new.statement_payload,
            new.claimed_at,
        ),
    )
    if new.for_node:
        hub_passes.take(tables, pass_id, new.for_node, new.sequences)
        return pass_id
    tables.conn.executemany(
        "INSERT INTO pass_leaves VALUES (?, ?, ?, 1)",
        ((pass_id, position, sequence) for position, sequence in enumerate(new.sequences)),
    )
    return pass_id


def open_pass(tables: Tables) -> StoredPass | None:
    """The pass that is prepared or signed and not sealed, if there is one; there is never more than one."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM passes WHERE state IN ({_OPEN})").fetchone()
    return None if row is None else _stored(row)


def find(tables: Tables, pass_id: int) -> StoredPass | None:
    """The pass with this number, if there is one."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM passes WHERE pass_id = ?", (pass_id,)).fetchone()
    return None if row is None else _stored(row)


def numbers(tables: Tables) -> list[int]:
    """All passes, oldest first."""
    return [int(row[0]) for row in tables.execute("SELECT pass_id FROM passes ORDER BY pass_id")]


def leaves(tables: Tables, pass_id: int) -> list[int]:
    """The dose sequences of a pass in the order of its leaves, whosever doses they are."""
    rows = tables.execute(
        "SELECT sequence, position FROM pass_leaves WHERE pass_id = ?1"
        " UNION ALL SELECT sequence, position FROM delegated_leaves WHERE pass_id = ?1 ORDER BY position",
        (pass_id,),
    )
    return [int(row[0]) for row in rows]


def live_leaf_count(tables: Tables, pass_id: int) -> int:
    """How many leaves of a pass are live: all or none."""
    row = tables.execute(
        "SELECT (SELECT count(*) FROM pass_leaves WHERE pass_id = ?1 AND live = 1)"
        " + (SELECT count(*) FROM delegated_leaves WHERE pass_id = ?1 AND live = 1)",
        (pass_id,),
    ).fetchone()
    return int(row[0])


def doubled(tables: Tables) -> list[int]:
    """Dose versions that are leaves of more than one live batch: there must be none, whatever an index says."""
    # The unary plus keeps SQLite from answering out of the unique index that is under test.
    rows = tables.execute(
        "SELECT sequence FROM pass_leaves WHERE +live = 1 GROUP BY sequence HAVING count(*) > 1"
        " UNION ALL SELECT sequence FROM delegated_leaves WHERE +live = 1 GROUP BY node, sequence HAVING count(*) > 1"
    )
    return [int(row[0]) for row in rows]


def not_free(tables: Tables, sequences: Sequence[int]) -> list[int]:
    """Which of these doses cannot go into a batch now: leaves of a live one, versions replaced or handed over.

    Neither can those whose number is at the centre.
    """
    rows = tables.execute(
        "SELECT w.value FROM json_each(?) AS w"
        " WHERE EXISTS (SELECT 1 FROM pass_leaves AS l WHERE l.sequence = w.value AND l.live = 1)"
        " OR EXISTS (SELECT 1 FROM doses AS r WHERE r.replaces = w.value)"
        " OR EXISTS (SELECT 1 FROM handed_doses AS h WHERE h.sequence = w.value AND h.state IN ('handed', 'signed'))"
        " OR EXISTS (SELECT 1 FROM held_doses AS o WHERE o.sequence = w.value)"
        " OR EXISTS (SELECT 1 FROM taken_doses AS t WHERE t.sequence = w.value)",
        (json.dumps(list(sequences)),),
    )
    return [int(row[0]) for row in rows]


def admitted_late(tables: Tables, sequences: Sequence[int]) -> list[tuple[int, bytes]]:
    """The batches with any of these doses that were refused once and have a receipt now: (pass, answer), by number."""
    rows = tables.execute(
        "SELECT DISTINCT p.pass_id, r.answer FROM json_each(?) AS w JOIN pass_leaves AS l ON l.sequence = w.value"
        " JOIN passes AS p ON p.pass_id = l.pass_id AND p.state = 'released'"
        " JOIN bundles AS b ON b.pass_id = p.pass_id"
        " JOIN receipts AS r ON r.epoch = b.epoch AND r.sequence = b.sequence AND r.outcome = 'admitted'"
        " ORDER BY p.pass_id",
        (json.dumps(list(sequences)),),
    )
    return [(int(row[0]), bytes(row[1])) for row in rows]


def existing(tables: Tables, sequences: Sequence[int]) -> list[int]:
    """Those of the numbers that are doses, in the order given."""
    rows = tables.execute(
        "SELECT w.value FROM json_each(?) AS w JOIN doses AS d ON d.sequence = w.value ORDER BY w.key",
        (json.dumps(list(sequences)),),
    )
    return [int(row[0]) for row in rows]


def unsigned(tables: Tables) -> list[int]:
    """The newest dose versions that are in no live batch, oldest first: all that a turn could be about."""
    rows = tables.execute("SELECT sequence FROM standings WHERE stage = '' ORDER BY sequence")
    return [int(row[0]) for row in rows]


def store_signature(tables: Tables, pass_id: int, *, statement: bytes, at: int) -> None:
    """Keep the token's answer, whose signature the caller has verified."""
    _check(tables, pass_id, PassState.SIGNED)
    tables.execute(
        "UPDATE passes SET state = 'signed', statement = ?, signed_at = ?, changed_at = ? WHERE pass_id = ?",
        (statement, at, at, pass_id),
    )


def mark_sealed(tables: Tables, pass_id: int, *, at: int) -> None:
    """The statement is in a bundle; the caller writes that bundle in the same transaction."""
    _check(tables, pass_id, PassState.SEALED)
    tables.execute("UPDATE passes SET state = 'sealed', changed_at = ? WHERE pass_id = ?", (at, pass_id))


def give_back(tables: Tables, pass_id: int, *, state: PassState, at: int) -> None:
    """End a pass as `abandoned` (by the site) or `released` (refused by the centre): its doses are free again."""
    _check(tables, pass_id, state)
    tables.execute("UPDATE passes SET state = ?, changed_at = ? WHERE pass_id = ?", (state, at, pass_id))
    tables.execute("UPDATE pass_leaves SET live = 0 WHERE pass_id = ?", (pass_id,))
    tables.execute("UPDATE delegated_leaves SET live = 0 WHERE pass_id = ?", (pass_id,))


def signed_passes(tables: Tables) -> int:
    """How many statements were signed: each took one operation of the token."""
    return int(tables.execute("SELECT count(*) FROM passes WHERE statement IS NOT NULL").fetchone()[0])


def _check(tables: Tables, pass_id: int, after: PassState) -> None:
    row = tables.execute("SELECT state FROM passes WHERE pass_id = ?", (pass_id,)).fetchone()
    check_step(PassState(row[0]), after)


def _stored(row: Sequence[Any]) -> StoredPass:
    return StoredPass(
        pass_id=row[0],
        batch_number=row[1],
        state=PassState(row[2]),
        purpose=Purpose(row[3]),
        first_day=row[4],
        last_day=row[5],
        people=row[6],
        doses=row[7],
        signer_name=row[8],
        approver=row[9],
        late_reason=row[10],
        claimed_at=row[11],
        secret=row[12],
        columns=row[13],
        statement_payload=row[14],
        statement=row[15],
        signed_at=row[16],
    )

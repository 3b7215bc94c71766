"""What a delegated signer did with doses of this site: statements over them, verified, and what it handed back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.handover import HandedEvent
from edge.store.database import Tables
from edge.store.handovers import moves, states
from edge.store.signed_leaves import SignedLeaf
from sync_protocol.verdict import Verdict


@dataclass(frozen=True, slots=True, repr=False)
class NewSigning:
    """What a hub signed, verified; `sequences` and `columns` are all the doses of its batch in leaf order."""

    handover_id: int
    statement: bytes
    secret: bytes
    sequences: tuple[int, ...]
    columns: bytes
    verdicts: bytes
    receipt: bytes
    signed_at: int
    taken_at: int


@dataclass(frozen=True, slots=True, repr=False)
class StoredSigning:
    """A kept signing; `doses` of this handover stand as signed by it."""

    signing_id: int
    handover_id: int
    statement: bytes
    secret: bytes
    sequences: tuple[int, ...]
    columns: bytes
    verdicts: bytes
    receipt: bytes
    taken_at: int
    doses: int


@dataclass(frozen=True, slots=True)
class Back:
    """Doses that the hub handed back, and why."""

    sequences: tuple[int, ...]
    reason: str
    at: int


_SIGNING: Final = (
    "SELECT g.signing_id, g.handover_id, g.statement, g.secret, g.sequences, g.columns, g.verdicts, g.receipt,"
    " g.taken_at, (SELECT count(*) FROM handed_doses AS d"
    " WHERE d.handover_id = g.handover_id AND d.signing_id = g.signing_id)"
    " FROM delegated_signings AS g "
)


def add(tables: Tables, new: NewSigning, verdicts: Sequence[Verdict]) -> int:
    """Keep what the hub signed, and let the doses of its handover stand as delivered; returns how many do.

    The same statement for the same handover again changes nothing, unless the centre has lost the receipt that is held:
    then the new one takes its place.

    Args:
        verdicts: one for each of `new.sequences`.
    """
    known = tables.execute(
        "SELECT g.signing_id, EXISTS (SELECT 1 FROM lost_signings AS l WHERE l.signing_id = g.signing_id"
        " AND l.receipt = g.receipt) FROM delegated_signings AS g WHERE g.handover_id = ? AND g.statement = ?",
        (new.handover_id, new.statement),
    ).fetchone()
    if known is not None:
        return _signed_again(tables, known[0], new, verdicts) if known[1] else 0
    signing_id = int(tables.execute("SELECT coalesce(max(signing_id), 0) + 1 FROM delegated_signings").fetchone()[0])
    tables.execute(
        "INSERT INTO delegated_signings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            signing_id,
            new.handover_id,
            new.statement,
            new.secret,
            json.dumps(list(new.sequences)),
            new.columns,
            new.verdicts,
            new.receipt,
            new.signed_at,
            new.taken_at,
        ),
    )
    return _stand_signed(tables, signing_id, new, verdicts)


def _signed_again(tables: Tables, signing_id: int, new: NewSigning, verdicts: Sequence[Verdict]) -> int:
    tables.execute(
        "UPDATE delegated_signings SET verdicts = ?, receipt = ?, taken_at = ? WHERE signing_id = ?",
        (new.verdicts, new.receipt, new.taken_at, signing_id),
    )
    return _stand_signed(tables, signing_id, new, verdicts)


def _stand_signed(tables: Tables, signing_id: int, new: NewSigning, verdicts: Sequence[Verdict]) -> int:
    said = dict(zip(new.sequences, verdicts, strict=True))
    signed = [
        sequence
        for sequence, state in states(tables, new.handover_id)
        if sequence in said and moves(state, HandedEvent.SIGNATURE)
    ]
    tables.conn.executemany(
        "UPDATE handed_doses SET state = 'signed', signing_id = ?, verdict_state = ?, verdict_code = ?"
        " WHERE handover_id = ? AND sequence = ?",
        (
            (signing_id, said[sequence].state, said[sequence].code or "", new.handover_id, sequence)
            for sequence in signed
        ),
    )
    return len(signed)


def keep_back(tables: Tables, digest: bytes, sequences: Sequence[int], *, reason: str, said_by: str, at: int) -> None:
    """Keep what the hub said of doses that it does not sign, once: a restored centre says it again."""
    told = (digest, json.dumps(list(sequences)), reason)
    tables.execute(
        "INSERT INTO handed_back (digest, is_ours, sequences, reason, said_by, said_at) SELECT ?1, 0, ?2, ?3, ?4, ?5"
        " WHERE NOT EXISTS (SELECT 1 FROM handed_back"
        " WHERE digest = ?1 AND is_ours = 0 AND sequences = ?2 AND reason = ?3)",
        (*told, said_by, at),
    )


def backs(tables: Tables, digest: bytes) -> list[Back]:
    """What the hub handed back of a handover, in the order in which it came."""
    rows = tables.execute(
        "SELECT sequences, reason, said_at FROM handed_back WHERE digest = ? AND is_ours = 0 ORDER BY back_id",
        (digest,),
    )
    return [Back(tuple(json.loads(row[0])), row[1], row[2]) for row in rows]


def of_handover(tables: Tables, handover_id: int) -> list[StoredSigning]:
    """What the hub signed of a handover, in the order in which it came."""
    rows = tables.execute(_SIGNING + "WHERE g.handover_id = ? ORDER BY g.signing_id", (handover_id,))
    return [_signing(row) for row in rows]


def of_dose(tables: Tables, sequence: int) -> StoredSigning | None:
    """The signing under which a dose of this site stands as signed, if a hub has signed it."""
    row = tables.execute(
        _SIGNING + "WHERE g.signing_id = (SELECT d.signing_id FROM handed_doses AS d"
        " WHERE d.sequence = ? AND d.state = 'signed')",
        (sequence,),
    ).fetchone()
    return None if row is None else _signing(row)


def verdicts_of(tables: Tables, signing_id: int) -> list[tuple[int, str, str]]:
    """(dose, state, code) of the doses that stand as signed by a signing, by dose."""
    rows = tables.execute(
        "SELECT sequence, verdict_state, verdict_code FROM handed_doses WHERE signing_id = ? ORDER BY sequence",
        (signing_id,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def leaf_of(tables: Tables, sequence: int) -> SignedLeaf | None:
    """What proves this version of a dose, where a hub has signed it."""
    found = of_dose(tables, sequence)
    if found is None:
        return None
    return SignedLeaf(found.statement, found.secret, found.columns, found.sequences.index(sequence) + 1)


def _signing(row: Sequence[Any]) -> StoredSigning:
    return StoredSigning(
        signing_id=row[0],
        handover_id=row[1],
        statement=row[2],
        secret=row[3],
        sequences=tuple(json.loads(row[4])),
        columns=row[5],
        verdicts=row[6],
        receipt=row[7],
        taken_at=row[8],
        doses=row[9],
    )

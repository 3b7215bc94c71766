"""Epochs of this node: what made it look like a copy, what it asked the centre, what it left behind in ended epochs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from edge.domain.outbox import DUE
from edge.store.database import Tables
from edge.store.node_identity import load_private, private_bytes
from sync_protocol.chain_head import ChainHead
from sync_protocol.node_epoch import DoseRun, EpochReason

_DUE: Final = ", ".join(f"'{state}'" for state in sorted(DUE))


class SignKind(StrEnum):
    """What the centre's words say of this store. Stored; the words are stable."""

    # The centre holds more of this node's chain than this store has.
    BEHIND = "behind"
    # Two bundles for one place: another machine sent one.
    FORKED = "forked"
    # The centre is in a later epoch: another machine goes on.
    ENDED = "ended"


_GRAVER: Final = " ".join(SignKind)


class AskState(StrEnum):
    """Where a request stands: not answered yet, a person decides, granted, refused."""

    ASKING = "asking"
    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class EpochSign:
    """Why this store may be a copy; `head` is what the centre holds, where it said so."""

    epoch: int
    kind: SignKind
    head_sequence: int | None
    noticed_at: int


@dataclass(frozen=True, slots=True, repr=False)
class StoredAsk:
    """A request for a new epoch with its fresh keys; the representation shows none."""

    request_id: int
    epoch: int
    reason: EpochReason
    request: bytes
    sealed: bytes
    digest: bytes
    node_key: ec.EllipticCurvePrivateKey
    opening_key: ec.EllipticCurvePrivateKey
    asked_at: int
    asked_by: str
    state: AskState
    code: str
    answered_at: int | None
    missing: tuple[DoseRun, ...]


@dataclass(frozen=True, slots=True, repr=False)
class GrantedAsk:
    """A request that was granted, with the answer as it came and the key that opens it."""

    request: bytes
    answer: bytes
    opening_key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class LeftBundle:
    """A bundle of an ended epoch without a receipt; `new_place` is where what it carries is sealed again, or None."""

    epoch: int
    sequence: int
    pass_id: int | None
    new_place: tuple[int, int] | None


_COLUMNS: Final = (
    "request_id, epoch, reason, request, sealed, digest, node_key, opening_key, asked_at, asked_by, state, code,"
    " answered_at, missing"
)


def note_sign(tables: Tables, kind: SignKind, *, epoch: int, head: ChainHead | None, at: int) -> None:
    """Keep what the centre's words say; the first sign of an epoch stays until a graver one comes."""
    tables.execute(
        "INSERT INTO epoch_signs VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT (only) DO UPDATE SET epoch = excluded.epoch,"
        " kind = excluded.kind, head_epoch = excluded.head_epoch, head_sequence = excluded.head_sequence,"
        " noticed_at = excluded.noticed_at WHERE epoch <> excluded.epoch"
        f" OR instr('{_GRAVER}', kind) < instr('{_GRAVER}', excluded.kind)",
        (epoch, kind, None if head is None else head.epoch, None if head is None else head.sequence, at),
    )


def sign(tables: Tables, epoch: int) -> EpochSign | None:
    """Why this store may be a copy, in its present epoch; None where nothing says so."""
    row = tables.execute(
        "SELECT epoch, kind, head_sequence, noticed_at FROM epoch_signs WHERE epoch = ?", (epoch,)
    ).fetchone()
    return None if row is None else EpochSign(row[0], SignKind(row[1]), row[2], row[3])


def ask(
    tables: Tables,
    *,
    epoch: int,
    reason: EpochReason,
    request: bytes,
    sealed: bytes,
    digest: bytes,
    node_key: ec.EllipticCurvePrivateKey,
    opening_key: ec.EllipticCurvePrivateKey,
    at: int,
    by: str,
) -> StoredAsk:
    """Keep a request that is about to leave. IntegrityError (our bug) while another one is open."""
    tables.execute(
        "INSERT INTO epoch_requests (request_id, epoch, reason, request, sealed, digest, node_key, opening_key,"
        " asked_at, asked_by) SELECT coalesce(max(request_id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM epoch_requests",
        (epoch, reason, request, sealed, digest, private_bytes(node_key), private_bytes(opening_key), at, by),
    )
    found = open_ask(tables)
    assert found is not None
    return found


def open_ask(tables: Tables) -> StoredAsk | None:
    """The request that is not decided yet, if there is one. While there is, no bundle is offered."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM epoch_requests WHERE state IN ('asking', 'waiting')").fetchone()
    return None if row is None else _ask(row)


def newest_ask(tables: Tables) -> StoredAsk | None:
    """The latest request, decided or not."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM epoch_requests ORDER BY request_id DESC LIMIT 1").fetchone()
    return None if row is None else _ask(row)


def all_asks(tables: Tables) -> list[StoredAsk]:
    """Every request, the oldest first."""
    rows = tables.execute(f"SELECT {_COLUMNS} FROM epoch_requests ORDER BY request_id").fetchall()
    return [_ask(row) for row in rows]


def granted(tables: Tables, *, most: int) -> list[GrantedAsk]:
    """The newest requests that were granted, in order, each with the answer."""
    rows = tables.execute(
        "SELECT request, answer, opening_key FROM epoch_requests WHERE state = 'granted'"
        " ORDER BY request_id DESC LIMIT ?",
        (most,),
    ).fetchall()
    return [GrantedAsk(row[0], row[1], load_private(row[2])) for row in reversed(rows)]


def note_waiting(tables: Tables, request_id: int, *, at: int) -> None:
    """A person at the centre decides."""
    tables.execute(
        "UPDATE epoch_requests SET state = 'waiting', answered_at = ? WHERE request_id = ?", (at, request_id)
    )


def end(
    tables: Tables,
    request_id: int,
    state: AskState,
    *,
    answer: bytes,
    at: int,
    code: str = "",
    missing: Sequence[DoseRun] = (),
) -> None:
    """Keep the answer that ended a request."""
    runs = json.dumps([[run.first, run.last] for run in missing])
    tables.execute(
        "UPDATE epoch_requests SET state = ?, code = ?, answered_at = ?, answer = ?, missing = ? WHERE request_id = ?",
        (state, code, at, answer, runs, request_id),
    )


def unsent_of(tables: Tables, epoch: int) -> list[tuple[int, bytes]]:
    """The links of an epoch behind the last one that was delivered without a gap, as (sequence, digest)."""
    rows = tables.execute(
        "SELECT sequence, digest FROM bundles WHERE epoch = ?1 AND sequence >="
        f" (SELECT min(sequence) FROM bundles WHERE epoch = ?1 AND state IN ({_DUE})) ORDER BY sequence",
        (epoch,),
    )
    return [(int(row[0]), bytes(row[1])) for row in rows]


def leave(tables: Tables, left: LeftBundle, *, at: int) -> None:
    """Keep that a bundle stays behind in its epoch; what it carries may be sealed again."""
    new_epoch, new_sequence = left.new_place or (None, None)
    tables.execute(
        "INSERT INTO left_bundles VALUES (?, ?, ?, ?, ?, ?)",
        (left.epoch, left.sequence, left.pass_id, new_epoch, new_sequence, at),
    )
    tables.execute(
        "UPDATE bundles SET pass_id = NULL WHERE epoch = ? AND sequence = ? AND pass_id IS NOT NULL",
        (left.epoch, left.sequence),
    )


def find_left(tables: Tables, epoch: int, sequence: int) -> LeftBundle | None:
    """What became of a bundle that was left, or None where it was not."""
    row = tables.execute(
        "SELECT epoch, sequence, pass_id, new_epoch, new_sequence FROM left_bundles WHERE epoch = ? AND sequence = ?",
        (epoch, sequence),
    ).fetchone()
    return None if row is None else _left(row)


def all_left(tables: Tables) -> list[LeftBundle]:
    """Every bundle that was left, in the order of the chain."""
    rows = tables.execute(
        "SELECT epoch, sequence, pass_id, new_epoch, new_sequence FROM left_bundles ORDER BY epoch, sequence"
    )
    return [_left(row) for row in rows]


def places(tables: Tables, epoch: int, sequence: int) -> list[tuple[int, int]]:
    """Where a bundle's content was sealed, from this place on; the last one is where it is now."""
    found = [(epoch, sequence)]
    while (left := find_left(tables, *found[-1])) is not None and left.new_place is not None:
        found.append(left.new_place)
    return found


def _ask(row: Sequence[Any]) -> StoredAsk:
    return StoredAsk(
        request_id=row[0],
        epoch=row[1],
        reason=EpochReason(row[2]),
        request=row[3],
        sealed=row[4],
        digest=row[5],
        node_key=load_private(row[6]),
        opening_key=load_private(row[7]),
        asked_at=row[8],
        asked_by=row[9],
        state=AskState(row[10]),
        code=row[11],
        answered_at=row[12],
        missing=tuple(DoseRun(first, last) for first, last in json.loads(row[13])),
    )


def _left(row: Sequence[Any]) -> LeftBundle:
    return LeftBundle(row[0], row[1], pass_id=row[2], new_place=None if row[3] is None else (row[3], row[4]))

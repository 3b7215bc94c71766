"""Verdicts that change after the admission: each change is kept, numbered, and told to the nodes concerned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, update

from central.store.database import insert_many, rows_in_chunks
from central.store.tables import batches, doses, verdict_changes, verdicts
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict, VerdictState
from sync_protocol.verdict_changes import VerdictChange

_CHUNK: Final = 3_000


@dataclass(frozen=True, slots=True)
class Concerned:
    """Who is told of a change: the node that recorded the dose, and a hub's node that signed it."""

    node: str
    told: str


def change_verdicts(connection: Connection, changed: Sequence[int], verdict: Verdict, *, by: str, at: int) -> int:
    """Gives doses another verdict and notes what it was; gives how many had another one before.

    To be called under the ledger lock: the numbers of changes follow one another in the order of their commits.

    Args:
        changed: ids of doses.
        verdict: from now on.
        by: who decided.
        at: epoch seconds, UTC.
    """
    said = {"state": verdict.state.value, "code": verdict.code.value if verdict.code else ""}
    decided = {"decided_at": at, "decided_by": by}
    number, count = _newest(connection), 0
    for chunk in rows_in_chunks(sorted(set(changed)), _CHUNK):
        held = select(verdicts.c.dose, verdicts.c.state, verdicts.c.code).where(verdicts.c.dose.in_(chunk))
        rows: list[dict[str, object]] = []
        for dose, state, code in connection.execute(held.order_by(verdicts.c.dose)):
            if {"state": state, "code": code} != said:
                number += 1
                before = {"state_before": state, "code_before": code}
                rows.append({"number": number, "dose": dose, **before, **said, **decided})
        if rows:
            others = update(verdicts).where(verdicts.c.dose.in_([row["dose"] for row in rows]))
            connection.execute(others.values(said | decided))
            insert_many(connection, verdict_changes, rows)
        count += len(rows)
    return count


def changes_after(
    connection: Connection, number: int, *, limit: int, most_told: int
) -> dict[Concerned, list[VerdictChange]]:
    """The next changes, by who has to be told of them, in order: all up to some number.

    Args:
        number: of the last change that everybody has been told of.
        limit: how many changes at most.
        most_told: how many are to be told at most; the first change is among them whomever it concerns.
    """
    table = verdict_changes
    joined = table.join(doses, doses.c.id == table.c.dose).outerjoin(
        batches, batches.c.ledger_index == doses.c.ledger_index
    )
    columns = (
        table.c.number, doses.c.node, doses.c.sequence, table.c.state_before, table.c.code_before, table.c.state,
        table.c.code, table.c.decided_at, batches.c.node.label("signer"),
    )  # fmt: skip
    statement = select(*columns).select_from(joined).where(table.c.number > number).order_by(table.c.number)
    found: dict[Concerned, list[VerdictChange]] = defaultdict(list)
    for row in connection.execute(statement.limit(limit)):
        before, after = _verdict(row.state_before, row.code_before), _verdict(row.state, row.code)
        change = VerdictChange(row.number, row.sequence, before, after, row.decided_at)
        # Without a batch's row, or where the site signed itself, there is one node to tell.
        concerned = [Concerned(row.node, told) for told in dict.fromkeys((row.node, row.signer or row.node))]
        if found and len(found.keys() | set(concerned)) > most_told:
            break
        for one in concerned:
            found[one].append(change)
    return found


def newest_changes(connection: Connection) -> dict[int, Verdict]:
    """What the newest change of each changed dose says, by the dose's id, for `check`."""
    table = verdict_changes
    rows = connection.execute(select(table.c.dose, table.c.state, table.c.code).order_by(table.c.number))
    return {row[0]: _verdict(row[1], row[2]) for row in rows}


def _newest(connection: Connection) -> int:
    found = connection.execute(select(func.max(verdict_changes.c.number))).scalar()
    return 0 if found is None else int(found)


def _verdict(state: str, code: str) -> Verdict:
    return Verdict(VerdictState(state), Code(code) if code else None)

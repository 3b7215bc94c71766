"""The leaves of this hub's delegated batches: doses of other sites, what the centre said of them, what goes along."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.outbox import BundleState
from edge.domain.pass_journal import PassState
from edge.store.database import Tables
from edge.store.hub_doses import ADMITTED_LATE
from sync_protocol.verdict import Verdict


@dataclass(frozen=True, slots=True)
class DelegatedPass:
    """A pass over doses of a site, and what the centre said of them; `bundle` is where its bundle stands."""

    pass_id: int
    batch_number: int
    state: PassState
    node: str
    site: str
    site_name: str
    people: int
    doses: int
    signer_name: str
    claimed_at: int
    bundle: BundleState | None
    admitted: int
    quarantined: int
    refused: int


# What the centre says of a leaf now: the newest change, where its receipt has said something at all.
_SAID: Final = (
    "CASE l.verdict_state WHEN '' THEN '' ELSE coalesce((SELECT c.state FROM verdict_changes AS c"
    " WHERE c.node = l.node AND c.sequence = l.sequence ORDER BY c.number DESC LIMIT 1), l.verdict_state) END"
)


def take(tables: Tables, pass_id: int, node: str, sequences: Sequence[int]) -> None:
    """Make waiting doses the leaves of a pass, in this order; the caller has looked that all of them wait."""
    found = tables.execute(
        "SELECT w.key, d.handover_id, d.place, d.node, d.sequence FROM json_each(?) AS w"
        " JOIN site_doses AS d ON d.node = ? AND d.sequence = w.value AND d.state = 'waiting'",
        (json.dumps(list(sequences)), node),
    ).fetchall()
    tables.conn.executemany(
        "INSERT INTO delegated_leaves (pass_id, position, handover_id, place, node, sequence, live)"
        " VALUES (?, ?, ?, ?, ?, ?, 1)",
        ((pass_id, *row) for row in found),
    )
    tables.execute(
        "INSERT INTO carried_handovers SELECT DISTINCT l.pass_id, l.handover_id FROM delegated_leaves AS l"
        " JOIN site_handovers AS h ON h.handover_id = l.handover_id WHERE l.pass_id = ? AND h.confirmed_at IS NULL",
        (pass_id,),
    )


def carried(tables: Tables, pass_id: int) -> tuple[bytes, ...]:
    """The signed bundles of sites that travel along with a pass, oldest first."""
    rows = tables.execute(
        "SELECT h.inner_bytes FROM carried_handovers AS c JOIN site_handovers AS h ON h.handover_id = c.handover_id"
        " WHERE c.pass_id = ? ORDER BY c.handover_id",
        (pass_id,),
    )
    return tuple(bytes(row[0]) for row in rows)


def keep_verdicts(tables: Tables, pass_id: int, verdicts: Sequence[Verdict]) -> None:
    """Keep what the centre said of a delegated pass, in the order of its leaves."""
    tables.conn.executemany(
        "UPDATE delegated_leaves SET verdict_state = ?, verdict_code = ? WHERE pass_id = ? AND position = ?",
        ((one.state, one.code or "", pass_id, position) for position, one in enumerate(verdicts)),
    )


def verdicts_of(tables: Tables, pass_id: int) -> list[tuple[str, str]]:
    """(state, code) of the leaves of a delegated pass, in their order; "" where the centre has said nothing."""
    rows = tables.execute(
        "SELECT verdict_state, verdict_code FROM delegated_leaves WHERE pass_id = ? ORDER BY position", (pass_id,)
    )
    return [(row[0], row[1]) for row in rows]


def is_delegated(tables: Tables, pass_id: int) -> bool:
    """Whether the leaves of a pass are doses of another site."""
    row = tables.execute("SELECT 1 FROM delegated_leaves WHERE pass_id = ? LIMIT 1", (pass_id,)).fetchone()
    return row is not None


def node_of(tables: Tables, pass_id: int) -> str:
    """The site's node whose doses are the leaves of a delegated pass."""
    row = tables.execute("SELECT node FROM delegated_leaves WHERE pass_id = ? LIMIT 1", (pass_id,)).fetchone()
    return str(row[0])


def admitted_late(tables: Tables, node: str, sequences: Sequence[int]) -> list[tuple[int, bytes]]:
    """The batches with any of these doses that were refused once and have a receipt now: (pass, answer), by number."""
    rows = tables.execute(
        f"SELECT DISTINCT l.pass_id, r.answer {ADMITTED_LATE}"
        " WHERE s.node = ? AND s.sequence IN (SELECT value FROM json_each(?)) ORDER BY l.pass_id",
        (node, json.dumps(list(sequences))),
    )
    return [(int(row[0]), bytes(row[1])) for row in rows]


def passes_made(tables: Tables, *, limit: int) -> list[DelegatedPass]:
    """The delegated passes of this node that were not given up, the newest first."""
    rows = tables.execute(
        "SELECT p.pass_id, p.batch_number, p.state, l.node, max(h.site), max(h.site_name), p.people, p.doses,"
        f" p.signer_name, p.claimed_at, b.state, sum({_SAID} = 'admitted'), sum({_SAID} = 'quarantined'),"
        f" sum({_SAID} = 'refused') FROM passes AS p JOIN delegated_leaves AS l ON l.pass_id = p.pass_id"
        " JOIN site_handovers AS h ON h.handover_id = l.handover_id"
        " LEFT JOIN bundles AS b ON b.pass_id = p.pass_id WHERE p.purpose = 'delegated' AND p.state <> 'abandoned'"
        " GROUP BY p.pass_id ORDER BY p.pass_id DESC LIMIT ?",
        (limit,),
    )
    return [_pass(row) for row in rows]


def _pass(row: Sequence[Any]) -> DelegatedPass:
    bundle = None if row[10] is None else BundleState(row[10])
    return DelegatedPass(*(*row[:2], PassState(row[2]), *row[3:10], bundle, *row[11:]))

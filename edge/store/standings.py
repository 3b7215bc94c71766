"""Where each recorded dose stands on its way to the ledger, read in one query for a whole day or for all days."""

from __future__ import annotations

from edge.domain.day_figures import Standing
from edge.domain.outbox import BundleState
from edge.domain.pass_journal import OPEN, PassState
from edge.domain.signing_pass import Facts
from edge.store.database import Tables
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code
from sync_protocol.verdict import Verdict, VerdictState

_QUERY = """
SELECT d.sequence, d.given_at, p.identity_state, d.late_reason, d.replaces IS NOT NULL,
       s.state, b.state, v.state, v.code
FROM live_doses AS d
JOIN people AS p ON p.person_id = d.person_id
LEFT JOIN pass_leaves AS l ON l.sequence = d.sequence AND l.live = 1
LEFT JOIN passes AS s ON s.pass_id = l.pass_id
LEFT JOIN bundles AS b ON b.pass_id = l.pass_id
LEFT JOIN verdicts AS v ON v.epoch = b.epoch AND v.bundle = b.sequence AND v.dose = d.sequence
WHERE (? = '' OR d.given_day = ?)
ORDER BY d.sequence
"""


def standings(tables: Tables, *, facility: str, day: str = "") -> list[Standing]:
    """The newest version of each dose given on this local day ("YYYY-MM-DD"), or of every dose if `day` is empty."""
    return [
        Standing(
            Facts(
                row[0],
                facility,
                given_at=row[1],
                identity=IdentityState(row[2]),
                late_reason=row[3],
                is_correction=bool(row[4]),
                in_live_batch=row[5] is not None,
            ),
            in_open_pass=row[5] is not None and PassState(row[5]) in OPEN,
            bundle=None if row[6] is None else BundleState(row[6]),
            verdict=None if row[7] is None else Verdict(VerdictState(row[7]), Code(row[8]) if row[8] else None),
        )
        for row in tables.execute(_QUERY, (day, day))
    ]

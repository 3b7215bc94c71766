"""What only the pages ask: the newest dose of a day, what differs, what replaced what."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edge.store.database import Tables


def newest_of_day(tables: Tables, day: str) -> int:
    """The number of the newest dose given on this local day ("YYYY-MM-DD"), or 0."""
    row = tables.execute("SELECT coalesce(max(sequence), 0) FROM doses WHERE given_day = ?", (day,)).fetchone()
    return int(row[0])


def differing_fields(tables: Tables, sequences: Sequence[int]) -> dict[int, str]:
    """Which field of the person the newest identity check found to differ, by dose; doses without one are left out."""
    rows = tables.execute(
        "SELECT d.sequence, c.field FROM json_each(?) AS w JOIN doses AS d ON d.sequence = w.value"
        " JOIN people AS p ON p.person_id = d.person_id"
        " JOIN identity_checks AS c ON c.check_id = (SELECT max(n.check_id) FROM identity_checks AS n"
        " WHERE n.person_id = p.person_id AND n.revision = p.revision) WHERE c.field <> ''",
        (json.dumps(list(sequences)),),
    )
    return {int(row[0]): str(row[1]) for row in rows}


def sealed_passes(tables: Tables, sequences: Sequence[int]) -> list[int]:
    """The sealed passes in which these doses are live leaves, oldest first."""
    rows = tables.execute(
        "SELECT DISTINCT l.pass_id FROM json_each(?) AS w JOIN pass_leaves AS l ON l.sequence = w.value AND l.live = 1"
        " JOIN passes AS s ON s.pass_id = l.pass_id WHERE s.state = 'sealed' ORDER BY l.pass_id",
        (json.dumps(list(sequences)),),
    )
    return [int(row[0]) for row in rows]


def newest_version(tables: Tables, sequence: int) -> int:
    """The version that replaces this one last, or the number itself."""
    row = tables.execute(
        "WITH RECURSIVE later(sequence) AS (VALUES (?) UNION SELECT d.sequence FROM doses AS d"
        " JOIN later ON d.replaces = later.sequence) SELECT max(sequence) FROM later",
        (sequence,),
    ).fetchone()
    return int(row[0])


def newest_versions(tables: Tables, sequences: Sequence[int]) -> list[int]:
    """As `newest_version` for many doses at once, in the order given."""
    rows = tables.execute(
        "WITH RECURSIVE later(place, sequence) AS (SELECT key, value FROM json_each(?)"
        " UNION ALL SELECT l.place, d.sequence FROM later AS l JOIN doses AS d ON d.replaces = l.sequence)"
        " SELECT max(sequence) FROM later GROUP BY place ORDER BY place",
        (json.dumps(list(sequences)),),
    )
    return [int(row[0]) for row in rows]

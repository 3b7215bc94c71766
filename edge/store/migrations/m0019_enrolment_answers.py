"""Step 19: what the centre signed when this node was enrolled.

enrolment_answers  the verified answer, byte for byte; a node that enrolled before this step has none
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only

_SQL: Final = f"""
CREATE TABLE enrolment_answers (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    answer BLOB NOT NULL                  -- signed by the publisher key
) STRICT
;;
{append_only("enrolment_answers")}
"""

MIGRATION: Final = Migration(19, "enrolment_answers", _SQL)

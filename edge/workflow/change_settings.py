"""What the manager settles for the site, all of one page in one transaction; each change is in the trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.domain.refusals import Finding, RefusedError
from edge.store import audit, settings
from edge.store.database import Database
from edge.store.settings import Setting


def change_settings(
    database: Database, numbers: Mapping[Setting, int], stations: Sequence[str], *, at: int, by: str
) -> int:
    """Write these settings and return how many of them changed.

    Args:
        database: the node's store.
        numbers: numbers and switches (0, 1).
        stations: names of the injection tables.
        at: epoch seconds UTC.
        by: who settles it.

    Raises:
        RefusedError: FIELD_INVALID for each one out of its bounds. Nothing was written.
    """
    findings: list[Finding] = []
    changed: list[str] = []
    with database.write_transaction() as tables:
        for setting, value in numbers.items():
            try:
                if settings.put(tables, setting, value, at=at, by=by):
                    changed.append(f"setting:{setting.value}")
            except RefusedError as error:
                findings += error.findings
        try:
            if settings.put_stations(tables, stations, at=at, by=by):
                changed.append(f"setting:{Setting.STATIONS.value}")
        except RefusedError as error:
            findings += error.findings
        if findings:
            raise RefusedError(tuple(findings))
        values = {f"setting:{setting.value}": str(value) for setting, value in numbers.items()}
        acts = [(audit.Action.SETTING_CHANGED, subject, values.get(subject, "")) for subject in changed]
        if acts:
            audit.append_many(tables, acts, actor=by, at=at)
    return len(changed)

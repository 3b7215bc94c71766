"""What the drivers of this machine answer, kept beside the long work that asks them: a driver may hang."""

from __future__ import annotations

from typing import Final, TypeVar

from edge.web.frame.long_work import long_work
from edge.web.frame.node import node
from edge.web.frame.work_progress import Job

_ID_BYTES: Final = 12
# The work they belong to ends by itself; more than this many at once nobody asks for.
_MOST_SCANS: Final = 16
ScanT = TypeVar("ScanT")


def begin_driver_scan(kept: dict[str, ScanT], scan: ScanT, job: Job, *, owner: int, label: str, total: int) -> str:
    """Begin to ask the drivers; gives the work's id, under which `kept` has the scan. RefusedError WORK_FULL.

    Args:
        kept: the scans of the same kind; whose they are, the work says.
        job: asks, and adds to the scan, which pages read meanwhile.
        label: what is done, in words; what goes on under the same label already is found instead.
        total: how many drivers are asked.
    """
    fresh = node().entropy.token(_ID_BYTES).hex()
    kept[fresh] = scan
    for old in list(kept)[:-_MOST_SCANS]:
        kept.pop(old, None)
    work_id = long_work().submit(job, work_id=fresh, owner=owner, label=label, total=total)
    if work_id != fresh:
        # A second click found the first one's work.
        kept.pop(fresh, None)
    return work_id

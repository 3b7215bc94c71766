"""The previews of corrected lists that wait for somebody's yes: a few, for a while, in memory, each its user's own.

A preview keeps the bytes that were uploaded, not what they say: applying reads them again, so that what is written is
what the file holds and what the store allows at that moment.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from edge.domain.refusals import EdgeCode, refuse
from edge.store.users import UserId
from edge.workflow.import_corrections import Outcome

KEPT_SECONDS: Final = 15 * 60
MOST_KEPT: Final = 5


@dataclass(slots=True, repr=False)
class Preview:
    """One uploaded file.

    Attributes:
        plan_id: fresh and unguessable.
        owner: the user who may see it.
        made_at: epoch seconds UTC.
        plan: what the dry run found.
        data: the file, until it is applied.
        result: what applying did, once it is done.
        work_id: of the long work that applies it, or "".
    """

    plan_id: str
    owner: UserId
    made_at: int
    plan: Outcome
    data: bytes
    result: Outcome | None = None
    work_id: str = ""


class CorrectionPlans:
    """The previews of a running node, safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._previews: dict[str, Preview] = {}

    def keep(self, preview: Preview) -> None:
        """Keep a preview; the oldest ones beyond what may be kept are forgotten."""
        with self._lock:
            self._forget(preview.made_at)
            self._previews[preview.plan_id] = preview
            while len(self._previews) > MOST_KEPT:
                del self._previews[next(iter(self._previews))]

    def find(self, plan_id: str, owner: UserId, *, now: int) -> Preview:
        """The preview. RefusedError CORRECTION_PLAN if it is not here any more, or somebody else's."""
        with self._lock:
            self._forget(now)
            found = self._previews.get(plan_id)
        if found is None or found.owner != owner:
            raise refuse(EdgeCode.CORRECTION_PLAN, "file")
        return found

    @contextmanager
    def taking(self, plan_id: str, owner: UserId, *, now: int) -> Iterator[tuple[Preview, bytes]]:
        """The preview and its file, for one at a time; when the block raises, the file is there for another try.

        Raises RefusedError CORRECTION_PLAN as `find`, or if the file was taken.
        """
        preview = self.find(plan_id, owner, now=now)
        with self._lock:
            data, preview.data = preview.data, b""
        if not data:
            raise refuse(EdgeCode.CORRECTION_PLAN, "file")
        try:
            yield preview, data
        except BaseException:
            preview.data = data
            raise

    def _forget(self, now: int) -> None:
        for preview in [one for one in self._previews.values() if one.made_at + KEPT_SECONDS <= now]:
            del self._previews[preview.plan_id]

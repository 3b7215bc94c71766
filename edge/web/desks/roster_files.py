"""Files whose dry run somebody is looking at: in memory, never on a disk in the clear, forgotten after half an hour."""

from __future__ import annotations

import threading
from typing import Final, cast

from flask import current_app

from edge.clients.day_list_files import DayListFile
from edge.domain.refusals import EdgeCode, refuse
from edge.store.users import UserId

FILES: Final = 3
KEPT_SECONDS: Final = 30 * 60
_KEY: Final = "hcvx-roster-files"


class RosterFiles:
    """Some files, each for the user who chose it; safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[tuple[UserId, str], tuple[DayListFile, int]] = {}

    def keep(self, user_id: UserId, file: DayListFile, *, at: int) -> None:
        """Keep a file; the oldest one makes room."""
        with self._lock:
            self._files.pop((user_id, file.digest.hex()), None)
            while len(self._files) >= FILES:
                del self._files[next(iter(self._files))]
            self._files[user_id, file.digest.hex()] = (file, at)

    def find(self, user_id: UserId, digest: str, *, at: int) -> DayListFile:
        """The file with this digest in hex. RefusedError LIST_GONE if it is not here any more, or somebody else's."""
        with self._lock:
            for key in [key for key, (_, kept_at) in self._files.items() if at - kept_at > KEPT_SECONDS]:
                del self._files[key]
            found = self._files.get((user_id, digest))
        if found is None:
            raise refuse(EdgeCode.LIST_GONE, "file")
        return found[0]

    def forget(self, user_id: UserId, digest: str) -> None:
        """Let go of a file that was imported."""
        with self._lock:
            self._files.pop((user_id, digest), None)


def roster_files() -> RosterFiles:
    """The files of the current application."""
    return cast("RosterFiles", current_app.extensions.setdefault(_KEY, RosterFiles()))

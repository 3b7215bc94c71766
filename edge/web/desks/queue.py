"""Who waits for the injection, and at which table somebody who was called is awaited.

Several tables call from one line. Which table called whom is kept in the memory of the program for some minutes: it
keeps two tables from calling the same person, and nothing depends on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app

from edge.store import people, visits
from edge.store.database import Tables
from edge.store.users import User
from edge.store.visits import Visit, VisitId, VisitState
from edge.web.desks import dose_page
from edge.web.desks.dose_page import Form
from edge.web.frame.language import _
from sync_protocol.days import local_day

_KEY: Final = "hcvx-calls"
# Whoever does not come within this time may be called by another table.
_CALL_SECONDS: Final = 15 * 60
# More rows than these nobody reads at a table.
_SHOWN: Final = 8


class Calls:
    """Which visit each user has called, safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[int, tuple[VisitId, int]] = {}

    def call(self, user: User, visit_id: VisitId, *, at: int) -> None:
        """Keep that this user has called this visit, and no other one any more."""
        with self._lock:
            self._calls[user.user_id] = (visit_id, at)

    def call_first(self, user: User, wanted: Iterable[VisitId], *, at: int) -> VisitId | None:
        """Call the first of these visits that no other user has called; two who ask at once get two."""
        with self._lock:
            called = self._elsewhere(user, at)
            found = next((visit_id for visit_id in wanted if visit_id not in called), None)
            if found is not None:
                self._calls[user.user_id] = (found, at)
            return found

    def elsewhere(self, user: User, *, at: int) -> frozenset[VisitId]:
        """The visits that other users have called."""
        with self._lock:
            return self._elsewhere(user, at)

    def _elsewhere(self, user: User, at: int) -> frozenset[VisitId]:
        return frozenset(
            visit_id
            for caller, (visit_id, called_at) in self._calls.items()
            if caller != user.user_id and at - called_at < _CALL_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody in the line; `is_elsewhere` where another table has called them."""

    visit: Visit
    name: str
    is_elsewhere: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The line as a table sees it: the first rows, and how many wait besides whoever is at this table."""

    rows: list[Row]
    waiting: int


def line(tables: Tables, user: User, *, now: int, here: Visit | None) -> Line:
    """The line, without the visit that is open on this page."""
    called = _calls().elsewhere(user, at=now)
    waiting = [one for one in visits.waiting(tables, local_day(now)) if here is None or one.visit_id != here.visit_id]
    rows = [Row(one, _name(tables, one), one.visit_id in called) for one in waiting[:_SHOWN]]
    return Line(rows, len(waiting))


def call_next(tables: Tables, user: User, *, now: int, after: int = 0) -> Visit | None:
    """Call the first one in the line whom no other table has called; None if there is nobody.

    Args:
        now: epoch seconds UTC.
        after: the number of whoever was called here and did not come, or 0; then the line goes on behind it.
    """
    waiting = {one.visit_id: one for one in visits.waiting(tables, local_day(now)) if one.number != after}
    # Whoever stands behind `after` comes first, then the line from its beginning.
    wanted = sorted(waiting.values(), key=lambda one: (one.number < after, one.number))
    chosen = _calls().call_first(user, [one.visit_id for one in wanted], at=now)
    return None if chosen is None else waiting[chosen]


def fill_from_visit(tables: Tables, form: Form, visit_id: VisitId, *, user: User, now: int) -> None:
    """Fill the form with the person of a visit that waits, or say why it does not."""
    visit = visits.get(tables, visit_id)
    if visit is None or visit.state is not VisitState.WAITING or visit.day != local_day(now):
        form.said = _("Người này không còn chờ tiêm: đã tiêm ở bàn khác, hoặc đã ra khỏi hàng.")
        return
    if visit_id in _calls().elsewhere(user, at=now):
        form.said = _("Bàn khác cũng vừa gọi số %(number)s; hỏi bàn đó trước khi tiêm.", number=visit.number)
    _calls().call(user, visit_id, at=now)
    dose_page.fill_from_person(tables, form, visit.person_id)
    form.visit = visit


def waiting_visit(tables: Tables, visit_id: int) -> Visit | None:
    """The visit from which the form was filled, while it waits."""
    visit = visits.get(tables, VisitId(visit_id))
    return visit if visit is not None and visit.state is VisitState.WAITING else None


def _name(tables: Tables, visit: Visit) -> str:
    person = people.get(tables, visit.person_id)
    assert person is not None
    return person.recipient.name


def _calls() -> Calls:
    return cast("Calls", current_app.extensions.setdefault(_KEY, Calls()))

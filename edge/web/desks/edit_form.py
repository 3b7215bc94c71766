"""What the pages that correct something share: the form, where the user came from, and who is correcting.

The address names a list by its reason and a person by the number of a row; nothing personal stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Request, session, url_for

from edge.domain.refusals import EdgeCode, Finding
from edge.store import doses, page_queries
from edge.store.database import Tables
from edge.web.desks.dose_page import Form
from edge.web.frame.form_words import finding_sentence
from sync_protocol.days import local_day, parse_day
from sync_protocol.errors import ProtocolError

_REASON: Final = re.compile(r"[a-z0-9-]{1,60}")
_EDITED: Final = "edited"
_NUMBER_CHARS: Final = 9


@dataclass(slots=True)
class EditForm(Form):
    """A form over something that is in the store.

    Attributes:
        order: the fields as they stand on the page.
        revision: of the person, as it was on the screen; 0 for a form about a dose.
        problem: a sentence about all of it, or "".
    """

    order: Sequence[str] = ()
    revision: int = 0
    problem: str = ""

    @property
    def focus(self) -> str:
        """Where the cursor belongs: the first fault, the button if it is asked about, the first doubt, the top."""
        if self.errors:
            return next((name for name in self.order if name in self.errors), "save")
        if self.confirming:
            return "save"
        return next((name for name in self.order if name in self.warnings), self.order[0])

    @property
    def at_fields(self) -> dict[str, str]:
        """The faults that stand beside a field, in the order of the page."""
        return {name: self.errors[name] for name in self.order if name in self.errors}

    def require(self, names: Sequence[str]) -> None:
        """Put a fault beside each of these fields that is empty."""
        for name in names:
            if not self.values.get(name):
                self.errors.setdefault(name, finding_sentence(Finding(EdgeCode.CELL_MISSING, True, name)))


@dataclass(frozen=True, slots=True)
class Origin:
    """The work list from which the user came; both "" for none. `day` is a local day or "all"."""

    reason: str = ""
    day: str = ""

    def address(
        self, endpoint: str, *, person_id: int | None = None, sequence: int | None = None, done: str | None = None
    ) -> str:
        """The address of a page that knows the way back to this list; what is None stands in no address."""
        return url_for(
            endpoint,
            person_id=person_id,
            sequence=sequence,
            done=done,
            list=self.reason or None,
            day=self.day or None,
        )


def origin(request: Request) -> Origin:
    """The list that the address names; one that cannot be is none."""
    reason, day = request.args.get("list", ""), request.args.get("day", "")
    if not _REASON.fullmatch(reason):
        return Origin()
    if day != "all":
        try:
            parse_day(day, what="day")
        except ProtocolError:
            day = "all"
    return Origin(reason, day)


def typed_texts(request: Request, names: Sequence[str]) -> dict[str, str]:
    """What was typed, with single spaces."""
    return {name: " ".join(request.form.get(name, "").split()) for name in names}


def whole(text: str) -> int:
    """A number of a row as a form or an address carries it, or 0, which no row has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS else 0


def remember_author(kind: str, number: int) -> None:
    """Keep where the author's name stands: "person" or "dose" and the number of the row, never the name itself."""
    session[_EDITED] = f"{kind}:{number}"


def known_author(tables: Tables, *, now: int) -> str:
    """Who corrected or recorded last in this browser, else at this site today; "" for nobody."""
    kind, _, number = str(session.get(_EDITED, "")).partition(":")
    if kind == "person":
        return page_queries.last_editor(tables, whole(number))
    recorded = session.get("dose", 0)
    for sequence in (whole(number), recorded if isinstance(recorded, int) else 0):
        stored = doses.get(tables, sequence)
        if stored is not None:
            return stored.recorded_by
    newest = doses.get(tables, page_queries.newest_of_day(tables, local_day(now)))
    return "" if newest is None else newest.recorded_by

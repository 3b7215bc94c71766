"""What the pages that correct something share: the form, and where the user came from.

The address names a list by its reason, a person and a visit by the number of a row; nothing personal stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Request, url_for

from edge.domain.refusals import EdgeCode, Finding
from edge.web.desks.dose_page import Form
from edge.web.frame.form_words import finding_sentence

# What a work list may be narrowed to, and where on it somebody was: parts of its address, codes and numbers of rows.
LIST_CODES: Final = ("unit", "from", "to", "product", "after", "before")
# Not a list, but the desk from which somebody came to put a person right.
RECEPTION: Final = "reception"
_REASON: Final = re.compile(r"[a-z0-9-]{1,60}")
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
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
    """From where the user came: a work list, the injection of a visit, or neither.

    Attributes:
        reason: the word of the list, or "".
        visit: the visit, or 0.
        codes: names and codes of what the list is narrowed to, as its address has them.
    """

    reason: str = ""
    visit: int = 0
    codes: tuple[tuple[str, str], ...] = ()

    @property
    def back(self) -> str:
        """The address from where the user came."""
        if self.visit:
            return url_for("injection.form", visit=self.visit)
        return self.list_address() if self.reason else url_for("today.show")

    def list_address(self, fixed: int | None = None) -> str:
        """The address of the list, and on it the person who was just put right."""
        if self.reason == RECEPTION:
            return url_for("reception.desk", person=fixed)
        codes: dict[str, Any] = dict(self.codes)
        return url_for("work_lists.show", list=self.reason, fixed=fixed, **codes)

    def address(
        self,
        endpoint: str,
        *,
        person_id: int | None = None,
        sequence: int | None = None,
        done: str | None = None,
        person: int | None = None,
    ) -> str:
        """The address of a page that knows the way back to this list; what is None stands in no address."""
        codes: dict[str, Any] = dict(self.codes)
        return url_for(
            endpoint,
            person_id=person_id,
            sequence=sequence,
            done=done,
            person=person,
            visit=self.visit or None,
            list=self.reason or None,
            **codes,
        )


def origin(request: Request) -> Origin:
    """The list or the visit that the address names; one that cannot be is none."""
    reason = request.args.get("list", "")
    if not _REASON.fullmatch(reason):
        return Origin(visit=whole(request.args.get("visit", "")))
    asked = ((name, request.args.get(name, "")) for name in LIST_CODES)
    return Origin(reason, codes=tuple((name, code) for name, code in asked if _CODE.fullmatch(code)))


def typed_texts(request: Request, names: Sequence[str]) -> dict[str, str]:
    """What was typed, with single spaces."""
    return {name: " ".join(request.form.get(name, "").split()) for name in names}


def whole(text: str) -> int:
    """A number of a row as a form or an address carries it, or 0, which no row has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS else 0

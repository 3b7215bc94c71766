"""The table at which a browser stands: its number, its vials, and what goes on from one person to the next there.

The session keeps numbers of rows and the number of the table, and nothing else; product, lot and vaccinator are read
from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import session

from edge.store import doses, page_queries, settings, vials
from edge.store.database import Tables
from edge.store.doses import StoredDose
from edge.store.users import User
from edge.store.vials import Vial, VialState
from edge.web.desks.dose_page import OF_VIAL, Form
from edge.web.frame.access import current_user
from edge.web.frame.formats import iso_day
from sync_protocol.days import local_day

_CARRIED: Final = (*OF_VIAL, "vaccinator", "station")


@dataclass(frozen=True, slots=True)
class Desk:
    """The table at which a browser stands.

    Attributes:
        user: who sits there.
        newest: the dose that was recorded there last, or 0.
        station: its name, or "" where nobody has said at which of several it stands.
        vial: the vial in use there, or 0 for the newest one that is open.
    """

    user: User
    newest: int = 0
    station: str = ""
    vial: int = 0


def desk_here(tables: Tables) -> Desk:
    """The table of this browser."""
    newest, number, vial = (_whole(session.get(name, 0)) for name in ("dose", "station", "vial"))
    names = settings.stations(tables)
    if len(names) == 1:
        number = 1
    station = names[number - 1] if 0 < number <= len(names) else ""
    return Desk(current_user(), newest=newest, station=station, vial=vial)


def remember_dose(sequence: int) -> None:
    """Keep which dose was recorded here last."""
    session["dose"] = sequence


def remember_vial(tables: Tables, vial: Vial) -> None:
    """Keep which vial is in use here, and with it which of the site's tables this is."""
    names = settings.stations(tables)
    session["vial"] = vial.vial_id
    session["station"] = names.index(vial.contents.station) + 1 if vial.contents.station in names else 0


def empty_form(tables: Tables, desk: Desk, *, submission: str, now: int, late: int = 0) -> Form:
    """The form for the next person, with what stays the same at this table for the day.

    Day and time stay empty: the dose is given when it is recorded.

    Args:
        now: epoch seconds UTC.
        late: a dose of an earlier day after which more of that day are entered, or 0.
    """
    today = local_day(now)
    values = {"dose_number": "1", "nationality": "VN", "vaccinator": desk.user.name}
    values |= {"station": desk.station} if desk.station else {}
    before = doses.get(tables, late)
    if before is not None and before.facts.late_reason:
        return Form(values | _carried(before) | _day_of(before), submission)
    last = doses.get(tables, desk.newest)
    if last is not None and last.given_day == today:
        values |= _carried(last)
    else:
        newest = doses.get(tables, page_queries.newest_of_day(tables, today))
        # Another table's vaccinator is not this one's.
        values |= {} if newest is None else {name: _carried(newest)[name] for name in OF_VIAL}
    form = Form(values, submission, vial=vial_in_use(tables, desk, day=today))
    if form.vial is not None:
        form.values |= _texts_of_vial(form.vial)
    return form


def vial_in_use(tables: Tables, desk: Desk, *, day: str) -> Vial | None:
    """The vial from which this table draws: the one that was chosen, or the newest that is open."""
    open_here = vials_at(tables, desk, day=day)
    return next((one for one in open_here if one.vial_id == desk.vial), open_here[0] if open_here else None)


def vials_at(tables: Tables, desk: Desk, *, day: str) -> list[Vial]:
    """The open vials of this table, the newest first; where nobody said which it is, those of the only one with any."""
    if desk.station:
        return vials.open_at(tables, day, desk.station)
    open_today = [one for one in vials.of_day(tables, day) if one.state is VialState.OPEN]
    return open_today if len({one.contents.station for one in open_today}) == 1 else []


def _carried(dose: StoredDose) -> dict[str, str]:
    facts = dose.facts
    kept = (facts.product, facts.lot, iso_day(facts.lot_expiry), facts.vaccinator, facts.station)
    return dict(zip(_CARRIED, kept, strict=True))


def _day_of(dose: StoredDose) -> dict[str, str]:
    return {"given_day": iso_day(dose.given_day), "late_reason": dose.facts.late_reason}


def _texts_of_vial(vial: Vial) -> dict[str, str]:
    one = vial.contents
    return {
        "product": one.product,
        "lot": one.lot,
        "lot_expiry": iso_day(one.lot_expiry),
        "station": one.station,
    }


def _whole(kept: object) -> int:
    return kept if isinstance(kept, int) else 0

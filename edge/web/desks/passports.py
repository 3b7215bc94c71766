"""The passports of the site's people: found by card or number, shown, printed one by one or a whole day in a row.

All of it works without a network. A QR is drawn of certificates alone that verify now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.refusals import RefusedError
from edge.domain.roles import Role
from edge.store import doses, health_certificates, node_identity, people
from edge.store.database import Tables
from edge.store.health_certificates import DayCertificate
from edge.store.people import Person, PersonId
from edge.web.desks import dose_page
from edge.web.desks.edit_form import whole
from edge.web.desks.passport_sheet import Sheet, make_sheet, standing_sentence
from edge.web.frame.access import allow
from edge.web.frame.day_field import TypedDay, read_day
from edge.web.frame.form_words import finding_sentence
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.sentences import Sentence
from edge.workflow.show_certificates import ShownCertificate, certificates_of, newest_trust
from sync_protocol.days import local_day
from sync_protocol.dose import Dose
from sync_protocol.trust import TrustSet

blueprint = Blueprint("passports", __name__)

# The papers that a passport is printed on.
_FORMS: Final = ("a4", "a6")
# Lines of a day on one page, and sheets printed in a row: each QR costs some 30 ms to draw.
_LINES: Final = 100
_SHEETS: Final = 20
_DAYS: Final = 14


@dataclass(frozen=True, slots=True, repr=False)
class PassportLine:
    """One dose of a person on the screen, its local day, what the centre issued for it, and what may be said of it."""

    dose: Dose
    given_day: str
    sentence: Sentence | None


@dataclass(frozen=True, slots=True, repr=False)
class DayLine:
    """One certificate of a day's list; `given_day` is that of the dose."""

    row: DayCertificate
    dose: Dose
    given_day: str
    sentence: Sentence


@blueprint.get("/passports")
@allow(Role.RECEPTION, Role.INJECTION, Role.OBSERVATION, Role.SIGNER, Role.MANAGER)
def index() -> str:
    """The passports that were issued on a day; `?day=2022-04-15` for another one, `?from=100` for those that follow."""
    return _index()


@blueprint.post("/passports")
@allow(Role.RECEPTION, Role.INJECTION, Role.OBSERVATION, Role.SIGNER, Role.MANAGER)
def find() -> str | Response:
    """Find somebody by the scanner's line, a number, a phone or a name, and go to their passport."""
    form = dose_page.Form({}, "")
    line = request.form.get("card", "")
    told = ""
    with node().database.read() as tables:
        try:
            dose_page.fill_from_scan(tables, form, line)
        except RefusedError as error:
            told = " ".join(finding_sentence(one) for one in error.findings)
    if form.person is not None:
        return redirect(url_for("passports.show", person_id=form.person), 303)
    if not told and not form.found:
        told = _("Không có ai như vậy trong máy này. Kiểm tra lại số, hoặc gõ họ tên.")
    return _index(line=line, found=form.found, told=told)


@blueprint.get("/people/<int(max=999999999):person_id>/passport")
@allow(Role.RECEPTION, Role.INJECTION, Role.OBSERVATION, Role.SIGNER, Role.MANAGER)
def show(person_id: PersonId) -> str:
    """A person's passport, as far as this site gave the doses, to look at and to print; `?form=a6` for a small one."""
    open_node = node()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        person = people.get(tables, person_id)
        if person is None:
            raise NotFound
        lines, sheet = _passport(tables, person, now=now)
        trust, facility_name = newest_trust(tables), node_identity.get(tables).facility_name
    return render_template(
        "desks/passport.html",
        person=person,
        lines=lines,
        sheets=[] if sheet is None else [sheet],
        form=_form(),
        trust=_trust_words(trust, now=now),
        facility_name=facility_name,
    )


@blueprint.get("/passports/print")
@allow(Role.RECEPTION, Role.INJECTION, Role.OBSERVATION, Role.SIGNER, Role.MANAGER)
def print_day() -> str:
    """The sheets of a day in a row, so many at a time; `?from=20` for those that follow."""
    open_node = node()
    now = open_node.clock.now()
    day, start = _day(now).day, whole(request.args.get("from", ""))
    with open_node.database.read() as tables:
        total = health_certificates.count_of_day(tables, day)
        rows = health_certificates.of_day(tables, day, offset=start, limit=_SHEETS)
        sheets = [sheet for row in rows if (sheet := _sheet_of(tables, row, now=now)) is not None]
        facility_name = node_identity.get(tables).facility_name
    return render_template(
        "desks/passport_day.html",
        sheets=sheets,
        left_out=len(rows) - len(sheets),
        day=day,
        start=start,
        until=start + len(rows),
        total=total,
        form=_form(),
        facility_name=facility_name,
    )


def _index(*, line: str = "", found: Sequence[Person] = (), told: str = "") -> str:
    open_node = node()
    now = open_node.clock.now()
    asked, start = _day(now), whole(request.args.get("from", ""))
    with open_node.database.read() as tables:
        total = health_certificates.count_of_day(tables, asked.day)
        rows = health_certificates.of_day(tables, asked.day, offset=start, limit=_LINES)
        shown = certificates_of(tables, [row.certificate.sequence for row in rows], now=now)
        days = health_certificates.days(tables, limit=_DAYS)
        trust = newest_trust(tables)
    return render_template(
        "desks/passports.html",
        asked=asked,
        is_today=asked.day == local_day(now),
        lines=[_day_line(row, shown[row.certificate.sequence]) for row in rows],
        start=start,
        lines_most=_LINES,
        sheets_most=_SHEETS,
        total=total,
        days=days,
        trust=_trust_words(trust, now=now),
        line=line,
        found=found,
        told=told,
    )


def _day_line(row: DayCertificate, shown: ShownCertificate) -> DayLine:
    return DayLine(row, shown.dose, local_day(shown.dose.given_at), standing_sentence(shown))


def _passport(tables: Tables, person: Person, *, now: int) -> tuple[list[PassportLine], Sheet | None]:
    held = doses.assemble(tables, [one.sequence for one in doses.of_person(tables, person.person_id)])
    shown = certificates_of(tables, [dose.sequence for dose in held], now=now)
    lines = []
    for dose in reversed(held):
        one = shown.get(dose.sequence)
        sentence = None if one is None else standing_sentence(one)
        lines.append(PassportLine(dose, local_day(dose.given_at), sentence))
    return lines, make_sheet(person.person_id, shown.values(), node().shelf.catalogue())


def _sheet_of(tables: Tables, row: DayCertificate, *, now: int) -> Sheet | None:
    """One certificate of a day on a sheet of its own; a person with two of them that day gets two sheets."""
    shown = certificates_of(tables, [row.certificate.sequence], now=now)
    return make_sheet(row.person_id, shown.values(), node().shelf.catalogue())


def _trust_words(trust: TrustSet, *, now: int) -> Sentence:
    """By which list certificates are judged, and how old it is."""
    if not trust.version:
        text = _("Máy này chưa có danh sách tin cậy nên chưa kiểm tra được chữ ký. Đồng bộ với trung tâm.")
        return Sentence("warning", _("Chưa có danh sách tin cậy"), text)
    said = _(
        "Kiểm tra bằng danh sách tin cậy bản %(version)s, ngày %(day)s.",
        version=trust.version,
        day=iso_day(local_day(trust.issued_at)),
    )
    if trust.expires_at is not None and now >= trust.expires_at:
        text = _("%(said)s Danh sách đã quá hạn; đồng bộ để biết chứng nhận nào vừa bị thu hồi.", said=said)
        return Sentence("warning", _("Danh sách tin cậy cũ"), text)
    return Sentence("plain", "", said)


def _form() -> str:
    form = request.args.get("form", _FORMS[0])
    if form not in _FORMS:
        abort(400)
    return form


def _day(now: int) -> TypedDay:
    """The day asked for; today where none was, or what was typed is none."""
    typed = read_day(request.args.get("day", ""))
    if typed.day:
        return typed
    today = local_day(now)
    return TypedDay(typed.text or iso_day(today), today, typed.fault)

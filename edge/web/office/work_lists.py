"""Work lists by cause: who cannot be signed for and why, and what the centre returned, a hundred people to a page.

The list and what it is narrowed to stand in the address as codes; what is searched for in names, phones and numbers
travels in the body of a form and stands in no address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.domain.correction_list import CORRECTION_ROWS
from edge.domain.identity import ASKABLE, is_in_registry_scope
from edge.domain.questions import can_be_asked
from edge.domain.roles import Role
from edge.domain.work_list import LETTER, NO_UNIT, WORDS, Cause, Wanted, is_list, returned_list
from edge.store import people, questions, work_lists
from edge.store.database import Tables
from edge.store.people import PersonId
from edge.store.work_lists import Page
from edge.store.work_rows import ListedDose, WorkRow
from edge.web.desks.edit_form import LIST_CODES, Origin, origin, whole
from edge.web.desks.people import identity_of
from edge.web.frame.access import allow, current_user
from edge.web.frame.day_field import TypedDay, read_day
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.question_words import hindrance, question_words, unaskable_words
from edge.web.frame.sentences import field_word, plain, reason_words
from edge.workflow.check_identity import check_identity
from edge.workflow.export_work_lists import export_work_lists
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.identity import IdentityState, PaperKind

blueprint = Blueprint("work_lists", __name__)

PAGE_ROWS: Final = 100
# As many as one may want on paper at once.
PRINT_ROWS: Final = 500
# The lists that another look into the population pack may settle.
_ASKABLE: Final = (Cause.WAITING, Cause.MISMATCH)
# In which order a list is opened where the address names none: first what somebody here can mend.
_FIRST: Final = (Cause.MISMATCH, Cause.NO_NUMBER, Cause.MALFORMED, Cause.FOREIGN, Cause.WAITING)
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Tab:
    """One list to choose: its word, what it is called, and how many people or doses are on it."""

    list: str
    words: str
    count: int
    is_returned: bool


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row as the page shows it.

    Attributes:
        kind, wrong: the sign and the words of what is wrong.
        asked: what was asked at the centre about this person, or "".
        unit: name of the commune.
        since: a day.
        doses: each with its words.
    """

    row: WorkRow
    kind: str
    wrong: str
    asked: str
    unit: str
    since: str
    doses: Sequence[tuple[ListedDose, str]]


@blueprint.get("/work-lists")
@allow(Role.RECEPTION, Role.INJECTION, Role.SIGNER, Role.MANAGER)
def show() -> str:
    """A list; `?fixed=` names who was put right, `?done=checked` says that the pack was asked again."""
    with node().database.read() as tables:
        tabs = _tabs(tables)
        wanted = _wanted(tabs)
        found = work_lists.page(
            tables,
            wanted,
            after=_person("after"),
            before=_person("before") if "after" not in request.args else None,
            limit=PRINT_ROWS if request.args.get("rows") == "print" else PAGE_ROWS,
        )
        counted = {tab.list: tab.count for tab in tabs if not tab.is_returned}
        total = counted.get(wanted.list) if wanted.is_whole else None
        return _page(tables, tabs, wanted, found, total=work_lists.count(tables, wanted) if total is None else total)


@blueprint.post("/work-lists")
@allow(Role.RECEPTION, Role.INJECTION, Role.SIGNER, Role.MANAGER)
def find() -> str:
    """The people of a list whose name, phone or number begins like what was typed."""
    text = " ".join(request.form.get("text", "").split())[:100]
    with node().database.read() as tables:
        tabs = _tabs(tables)
        wanted = _wanted(tabs)
        rows = work_lists.search(tables, wanted, text, limit=PAGE_ROWS + 1)
        found = Page(tuple(rows[:PAGE_ROWS]), has_before=False, has_after=False)
        return _page(tables, tabs, wanted, found, total=None, text=text, has_more=len(rows) > PAGE_ROWS)


@blueprint.post("/identity/check")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def ask_again() -> AnyResponse:
    """Compare everybody who waits or mismatches with the population pack, then show the list again."""
    open_node = node()
    check_identity(open_node.database, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("work_lists.show", list=request.form.get("list", Cause.MISMATCH), done="checked"), 303)


@blueprint.post("/work-lists/export")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def export() -> Response:
    """The three groups of the official letter as one workbook, narrowed as the page is; who takes it is noted."""
    open_node = node()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        wanted = _wanted(_tabs(tables))
    if any(typed.fault for typed in _days()):
        # More than what was asked for is never taken out.
        abort(400)
    catalogue = open_node.shelf.catalogue()
    made = export_work_lists(open_node.database, wanted, catalogue=catalogue, at=now, by=current_user().name)
    response = Response(made.data, mimetype=_XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="danh-sach-can-xu-ly-{local_day(now)}.xlsx"'
    return response


def _tabs(tables: Tables) -> list[Tab]:
    counts = work_lists.counts(tables)
    tabs = [Tab(cause, plain(WORDS[cause]).vi, counts.get(cause, 0), is_returned=False) for cause in Cause]
    for code, number in work_lists.returned_counts(tables).items():
        tabs.append(Tab(returned_list(code), reason_words(code).vi, number, is_returned=True))
    return tabs


def _wanted(tabs: list[Tab]) -> Wanted:
    """What the address asks for; without a list, the first one that has somebody on it."""
    asked = request.args
    chosen = asked.get("list", "")
    if not chosen:
        filled = {tab.list for tab in tabs if tab.count}
        order = [*_FIRST, *(tab.list for tab in tabs if tab.is_returned)]
        chosen = next((word for word in order if word in filled), Cause.MISMATCH)
    if not is_list(chosen):
        abort(404)
    first, last = _days()
    return Wanted(chosen, asked.get("unit", "")[:40], first.day, last.day, asked.get("product", "")[:40])


def _days() -> tuple[TypedDay, TypedDay]:
    """The first and the last day that the address asks for."""
    return read_day(request.args.get("from", "")), read_day(request.args.get("to", ""))


def _person(name: str) -> PersonId | None:
    return PersonId(whole(request.args[name])) if name in request.args else None


def _page(
    tables: Tables,
    tabs: list[Tab],
    wanted: Wanted,
    found: Page,
    *,
    total: int | None,
    text: str = "",
    has_more: bool = False,
) -> str:
    catalogue = node().shelf.catalogue()
    names = {unit.code: unit.name for unit in catalogue.units}
    is_cause = not wanted.returned_code
    words = plain(WORDS[Cause(wanted.list)]) if is_cause else reason_words(wanted.returned_code)
    fixed = people.get(tables, PersonId(whole(request.args.get("fixed", ""))))
    letter = sum(tab.count for tab in tabs if tab.list in LETTER)
    return render_template(
        "office/work_lists.html",
        tabs=tabs,
        wanted=wanted,
        codes=_codes(wanted),
        days=_days(),
        words=words,
        rows=[_shown(row, wanted, names) for row in found.rows],
        page=found,
        total=total,
        text=text,
        has_more=has_more,
        units=_units(tables, wanted, names) if is_cause else [],
        products=_products(catalogue, wanted),
        origin=_here(wanted),
        fixed=fixed,
        now_known=None if fixed is None else identity_of(tables, fixed),
        askable=is_cause and Cause(wanted.list) in _ASKABLE,
        waiting=sum(tab.count for tab in tabs if tab.list in _ASKABLE),
        exportable=bool(letter) and wanted.list in LETTER,
        left_out=max(0, letter - CORRECTION_ROWS) if wanted.is_whole else 0,
        may_act=bool(current_user().roles & {Role.RECEPTION, Role.SIGNER, Role.MANAGER}),
        checked=request.args.get("done") == "checked",
        asked=request.args.get("done") == "asked" and questions.open_questions(tables).count > 0,
        hindrance=hindrance(tables, now=node().clock.now()),
        printing=request.args.get("rows") == "print",
    )


def _codes(wanted: Wanted) -> dict[str, str]:
    """The filter as it stands in an address."""
    found = {
        "list": wanted.list,
        "unit": wanted.unit,
        "from": wanted.first_day,
        "to": wanted.last_day,
        "product": wanted.product,
    }
    return {name: code for name, code in found.items() if code}


def _here(wanted: Wanted) -> Origin:
    """This list, for the pages that lead back to it."""
    came = origin(request)
    narrowed = tuple((name, code) for name, code in _codes(wanted).items() if name in LIST_CODES)
    place = tuple((name, code) for name, code in came.codes if name in ("after", "before"))
    return Origin(wanted.list, codes=(*narrowed, *place))


def _shown(row: WorkRow, wanted: Wanted, names: dict[str, str]) -> ShownRow:
    one = row.person.recipient
    kind, wrong = _wrong(row, wanted)
    since = iso_day(local_day(row.since))
    unit = names.get(one.address_unit, one.address_unit)
    is_asked = row.person.identity_state in ASKABLE and is_in_registry_scope(one)
    asked = question_words(row.question, node().clock.now()) if is_asked else ""
    if is_asked and not can_be_asked(one):
        asked = unaskable_words()
    doses = [(dose, _dose_words(dose)) for dose in row.doses]
    return ShownRow(row, kind, wrong, asked=asked, unit=unit, since=since, doses=doses)


def _dose_words(dose: ListedDose) -> str:
    day = iso_day(dose.given_day)
    return _("%(product)s mũi %(number)s, %(day)s", product=dose.product, number=dose.dose_number, day=day)


def _wrong(row: WorkRow, wanted: Wanted) -> tuple[str, str]:
    """What is wrong with which field: the kind of its sign, and the words."""
    if wanted.returned_code and row.person.identity_state in (IdentityState.MATCHED, IdentityState.VOUCHED):
        return "danger", reason_words(wanted.returned_code).vi
    match row.person.identity_state:
        case IdentityState.NO_NUMBER:
            return "warning", _("không có số")
        case IdentityState.MALFORMED:
            return "warning", field_word("number")
        case IdentityState.MISMATCH:
            return "danger", field_word(row.field) if row.field else _("chưa rõ")
        case _ if wanted.list == Cause.FOREIGN:
            return "plain", _("chờ xem hộ chiếu")
        case _ if row.person.recipient.paper is PaperKind.PASSPORT:
            return "warning", _("cần số định danh, đang ghi hộ chiếu")
        case _:
            return "plain", _("chưa có trong gói dân cư") if row.asked else _("chưa so với gói dân cư")


def _units(tables: Tables, wanted: Wanted, names: dict[str, str]) -> list[tuple[str, str, int]]:
    """The communes in which people of the list live: code, name, how many; without one last."""
    found = work_lists.units(tables, wanted.list)
    known = sorted((names.get(code, code), code, number) for code, number in found.items() if code)
    unknown = [(NO_UNIT, _("Chưa rõ xã, phường"), found[""])] if found.get("") else []
    listed = [*((code, name, number) for name, code, number in known), *unknown]
    if wanted.unit and wanted.unit not in {code for code, _name, _number in listed}:
        listed.append((wanted.unit, names.get(wanted.unit, wanted.unit), 0))
    return listed


def _products(catalogue: Catalogue, wanted: Wanted) -> list[tuple[str, str]]:
    listed = [(product.code, product.name) for product in catalogue.products]
    known = not wanted.product or any(code == wanted.product for code, _name in listed)
    return listed if known else [*listed, (wanted.product, wanted.product)]

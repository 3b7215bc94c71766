"""The vials of the day: opened once, so that every dose after it knows product, lot and expiry, and is counted.

A vial that was closed by mistake is opened again; one that was opened by mistake is withdrawn while nothing was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.domain.vial import FIELDS, read_vial
from edge.store import settings, vials
from edge.store.database import Database, Tables
from edge.store.vials import Vial, VialId, VialState
from edge.web.desks import dose_page, table
from edge.web.desks.edit_form import EditForm, typed_texts, whole
from edge.web.frame import drafts, form_words
from edge.web.frame.access import allow, current_user
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.workflow.open_vial import close_vial, open_vial, reopen_vial, withdraw_vial
from sync_protocol.days import local_day, parse_day
from sync_protocol.errors import ProtocolError

blueprint = Blueprint("vials", __name__)

_KEY_BYTES: Final = 16


@blueprint.get("/vials")
@allow(Role.INJECTION, Role.MANAGER)
def show() -> str:
    """The vials of a day (`?day=`, today without it) by lot and one by one; today with the form for the next one."""
    kept = None if request.args.get("day") else drafts.saved_texts(url_for("vials.show"))
    with node().database.read() as tables:
        shown = _proposed(tables)
    if kept is not None:
        shown.values |= {name: kept[name] for name in FIELDS if name in kept}
        shown.submission = kept.get("submission", "") or shown.submission
    return _page(shown)


@blueprint.post("/vials")
@allow(Role.INJECTION, Role.MANAGER)
def start() -> Response:
    """Open a vial and go on with the injection; a repeat of the same form finds the first vial."""
    open_node = node()
    now = open_node.clock.now()
    shown = _typed()
    with open_node.database.read() as tables:
        usual, stations = vials.usual_doses(tables, shown.values["product"]), settings.stations(tables)
    contents = read_vial(
        shown.values,
        catalogue=open_node.shelf.catalogue(),
        day=local_day(now),
        stations=stations,
        usual_doses=usual,
    )
    user = current_user()
    vial = open_vial(open_node.database, contents, key=shown.submission, at=now, by=user.name)
    with open_node.database.read() as tables:
        table.remember_vial(tables, vial)
    drafts.clear(url_for("vials.show"))
    return _onward() if Role.INJECTION in user.roles else redirect(url_for("vials.show"), 303)


@blueprint.post("/vials/<int(max=999999999):vial_id>/use")
@allow(Role.INJECTION)
def use(vial_id: int) -> Response:
    """Draw from another open vial at this table."""
    today = local_day(node().clock.now())
    with node().database.read() as tables:
        vial = vials.get(tables, vial_id)
        if vial is None or vial.state is not VialState.OPEN or vial.day != today:
            raise NotFound
        table.remember_vial(tables, vial)
    return _onward()


@blueprint.post("/vials/<int(max=999999999):vial_id>/close")
@allow(Role.INJECTION, Role.MANAGER)
def close(vial_id: int) -> Response:
    """Close a vial."""
    return _change(close_vial, vial_id)


@blueprint.post("/vials/<int(max=999999999):vial_id>/reopen")
@allow(Role.INJECTION, Role.MANAGER)
def reopen(vial_id: int) -> Response:
    """Undo the closing."""
    return _change(reopen_vial, vial_id)


@blueprint.post("/vials/<int(max=999999999):vial_id>/withdraw")
@allow(Role.INJECTION, Role.MANAGER)
def withdraw(vial_id: int) -> Response:
    """Undo the opening."""
    return _change(withdraw_vial, vial_id)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same page with what was typed, each fault beside its field. Nothing was written."""
    shown = _typed()
    dose_page.show_findings(shown, error)
    shown.problem = " ".join(text for name, text in shown.errors.items() if name not in FIELDS)
    if any(finding.code is EdgeCode.SUBMISSION_OTHER for finding in error.findings):
        shown.submission = _new_key()
    return _page(shown), 422


@blueprint.errorhandler(CSRFError)
def outlived(_error: CSRFError) -> tuple[str, int]:
    """The program was restarted while the page lay open: what was typed again, with a new token."""
    shown = _typed()
    shown.problem = _("Chương trình vừa được mở lại nên chưa ghi gì. Xem lại rồi bấm lần nữa.")
    return _page(shown), 400


def _page(shown: EditForm) -> str:
    open_node = node()
    catalogue = open_node.shelf.catalogue()
    today = local_day(open_node.clock.now())
    day = _day(today)
    with open_node.database.read() as tables:
        usual = {one.code: vials.usual_doses(tables, one.code) for one in catalogue.products}
        return render_template(
            "desks/vials.html",
            form=shown,
            words=form_words.FIELDS,
            products=dose_page.product_choices(catalogue),
            stations=[("", _("Chọn bàn")), *((name, name) for name in settings.stations(tables))],
            usual=[(one.name, usual[one.code]) for one in catalogue.products if usual[one.code]],
            vials=vials.of_day(tables, day),
            lots=vials.lots_of_day(tables, day),
            day=day,
            is_today=day == today,
            visit=whole(request.values.get("visit", "")) or None,
        )


def _proposed(tables: Tables) -> EditForm:
    """The form for the next vial: as the last one at this table, since the next one mostly is of the same lot."""
    desk = table.desk_here(tables)
    today = local_day(node().clock.now())
    of_day = vials.of_day(tables, today)
    last = next((one for one in of_day if desk.station in ("", one.contents.station)), None)
    values = {"station": desk.station}
    if last is not None:
        one = last.contents
        values |= {"product": one.product, "lot": one.lot, "lot_expiry": iso_day(one.lot_expiry)}
        values |= {"doses": str(one.doses), "station": one.station}
    shown = EditForm(values, _new_key(), order=FIELDS)
    if last is not None:
        # Everything is proposed: looking at the vial and one key are enough.
        shown.order = ("open", *FIELDS)
    return shown


def _typed() -> EditForm:
    return EditForm(
        typed_texts(request, FIELDS), request.form.get("submission", "") or _new_key(), order=("product", *FIELDS)
    )


def _change(act: Callable[..., Vial], vial_id: int) -> Response:
    open_node = node()
    database: Database = open_node.database
    act(database, VialId(vial_id), at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("vials.show"), 303)


def _onward() -> Response:
    return redirect(url_for("injection.form", visit=whole(request.form.get("visit", "")) or None), 303)


def _day(today: str) -> str:
    asked = request.args.get("day", "") or today
    try:
        parse_day(asked, what="day")
    except ProtocolError:
        return today
    return asked


def _new_key() -> str:
    return node().entropy.token(_KEY_BYTES).hex()

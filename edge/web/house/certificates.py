"""The page "Chứng thư số": how the site's certificates stand, and how a further one is registered.

From the token it takes one signature, so the PIN is asked for, at the signer process's own desk and on this machine
alone. A serial number may also be typed, as the authority's letter prints it.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.web.desks.edit_form import whole
from edge.web.frame.access import allow, current_user
from edge.web.frame.certificate_words import serial_words, standing_lines
from edge.web.frame.desk_page import desk_page, follow_answer
from edge.web.frame.desk_states import TurnState
from edge.web.frame.form_words import sentence
from edge.web.frame.language import _, plural
from edge.web.frame.long_work import follow_work, is_followed, long_work
from edge.web.frame.node import node
from edge.web.frame.problems import error_words, show_refusal
from edge.web.frame.security import came_over_lan
from edge.web.house.certificate_scan import FoundCertificate, begin_scan, scans
from edge.web.house.registration_turn import Registration, begin_registration, registration_turns, registration_words
from edge.workflow.certificate_standings import site_standings
from edge.workflow.register_certificate import register_serial
from sync_protocol.certificate import organisation_of, serial_text
from sync_protocol.errors import ProtocolError

blueprint = Blueprint("certificates", __name__)


@blueprint.get("/certificates")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """Every certificate of the site, and the two ways to register one."""
    return _page()


@blueprint.post("/certificates/number")
@allow(Role.SIGNER, Role.MANAGER)
def ask_number() -> AnyResponse:
    """Ask for a certificate by its number."""
    open_node = node()
    asked = register_serial(
        open_node.database,
        request.form.get("serial", ""),
        is_decimal=request.form.get("base", "") == "10",
        officer=request.form.get("officer", ""),
        by=current_user().name,
        now=open_node.clock.now(),
        entropy=open_node.entropy,
    )
    return redirect(url_for("certificates.show", asked=asked.serial), 303)


@blueprint.post("/certificates/scan")
@allow(Role.SIGNER, Role.MANAGER)
def scan() -> AnyResponse:
    """Begin to look for tokens."""
    work_id = begin_scan(node(), owner=current_user().user_id, label=_("Tìm chứng thư số trên token"))
    return redirect(url_for("certificates.follow", work_id=work_id), 303)


@blueprint.get("/certificates/found/<work_id>")
@allow(Role.SIGNER, Role.MANAGER)
def follow(work_id: str) -> str | Response | AnyResponse:
    """How far the search is, or what it found; the progress as JSON for the page's script."""
    progress = long_work().progress(work_id, current_user().user_id)
    found = scans().get(work_id)
    if found is None:
        return redirect(url_for("certificates.show"), 303)
    said = plural("Thấy %(num)s chứng thư số.", "Thấy %(num)s chứng thư số.", len(found.found))
    if is_followed():
        return follow_work(progress, said)
    return _found_page(work_id, {})


@blueprint.post("/certificates/ask")
@allow(Role.SIGNER, Role.MANAGER)
def ask() -> AnyResponse | tuple[str, int]:
    """Open the signer of a certificate that was found, and show where its PIN is typed."""
    work_id, place = request.form.get("work", ""), whole(request.form.get("place", ""))
    officer = request.form.get("officer", "")
    long_work().progress(work_id, current_user().user_id)
    found = scans()[work_id].found if work_id in scans() else []
    if not 1 <= place <= len(found):
        raise NotFound
    try:
        return redirect(begin_registration(Registration(found[place - 1], officer), is_sure=False), 303)
    except (RefusedError, ProtocolError) as error:
        return _found_page(work_id, {place: _fault(error)}, officer), 422


@blueprint.get("/certificates/desk/<turn_id>")
@allow(Role.SIGNER, Role.MANAGER)
def desk(turn_id: str) -> str | Response | AnyResponse:
    """The form with the PIN, or what came of it; as JSON for the page's script."""
    turn = registration_turns().get(turn_id, current_user().user_id)
    if turn is None:
        return redirect(url_for("certificates.show"), 303)
    if is_followed():
        return follow_answer(turn, registration_words(turn))
    if turn.state is TurnState.DONE:
        return redirect(url_for("certificates.show", asked=turn.made[0].serial), 303)
    cancelling = url_for("certificates.cancel", turn_id=turn_id)
    shown = desk_page(turn, registration_words(turn), follow=request.path, cancel=cancelling)
    return render_template("house/certificate_desk.html", turn_id=turn_id, desk=shown)


@blueprint.post("/certificates/desk/<turn_id>/cancel")
@allow(Role.SIGNER, Role.MANAGER)
def cancel(turn_id: str) -> AnyResponse:
    """Wait for no PIN any more; nothing was signed."""
    registration_turns().cancel(turn_id, current_user().user_id)
    return redirect(url_for("certificates.show"), 303)


@blueprint.post("/certificates/desk/<turn_id>/again")
@allow(Role.SIGNER, Role.MANAGER)
def again(turn_id: str) -> AnyResponse:
    """The same once more after a failure: the token is read afresh and the PIN asked for afresh."""
    turn = registration_turns().get(turn_id, current_user().user_id)
    if turn is None or turn.state not in (TurnState.FAILED, TurnState.CANCELLED):
        return redirect(url_for("certificates.show"), 303)
    return redirect(begin_registration(turn.order, is_sure=request.form.get("sure", "") == "yes"), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> AnyResponse | tuple[str, int]:
    """The same page with what was typed, each fault beside its field."""
    if error.findings[0].code is EdgeCode.WORK_GONE:
        return redirect(url_for("certificates.show"), 303)
    if request.endpoint != "certificates.ask_number":
        return show_refusal(error)
    errors = {finding.field: _fault(RefusedError((finding,))) for finding in error.findings}
    return _page(errors), 422


def _page(errors: Mapping[str, str] | None = None) -> str:
    open_node = node()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        found = site_standings(tables, now=now)
    return render_template(
        "house/certificates.html",
        lines=standing_lines(found, now=now),
        errors=errors or {},
        values={name: request.form.get(name, "") for name in ("serial", "base", "officer")},
        user_name=current_user().name,
        asked=serial_words(request.args.get("asked", "")[:40]),
        serial_words=serial_words,
        is_elsewhere=came_over_lan(),
    )


def _found_page(work_id: str, errors: Mapping[int, str], officer: str = "") -> str:
    progress = long_work().progress(work_id, current_user().user_id)
    found = scans()[work_id].found
    said = plural("Thấy %(num)s chứng thư số.", "Thấy %(num)s chứng thư số.", len(found))
    return render_template(
        "house/certificates_found.html",
        progress=progress,
        said=said,
        found=[(place, one, *_said_of(one)) for place, one in enumerate(found, start=1)],
        errors=errors,
        officer=officer or current_user().name,
    )


def _fault(error: Exception) -> str:
    return sentence(error_words(error)[1])


def _said_of(one: FoundCertificate) -> tuple[str, str, int]:
    certificate = one.certificate
    if certificate is None:
        return "", "", 0
    serial = serial_words(serial_text(certificate.serial))
    return serial, organisation_of(certificate), int(certificate.not_after.timestamp())

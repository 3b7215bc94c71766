"""The page "Chứng thư số": how the site's certificates stand, and how a further one is registered.

From the token it takes one signature, so the PIN is asked for, at the signer process's own desk and on this machine
alone. A serial number may also be typed, as the authority's letter prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from edge.bootstrap import Node
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.web.desks.edit_form import whole
from edge.web.frame.access import allow, current_user
from edge.web.frame.certificate_words import serial_words, standing_lines
from edge.web.frame.language import _, plural, say
from edge.web.frame.long_work import long_work
from edge.web.frame.node import node
from edge.web.frame.problems import error_words, show_refusal
from edge.web.frame.security import allow_form_to, came_over_lan
from edge.web.house.certificate_scan import FoundCertificate, begin_scan, scans
from edge.web.house.registration_turn import Job, RegistrationTurn, TurnState, registration_turns
from edge.workflow.certificate_standings import site_standings
from edge.workflow.register_certificate import Asked, check_request, register_certificate, register_serial
from edge.workflow.watch_pin import watch_pin
from sync_protocol.certificate import organisation_of, serial_text
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.at_desk import DeskPlace, DeskScreen
from sync_protocol.signers.opening import open_signer_at_desk
from sync_protocol.signers.token_errors import TokenCode

blueprint = Blueprint("certificates", __name__)

DESK_SECONDS: Final = 180
_ID_BYTES: Final = 16
# What has to be confirmed before the PIN may be typed again.
_SURE_CODES: Final = frozenset({TokenCode.PIN_COUNT_LOW, TokenCode.PIN_UNCOUNTED})


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
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(going_on=progress.is_going_on, done=progress.done, words=said)
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
        return _begin(found[place - 1], officer, is_sure=False)
    except (RefusedError, ProtocolError) as error:
        return _found_page(work_id, {place: _fault(error)}, officer), 422


@blueprint.get("/certificates/desk/<turn_id>")
@allow(Role.SIGNER, Role.MANAGER)
def desk(turn_id: str) -> str | Response | AnyResponse:
    """The form with the PIN, or what came of it; as JSON for the page's script."""
    turn = registration_turns().find(turn_id, current_user().user_id)
    if turn is None:
        return redirect(url_for("certificates.show"), 303)
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(state=turn.state, done=0, words=_turn_words(turn))
    if turn.asked is not None:
        return redirect(url_for("certificates.show", asked=turn.asked.serial), 303)
    is_elsewhere = came_over_lan()
    certificate = None
    if turn.desk is not None:
        certificate = turn.desk.certificate
        if not is_elsewhere:
            allow_form_to(turn.desk.origin)
    return render_template(
        "house/certificate_desk.html",
        turn=turn,
        said=_turn_words(turn),
        is_elsewhere=is_elsewhere,
        serial="" if certificate is None else serial_words(serial_text(certificate.serial)),
        organisation="" if certificate is None else organisation_of(certificate),
        has_to_be_sure=turn.code in _SURE_CODES,
        desk_seconds=DESK_SECONDS,
    )


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
    turn = registration_turns().find(turn_id, current_user().user_id)
    if turn is None or turn.state not in (TurnState.FAILED, TurnState.CANCELLED):
        return redirect(url_for("certificates.show"), 303)
    return _begin(turn.found, turn.officer, is_sure=request.form.get("sure", "") == "yes")


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> AnyResponse | tuple[str, int]:
    """The same page with what was typed, each fault beside its field."""
    if error.findings[0].code is EdgeCode.WORK_GONE:
        return redirect(url_for("certificates.show"), 303)
    if request.endpoint != "certificates.ask_number":
        return show_refusal(error)
    errors = {finding.field: _fault(RefusedError((finding,))) for finding in error.findings}
    return _page(errors), 422


def _begin(found: FoundCertificate, officer: str, *, is_sure: bool) -> AnyResponse:
    if came_over_lan():
        raise PassRefusedError(PassCode.PIN_ELSEWHERE)
    open_node, user = node(), current_user()
    if found.certificate is not None:
        check_request(open_node.database, found.certificate, officer=officer, now=open_node.clock.now())
    turn_id = open_node.entropy.token(_ID_BYTES).hex()
    place = DeskPlace(
        request.host_url.rstrip("/"),
        url_for("certificates.desk", turn_id=turn_id),
        path=f"/{open_node.entropy.token(_ID_BYTES).hex()}",
        seconds=DESK_SECONDS,
    )
    turn = RegistrationTurn(turn_id, user.user_id, found, officer)
    registration_turns().begin(turn, _job(open_node, turn, place, by=user.name, is_sure=is_sure))
    return redirect(place.back, 303)


def _job(open_node: Node, turn: RegistrationTurn, place: DeskPlace, *, by: str, is_sure: bool) -> Job:
    def register(screen: DeskScreen) -> Asked:
        with (
            watch_pin(open_node.database, after_wrong_pin=is_sure, by=by, now=open_node.clock.now),
            open_signer_at_desk(turn.found.uri, place, screen, after_wrong_pin=is_sure) as signer,
        ):
            return register_certificate(
                open_node.database,
                signer,
                officer=turn.officer,
                by=by,
                now=open_node.clock.now(),
                entropy=open_node.entropy,
                others=turn.found.others,
            )

    return register


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
    words = error_words(error)[1]
    return f"{say(words.vi).rstrip('.')}. {say(words.cure)}"


def _said_of(one: FoundCertificate) -> tuple[str, str, int]:
    certificate = one.certificate
    if certificate is None:
        return "", "", 0
    serial = serial_words(serial_text(certificate.serial))
    return serial, organisation_of(certificate), int(certificate.not_after.timestamp())


def _turn_words(turn: RegistrationTurn) -> str:
    match turn.state:
        case TurnState.READING:
            return _("Đang đọc token…")
        case TurnState.PIN:
            return _("Chờ nhập mã.")
        case TurnState.SIGNING:
            return _("Token đang ký chứng minh; không rút token.")
        case TurnState.CANCELLED:
            return _("Đã thôi, chưa gửi gì.")
        case TurnState.FAILED | TurnState.DONE:
            return _("Việc đăng ký dừng lại.")

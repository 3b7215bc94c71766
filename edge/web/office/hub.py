"""The hub's desk: what sites handed over, site by site; sign it with the hub's own certificate, or give it back.

The signature goes the way of every other (`signing_turn`): one PIN for one turn, which covers one node of one site.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.domain.roles import Role
from edge.store import delegations, hub_doses, hub_passes, node_identity, passes, settings
from edge.store.settings import Setting
from edge.web.desks.edit_form import whole
from edge.web.frame.access import allow, current_user
from edge.web.frame.certificate_words import signing_officer
from edge.web.frame.form_words import finding_sentence
from edge.web.frame.formats import count
from edge.web.frame.header import header
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.problems import error_words
from edge.web.frame.security import accept_upload
from edge.web.frame.sentences import Sentence, plain, reason_words
from edge.web.office.signing import is_software
from edge.web.office.signing_choice import PAGE_ROWS, numbers, shown_digest, typed
from edge.web.office.signing_turn import begin_turn
from edge.web.office.turn_order import SaidPass, TurnOrder, TurnPart
from edge.workflow.approve_selection import ask_delegated
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_delegated import DelegatedPlan, hand_back, late_reason_of, plan_delegated
from edge.workflow.take_handover import FILE_BYTES, import_handover
from sync_protocol.batch import Purpose
from sync_protocol.dose import is_code
from sync_protocol.errors import ProtocolError
from sync_protocol.limits import LONG_CHARS
from sync_protocol.signers.token_errors import TokenError

blueprint = Blueprint("hub", __name__)

_SHOWN: Final = 50


@blueprint.get("/hub")
@allow(Role.SIGNER)
def show() -> str:
    """What waits, site by site, and what was signed."""
    return _page()


@blueprint.post("/hub")
@allow(Role.SIGNER)
@accept_upload(FILE_BYTES)
def take() -> AnyResponse | tuple[str, int]:
    """Take a handover that came as a file."""
    open_node, file = node(), request.files.get("file")
    if file is None or not file.filename:
        raise refuse(EdgeCode.CELL_MISSING, "file")
    try:
        taken = import_handover(
            open_node.database, file.stream.read(FILE_BYTES + 1), at=open_node.clock.now(), by=current_user().name
        )
    except ProtocolError as error:
        said = plain(error_words(error)[1])
        return _page(told=f"{said.vi}. {said.cure}"), 422
    return redirect(url_for("hub.show", taken="new" if taken else "known"), 303)


@blueprint.get("/hub/<site_node>")
@allow(Role.SIGNER)
def site(site_node: str) -> str | AnyResponse:
    """What one turn would sign for a site's node, in words and as a list."""
    try:
        return _site_page(_checked(site_node))
    except PassRefusedError:
        # Its doses are signed, or were given back, meanwhile.
        return redirect(url_for("hub.show"), 303)


@blueprint.post("/hub/<site_node>/sign")
@allow(Role.SIGNER)
def sign(site_node: str) -> AnyResponse | tuple[str, int]:
    """Begin the turn that signs what was previewed, and nothing else."""
    open_node, user = node(), current_user()
    now, policy = open_node.clock.now(), open_node.shelf.catalogue().policy
    try:
        with open_node.database.read() as tables:
            plan = plan_delegated(tables, policy, _checked(site_node), now=now)
        shown = shown_digest()
        if plan.planned is None or plan.digest != shown:
            raise PassRefusedError(PassCode.SELECTION_CHANGED)
        if not typed("officer"):
            raise PassRefusedError(PassCode.SIGNER_NAME)
        late_reason, alone = late_reason_of(plan.queue), typed("offline_reason")
        officer = Officer(typed("officer"), late_reason=late_reason, by=user.name, offline_reason=alone)
        return begin_turn(_order(plan, officer))
    except (PassRefusedError, ProtocolError, TokenError) as error:
        return _refused(site_node, error)


@blueprint.post("/hub/<site_node>/approval")
@allow(Role.SIGNER)
def ask(site_node: str) -> AnyResponse | tuple[str, int]:
    """Ask another person to approve just what was previewed."""
    open_node, user = node(), current_user()
    now, policy = open_node.clock.now(), open_node.shelf.catalogue().policy
    try:
        approval_id = ask_delegated(
            open_node.database, policy, _checked(site_node), shown=shown_digest(), user=user, now=now
        )
    except PassRefusedError as error:
        return _refused(site_node, error)
    return redirect(url_for("approvals.show", approval_id=approval_id), 303)


@blueprint.post("/hub/<site_node>/back")
@allow(Role.SIGNER)
def give_back(site_node: str) -> AnyResponse | tuple[str, int]:
    """Give the ticked doses back to the site, with the reason."""
    open_node, ticked = node(), numbers(request.form.getlist("dose"))
    reason = " ".join(request.form.get("reason", "").split())
    told = ""
    if not ticked:
        told = _("Đánh dấu những mũi cần trả lại.")
    elif len(reason) > LONG_CHARS:
        told = _("Lý do dài quá %(most)s chữ. Viết ngắn hơn.", most=LONG_CHARS)
    if not told:
        try:
            given = hand_back(
                open_node.database,
                _checked(site_node),
                sorted(ticked),
                reason=reason,
                now=open_node.clock.now(),
                by=current_user().name,
                entropy=open_node.entropy,
            )
        except RefusedError as error:
            told = finding_sentence(error.findings[0])
            if error.findings[0].code is EdgeCode.REASON_MISSING:
                told = _("Ghi vì sao trả lại, để cơ sở biết cần sửa gì.")
        else:
            return redirect(url_for("hub.show", back=given), 303)
    return _site_page(site_node, told_back=told, ticked=ticked, reason=reason), 422


def _refused(site_node: str, error: Exception) -> tuple[str, int]:
    """Show the page again with what went wrong; the list of sites where nothing of this one waits any more."""
    code, words = error_words(error)
    said = plain(words)
    try:
        return _site_page(site_node, code=code, told=f"{said.vi}. {said.cure}"), 409
    except PassRefusedError:
        return _page(told=f"{said.vi}. {said.cure}"), 409


def _page(*, told: str = "") -> str:
    with node().database.read() as tables:
        own = node_identity.codes(tables).node
        made = hub_passes.passes_made(tables, limit=_SHOWN)
        done = request.args.get("done", "")
        return render_template(
            "office/hub.html",
            sites=delegations.as_hub(tables, own),
            queues=hub_doses.queues(tables),
            passes=[(one, _pass_sentence(one)) for one in made],
            done=next((one for one in made if str(one.pass_id) == done), None),
            open_pass=passes.open_pass(tables),
            taken=request.args.get("taken", ""),
            back=whole(request.args["back"]) if request.args.get("back") else 0,
            told=told,
        )


def _site_page(
    site_node: str,
    *,
    code: str = "",
    told: str = "",
    told_back: str = "",
    ticked: frozenset[int] = frozenset(),
    reason: str = "",
) -> str:
    open_node = node()
    with open_node.database.read() as tables:
        plan = plan_delegated(tables, open_node.shelf.catalogue().policy, site_node, now=open_node.clock.now())
        needs_approval = bool(settings.get(tables, Setting.APPROVAL_REQUIRED)) or header().gate.needs_second
        open_pass = passes.open_pass(tables)
    total = len(plan.waiting)
    pages = max(1, -(-total // PAGE_ROWS))
    page = min(max(1, whole(request.args.get("page", "") or "1")), pages)
    return render_template(
        "office/hub_site.html",
        plan=plan,
        rows=plan.waiting[(page - 1) * PAGE_ROWS : page * PAGE_ROWS],
        total=total,
        page=page,
        pages=pages,
        refused=[(number, reason_words(why)) for why, number in plan.refused],
        late_reason=late_reason_of(plan.queue),
        officer=typed("officer") or signing_officer(open_node, current_user().name),
        name_wrong=code == PassCode.SIGNER_NAME,
        reason_wrong=code == PassCode.OFFLINE_REASON,
        offline_reason=typed("offline_reason"),
        needs_approval=needs_approval,
        open_pass=open_pass,
        is_software=is_software(),
        told=told,
        told_back=told_back,
        ticked=ticked,
        reason=reason,
        most_chars=LONG_CHARS,
    )


def _order(plan: DelegatedPlan, officer: Officer) -> TurnOrder:
    planned, queue = plan.planned, plan.queue
    assert planned is not None
    said = SaidPass(
        Purpose.DELEGATED,
        len(planned.doses),
        people=planned.people,
        first_day=planned.first_day,
        last_day=planned.last_day,
    )
    return TurnOrder(
        plan.digest.hex(),
        TurnPart((said,), planned.sequences, plan.digest),
        officer,
        current_user(),
        for_node=queue.node,
        for_site=f"{queue.site_name} ({queue.site})",
    )


def _pass_sentence(one: hub_passes.DelegatedPass) -> Sentence:
    if one.bundle is None:
        return Sentence("warning", _("Dở dang"), _("Làm tiếp hoặc hủy ở trang ký."))
    if not one.admitted + one.quarantined + one.refused:
        if one.bundle.value == "refused":
            return Sentence("danger", _("Bị trả lại"), _("Các mũi lại chờ ký ở đây; xem trang đồng bộ."))
        if one.state is PassState.RELEASED and one.bundle.value == "receipted":
            return Sentence("good", _("Đã nhận"), _("Trung tâm đã nhận khi máy gửi lại và báo cho cơ sở từng mũi."))
        return Sentence("warning", _("Chờ biên nhận"), _("Máy tự gửi khi có mạng; xem trang đồng bộ."))
    if one.quarantined + one.refused:
        text = _(
            "Trung tâm nhận %(admitted)s, tạm giữ %(quarantined)s, trả lại %(refused)s mũi; cơ sở được báo.",
            admitted=count(one.admitted),
            quarantined=count(one.quarantined),
            refused=count(one.refused),
        )
        return Sentence("warning", _("Đã nhận một phần"), text)
    return Sentence("good", _("Đã nhận"), _("Trung tâm đã nhận hết và báo cho cơ sở."))


def _checked(site_node: str) -> str:
    if not is_code(site_node):
        raise BadRequest
    return site_node

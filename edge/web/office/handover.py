"""A site without a signer of its own, or whose token is lost: hand unsigned doses to the one who signs for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from edge.domain.handover import Offer
from edge.domain.pass_journal import PassRefusedError
from edge.domain.refusals import EdgeCode, RefusedError
from edge.domain.roles import Role
from edge.store import handovers, node_identity
from edge.web.desks.edit_form import whole
from edge.web.frame.access import allow, current_user
from edge.web.frame.form_words import finding_sentence
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.frame.problems import error_words
from edge.web.frame.sentences import plain
from edge.web.office.handover_words import offer_words, said_handovers, ways
from edge.web.office.signing_choice import shown_digest
from edge.web.office.signing_preview import preview_of
from edge.workflow.hand_over import hand_over, handover_file, offer_of, select_days, to_hand_over
from sync_protocol.days import parse_day
from sync_protocol.errors import ProtocolError
from sync_protocol.limits import LONG_CHARS

blueprint = Blueprint("handover", __name__)

_SHOWN: Final = 50
_MOST_DAYS: Final = 100


@blueprint.get("/handover")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """Who signs for this site, what could be handed over, and how far every handover is."""
    return _page()


@blueprint.get("/handover/preview")
@allow(Role.SIGNER, Role.MANAGER)
def preview() -> str | tuple[str, int]:
    """What these days would hand over, in words and as a list; `?day=2022-04-15&to=3`, to the delegation's number."""
    days = _days()
    if not days:
        return _page(told=_("Chọn ít nhất một ngày.")), 422
    try:
        return _preview(days)
    except RefusedError as error:
        return _page(told=finding_sentence(error.findings[0])), 422


@blueprint.post("/handover")
@allow(Role.SIGNER, Role.MANAGER)
def hand() -> AnyResponse | tuple[str, int]:
    """Hand over what was previewed, and nothing else."""
    open_node, days, user = node(), _days(), current_user()
    reason = " ".join(request.form.get("reason", "").split())
    if len(reason) > LONG_CHARS:
        return _preview(days, told=_("Lý do dài quá %(most)s chữ. Viết ngắn hơn.", most=LONG_CHARS), reason=reason), 422
    try:
        made = hand_over(
            open_node.database,
            open_node.shelf.catalogue().policy,
            days,
            number=_number(),
            shown=shown_digest(),
            reason=reason,
            now=open_node.clock.now(),
            by=user.name,
            entropy=open_node.entropy,
        )
    except RefusedError as error:
        if error.findings[0].code is not EdgeCode.REASON_MISSING:
            return _page(told=finding_sentence(error.findings[0])), 422
        return _preview(days, told=_("Ghi vì sao cơ sở không tự ký, ví dụ: mất token."), reason=reason), 422
    except PassRefusedError as error:
        said = plain(error_words(error)[1])
        return _page(told=f"{said.vi}. {said.cure}"), 409
    return redirect(url_for("handover.show", done=made[-1]), 303)


@blueprint.get("/handover/<int(max=999999999):handover_id>/file")
@allow(Role.SIGNER, Role.MANAGER)
def download(handover_id: int) -> Response:
    """A handover as a file for a stick, sealed to the hub."""
    open_node = node()
    try:
        found, data = handover_file(open_node.database, handover_id, entropy=open_node.entropy)
    except KeyError:
        abort(404)
    with open_node.database.read() as tables:
        own = node_identity.codes(tables).node
    response = Response(data, mimetype="application/octet-stream")
    name = f"chuyen-ky-{own}-{found.hub_node}-{handover_id}.hcvx"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _page(*, told: str = "") -> str:
    open_node = node()
    now = open_node.clock.now()
    with open_node.database.read() as tables:
        found = to_hand_over(tables, now=now)
        done = None
        if text := request.args.get("done", ""):
            done = handovers.find(tables, whole(text))
        said = said_handovers(tables, now=now, limit=_SHOWN)
        is_hub = ways(tables).from_sites
    return render_template(
        "office/handover.html",
        offers=[(offer, offer_words(offer), _days_of(offer, found.days)) for offer in found.offers],
        handovers=said,
        done=done,
        told=told,
        is_hub=is_hub,
    )


def _days_of(offer: Offer, days: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(day, number) for day, number in reversed(days) if offer.takes(day)][:_MOST_DAYS]


def _preview(days: Sequence[str], *, told: str = "", reason: str = "") -> str:
    open_node = node()
    now, policy = open_node.clock.now(), open_node.shelf.catalogue().policy
    with open_node.database.read() as tables:
        offer = offer_of(tables, _number(), days, now=now)
        selection, is_late = select_days(tables, policy, days, now=now)
        shown = preview_of(tables, selection, node=node_identity.codes(tables).node, page=_page_number())
    return render_template(
        "office/handover_preview.html",
        offer=offer,
        said=offer_words(offer),
        shown=shown,
        days=sorted(set(days)),
        needs_reason=offer.asks or is_late,
        is_late=is_late,
        told=told,
        reason=reason,
        most_chars=LONG_CHARS,
    )


def _days() -> list[str]:
    """The days asked for, in an address or a form. Aborts with 400 what no page of ours asks."""
    texts = request.values.getlist("day")
    if len(texts) > _MOST_DAYS:
        raise BadRequest
    try:
        return [parse_day(text, what="day").isoformat() for text in texts]
    except ProtocolError:
        raise BadRequest from None


def _number() -> int | None:
    text = request.values.get("to", "")
    return whole(text) if text else None


def _page_number() -> int:
    text = request.args.get("page", "")
    return max(1, whole(text)) if text else 1

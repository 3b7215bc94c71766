"""The third place: choose, preview just what was ticked, then sign it with the token."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from edge.clients.signer_setting import signer_uri
from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.refusals import Words
from edge.domain.roles import Role
from edge.domain.signing_pass import PassPlan
from edge.domain.waiting import Waiting
from edge.store import page_queries, passes
from edge.store.passes import StoredPass
from edge.web.frame.access import allow
from edge.web.frame.node import node
from edge.web.frame.problems import error_words
from edge.web.frame.sentences import reason_words
from edge.web.office.signing_list import SHOWN_READY, Wanted, signing_list
from edge.workflow.plan_passes import plan_ticked
from edge.workflow.prepare_pass import Officer
from edge.workflow.sign_pass import abandon_pass, resume_pass, sign_plan
from sync_protocol.batch import Purpose
from sync_protocol.days import parse_day
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_errors import TokenCode, TokenError

blueprint = Blueprint("signing", __name__)

PURPOSES: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        Purpose.SAME_DAY: "Trong ngày",
        Purpose.BACKLOG: "Tồn đọng, ký chậm",
        Purpose.CORRECTION: "Bản sửa",
        Purpose.DELEGATED: "Ký thay",
    }
)
_SOFTWARE: Final = "software:"
_TEXT_CHARS: Final = 300
_NUMBER_CHARS: Final = 9
_MOST_PASSES: Final = 100


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed on the signing pages, but for the PIN."""

    officer: str = ""
    approver: str = ""
    late_reason: str = ""
    text: str = ""


@blueprint.route("/sign", methods=["GET", "POST"])
@allow(Role.SIGNER)
def choose() -> str:
    """All that can be signed, ticked; and what cannot, with its reason.

    The address holds days, product and state; a POST brings what must not stand there: a name or phone to look for,
    and the reason for signing late.
    """
    return _choose(_typed())


@blueprint.post("/sign/preview")
@allow(Role.SIGNER)
def preview() -> str:
    """Just the ticked doses, in words and as a list, before the PIN is asked."""
    return _preview(_typed())


@blueprint.post("/sign/run")
@allow(Role.SIGNER)
def run() -> Response:
    """Sign what was previewed, and nothing else."""
    open_node, typed = node(), _typed()
    plan = _ticked(typed)
    if not plan.passes and plan.refused and all(one.reason is Waiting.SIGNED for one in plan.refused):
        # A second click on the same button: the first one has signed.
        return _done([one.sequence for one in plan.refused])
    # The approval is bound to what the page showed: a changed selection needs another look.
    if plan.refused or not hmac.compare_digest(approval(plan), request.form.get("approved", "")):
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    officer = Officer(typed.officer, approver=typed.approver, late_reason=typed.late_reason)
    if not officer.name:
        # Said before the token is asked: no try of the PIN is spent on a form with a gap.
        raise PassRefusedError(PassCode.SIGNER_NAME)
    with open_signer(signer_uri(open_node.config), _pin, after_wrong_pin=_is_sure()) as signer:
        turns = sign_plan(
            open_node.database, plan, signer, officer=officer, now=open_node.clock.now(), entropy=open_node.entropy
        )
        sealed = [one.pass_id for one in turns]
    return redirect(url_for("signing.choose", first=sealed[0], last=sealed[-1]), 303)


@blueprint.post("/sign/resume")
@allow(Role.SIGNER)
def resume() -> Response:
    """Finish the open pass with the bytes that were fixed."""
    open_node = node()
    stored = _open_pass()
    if stored is None:
        raise PassRefusedError(PassCode.NONE_OPEN)
    now, entropy = open_node.clock.now(), open_node.entropy
    if stored.state is PassState.PREPARED:
        with open_signer(signer_uri(open_node.config), _pin, after_wrong_pin=_is_sure()) as signer:
            resume_pass(open_node.database, signer, now=now, entropy=entropy)
    else:
        resume_pass(open_node.database, None, now=now, entropy=entropy)
    return redirect(url_for("signing.choose", first=stored.pass_id, last=stored.pass_id), 303)


@blueprint.post("/sign/abandon")
@allow(Role.SIGNER)
def abandon() -> Response:
    """Give the doses of the open pass back to the list."""
    open_node = node()
    stored = _open_pass()
    abandon_pass(open_node.database, actor="" if stored is None else stored.signer_name, now=open_node.clock.now())
    return redirect(url_for("signing.choose"), 303)


@blueprint.errorhandler(TokenError)
@blueprint.errorhandler(ProtocolError)
@blueprint.errorhandler(PassRefusedError)
def refused(error: Exception) -> tuple[str, int]:
    """Show the same page again with what was typed, and the problem beside it. The PIN is never shown again."""
    code, words = error_words(error)
    if _open_pass() is None and request.form.getlist("dose"):
        return _preview(_typed(), problem=words, code=code), 409
    return _choose(_typed(), problem=words, code=code), 409


def approval(plan: PassPlan) -> str:
    """What an approval is bound to: purposes and doses of all passes, in order; SHA-256 in hex."""
    shown = [(planned.purpose.value, planned.sequences) for planned in plan.passes]
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def _choose(typed: Typed, *, problem: Words | None = None, code: str = "") -> str:
    open_node = node()
    wanted = _wanted(typed)
    with open_node.database.read() as tables:
        stored = passes.open_pass(tables)
        found = [passes.find(tables, number) for number in _span()]
    return render_template(
        "office/signing.html",
        listed=signing_list(open_node, wanted, now=open_node.clock.now(), late_reason=typed.late_reason),
        wanted=wanted,
        typed=typed,
        purposes=PURPOSES,
        open_pass=stored,
        done=[one for one in found if one is not None and one.signed_at is not None],
        problem=problem,
        code=code,
        sure_code=TokenCode.PIN_COUNT_LOW,
        is_software=_is_software(),
    )


def _preview(typed: Typed, *, problem: Words | None = None, code: str = "") -> str:
    plan = _ticked(typed)
    if not plan.passes:
        _, words = error_words(PassRefusedError(PassCode.NOTHING_TO_SIGN))
        return _choose(typed, problem=problem or words)
    reasons = Counter(one.reason for one in plan.refused)
    return render_template(
        "office/preview.html",
        plan=plan,
        people=sum(planned.people for planned in plan.passes),
        purposes=PURPOSES,
        approved=approval(plan),
        refused=[(number, reason_words(reason.value)) for reason, number in reasons.most_common()],
        typed=typed,
        problem=problem,
        code=code,
        name_code=PassCode.SIGNER_NAME,
        sure_code=TokenCode.PIN_COUNT_LOW,
        is_software=_is_software(),
    )


def _ticked(typed: Typed) -> PassPlan:
    open_node = node()
    texts = set(request.form.getlist("dose"))
    if len(texts) > SHOWN_READY or not all(_is_number(text) for text in texts):
        raise BadRequest
    with open_node.database.read() as tables:
        known = passes.existing(tables, sorted(map(int, texts)))
    return plan_ticked(
        open_node.database,
        open_node.shelf.catalogue().policy,
        known,
        now=open_node.clock.now(),
        late_reason=typed.late_reason,
    )


def _done(sequences: Sequence[int]) -> Response:
    with node().database.read() as tables:
        found = page_queries.sealed_passes(tables, sequences)
    first, last = (found[0], found[-1]) if found else (None, None)
    return redirect(url_for("signing.choose", first=first, last=last), 303)


def _span() -> range:
    first, last = request.args.get("first", ""), request.args.get("last", "")
    if not (_is_number(first) and _is_number(last)):
        return range(0)
    return range(int(first), min(int(last) + 1, int(first) + _MOST_PASSES))


def _wanted(typed: Typed) -> Wanted:
    args = request.args
    days = [args.get(name, "") for name in ("from", "to")]
    for day in days:
        if day:
            _check_day(day)
    codes = [args.get(name, "")[:40] for name in ("product", "state")]
    return Wanted(days[0], days[1], product=codes[0], state=codes[1], text=typed.text)


def _check_day(text: str) -> None:
    try:
        parse_day(text, what="day")
    except ProtocolError:
        abort(400)


def _typed() -> Typed:
    names = ("officer", "approver", "late_reason", "text")
    return Typed(*(" ".join(request.form.get(name, "").split())[:_TEXT_CHARS] for name in names))


def _pin(_question: str) -> str:
    return request.form.get("pin", "")


def _is_sure() -> bool:
    return request.form.get("sure", "") == "yes"


def _is_software() -> bool:
    return node().config.signer.startswith(_SOFTWARE)


def _open_pass() -> StoredPass | None:
    with node().database.read() as tables:
        return passes.open_pass(tables)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS

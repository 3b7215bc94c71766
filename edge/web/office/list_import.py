"""Takes in a work list that came back corrected: choose the file, see what it would change, say yes.

The upload is bounded before it is read and never touches the disk. The address names the preview by a random word.
"""

from __future__ import annotations

from functools import partial
from typing import Final, cast

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from edge.bootstrap import Node
from edge.clients.correction_files import FILE_BYTES, read_corrections
from edge.domain.correction_row import RowFate
from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.domain.roles import Role
from edge.store.users import User
from edge.web.frame.access import allow, current_user
from edge.web.frame.form_words import label
from edge.web.frame.language import _, say
from edge.web.frame.long_work import long_work
from edge.web.frame.node import node
from edge.web.frame.problems import show_refusal
from edge.web.frame.security import accept_upload
from edge.web.frame.sentences import reason_words
from edge.web.frame.work_progress import Result, Tell
from edge.web.office.correction_plans import KEPT_SECONDS, CorrectionPlans, Preview
from edge.workflow.import_corrections import ROWS_SHOWN, PlannedRow, apply_corrections, judged_rows, plan_corrections
from sync_protocol.identity import IdentityState

blueprint = Blueprint("list_import", __name__)

_KEY: Final = "hcvx-correction-plans"
_ID_BYTES: Final = 12
# So many changes are written while the browser waits, in two seconds at most; more go on behind the page.
AT_ONCE: Final = 500
# Elsewhere a lost zero is proposed and the user says yes; in a list that comes back it is typed again.
_LOST_ZERO: Final = (EdgeCode.NUMBER_LOST_ZERO, EdgeCode.PHONE_LOST_ZERO)
# The fates in the order in which a page shows them: what will be done, then what somebody has to look at.
_SHOWN: Final = (RowFate.CHANGE, RowFate.CONFLICT, RowFate.INVALID, RowFate.UNKNOWN)


@blueprint.record_once
def _begin(state: BlueprintSetupState) -> None:
    state.app.extensions[_KEY] = CorrectionPlans()


@blueprint.get("/work-lists/import")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def choose() -> str:
    """The form for the file, and how a list is corrected."""
    return _form(None)


@blueprint.post("/work-lists/import")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
@accept_upload(FILE_BYTES)
def preview() -> Response:
    """The dry run: nothing is written."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise refuse(EdgeCode.CELL_MISSING, "file")
    data = file.stream.read(FILE_BYTES + 1)
    open_node = node()
    now = open_node.clock.now()
    plan = plan_corrections(open_node.database, read_corrections(data), vocabulary=open_node.shelf.vocabulary(), at=now)
    plan_id = open_node.entropy.token(_ID_BYTES).hex()
    _plans().keep(Preview(plan_id, current_user().user_id, now, plan=plan, data=data))
    return redirect(url_for("list_import.show", plan_id=plan_id), 303)


@blueprint.get("/work-lists/import/<plan_id>")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def show(plan_id: str) -> str:
    """What the file would change, how far the changes are, or what was changed."""
    user = current_user()
    found = _plans().find(plan_id, user.user_id, now=node().clock.now())
    outcome = found.result or found.plan
    matched = outcome.states[IdentityState.MATCHED]
    works = {work.work_id: work for work in long_work().all_of(_owner(user))}
    return render_template(
        "office/work_list_plan.html",
        plan_id=plan_id,
        is_done=found.result is not None,
        is_open=bool(found.data),
        work=None if found.result is not None else works.get(found.work_id),
        counts=outcome.counts,
        total=outcome.counts.total(),
        matched=matched,
        unmatched=outcome.states.total() - matched,
        groups=[(fate, list(judged_rows(outcome, fate))) for fate in _SHOWN if outcome.counts[fate]],
        most=ROWS_SHOWN,
        kept=KEPT_SECONDS // 60,
        label=label,
        why=_why,
    )


@blueprint.post("/work-lists/import/<plan_id>")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def apply(plan_id: str) -> Response:
    """Write what the preview showed, as far as the store still allows it; many changes go on behind the page."""
    open_node, user = node(), current_user()
    found = _plans().find(plan_id, user.user_id, now=open_node.clock.now())
    job = partial(_write, open_node, _plans(), plan_id, user)
    if found.plan.counts[RowFate.CHANGE] <= AT_ONCE or not found.data:
        job(lambda _done: None)
    else:
        found.work_id = long_work().submit(
            job,
            work_id=open_node.entropy.token(_ID_BYTES).hex(),
            owner=_owner(user),
            label=plan_id,
            total=found.plan.counts.total(),
        )
    return redirect(url_for("list_import.show", plan_id=plan_id), 303)


def _write(open_node: Node, plans: CorrectionPlans, plan_id: str, user: User, tell: Tell) -> Result:
    now, vocabulary = open_node.clock.now(), open_node.shelf.vocabulary()
    with plans.taking(plan_id, user.user_id, now=now) as (found, data):
        found.result = apply_corrections(
            open_node.database, read_corrections(data), vocabulary=vocabulary, at=now, by=user.name, tell=tell
        )
    return Result(b"", "", "")


def _owner(user: User) -> int:
    """Under whom the long work of this page runs: the page of exports lists what runs under the users themselves."""
    return -user.user_id


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The form again with why the file was not taken; what is gone has the page of every refusal."""
    if request.endpoint == "list_import.preview":
        return _form(error), 422
    return show_refusal(error)


def _form(error: RefusedError | None) -> str:
    finding = None if error is None else error.findings[0]
    return render_template(
        "office/work_list_import.html",
        missing=finding is not None and finding.code is EdgeCode.CELL_MISSING,
        problem=None if finding is None else reason_words(finding.code.value),
        code="" if finding is None else finding.code.value,
        most_megabytes=FILE_BYTES // 1024 // 1024,
    )


def _why(row: PlannedRow) -> str:
    """Why a row changes nobody: each finding with its column, the fact and the cure."""
    sentences = []
    for finding in row.judged.findings:
        said = reason_words(finding.code.value)
        cure = _("Ghi đủ các chữ số vào tệp rồi nhập lại.") if finding.code in _LOST_ZERO else said.cure
        sentences.append(f"{say(finding.field)}: {said.vi}. {cure}")
    return " ".join(sentences)


def _plans() -> CorrectionPlans:
    return cast("CorrectionPlans", current_app.extensions[_KEY])

"""This machine runs from a backup, or a copy of it works elsewhere: what was found, what happens, and what to do.

Asking for a new epoch is the manager's; recording the doses again whose number is taken is also the injection desk's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.domain.roles import Role
from edge.store import bundles, dose_numbers, node_epochs, node_identity
from edge.store.database import Tables
from edge.store.node_epochs import AskState, EpochSign, SignKind, StoredAsk
from edge.web.frame.access import allow, allow_signed_in, current_user
from edge.web.frame.node import behind, node
from edge.workflow.begin_epoch import ask_epoch
from edge.workflow.exchange_progress import Asked
from edge.workflow.renumber_dose import renumber_all
from sync_protocol.node_epoch import EpochReason

blueprint = Blueprint("epoch", __name__)

# So many numbers are named; all of them are on the work list.
_NAMED: Final = 12


@dataclass(frozen=True, slots=True)
class EpochView:
    """What the page shows.

    Attributes:
        sign: what made this store look like a copy, or None.
        ask: the latest request, or None.
        is_open: whether it waits for an answer or a person.
        missing: how many doses are at the centre that this store does not know, and their numbers as "12–15".
        again: how many doses wait to be recorded again, with the first numbers.
        floor: the lowest number that a dose may get; 1 where nothing was said.
    """

    sign: EpochSign | None
    ask: StoredAsk | None
    is_open: bool
    is_ended: bool
    epoch: int
    unsent: int
    missing: int
    missing_runs: tuple[str, ...]
    again: int
    again_named: tuple[str, ...]
    floor: int


@blueprint.get("/epoch")
@allow_signed_in()
def show() -> str:
    """What was found, what was asked, and what is left to do."""
    return _page()


@blueprint.post("/epoch/begin")
@allow(Role.MANAGER)
def begin() -> Response | tuple[str, int]:
    """Ask the centre for a new epoch, once somebody has confirmed what that means."""
    if request.form.get("confirmed") != "yes":
        return _page(is_unconfirmed=True), 422
    open_node = node()
    reason = EpochReason.COPIED if request.form.get("reason") == EpochReason.COPIED.value else EpochReason.RESTORED
    ask_epoch(open_node.database, reason, entropy=open_node.entropy, at=open_node.clock.now(), by=current_user().name)
    # The request is on disk; the exchange brings it to the centre now or whenever there is a network.
    behind().ask(Asked.PERSON)
    return redirect(url_for("epoch.show"), 303)


@blueprint.post("/epoch/look")
@allow(Role.MANAGER)
def look() -> Response:
    """Ask again whether it is decided."""
    behind().ask(Asked.PERSON)
    return redirect(url_for("epoch.show"), 303)


@blueprint.post("/epoch/again")
@allow(Role.MANAGER, Role.INJECTION)
def record_again() -> Response:
    """Record every dose again whose number is taken at the centre."""
    open_node = node()
    done = renumber_all(open_node.database, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("epoch.show", done=len(done)), 303)


def _page(*, is_unconfirmed: bool = False) -> str:
    with node().database.read() as tables:
        view = _view(tables)
    return render_template(
        "house/epoch.html",
        view=view,
        now=node().clock.now(),
        is_going=behind().going() is not None,
        is_unconfirmed=is_unconfirmed,
        done=request.args.get("done", type=int),
        may_ask=Role.MANAGER in current_user().roles,
        may_record=not {Role.MANAGER, Role.INJECTION}.isdisjoint(current_user().roles),
    )


def _view(tables: Tables) -> EpochView:
    identity = node_identity.get(tables)
    sign, ask = node_epochs.sign(tables, identity.epoch), node_epochs.newest_ask(tables)
    runs = () if ask is None else ask.missing
    again = dose_numbers.to_record_again(tables, limit=_NAMED)
    return EpochView(
        sign=sign,
        ask=ask,
        is_open=ask is not None and ask.state in (AskState.ASKING, AskState.WAITING),
        is_ended=sign is not None and sign.kind is SignKind.ENDED,
        epoch=identity.epoch,
        unsent=bundles.unsent(tables),
        missing=sum(run.last - run.first + 1 for run in runs),
        missing_runs=tuple(
            str(run.first) if run.first == run.last else f"{run.first}–{run.last}" for run in runs[:_NAMED]
        ),
        again=dose_numbers.count_to_record_again(tables),
        again_named=tuple(f"{identity.node}-{sequence:06d}" for sequence in again),
        floor=dose_numbers.floor(tables),
    )

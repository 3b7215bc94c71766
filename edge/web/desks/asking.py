"""The buttons that ask the centre at once about somebody, or about everybody on a list, whom no pack here knows."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.identity import ASKABLE
from edge.domain.roles import Role
from edge.domain.work_list import Cause
from edge.store import people, questions
from edge.store.people import PersonId
from edge.web.desks.edit_form import RECEPTION, origin
from edge.web.frame.access import allow, current_user
from edge.web.frame.node import behind, node
from edge.workflow.ask_identity import ask_now
from edge.workflow.exchange_progress import Asked
from sync_protocol.identity import IdentityState

blueprint = Blueprint("asking", __name__)

_LIST_OF_STATE: Final = {IdentityState.WAITING: Cause.WAITING, IdentityState.MISMATCH: Cause.MISMATCH}


@blueprint.post("/people/<int(max=999999999):person_id>/ask")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def person(person_id: PersonId) -> Response:
    """Ask about this person now, and have an exchange begun that brings the answer."""
    open_node = node()
    now, by = open_node.clock.now(), current_user().name
    with open_node.database.read() as tables:
        if people.get(tables, person_id) is None:
            raise NotFound
    ask_now(open_node.database, person_id, at=now, by=by, entropy=open_node.entropy)
    with open_node.database.read() as tables:
        is_asked = any(one.is_open for one in questions.current(tables, [person_id]).values())
    behind().ask(Asked.PERSON)
    came = origin(request)
    if came.reason == RECEPTION:
        return redirect(came.list_address(fixed=person_id), 303)
    return redirect(came.address("people.show", person_id=person_id, done="asked" if is_asked else None), 303)


@blueprint.post("/identity/ask")
@allow(Role.RECEPTION, Role.SIGNER, Role.MANAGER)
def listed() -> Response:
    """Ask about everybody who waits, or mismatches, as the list is; then show the list again."""
    open_node = node()
    chosen = request.form.get("list", "")
    states = tuple(state for state in ASKABLE if _LIST_OF_STATE[state] == chosen) or ASKABLE
    now, by = open_node.clock.now(), current_user().name
    ask_now(open_node.database, None, at=now, by=by, entropy=open_node.entropy, states=states)
    behind().ask(Asked.PERSON)
    return redirect(url_for("work_lists.show", list=_LIST_OF_STATE[states[0]], done="asked"), 303)

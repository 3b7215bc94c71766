"""The fourth place: what is here, what the centre has received, what is admitted, and each bundle on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from edge.domain.outbox import DUE
from edge.domain.refusals import Words
from edge.domain.roles import Role
from edge.store import node_identity, verdicts
from edge.store.database import Tables
from edge.web.frame.access import allow, allow_signed_in
from edge.web.frame.node import behind, node
from edge.web.frame.sentences import bundle_sentence, link_sentence, reason_words
from edge.workflow.day_status import day_status
from sync_protocol.api import NetworkError
from sync_protocol.verdict import VerdictState

blueprint = Blueprint("sync", __name__)

# So many dose numbers are named beside a reason; all of them are on its list.
_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class ReturnedGroup:
    """Doses that the centre did not admit for one reason."""

    is_refused: bool
    code: str
    words: Words
    doses: Sequence[str]
    count: int


@blueprint.get("/sync")
@allow_signed_in()
def show() -> str:
    """The three numbers, what came back, and the outbox."""
    open_node = node()
    now = open_node.clock.now()
    status = day_status(open_node.database, open_node.shelf.catalogue().policy, now=now)
    with open_node.database.read() as tables:
        returned = _returned(tables)
    lines = [(line, bundle_sentence(line, status.link, now)) for line in status.outbox]
    return render_template(
        "house/sync.html",
        status=status,
        link=link_sentence(status.link, now),
        returned=returned,
        pending=[pair for pair in lines if pair[0].state in DUE],
        delivered=[pair for pair in lines if pair[0].state not in DUE],
    )


@blueprint.post("/sync/now")
@allow(Role.SIGNER, Role.MANAGER)
def send_now() -> Response:
    """Run one exchange; how it went stands on the page afterwards."""
    behind().send_now()
    return redirect(url_for("sync.show"), 303)


@blueprint.errorhandler(NetworkError)
def network(_: NetworkError) -> Response:
    """The exchange has committed what happened: the page says it."""
    return redirect(url_for("sync.show"), 303)


def _returned(tables: Tables) -> list[ReturnedGroup]:
    node_code = node_identity.codes(tables).node
    return [
        ReturnedGroup(
            one.state is VerdictState.REFUSED,
            one.code,
            reason_words(one.code),
            doses=[f"{node_code}-{sequence:06d}" for sequence in one.first],
            count=one.count,
        )
        for one in verdicts.returned(tables, named=_NAMED)
    ]

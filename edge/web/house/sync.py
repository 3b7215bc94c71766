"""The exchange with the centre: what is here, received and admitted, each bundle on its way, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.domain.day_figures import Figures
from edge.domain.outbox import BundleState
from edge.domain.refusals import Words
from edge.domain.roles import Role
from edge.exchanger import Going
from edge.store import bundles, exchanges, link, node_epochs, node_identity, questions, verdicts
from edge.store.bundles import BundleLine
from edge.store.database import Tables
from edge.store.exchanges import DataDay
from edge.store.link import LinkState
from edge.web.frame.access import allow, allow_signed_in
from edge.web.frame.copy_words import copy_notes
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _
from edge.web.frame.node import behind, node
from edge.web.frame.pictures import Amount, Bar, Column, columns, pieces
from edge.web.frame.question_words import open_sentence
from edge.web.frame.sentences import Sentence, bundle_sentence, link_sentence, reason_words
from edge.web.house import sync_words
from edge.workflow.day_status import day_status
from edge.workflow.exchange_progress import Asked
from sync_protocol.api import NetworkError
from sync_protocol.days import DAY_SECONDS, local_day
from sync_protocol.verdict import VerdictState

blueprint = Blueprint("sync", __name__)

# So many dose numbers are named beside a reason; all of them are on its list.
_NAMED: Final = 8
_HISTORY: Final = 20
# So many bundles are listed, of those that wait and of those that are done; of the others the number is said.
_PENDING: Final = 100
_DELIVERED: Final = 30
_CHART_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class ReturnedGroup:
    """Doses that the centre did not admit for one reason."""

    is_refused: bool
    code: str
    words: Words
    doses: Sequence[str]
    count: int


@dataclass(frozen=True, slots=True)
class PendingBundle:
    """A bundle without a receipt; `done_bytes` are held by the centre or were taken by the network."""

    line: BundleLine
    kind: str
    said: Sentence
    done_bytes: int
    reached: str


@dataclass(frozen=True, slots=True)
class DataUse:
    """Bytes of HTTP today, this month, and each of the latest days."""

    today: DataDay
    month: DataDay
    days: Sequence[Column]
    has_any: bool


@blueprint.get("/sync")
@allow_signed_in()
def show() -> str:
    """The three numbers, what came back, and the outbox."""
    open_node = node()
    now = open_node.clock.now()
    going = behind().going()
    status = day_status(open_node.database, open_node.shelf.catalogue().policy, now=now, lines=0)
    with open_node.database.read() as tables:
        returned = _returned(tables)
        reached = dict(exchanges.progress(tables))
        history = exchanges.newest(tables, limit=_HISTORY)
        data = _data_use(tables, now, going)
        waiting = bundles.due_lines(tables, limit=_PENDING)
        done = bundles.delivered_lines(tables, limit=_DELIVERED)
        is_parted = bool(waiting) and waiting[0].state is BundleState.FORKED
        is_asked = bool(waiting) and node_epochs.open_ask(tables) is not None
        copy = copy_notes(tables)
        questioned = open_sentence(questions.open_questions(tables), now)
    reached |= {} if going is None else {(one.epoch, one.sequence): one.done_bytes for one in going.bundles}
    return render_template(
        "house/sync.html",
        status=status,
        link=link_sentence(status.link, now),
        going=going,
        copy=copy,
        questioned=questioned,
        # Nothing is sent before a person at the centre has decided.
        is_held=is_parted or is_asked,
        is_already=going is not None and "already" in request.args,
        going_words=None if going is None else sync_words.going_words(going),
        stamp=_stamp(status.link, status.unsent, going),
        picture=_picture(status.figures),
        returned=returned,
        # In the order in which they go.
        pending=[_pending(line, status.link, now, reached=reached, going=going) for line in waiting],
        delivered=[(line, sync_words.kind_words(line.kind), bundle_sentence(line, status.link, now)) for line in done],
        has_more_delivered=len(done) == _DELIVERED,
        data=data,
        history=[
            (one, sync_words.span_words(one, now), sync_words.asked_words(one), sync_words.result_sentence(one))
            for one in history
        ],
    )


@blueprint.get("/sync/progress")
@allow_signed_in()
def follow() -> Response:
    """What the page's script is told: how far the exchange is; with another stamp the page has to be drawn anew."""
    going = behind().going()
    with node().database.read() as tables:
        stamp = _stamp(link.state(tables), bundles.unsent(tables), going)
        today, month = _used(tables, node().clock.now(), going)
    if going is None:
        return jsonify(going_on=False, stamp=stamp)
    return jsonify(
        going_on=True,
        stamp=stamp,
        words=sync_words.going_words(going),
        done=going.done_bytes,
        size=going.size_bytes,
        used={"today": sync_words.used_words(today), "month": sync_words.used_words(month)},
        bundles=[
            {
                "id": f"{one.epoch}-{one.sequence}",
                "done": one.done_bytes,
                "words": sync_words.reached_words(one.done_bytes, one.size_bytes),
            }
            for one in going.bundles
        ],
    )


@blueprint.post("/sync/now")
@allow(Role.SIGNER, Role.MANAGER)
def send_now() -> Response:
    """Have an exchange begun; how it goes stands on the page."""
    if behind().ask(Asked.PERSON):
        return redirect(url_for("sync.show"), 303)
    return redirect(url_for("sync.show", already=1), 303)


@blueprint.errorhandler(NetworkError)
def network(_error: NetworkError) -> Response:
    """The exchange has committed what happened: the page says it."""
    return redirect(url_for("sync.show"), 303)


def _stamp(state: LinkState, unsent: int, going: Going | None) -> str:
    """Changes whenever the page would look different by more than the bytes on their way."""
    return f"{state.tried_at or 0}.{state.reached_at or 0}.{state.failures}.{unsent}.{int(going is not None)}"


def _pending(
    line: BundleLine, state: LinkState, now: int, *, reached: dict[tuple[int, int], int], going: Going | None
) -> PendingBundle:
    place = (line.epoch, line.sequence)
    done = reached.get(place, 0)
    is_on_its_way = going is not None and place in [(one.epoch, one.sequence) for one in going.bundles]
    return PendingBundle(
        line,
        sync_words.kind_words(line.kind),
        sync_words.on_its_way(line) if is_on_its_way else bundle_sentence(line, state, now),
        done,
        sync_words.reached_words(done, line.size_bytes),
    )


def _picture(figures: Figures) -> list[Bar]:
    """All signed doses as one bar: here, received and not admitted, admitted."""
    returned = figures.received - figures.admitted
    parts = (
        ("admitted", Amount(_("Đã vào sổ cái"), figures.admitted)),
        ("returned", Amount(_("Trung tâm đã nhận, tạm giữ hoặc trả lại"), returned)),
        ("ready", Amount(_("Đã ký, còn ở máy này"), figures.signed - figures.received)),
    )
    return pieces(parts, total=figures.signed)


def _data_use(tables: Tables, now: int, going: Going | None) -> DataUse:
    first, today = local_day(now - (_CHART_DAYS - 1) * DAY_SECONDS), local_day(now)
    found = {one.day: one for one in exchanges.data_days(tables, first_day=first, last_day=today)}
    of_today, of_month = _used(tables, now, going)
    found[today] = of_today
    days = [local_day(now - back * DAY_SECONDS) for back in range(_CHART_DAYS - 1, -1, -1)]
    amounts = [
        Amount(iso_day(day), one.sent + one.received, short=iso_day(day)[:5], is_marked=day == today)
        for day in days
        for one in [found.get(day, DataDay(day, 0, 0))]
    ]
    return DataUse(
        today=of_today,
        month=of_month,
        days=columns(amounts),
        has_any=any(amount.count for amount in amounts),
    )


def _used(tables: Tables, now: int, going: Going | None) -> tuple[DataDay, DataDay]:
    """Today's data and this month's, with what the exchange that runs has moved up to now."""
    today = local_day(now)
    sent, received = (0, 0) if going is None else (going.sent_bytes, going.received_bytes)
    days = exchanges.data_days(tables, first_day=today[:8] + "01", last_day=today)
    of_today, of_month = (
        DataDay(today, sent + sum(one.sent for one in found), received + sum(one.received for one in found))
        for found in ([one for one in days if one.day == today], days)
    )
    return of_today, of_month


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

"""The list from which a signing pass is chosen: every unsigned dose, those that cannot be signed with their reason.

Days, hours, product and state stand in the address of the page: codes only. What is searched for in names and phone
numbers travels in the body of a form and stands in no address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from flask import abort, url_for
from werkzeug.datastructures import MultiDict

from edge.bootstrap import Node
from edge.domain.refusals import Words
from edge.domain.signing_pass import Candidate, Rules, purpose_of
from edge.domain.waiting import Waiting
from edge.store import bundles, doses, link, signing_queue, standings
from edge.store.database import Tables
from edge.store.signing_queue import READY, PassLine, QueueRow, Wanted
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _, say
from edge.web.frame.sentences import Sentence, bundle_sentence, reason_words
from edge.web.office.signing_choice import MOST_TICKED, PAGE_ROWS, Choice, is_number
from edge.workflow.plan_passes import signing_rules
from sync_protocol.batch import Purpose
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day, parse_day
from sync_protocol.dose import Dose
from sync_protocol.errors import ProtocolError

ALL_DAYS: Final = "all"
HOURS: Final = 24
# So many days have a button of their own; the fields "from" and "to" name them all.
DAY_BUTTONS: Final = 6
_OUTBOX_LINES: Final = 300
_CODE_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One unsigned dose: with its purpose if it can be signed, else with the reason and where to mend it.

    Attributes:
        late_days: how many midnights have passed since the dose; 0 for one of today.
        fix: address of the page that puts it right, "" for a dose that is ready.
    """

    dose: Dose
    state: str
    purpose: Purpose
    is_ticked: bool
    age_seconds: int
    late_days: int
    fix: str

    @property
    def is_ready(self) -> bool:
        """Whether nothing keeps it from being signed."""
        return self.state == READY

    @property
    def words(self) -> Words:
        """Why the dose cannot be signed, and what to do."""
        return reason_words(self.state)


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a filter can take, with the number of doses behind it."""

    value: str
    words: str
    count: int


@dataclass(frozen=True, slots=True)
class SigningList:
    """One page of the list.

    Attributes:
        total, ready_total: how many doses the filter finds, and how many of them can be signed.
        ticked, ticked_here: how many are ticked in all, and on this page.
        page, pages: from 1.
        late: doses of earlier days that only lack the reason for signing late.
        days, products, states: what can be chosen.
    """

    rows: Sequence[Row]
    total: int
    ready_total: int
    ticked: int
    ticked_here: int
    page: int
    pages: int
    late: int
    days: Sequence[Option]
    products: Sequence[Option]
    states: Sequence[Option]

    @property
    def shown(self) -> str:
        """The numbers that this page offers to tick, as its form sends them back."""
        return ",".join(str(row.dose.sequence) for row in self.rows if row.is_ready)


def read_wanted(fields: MultiDict[str, str], *, today: str, text: str = "") -> Wanted:
    """The filter in an address or a form; without a day it is about today. Aborts with 400 what no page of ours asks.

    Args:
        today: local day "YYYY-MM-DD".
        text: what is looked for, which stands in no address.
    """
    first, last = fields.get("from", ""), fields.get("to", "")
    if not first and not last:
        first = last = today
    hours = [_hour(fields.get(name, ""), default) for name, default in (("since", 0), ("until", HOURS))]
    return Wanted(
        "" if first == ALL_DAYS else _day(first),
        "" if last == ALL_DAYS else _day(last),
        from_hour=hours[0],
        to_hour=hours[1],
        product=fields.get("product", "")[:_CODE_CHARS],
        state=fields.get("state", "")[:_CODE_CHARS],
        text=text,
    )


def address_of(wanted: Wanted) -> dict[str, str]:
    """The filter as it stands in an address: codes only, and nothing that lets everything through."""
    found = {"from": wanted.first_day or ALL_DAYS, "to": wanted.last_day or ALL_DAYS}
    if wanted.from_hour:
        found["since"] = str(wanted.from_hour)
    if wanted.to_hour != HOURS:
        found["until"] = str(wanted.to_hour)
    return found | {name: value for name, value in (("product", wanted.product), ("state", wanted.state)) if value}


def signing_list(node: Node, wanted: Wanted, choice: Choice, *, now: int, page: int) -> SigningList:
    """One page of the unsigned doses that are wanted: what can be signed first.

    Args:
        now: epoch seconds UTC.
        page: from 1; beyond the end the last one is given.

    Raises:
        RefusedError, StoreError: the node is not enrolled.
    """
    catalogue = node.shelf.catalogue()
    with node.database.read() as tables:
        rules = signing_rules(tables, catalogue.policy, now=now, late_reason=choice.late_reason)
        states = signing_queue.count_states(tables, wanted, rules)
        total = states.get(wanted.state, 0) if wanted.state else sum(states.values())
        ready_total = states.get(READY, 0) if wanted.state in ("", READY) else 0
        pages = max(1, -(-total // PAGE_ROWS))
        at = min(page, pages)
        offset = (at - 1) * PAGE_ROWS
        found = signing_queue.page(tables, wanted, rules, offset=offset, limit=PAGE_ROWS)
        rows = _rows(tables, found, choice, rules=rules, offset=offset)
        return SigningList(
            rows,
            total=total,
            ready_total=ready_total,
            ticked=min(ready_total, MOST_TICKED) if choice.ticked is None else len(choice.ticked),
            ticked_here=sum(row.is_ticked for row in rows),
            page=at,
            pages=pages,
            late=states.get(Waiting.LATE_REASON, 0),
            days=_days(tables, rules),
            products=_options(signing_queue.products(tables, wanted), lambda code: _product_name(catalogue, code)),
            states=_options(sorted(states.items()), lambda state: say(reason_words(_shown(state)).vi)),
        )


def passes_today(tables: Tables, *, now: int) -> list[tuple[PassLine, Sentence]]:
    """Today's passes, the newest first, each with where its bundle is."""
    made = signing_queue.passes_of_day(tables, local_day(now))
    outbox = {(line.epoch, line.sequence): line for line in bundles.lines(tables, limit=_OUTBOX_LINES)} if made else {}
    state = link.state(tables)
    return [
        (one, bundle_sentence(outbox[one.bundle], state, now) if one.bundle in outbox else _unsealed()) for one in made
    ]


def _unsealed() -> Sentence:
    return Sentence("warning", _("Dở dang"), _("Làm tiếp hoặc hủy lượt ký ở đầu trang này."))


def _rows(tables: Tables, found: Sequence[QueueRow], choice: Choice, *, rules: Rules, offset: int) -> list[Row]:
    today = date.fromisoformat(local_day(rules.now))
    rows = []
    for place, (row, dose) in enumerate(
        zip(found, doses.assemble(tables, [one.sequence for one in found]), strict=True)
    ):
        # What is ready stands at the front of the list, so that a place says whether "all" reaches it.
        is_chosen = offset + place < MOST_TICKED if choice.ticked is None else row.sequence in choice.ticked
        late_days = max(0, (today - date.fromisoformat(local_day(dose.given_at))).days)
        rows.append(
            Row(
                dose,
                row.state,
                purpose=purpose_of(Candidate(dose).facts, today.isoformat()),
                is_ticked=row.state == READY and is_chosen,
                age_seconds=rules.now - dose.given_at,
                late_days=late_days,
                fix=_fix(row),
            )
        )
    return rows


def _fix(row: QueueRow) -> str:
    if row.state == READY:
        return ""
    if row.state == Waiting.LATE_REASON:
        return "#late_reason"
    # The person's page knows what differs, and leads on to a correction of the dose.
    return url_for("people.show", person_id=row.person_id, list=row.state, day=ALL_DAYS)


def _days(tables: Tables, rules: Rules) -> list[Option]:
    """The days with unsigned doses, the newest first; today is always among them."""
    today = local_day(rules.now)
    counted = dict(standings.unsigned_days(tables))
    counted.setdefault(today, 0)
    return [
        Option(day, _("Hôm nay") if day == today else iso_day(day), number)
        for day, number in sorted(counted.items(), reverse=True)
    ]


def _options(counts: Sequence[tuple[str, int]], words: Callable[[str], str]) -> list[Option]:
    return [Option(value, words(value), number) for value, number in counts]


def _product_name(catalogue: Catalogue, code: str) -> str:
    return next((product.name for product in catalogue.products if product.code == code), code)


def _shown(state: str) -> str:
    return Waiting.UNSIGNED.value if state == READY else state


def _day(text: str) -> str:
    if not text:
        return ""
    try:
        return parse_day(text, what="day").isoformat()
    except ProtocolError:
        abort(400)


def _hour(text: str, default: int) -> int:
    if not text:
        return default
    if not is_number(text) or int(text) > HOURS:
        abort(400)
    return int(text)

"""The list from which a signing pass is chosen: every unsigned dose, those that cannot be signed with their reason.

Days, product and state stand in the address of the page: codes only. What is searched for in names and phone numbers
travels in the body of a form and stands in no address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.bootstrap import Node
from edge.domain.refusals import Words
from edge.domain.waiting import Waiting
from edge.store import doses
from edge.web.frame.formats import given_name_first, iso_day
from edge.web.frame.sentences import reason_words
from edge.workflow.plan_passes import plan_passes
from sync_protocol.batch import Purpose
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.dose import Dose
from sync_protocol.names import fold

READY: Final = "ready"
# Three full turns at the token; what is beyond comes when these are signed.
SHOWN_READY: Final = 3_000
SHOWN_REFUSED: Final = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to; "" lets everything through.

    Attributes:
        first_day, last_day: local days "YYYY-MM-DD", both included.
        product: code of the catalogue.
        state: "ready", or the reason why a dose cannot be signed.
        text: part of a name (marks and case aside) or of a phone number.
    """

    first_day: str = ""
    last_day: str = ""
    product: str = ""
    state: str = ""
    text: str = ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()


@dataclass(frozen=True, slots=True)
class Row:
    """One unsigned dose: with its purpose if it can be signed, else with the reason."""

    dose: Dose
    purpose: Purpose | None = None
    reason: Waiting | None = None

    @property
    def day(self) -> str:
        """The local day of the injection."""
        return local_day(self.dose.given_at)

    @property
    def state(self) -> str:
        """The word by which the list is narrowed."""
        return READY if self.reason is None else self.reason.value

    @property
    def words(self) -> Words:
        """Why the dose cannot be signed, and what to do."""
        return reason_words(self.state)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a filter can take, with the number of doses behind it."""

    value: str
    words: str
    count: int


@dataclass(frozen=True, slots=True)
class SigningList:
    """What the page shows.

    Attributes:
        ready, refused: rows after narrowing, cut where a page would grow too long.
        ready_total, refused_total: how many there are after narrowing.
        late: doses of earlier days that only lack the reason for signing late.
        days, products, states: what can be chosen.
    """

    ready: Sequence[Row]
    refused: Sequence[Row]
    ready_total: int
    refused_total: int
    late: int
    days: Sequence[Choice]
    products: Sequence[Choice]
    states: Sequence[Choice]


def signing_list(node: Node, wanted: Wanted, *, now: int, late_reason: str) -> SigningList:
    """All unsigned doses by given name, narrowed to what is wanted.

    Args:
        now: epoch seconds UTC.
        late_reason: why doses of earlier days come now; "" leaves them among the refused ones.

    Raises:
        RefusedError, StoreError: the node is not enrolled.
    """
    catalogue = node.shelf.catalogue()
    plan = plan_passes(node.database, catalogue.policy, now=now, late_reason=late_reason)
    with node.database.read() as tables:
        left_out = doses.assemble(tables, [one.sequence for one in plan.refused])
    rows = [Row(dose, purpose=planned.purpose) for planned in plan.passes for dose in planned.doses]
    rows += [Row(dose, reason=one.reason) for dose, one in zip(left_out, plan.refused, strict=True)]
    found = [row for row in rows if _is_wanted(row, wanted)]
    ready = sorted((row for row in found if row.reason is None), key=_by_name)
    refused = sorted((row for row in found if row.reason is not None), key=lambda row: (row.state, *_by_name(row)))
    return SigningList(
        ready[:SHOWN_READY],
        refused[:SHOWN_REFUSED],
        ready_total=len(ready),
        refused_total=len(refused),
        late=sum(row.reason is Waiting.LATE_REASON for row in rows),
        days=_choices(rows, lambda row: row.day, iso_day),
        products=_choices(rows, lambda row: row.dose.product, lambda code: _product_name(catalogue, code)),
        states=_choices(rows, lambda row: row.state, lambda state: reason_words(_shown(state)).vi),
    )


def _is_wanted(row: Row, wanted: Wanted) -> bool:
    person = row.dose.recipient
    return (
        (not wanted.first_day or wanted.first_day <= row.day)
        and (not wanted.last_day or row.day <= wanted.last_day)
        and wanted.product in ("", row.dose.product)
        and wanted.state in ("", row.state)
        and (not wanted.text or fold(wanted.text) in fold(person.name) or wanted.text in person.phone)
    )


def _by_name(row: Row) -> tuple[str, ...]:
    return given_name_first(row.dose.recipient.name)


def _choices(rows: Sequence[Row], value: Callable[[Row], str], words: Callable[[str], str]) -> list[Choice]:
    counts = Counter(map(value, rows))
    return [Choice(found, words(found), number) for found, number in sorted(counts.items())]


def _product_name(catalogue: Catalogue, code: str) -> str:
    return next((product.name for product in catalogue.products if product.code == code), code)


def _shown(state: str) -> str:
    return Waiting.UNSIGNED.value if state == READY else state

"""Close a day: count where its doses stand, write the sheet, seal it as a link of the chain, all in one transaction.

The sheet names the head of the audit trail as it was before the closing, so that a trail which is rewritten later is
found out at the centre (invariant I25). Nothing is locked by it: doses that come later are counted when the day is
closed again, and the next revision takes the place of this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from edge.domain.day_figures import Figures, count_kinds
from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, closings, doses, node_identity, standings
from edge.store.audit import Action
from edge.store.closings import LeftOver, OpenDay, Sent, StoredClosing
from edge.store.database import Database, Tables
from edge.workflow.plan_passes import signing_rules
from edge.workflow.seal_bundle import seal_bundle
from sync_protocol.bundle import BundleKind
from sync_protocol.catalogue import Policy
from sync_protocol.closing import DayClosing, encode_closing, parse_closing
from sync_protocol.days import day_start, parse_day
from sync_protocol.sealing import Entropy

# How far back days that nobody closed are looked for.
_DAYS_BACK: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A sheet that holds, and how far its bundle is."""

    sheet: DayClosing
    epoch: int
    bundle: int
    sent: Sent


@dataclass(frozen=True, slots=True)
class DayToClose:
    """A day as it stands.

    Attributes:
        figures: of the doses given on the day, by now.
        closed: the newest sheet, or None.
        earlier: days before this one that nobody closed.
        left_over: people and vials.
    """

    day: str
    figures: Figures
    closed: ClosedDay | None
    earlier: tuple[OpenDay, ...]
    left_over: LeftOver

    @property
    def next_revision(self) -> int:
        """The revision that closing the day makes."""
        return 1 if self.closed is None else self.closed.sheet.revision + 1

    @property
    def has_changed(self) -> bool:
        """Whether doses were recorded or signed since. What the centre has received since, it knows itself."""
        if self.closed is None:
            return False
        sheet = self.closed.sheet
        return (self.figures.recorded, self.figures.signed) != (sheet.recorded, sheet.signed)


def day_to_close(database: Database, policy: Policy, day: str, *, now: int) -> DayToClose:
    """Look at a day in one snapshot.

    Args:
        policy: of the catalogue that holds.
        day: local day "YYYY-MM-DD", not after today.
        now: epoch seconds UTC.

    Raises:
        RefusedError: DAY_FUTURE.
        ProtocolError: FIELD_INVALID for a day that is none.
        StoreError: NOT_ENROLLED.
    """
    # Before the year 1 there are no days to look at.
    first_day = (max(parse_day(day, what="day"), date.min + _DAYS_BACK) - _DAYS_BACK).isoformat()
    with database.read() as tables:
        return DayToClose(
            day,
            figures=_figures(tables, policy, day, now=now),
            closed=_closed(tables, closings.newest(tables, day)),
            earlier=tuple(closings.open_days(tables, first_day=first_day, before=day)),
            left_over=closings.left_over(tables, day),
        )


def closed_day(database: Database, day: str, revision: int) -> ClosedDay | None:
    """One revision of a day's sheet as it was sent, if there is one."""
    with database.read() as tables:
        return _closed(tables, closings.find(tables, day, revision))


def close_day(
    database: Database,
    policy: Policy,
    day: str,
    *,
    now: int,
    by: str,
    entropy: Entropy,
    remark: str = "",
    revision: int | None = None,
) -> ClosedDay:
    """Close a day; its sheet waits to be sent.

    Args:
        policy: of the catalogue that holds.
        day: local day "YYYY-MM-DD", not after today.
        now: epoch seconds UTC.
        by: the user's name.
        remark: what that person wants to be read beside the figures; at most 300 letters.
        revision: the one that the person at the page saw coming; None for whichever is next.

    Raises:
        RefusedError: DAY_FUTURE; DAY_CLOSED where another page made `revision` meanwhile.
        ProtocolError: FIELD_INVALID for a day that is none or a remark that is too long.
        StoreError: nothing is kept.
    """
    with database.write_transaction() as tables:
        before = closings.newest(tables, day)
        next_revision = 1 if before is None else before.revision + 1
        if revision not in (None, next_revision):
            raise refuse(EdgeCode.DAY_CLOSED, "revision")
        figures = _figures(tables, policy, day, now=now)
        entries, head = audit.head(tables)
        sheet = DayClosing(
            facility=node_identity.codes(tables).facility,
            day=day,
            revision=next_revision,
            closed_at=now,
            closed_by=by,
            recorded=figures.recorded,
            signed=figures.signed,
            received=figures.received,
            admitted=figures.admitted,
            quarantined=figures.quarantined,
            refused=figures.refused,
            # Reasons that nobody waits for any more are no reasons.
            waiting=tuple((reason, count) for reason, count in sorted(figures.waiting.items()) if count),
            audit_entries=entries,
            audit_head=head,
            last_dose=doses.last_sequence(tables),
            remark=remark,
        )
        body = encode_closing(sheet)
        sealed = seal_bundle(tables, BundleKind.CLOSING, body, pass_id=None, now=now, entropy=entropy)
        stored = StoredClosing(day, next_revision, now, by, body, sealed.epoch, sealed.sequence)
        closings.add(tables, stored)
        audit.append(
            tables,
            Action.DAY_CLOSED,
            f"day:{day}",
            actor=by,
            at=now,
            details=f"revision {next_revision}, {figures.recorded} doses, bundle {sealed.epoch}/{sealed.sequence}",
        )
        # From the end of this block on the day is closed: sheet, bundle and audit entry are on disk together.
        return ClosedDay(sheet, sealed.epoch, sealed.sequence, closings.sent(tables, stored))


def _figures(tables: Tables, policy: Policy, day: str, *, now: int) -> Figures:
    if day_start(day) > now:
        raise refuse(EdgeCode.DAY_FUTURE, "day")
    facility = node_identity.codes(tables).facility
    rules = signing_rules(tables, policy, now=now)
    kinds = standings.kinds(tables, facility=facility, now=now, first_day=day, last_day=day)
    return count_kinds(kinds, rules)


def _closed(tables: Tables, stored: StoredClosing | None) -> ClosedDay | None:
    if stored is None:
        return None
    return ClosedDay(parse_closing(stored.body), stored.epoch, stored.sequence, closings.sent(tables, stored))

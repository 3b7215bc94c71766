"""What stands where: the figures of a day or of all days, in the words that pages and `status --json` share."""

from __future__ import annotations

from dataclasses import dataclass

from edge.domain.day_figures import Figures, count_kinds
from edge.store import bundles, ledger_epochs, link, node_identity, passes, population, receipts, sets, standings
from edge.store.bundles import BundleLine
from edge.store.database import Database
from edge.store.errors import StoreCode, StoreError
from edge.store.link import LinkState
from edge.store.passes import StoredPass
from edge.store.sets import StoredSetKind
from edge.workflow.plan_passes import signing_rules
from sync_protocol.catalogue import Policy
from sync_protocol.days import local_day


@dataclass(frozen=True, slots=True)
class DayStatus:
    """The node as it stands.

    Attributes:
        day: the local day the figures are about, "YYYY-MM-DD", or "" for all days.
        unsent: bundles without a receipt.
        open_pass: the signing pass that is not finished, if there is one.
        signed_passes: statements signed; each took one operation of the token.
        evidence: answers kept because they did not verify.
        sent_again: bundles that have to be received once more, since the centre has lost their receipts.
    """

    node: str
    facility: str
    facility_name: str
    epoch: int
    now: int
    day: str
    figures: Figures
    unsent: int
    outbox: tuple[BundleLine, ...]
    open_pass: StoredPass | None
    signed_passes: int
    link: LinkState
    catalogue_version: int
    pack_version: int
    evidence: int
    sent_again: int


def day_status(database: Database, policy: Policy, *, now: int, day: str = "", lines: int = 200) -> DayStatus:
    """Count everything in one snapshot.

    Args:
        policy: of the catalogue that holds.
        now: epoch seconds UTC.
        day: the local day of the injections, "today", or "" for all.
        lines: how many bundles of the outbox are told at most.

    Raises:
        StoreError: NOT_ENROLLED before the enrolment file was read.
    """
    wanted = local_day(now) if day == "today" else day
    with database.read() as tables:
        identity = node_identity.find(tables)
        if identity is None:
            raise StoreError(StoreCode.NOT_ENROLLED, "the node has no code yet")
        rules = signing_rules(tables, policy, now=now)
        pack = population.state(tables)
        return DayStatus(
            node=identity.node,
            facility=identity.facility,
            facility_name=identity.facility_name,
            epoch=identity.epoch,
            now=now,
            day=wanted,
            figures=count_kinds(
                standings.kinds(tables, facility=identity.facility, now=now, first_day=wanted, last_day=wanted), rules
            ),
            unsent=bundles.unsent(tables),
            outbox=tuple(bundles.lines(tables, limit=lines)) if lines else (),
            open_pass=passes.open_pass(tables),
            signed_passes=passes.signed_passes(tables),
            link=link.state(tables),
            catalogue_version=sets.newest_version(tables, StoredSetKind.CATALOGUE),
            pack_version=0 if pack is None else pack.version,
            evidence=receipts.evidence_count(tables),
            sent_again=ledger_epochs.sent_again(tables),
        )


def as_json(status: DayStatus) -> dict[str, object]:
    """The status in the stable words of `status --json`; numbers and ids only."""
    figures = status.figures
    return {
        "node": status.node,
        "facility": status.facility,
        "facility_name": status.facility_name,
        "epoch": status.epoch,
        "at": status.now,
        "day": status.day or None,
        "recorded": figures.recorded,
        "matched": figures.matched,
        "signed": figures.signed,
        "received": figures.received,
        "admitted": figures.admitted,
        "quarantined": figures.quarantined,
        "refused": figures.refused,
        "waiting": dict(figures.waiting),
        "passes": status.signed_passes,
        "open_pass": None if status.open_pass is None else status.open_pass.pass_id,
        "unsent": status.unsent,
        "bundles": [
            {
                "epoch": line.epoch,
                "sequence": line.sequence,
                "kind": line.kind,
                "state": line.state.value,
                "bytes": line.size_bytes,
                "doses": line.doses,
                "offers": line.offers,
                "problem": line.problem or None,
                "outcome": line.outcome or None,
            }
            for line in sorted(status.outbox, key=lambda line: (line.epoch, line.sequence))
        ],
        "bytes_sent": status.link.bytes_sent,
        "bytes_received": status.link.bytes_received,
        "reached_at": status.link.reached_at,
        "failing_since": status.link.failing_since,
        "catalogue_version": status.catalogue_version,
        "pack_version": status.pack_version,
        "evidence": status.evidence,
        "sent_again": status.sent_again,
    }

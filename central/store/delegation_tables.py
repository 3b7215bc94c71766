"""The tables of delegated signing: who signs for whom, and the unsigned doses that sites handed over."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint

from central.store.schema import binary, integer, one_of, table, text

delegations = table(
    "delegations",
    integer("number", key=True),  # 1, 2, 3 …
    text("site", ForeignKey("facilities.code")),
    text("hub", ForeignKey("facilities.code")),
    text("hub_node", ForeignKey("nodes.code")),  # the hub's node that gets the doses
    text("kind"),
    integer("valid_from"),
    integer("valid_until", optional=True),
    integer("created_at"),
    binary("asked_by", optional=True),  # the handover that asked for this day (32 bytes); NULL by an operator's word
    one_of("kind", "kind", "standing", "on_call", "one_day"),
    Index(None, "site"),
    Index(None, "hub"),
)

handovers = table(
    "handovers",
    binary("digest", key=True),  # SHA-256 of the site's DOSES bundle
    integer("ledger_index", ForeignKey("ledger_entries.idx"), optional=True),  # NULL until it comes from the site
    text("site", ForeignKey("facilities.code")),
    text("node", ForeignKey("nodes.code")),
    text("hub", ForeignKey("facilities.code")),
    integer("delegation", ForeignKey("delegations.number")),
    text("first_day"),
    text("last_day"),
    integer("people"),
    integer("doses"),
    integer("taken_at"),
    Index(None, "site"),
    Index(None, "hub"),
)

handover_doses = table(
    "handover_doses",
    binary("handover", ForeignKey("handovers.digest")),
    integer("sequence"),
    text("node", ForeignKey("nodes.code")),
    binary("content"),  # SHA-256 of the encoded dose: the hub signs these bytes and no others
    text("state"),
    integer("answered_in", ForeignKey("ledger_entries.idx"), optional=True),  # the hub's bundle that answers
    PrimaryKeyConstraint("handover", "sequence"),
    one_of("state", "state", "waiting", "signed", "back"),
    Index(None, "node", "sequence"),
    rowid=False,
)

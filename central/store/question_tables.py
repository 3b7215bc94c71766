"""The table of what nodes asked the population database about people."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index

from central.store.schema import integer, table, text

# One row for each bundle of questions that was answered; whom it asked about stands in the bundle alone.
answered_questions = table(
    "answered_questions",
    integer("ledger_index", ForeignKey("ledger_entries.idx"), key=True),
    text("node", ForeignKey("nodes.code")),
    integer("asked_at"),
    integer("people"),
    integer("matched"),
    integer("item"),  # the number of the answers in the node's feed
    ForeignKeyConstraint(["node", "item"], ["feed_items.node", "feed_items.number"]),
    Index(None, "node", "asked_at"),
)

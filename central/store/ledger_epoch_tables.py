"""The tables of a ledger that went on from an older copy of itself: its epochs, and what nodes show of what it lost."""

from __future__ import annotations

from sqlalchemy import ForeignKey, PrimaryKeyConstraint

from central.store.schema import binary, integer, table, text

ledger_epochs = table(
    "ledger_epochs",
    integer("epoch", key=True),  # from 2; the first one begins with the genesis entry
    integer("ledger_index", ForeignKey("ledger_entries.idx")),  # of the entry that marks it
    integer("base_size"),
    integer("at"),
    text("reason"),
    binary("statement"),  # as the ledger key signed it
)

# Heads that nodes name and that this ledger does not have. Where a node brought its receipt, the signature is ours.
lost_heads = table(
    "lost_heads",
    integer("epoch"),
    integer("size"),
    binary("root"),
    integer("at"),
    text("node"),  # who named it first; "" where a receipt was brought
    binary("receipt", optional=True),  # that was verified; NULL where it is only a node's claim
    integer("seen_at"),
    PrimaryKeyConstraint("epoch", "size", "root"),
    rowid=False,
)

# What is answered from an epoch on to a bundle whose first answer shows a head that the epoch superseded.
later_answers = table(
    "later_answers",
    binary("digest", ForeignKey("bundles.digest")),
    integer("epoch", ForeignKey("ledger_epochs.epoch")),
    binary("answer"),
    PrimaryKeyConstraint("digest", "epoch"),
    rowid=False,
)

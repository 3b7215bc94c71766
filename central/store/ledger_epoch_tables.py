"""The tables of a ledger that went on from an older copy of itself: its epochs, and what nodes show of what it lost."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint

from central.store.schema import binary, integer, one_of, table, text

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

# Epochs of nodes that began after the copy to which this database was put back, as nodes show them.
shown_epochs = table(
    "shown_epochs",
    binary("digest", key=True),  # of the request with which the newest epoch shown began
    text("node"),  # this database may not know it
    integer("epoch"),  # the newest one shown
    integer("since"),  # the one in which the node stood here when it was shown or taken up; 0 for an unknown node
    text("standing"),  # how it stood to what is known here
    binary("showing"),  # as the node signed it, with the words of the centre inside
    text("state"),
    integer("shown_at"),
    integer("decided_at", optional=True),
    text("decided_by"),  # a person's name; "" where nobody had to decide
    text("decided_why"),
    one_of("state", "state", "waiting", "taken", "refused"),
    one_of("standing", "standing", "plain", "undeclared", "unproven", "other", "forked", "taken"),
    Index(None, "node", "epoch"),
    rowid=False,
)

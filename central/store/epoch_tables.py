"""The tables of new epochs of nodes: what nodes asked, how it was decided, and second histories that were not kept."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index

from central.store.schema import binary, integer, one_of, table, text

# Every request that was taken, with the answer byte for byte once there is one.
epoch_requests = table(
    "epoch_requests",
    binary("digest", key=True),  # SHA-256 of the signed request
    text("node", ForeignKey("nodes.code")),
    integer("epoch"),  # the one that is to end
    text("reason"),
    text("standing"),  # how the store's chain stood to the ledger when it asked
    integer("known_until"),  # the newest link that both have
    binary("request"),  # as the node signed it
    integer("received_at"),
    text("state"),
    binary("answer", optional=True),  # sealed to the request's key; a repeat gets these bytes
    integer("decided_at", optional=True),
    text("decided_by"),  # a person's name; "" where nobody had to decide
    text("decided_why"),
    one_of("state", "state", "waiting", "granted", "refused"),
    one_of("standing", "standing", "older", "ahead", "other", "unknown"),
    Index(None, "node", "epoch"),
    Index(None, "state"),
)

# Beyond the cap of kept second histories nothing is kept but their number; the bytes stay at the site.
fork_overflows = table(
    "fork_overflows",
    text("node", ForeignKey("nodes.code"), key=True),
    integer("turned_away"),
    integer("latest_at"),
    rowid=False,
)

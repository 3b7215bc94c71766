"""The tables of what sites ask to be registered, and of what was decided."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index

from central.store.schema import binary, integer, table, text

registration_requests = table(
    "registration_requests",
    integer("ledger_index", ForeignKey("ledger_entries.idx"), key=True),
    text("node", ForeignKey("nodes.code")),
    text("facility", ForeignKey("facilities.code")),
    text("serial"),  # upper hex
    binary("thumbprint", optional=True),  # of the certificate whose key was proven; NULL for a number alone
    text("officer"),
    text("doubt"),  # a Code that an operator should know of, or ""
    integer("asked_at"),
    Index(None, "facility", "serial"),
    Index(None, "serial"),
)

# A request without a row here waits for an operator.
registration_decisions = table(
    "registration_decisions",
    integer("ledger_index", ForeignKey("registration_requests.ledger_index"), key=True),
    text("code"),  # why it was refused, or "" where it was accepted
    text("reason"),  # in the operator's words
    integer("decided_at"),
)

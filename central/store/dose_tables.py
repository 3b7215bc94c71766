"""The tables of batches, doses, people and closing sheets, and of the embedded population registry.

A dose version's id is `ledger index * 4096 + leaf index` (at most 3,000 leaves a batch): ids come without
asking the database, sort in ledger order, and tell where the signed bytes are. Doses are append-only; what
the centre thinks of one may change, so it stands apart in `verdicts`.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint

from central.store.schema import binary, integer, one_of, table, text

# --- Batches and doses ----------------------------------------------------------------------------

batches = table(
    "batches",
    integer("ledger_index", ForeignKey("ledger_entries.idx"), key=True),
    text("facility", ForeignKey("facilities.code")),
    text("node", ForeignKey("nodes.code")),
    integer("epoch"),
    integer("batch_number"),
    text("purpose"),
    text("first_day"),
    text("last_day"),
    integer("people"),
    integer("doses"),
    integer("catalogue_version"),
    text("serial"),  # of the organisation certificate, upper hex
    binary("thumbprint"),
    text("signer_name"),
    text("approver"),
    integer("claimed_at"),
    integer("not_before", optional=True),  # the checkpoint inside the statement: not signed before it
    integer("not_after"),  # arrival: not signed after it
    text("day_proof"),
    binary("statement"),  # the signed statement (COSE)
    text("for_facility"),  # whose doses a delegated signer signed; "" for the signer's own
    text("for_node"),
    text("late_reason"),
    text("offline_reason"),  # why it was signed although the node was alone for long
    Index(None, "node", "epoch"),
    one_of("day_proof", "day_proof", "proven", "claimed", "none"),
    Index(None, "facility", "first_day"),
)

people = table(
    "people",
    text("key", key=True),  # domain.people.person_key
    text("name"),
    text("family_name"),
    text("sex"),
    text("birth_date"),
    text("paper"),
    text("number"),
    text("nationality"),
    integer("first_seen_at"),
    Index(None, "number"),
    rowid=False,
)

doses = table(
    "doses",
    integer("id", key=True),
    integer("ledger_index", ForeignKey("ledger_entries.idx")),
    text("node", ForeignKey("nodes.code")),
    integer("sequence"),
    text("facility", ForeignKey("facilities.code")),
    text("person", ForeignKey("people.key")),
    text("name"),
    text("family_name"),
    text("sex"),
    text("birth_date"),
    text("paper"),
    text("number"),
    text("nationality"),
    text("phone"),
    text("address_unit"),
    text("guardian"),
    integer("population_group"),
    text("product"),
    text("disease"),
    text("lot"),
    text("lot_expiry"),
    integer("dose_number"),
    integer("dose_total"),
    integer("given_at"),
    text("given_day"),
    integer("recorded_at"),
    text("vaccinator"),
    text("station"),
    text("reaction"),
    text("recorded_by"),
    text("late_reason"),
    text("identity_state"),
    text("evidence_source"),
    text("evidence_reference"),
    integer("evidence_checked_at"),
    integer("replaces", optional=True),  # the sequence of the version that this one replaces (same node)
    text("replace_reason"),
    UniqueConstraint("node", "sequence"),
    Index(None, "person", "disease", "given_day"),
    Index(None, "facility", "given_day"),
    Index(None, "ledger_index"),
    # Few doses replace another: the index that finds the superseded ones stays small.
    Index("ix_doses_replaces", "node", "replaces", sqlite_where=Column("replaces").is_not(None),
          postgresql_where=Column("replaces").is_not(None)),
)  # fmt: skip

verdicts = table(
    "verdicts",
    integer("dose", ForeignKey("doses.id"), key=True),
    text("state"),
    text("code"),  # "" when admitted
    integer("decided_at"),
    text("decided_by"),  # "" for the admission itself, or a person's user name
    one_of("state", "state", "admitted", "quarantined", "refused"),
    Index(None, "state", "code"),
)

# The sheets with which nodes closed their days; each day's newest counts, and the bytes say what it says.
closings = table(
    "closings",
    integer("ledger_index", ForeignKey("ledger_entries.idx"), key=True),
    text("node", ForeignKey("nodes.code")),
    text("facility", ForeignKey("facilities.code")),
    integer("epoch"),
    text("day"),
    integer("revision"),
    binary("sheet"),  # the encoded DayClosing, the body of its bundle
    Index(None, "day"),
)


# --- The national population database, embedded ---------------------------------------------------

registry_people = table(
    "registry_people",
    text("number", key=True),  # the 12-digit personal identification number
    text("old_number"),  # the 9-digit CMND, or ""
    text("name"),
    text("folded_name"),
    text("sex"),
    text("birth_date"),
    text("unit"),  # commune of residence, or ""
    Index(None, "old_number"),
    Index(None, "folded_name", "birth_date"),
    Index(None, "unit"),
    rowid=False,
)

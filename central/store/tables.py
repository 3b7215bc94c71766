"""One door to all tables, in the order of the story: trust, sites, ledger, doses, people, end of day.

What is signed is append-only: the migrations put triggers on the tables named in APPEND_ONLY.
"""

from __future__ import annotations

from typing import Final

from central.store.delegation_tables import delegations, handover_doses, handovers
from central.store.dose_tables import batches, closings, doses, people, registry_people, verdicts
from central.store.epoch_tables import epoch_requests, fork_overflows
from central.store.issue_tables import (
    day_run_waiting,
    day_runs,
    health_certificates,
    issue_intents,
    lookup_tries,
    passports,
)
from central.store.ledger_epoch_tables import later_answers, ledger_epochs, lost_heads, shown_epochs
from central.store.question_tables import answered_questions
from central.store.registration_tables import registration_decisions, registration_requests
from central.store.schema import metadata
from central.store.site_tables import (
    bundle_seals,
    bundles,
    centre_keys,
    crl_revocations,
    crl_sources,
    crls,
    enrolments,
    facilities,
    facility_units,
    feed_items,
    feed_requests,
    forks,
    ledger_entries,
    node_epochs,
    nodes,
    organisation_certificates,
    published_sets,
    registered_certificates,
    revoked_certificates,
    tree_heads,
    trust_certificates,
)
from central.store.telling_tables import (
    population_bases,
    run_tellings,
    set_tellings,
    tellings,
    verdict_changes,
    withdrawn_certificates,
)

# Dose ids leave room for every leaf of a batch; BATCH_DOSES (3,000) is below it.
DOSE_ID_SPAN: Final = 4_096

APPEND_ONLY: Final = (
    "published_sets",
    "ledger_entries",
    "tree_heads",
    "bundles",
    "bundle_seals",
    "forks",
    "batches",
    "doses",
    "closings",
    "health_certificates",
    "passports",
    "feed_items",
    "registration_requests",
    "registration_decisions",
    "ledger_epochs",
    "later_answers",
    "verdict_changes",
    "withdrawn_certificates",
    "answered_questions",
)

__all__ = [
    "APPEND_ONLY",
    "DOSE_ID_SPAN",
    "answered_questions",
    "batches",
    "bundle_seals",
    "bundles",
    "centre_keys",
    "closings",
    "crl_revocations",
    "crl_sources",
    "crls",
    "day_run_waiting",
    "day_runs",
    "delegations",
    "doses",
    "enrolments",
    "epoch_requests",
    "facilities",
    "facility_units",
    "feed_items",
    "feed_requests",
    "fork_overflows",
    "forks",
    "handover_doses",
    "handovers",
    "health_certificates",
    "issue_intents",
    "later_answers",
    "ledger_entries",
    "ledger_epochs",
    "lookup_tries",
    "lost_heads",
    "metadata",
    "node_epochs",
    "nodes",
    "organisation_certificates",
    "passports",
    "people",
    "population_bases",
    "published_sets",
    "registered_certificates",
    "registration_decisions",
    "registration_requests",
    "registry_people",
    "revoked_certificates",
    "run_tellings",
    "set_tellings",
    "shown_epochs",
    "tellings",
    "tree_heads",
    "trust_certificates",
    "verdict_changes",
    "verdicts",
    "withdrawn_certificates",
]

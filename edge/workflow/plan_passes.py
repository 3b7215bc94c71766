"""What could be signed now: the rules over everything that is recorded and in no live batch, dose by dose."""

from __future__ import annotations

from collections.abc import Sequence

from edge.domain.signing_filter import SigningFilter
from edge.domain.signing_pass import Candidate, PassPlan, Rules, plan
from edge.store import doses, node_identity, passes
from edge.store.database import Database, Tables
from sync_protocol.catalogue import Policy


def plan_passes(
    database: Database, policy: Policy, *, now: int, wanted: SigningFilter | None = None, late_reason: str = ""
) -> PassPlan:
    """Plan the passes over all unsigned doses that the filter lets through.

    Args:
        policy: of the catalogue that holds.
        now: epoch seconds UTC.
        wanted: None for all.
        late_reason: why doses of earlier days come now, as typed; without it they are refused with that reason.

    Raises:
        StoreError: NOT_ENROLLED.
    """
    with database.read() as tables:
        found = doses.assemble(tables, passes.unsigned(tables))
        rules = signing_rules(tables, policy, now=now, late_reason=late_reason)
    return plan((Candidate(dose) for dose in found if wanted is None or wanted.admits(dose)), rules)


def plan_ticked(
    database: Database, policy: Policy, sequences: Sequence[int], *, now: int, late_reason: str = ""
) -> PassPlan:
    """Plan the passes over exactly these doses; what became unsignable meanwhile is refused with its reason.

    Raises:
        StoreError: NOT_ENROLLED.
        KeyError: a number that is no dose.
    """
    with database.read() as tables:
        found = doses.assemble(tables, sequences)
        not_free = set(passes.not_free(tables, sequences))
        rules = signing_rules(tables, policy, now=now, late_reason=late_reason)
    return plan((Candidate(dose, in_live_batch=dose.sequence in not_free) for dose in found), rules)


def signing_rules(tables: Tables, policy: Policy, *, now: int, late_reason: str = "") -> Rules:
    """What the rules are measured against: this site, this moment, the catalogue's policy. Raises StoreError."""
    return Rules(
        node_identity.codes(tables).facility,
        now,
        signing_start=policy.signing_start,
        late_reason=late_reason,
        most_people=policy.batch_people,
        most_doses=policy.batch_doses,
    )

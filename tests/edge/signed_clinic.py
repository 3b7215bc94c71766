"""A clinic whose doses are signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer
from edge.workflow.record_dose import Submission
from edge.workflow.sign_pass import SealedPass, sign_plan
from sync_protocol.identity import Recipient
from sync_protocol.signers.signer import Signer
from tests.builders import SeededEntropy
from tests.edge.clinic import NOW, Clinic, facts
from tests.simulator import POLICY

OFFICER: Final = Officer("Trần Thị Ánh")


def record_people(clinic: Clinic, people: Sequence[Recipient]) -> None:
    """A dose of ten minutes ago for each; their identity agrees."""
    clinic.give_pack(people)
    for number, person in enumerate(people, 1):
        clinic.record(Submission(f"dose-{number:04d}", person, facts(given_at=NOW - 600)))


def sign_all(clinic: Clinic, signer: Signer, *, officer: Officer = OFFICER) -> list[SealedPass]:
    """Sign everything that can be signed now."""
    plan = plan_passes(clinic.database, POLICY, now=NOW)
    return list(sign_plan(clinic.database, plan, signer, officer=officer, now=NOW, entropy=SeededEntropy(5)))

"""The first line of the journal of a signing pass: every byte that will be signed becomes a fixed row."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.domain.offline_gate import GateFinding, needs_reason
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.signing_pass import PlannedPass
from edge.store import audit, clock_marks, doses, hub_doses, node_identity, offline_reasons, passes, receipts, sets
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.offline_reasons import OfflineReason
from edge.store.passes import NewPass
from edge.store.sets import StoredSetKind
from edge.workflow.judge_offline import held_policy, offline_findings, require_offline
from edge.workflow.use_approval import require_approval, use_approval
from sync_protocol.batch import SECRET_BYTES, Manifest, Purpose, prepare_batch
from sync_protocol.columns import pack_doses, unpack_doses
from sync_protocol.dose import Dose
from sync_protocol.sealing import Entropy

_MAY_BE_LATE: Final = (Purpose.BACKLOG, Purpose.DELEGATED)


@dataclass(frozen=True, slots=True)
class Officer:
    """Who signs, who agreed, and why it comes late if it does. `name` and `approver` stand in the signed statement.

    With `approval_id` approver and reason are those of that approval, whatever was typed. `by` is who has signed in
    where this was asked for, as the audit trail names them: the name above is typed, and may be anybody's; "" for the
    same. `offline_reason` is why it is signed although the node was alone for long; it is stated where it was needed.
    """

    name: str
    approver: str = ""
    late_reason: str = ""
    approval_id: int | None = None
    by: str = ""
    offline_reason: str = ""


def prepare_pass(database: Database, planned: PlannedPass, *, officer: Officer, now: int, entropy: Entropy) -> int:
    """Fix every byte that will be signed, in one transaction; return the pass's number.

    Args:
        planned: from `signing_pass.plan`.
        officer: the signing officer.
        now: epoch seconds UTC; what the statement claims.
        entropy: draws the batch secret.

    Raises:
        PassRefusedError: SIGNER_NAME, OPEN_ALREADY, CLOCK_BACK, SELECTION_CHANGED, and what `require_approval` and
            `require_offline` raise; nothing was stored.
        ProtocolError: FIELD_INVALID for a name that no statement may hold.
        StoreError: nothing was stored.
    """
    officer = Officer(
        _tidy(officer.name),
        _tidy(officer.approver),
        late_reason=_tidy(officer.late_reason),
        approval_id=officer.approval_id,
        by=officer.by,
        offline_reason=_tidy(officer.offline_reason),
    )
    if not officer.name:
        raise PassRefusedError(PassCode.SIGNER_NAME)
    with database.write_transaction() as tables:
        if passes.open_pass(tables) is not None:
            raise PassRefusedError(PassCode.OPEN_ALREADY)
        require_clock(tables, now)
        _check_unchanged(tables, planned)
        agreed = require_approval(tables, officer.approval_id, planned, signer_name=officer.name, by=officer.by)
        if agreed is not None:
            officer = replace(officer, approver=_tidy(agreed.approver), late_reason=_tidy(agreed.late_reason))
        findings = offline_findings(tables, held_policy(tables).offline, now=now)
        require_offline(findings, reason=officer.offline_reason, has_second=agreed is not None)
        if not needs_reason(findings):
            officer = replace(officer, offline_reason="")
        manifest = _manifest(tables, planned, officer=officer, now=now)
        secret = entropy.token(SECRET_BYTES)
        prepared = prepare_batch(manifest, planned.doses, secret)
        pass_id = passes.prepare(
            tables,
            NewPass(
                batch_number=manifest.batch_number,
                purpose=planned.purpose,
                first_day=planned.first_day,
                last_day=planned.last_day,
                people=planned.people,
                sequences=planned.sequences,
                signer_name=officer.name,
                approver=officer.approver,
                late_reason=officer.late_reason,
                claimed_at=now,
                secret=secret,
                columns=_packed(planned.doses, manifest),
                statement_payload=prepared.statement_payload,
                for_node=manifest.for_node,
            ),
        )
        if officer.offline_reason:
            _keep_reason(tables, pass_id, officer, findings, now=now)
        if agreed is not None:
            use_approval(tables, agreed, pass_id=pass_id, signer_name=officer.name, now=now)
        audit.append(
            tables,
            Action.PASS_PREPARED,
            f"pass:{pass_id}",
            actor=officer.by or officer.name,
            at=now,
            details=f"batch {manifest.batch_number}, {planned.purpose}, {len(planned.doses)} doses",
        )
    # From here on the bytes are fixed: whatever happens, no other statement gets this batch number and these doses.
    return pass_id


def require_clock(tables: Tables, now: int) -> None:
    """Check that what is signed now (epoch seconds UTC) may claim this moment. PassRefusedError CLOCK_BACK."""
    mark = clock_marks.mark(tables)
    if mark is not None and mark.is_behind:
        # Only the floor holds the time up: nobody knows what day it is, until a person has said so.
        raise PassRefusedError(PassCode.CLOCK_BACK)
    known_head = receipts.known_head(tables)
    if now < max(passes.latest_claim(tables), 0 if known_head is None else known_head.at):
        # Claimed times never go back along a node's chain, nor behind what the centre has signed: such a batch
        # would be refused for its time window (THREATS, "Bounding the signing time").
        raise PassRefusedError(PassCode.CLOCK_BACK)


def _manifest(tables: Tables, planned: PlannedPass, *, officer: Officer, now: int) -> Manifest:
    # Only an enrolled node has a chain to put the batch into; better said before the token is asked.
    codes = node_identity.get(tables)
    is_delegated = planned.purpose is Purpose.DELEGATED
    return Manifest(
        facility=codes.facility,
        node=codes.node,
        batch_number=passes.next_batch_number(tables),
        purpose=planned.purpose,
        first_day=planned.first_day,
        last_day=planned.last_day,
        people=planned.people,
        doses=len(planned.doses),
        catalogue_version=sets.newest_version(tables, StoredSetKind.CATALOGUE),
        checkpoint=receipts.known_head(tables),
        previous=passes.previous_statement(tables),
        approver=officer.approver,
        claimed_at=now,
        signer_name=officer.name,
        for_facility=planned.doses[0].facility if is_delegated else "",
        for_node=planned.doses[0].node if is_delegated else "",
        # Doses of today and corrections are not late, whatever was typed for the turn.
        late_reason=officer.late_reason if planned.purpose in _MAY_BE_LATE else "",
        offline_reason=officer.offline_reason,
    )


def _keep_reason(tables: Tables, pass_id: int, officer: Officer, findings: Sequence[GateFinding], *, now: int) -> None:
    by, figures = officer.by or officer.name, ", ".join(map(str, findings))
    offline_reasons.add(tables, OfflineReason(pass_id, officer.offline_reason, figures, now, by))
    audit.append(tables, Action.OFFLINE_REASON_GIVEN, f"pass:{pass_id}", actor=by, at=now, details=figures)


def _check_unchanged(tables: Tables, planned: PlannedPass) -> None:
    """What was approved is what is signed: the rows must still give exactly the doses of the plan."""
    sequences = planned.sequences
    if planned.purpose is Purpose.DELEGATED:
        if not hub_doses.are_waiting(tables, planned.doses):
            raise PassRefusedError(PassCode.SELECTION_CHANGED)
        return
    if passes.not_free(tables, sequences):
        raise PassRefusedError(PassCode.SELECTION_CHANGED)
    if tuple(doses.assemble(tables, sequences)) != planned.doses:
        raise PassRefusedError(PassCode.SELECTION_CHANGED)


def _packed(planned: Sequence[Dose], manifest: Manifest) -> bytes:
    columns = pack_doses(planned)
    # Read back before anything is signed: a fault of the packer must not cost a signature.
    if tuple(unpack_doses(columns, node=manifest.dose_node, facility=manifest.dose_facility)) != tuple(planned):
        raise AssertionError("the columns do not give the doses back")
    return columns


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())

"""One turn at the token: fix every byte, ask the token once, verify its answer, seal what travels.

The journal of a pass, one transaction for each line::

    (1) prepared   sequences, secret, packed doses and the statement's bytes are rows
    (2) signed     the token's answer is a row; its signature was verified before
    (3) sealed     the bundle is a row with its place in the chain and its sealed bytes

A crash leaves the pass at one of these lines and `resume_pass` goes on from there with the same bytes. Between (1)
and (2) the token may have signed and nobody has seen it: it is asked again for the same payload. RSA PKCS #1 gives
the same signature then, ECDSA and PSS another one; none was used, so exactly one ever leaves the node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.signing_pass import PassPlan, PlannedPass
from edge.store import audit, certificates, hub_passes, passes
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.passes import StoredPass
from edge.workflow.check_signer import check_signer
from edge.workflow.prepare_pass import Officer, prepare_pass
from edge.workflow.seal_bundle import seal_bundle
from sync_protocol.batch import (
    PreparedBatch,
    parse_batch,
    prepare_batch,
    read_statement_message,
    sign_batch,
)
from sync_protocol.bundle import BatchBody, BundleKind, encode_batch_body
from sync_protocol.columns import unpack_doses
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import parse_statement
from sync_protocol.sealing import Entropy
from sync_protocol.signers.signer import Signer


@dataclass(frozen=True, slots=True)
class SealedPass:
    """What one turn at the token made: a batch in a sealed bundle, waiting to be offered."""

    pass_id: int
    batch_number: int
    purpose: str
    people: int
    doses: int
    bundle: int
    sealed_bytes: int


def sign_pass(
    database: Database, planned: PlannedPass, signer: Signer, *, officer: Officer, now: int, entropy: Entropy
) -> SealedPass:
    """Sign one planned pass from the first row to the sealed bundle.

    Args:
        planned: from `signing_pass.plan`; at most 1,000 people and 3,000 doses.
        signer: the organisation's key, with its certificate.
        officer: the signing officer.
        now: epoch seconds UTC; what the statement claims.

    Raises:
        PassRefusedError: OPEN_ALREADY, SELECTION_CHANGED, SIGNER_NAME, CLOCK_BACK; nothing was stored. MOVED_ON if
            another window finished this pass or gave it up while the token worked.
        TokenError: the token did not sign; the pass stays prepared and can be resumed or abandoned.
        ProtocolError: the certificate is not valid now, revoked or not registered, or the token gave a wrong
            signature. The certificate may also be refused by PassRefusedError, as `check_signer` says.
        StoreError: what is stored stays; the pass can be resumed.
    """
    _check(database, signer, now, officer=officer.name)
    pass_id = prepare_pass(database, planned, officer=officer, now=now, entropy=entropy)
    return _finish(database, pass_id, signer, by=officer.by, now=now, entropy=entropy)


def sign_plan(
    database: Database, plan: PassPlan, signer: Signer, *, officer: Officer, now: int, entropy: Entropy
) -> Iterator[SealedPass]:
    """Sign the passes of a plan one after the other, giving each as it is sealed.

    Each names the statement before it, so a pass is prepared only when the one before is signed. Errors as
    `sign_pass`; what was given before stays sealed. PassRefusedError NOTHING_TO_SIGN for an empty plan.
    """
    if not plan.passes:
        raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
    for planned in plan.passes:
        yield sign_pass(database, planned, signer, officer=officer, now=now, entropy=entropy)


def resume_pass(
    database: Database, signer: Signer | None, *, now: int, entropy: Entropy, by: str = "", pass_id: int | None = None
) -> SealedPass | None:
    """Finish the pass that a crash or a token left open; None if there is none.

    Args:
        signer: needed only while the pass is not signed yet; None finishes a signed one.
        by: who asks for it, as the audit trail names them; "" for the signing officer.
        pass_id: the one that was shown to whoever typed the PIN; None for whichever is open.

    Raises:
        PassRefusedError: SIGNER_UNSET if the pass still needs the token; MOVED_ON if another one is open by now.
        TokenError, ProtocolError, StoreError: as `sign_pass`.
    """
    with database.read() as tables:
        stored = passes.open_pass(tables)
    if stored is None:
        return None
    if pass_id not in (None, stored.pass_id):
        raise PassRefusedError(PassCode.MOVED_ON)
    if stored.state is PassState.PREPARED:
        if signer is None:
            raise PassRefusedError(PassCode.SIGNER_UNSET)
        _check(database, signer, now, officer=stored.signer_name)
    return _finish(database, stored.pass_id, signer, by=by, now=now, entropy=entropy)


def abandon_pass(database: Database, *, actor: str, now: int) -> bool:
    """Give up the open pass: its doses can be chosen again. Returns whether there was one.

    A signature that may exist has left nothing: it was never in a bundle.
    """
    with database.write_transaction() as tables:
        stored = passes.open_pass(tables)
        if stored is None:
            return False
        passes.give_back(tables, stored.pass_id, state=PassState.ABANDONED, at=now)
        audit.append(tables, Action.PASS_ABANDONED, f"pass:{stored.pass_id}", actor=actor, at=now)
    return True


def _check(database: Database, signer: Signer, now: int, *, officer: str) -> None:
    with database.read() as tables:
        check_signer(tables, signer.certificate, now=now, officer=officer)


def _finish(
    database: Database, pass_id: int, signer: Signer | None, *, by: str, now: int, entropy: Entropy
) -> SealedPass:
    with database.read() as tables:
        stored = passes.find(tables, pass_id)
    assert stored is not None
    actor = by or stored.signer_name
    if stored.state is PassState.PREPARED:
        assert signer is not None
        prepared = _prepared_again(stored)
        # The one token operation. No transaction is open, so doses are recorded while the token works.
        statement = _verified(sign_batch(prepared, signer), signer)
        with database.write_transaction() as tables:
            _require_state(tables, stored)
            passes.store_signature(tables, pass_id, statement=statement, at=now)
            if signer.certificate is not None:
                certificates.see(tables, signer.certificate, at=now)
            audit.append(tables, Action.PASS_SIGNED, f"pass:{pass_id}", actor=actor, at=now)
        stored = replace(stored, state=PassState.SIGNED, statement=statement)
    return _seal(database, stored, actor=actor, now=now, entropy=entropy)


def _seal(database: Database, stored: StoredPass, *, actor: str, now: int, entropy: Entropy) -> SealedPass:
    assert stored.statement is not None
    with database.write_transaction() as tables:
        _require_state(tables, stored)
        carried = hub_passes.carried(tables, stored.pass_id)
        body = BatchBody(stored.statement, secret=stored.secret, columns=stored.columns, carried=carried)
        bundle = seal_bundle(
            tables, BundleKind.BATCH, encode_batch_body(body), pass_id=stored.pass_id, now=now, entropy=entropy
        )
        passes.mark_sealed(tables, stored.pass_id, at=now)
        details = f"bundle {bundle.epoch}/{bundle.sequence}"
        audit.append(tables, Action.PASS_SEALED, f"pass:{stored.pass_id}", actor=actor, at=now, details=details)
    # From here on the batch is in the chain; only the exchange moves it.
    return SealedPass(
        stored.pass_id,
        stored.batch_number,
        purpose=stored.purpose.value,
        people=stored.people,
        doses=stored.doses,
        bundle=bundle.sequence,
        sealed_bytes=len(bundle.sealed),
    )


def _require_state(tables: Tables, stored: StoredPass) -> None:
    """While the token worked, another window may have finished this pass or given it up; then it is theirs."""
    found = passes.find(tables, stored.pass_id)
    if found is None or found.state is not stored.state:
        raise PassRefusedError(PassCode.MOVED_ON)


def _prepared_again(stored: StoredPass) -> PreparedBatch:
    manifest = parse_statement(stored.statement_payload).manifest
    packed = unpack_doses(stored.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    prepared = prepare_batch(manifest, packed, stored.secret)
    # Never sign over bytes that the disk has changed since they were fixed.
    if prepared.statement_payload != stored.statement_payload:
        raise ProtocolError(Code.ROOT_MISMATCH, "the prepared pass does not give its statement again")
    return prepared


def _verified(statement: bytes, signer: Signer) -> bytes:
    certificate = signer.certificate
    assert certificate is not None
    read_statement_message(parse_batch(statement), certificate)
    return statement

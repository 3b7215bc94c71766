"""Verify what was handed over, at a site and at a hub: each row follows from the bytes that it was made from.

Part of `check_store`, which has verified the bundles and the passes before.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge.domain.handover import HandedState
from edge.domain.pass_journal import PassState
from edge.store import bundles, delegated_signings, handovers, hub_doses, hub_passes, receipts
from edge.store.database import Tables
from edge.store.delegated_signings import StoredSigning
from edge.store.handovers import StoredHandover
from edge.store.node_identity import NodeIdentity
from edge.store.passes import StoredPass
from edge.workflow.admitted_late import delegated_that_count
from edge.workflow.take_signed import handed_doses, verify_signed
from sync_protocol.bundle import parse_bundle
from sync_protocol.dose import encode_dose
from sync_protocol.errors import ProtocolError
from sync_protocol.handover import SignedDoses, parse_handover, unpack_handover
from sync_protocol.receipt import verify_inclusion
from sync_protocol.verdict import decode_verdicts


def handover_findings(tables: Tables, identity: NodeIdentity) -> Iterator[tuple[str, str]]:
    """What is wrong with handovers: the subject ("handover:3") and the sentence of each finding."""
    for handover_id in handovers.all_ids(tables):
        found = handovers.find(tables, handover_id)
        assert found is not None
        try:
            for what in _wrong_at_site(tables, found, identity):
                yield f"handover:{handover_id}", what
        except ProtocolError as error:
            yield f"handover:{handover_id}", str(error)
    for epoch, bundle in bundles.places_of_kind(tables, "doses"):
        if handovers.of_bundle(tables, epoch, bundle) is None:
            yield f"bundle:{epoch}/{bundle}", "doses without their handover"
    for number, digest, inner, site, node in hub_doses.all_handovers(tables):
        for what in _wrong_at_hub(tables, number, digest, inner, site=site, node=node):
            yield f"site-handover:{number}", what
    if count := hub_doses.misplaced(tables):
        yield "site-doses", f"{count} of them are not where their leaves say"


def delegated_findings(tables: Tables, stored: StoredPass, identity: NodeIdentity) -> Iterator[str]:
    """What is wrong with the verdicts of a delegated pass."""
    bundle = bundles.of_pass(tables, stored.pass_id)
    receipt = None if bundle is None else receipts.find(tables, *bundle)
    said: list[tuple[str, str]] = [("", "")] * stored.doses
    if receipt is not None and stored.state is PassState.SEALED:
        verified = verify_inclusion(receipt.answer, ledger_keys=[identity.ledger_key])
        counting = verified.verdicts
        if len(counting) == stored.doses:
            counting = tuple(delegated_that_count(tables, stored.pass_id, counting, identity=identity))
        said = [(one.state.value, "" if one.code is None else one.code.value) for one in counting]
    if said != hub_passes.verdicts_of(tables, stored.pass_id):
        yield "the verdicts are not those of the receipt"


def _wrong_at_site(tables: Tables, found: StoredHandover, identity: NodeIdentity) -> Iterator[str]:
    bundle = bundles.find(tables, found.epoch, found.bundle)
    if bundle is None or bundle.digest != found.digest:
        yield "its bundle is another one"
        return
    body = parse_handover(parse_bundle(bundle.inner).claimed.body)
    row = (found.hub, found.first_day, found.last_day, found.people, found.doses, found.reason, found.asks_day)
    if row != (*(body.hub, body.first_day, body.last_day, body.people, body.doses, body.reason, body.asks_day),):
        yield "the row says something else than its bundle"
    states = handovers.states(tables, found.handover_id)
    if list(handed_doses(tables, found, identity)) != [sequence for sequence, _ in states]:
        yield "its doses are not those of its bundle"
    signed = 0
    for signing in delegated_signings.of_handover(tables, found.handover_id):
        yield from _wrong_signing(tables, signing, found, identity)
        signed += signing.doses
    if signed != sum(state is HandedState.SIGNED for _, state in states):
        yield "doses stand as signed that no statement holds"


def _wrong_signing(
    tables: Tables, signing: StoredSigning, found: StoredHandover, identity: NodeIdentity
) -> Iterator[str]:
    kept = SignedDoses(
        handover=found.digest,
        statement=signing.statement,
        secret=signing.secret,
        sequences=signing.sequences,
        verdicts=signing.verdicts,
        receipt=signing.receipt,
    )
    verify_signed(tables, kept, found, identity=identity)
    verdicts = decode_verdicts(signing.verdicts, count=len(signing.sequences))
    said = {
        sequence: (one.state.value, "" if one.code is None else one.code.value)
        for sequence, one in zip(signing.sequences, verdicts, strict=True)
    }
    for sequence, state, code in delegated_signings.verdicts_of(tables, signing.signing_id):
        if said.get(sequence) != (state, code):
            yield f"the verdict of dose {sequence} is not that of the statement's batch"


def _wrong_at_hub(tables: Tables, number: int, digest: bytes, inner: bytes, *, site: str, node: str) -> Iterator[str]:
    try:
        unverified = parse_bundle(inner)
        handover = parse_handover(unverified.claimed.body)
        doses = unpack_handover(handover, node=node, facility=site)
    except ProtocolError as error:
        yield str(error)
        return
    if hub_doses.digest_of(inner) != digest or unverified.claimed.node != node:
        yield "its bundle is another one"
    if [encode_dose(dose) for dose in doses] != hub_doses.doses_of(tables, number):
        yield "its doses are not those of its bundle"

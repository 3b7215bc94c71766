"""Compares what is kept of handed-over doses with the bundles of sites and hubs that they come from (I12)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from central.domain.delegation import content_digest
from central.domain.finding import Finding
from central.store import bundles, delegations, handovers
from central.store.handovers import HandedDose, HandedState, StoredHandover
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import Bundle, BundleKind, parse_batch_body, parse_bundle
from sync_protocol.columns import unpack_doses
from sync_protocol.errors import ProtocolError
from sync_protocol.handover import parse_handed_back, parse_handover, unpack_handover


def check_delegations(connection: Connection) -> list[Finding]:
    """Checks every handover; the bundles themselves are verified by `check_ledger`.

    1. it stands on a delegation of the same two facilities;
    2. it is what its bundle says, dose by dose; one that only the hub has brought is looked at when the site sends it;
    3. each dose that is answered was answered by a bundle of the hub that says so.
    """
    held = {item.number: (item.site, item.hub) for item in delegations.all_delegations(connection)}
    findings = []
    for kept in handovers.all_handovers(connection):
        place = f"handover {kept.digest.hex()[:16]}"
        doses = handovers.handed_doses(connection, kept.digest)
        try:
            rules = [
                *(["stands on no delegation"] if held.get(kept.delegation) != (kept.site, kept.hub) else []),
                *_of_bundle(connection, kept, doses),
                *_of_answers(connection, kept, doses),
            ]
        except ProtocolError as error:
            rules = [error.rule]
        findings += [Finding("I12", place, rule) for rule in rules]
    return findings


def _of_bundle(connection: Connection, kept: StoredHandover, doses: Mapping[int, HandedDose]) -> Iterator[str]:
    # (2)
    if kept.ledger_index is None:
        return
    inner = bundles.inner_at(connection, kept.ledger_index)
    if inner is None or hashlib.sha256(inner).digest() != kept.digest:
        yield "its bundle is not archived where it says"
        return
    bundle = parse_bundle(inner).claimed
    said = parse_handover(bundle.body)
    facts = (bundle.node, said.hub, said.first_day, said.last_day, said.people, said.doses)
    if facts != (kept.node, kept.hub, kept.first_day, kept.last_day, kept.people, kept.doses):
        yield "is not what its bundle says"
    content = unpack_handover(said, node=kept.node, facility=kept.site)
    if {dose.sequence: content_digest(dose) for dose in content} != {
        sequence: dose.content for sequence, dose in doses.items()
    }:
        yield "its doses are not those of its bundle"


def _of_answers(connection: Connection, kept: StoredHandover, doses: Mapping[int, HandedDose]) -> Iterator[str]:
    # (3)
    answers: dict[int, Mapping[int, bytes | None]] = {}
    for sequence, dose in doses.items():
        if (dose.state is HandedState.WAITING) != (dose.answered_in is None):
            yield f"dose {sequence} is answered by nothing, or waits although it is answered"
        if dose.answered_in is None:
            continue
        if dose.answered_in not in answers:
            inner = bundles.inner_at(connection, dose.answered_in)
            answers[dose.answered_in] = _answered(inner, kept, state=dose.state)
        expected = dose.content if dose.state is HandedState.SIGNED else None
        if answers[dose.answered_in].get(sequence, b"") != expected:
            yield f"dose {sequence} is not answered by the bundle that it names"


def _answered(inner: bytes | None, kept: StoredHandover, *, state: HandedState) -> Mapping[int, bytes | None]:
    """What a bundle answers for this handover: by sequence the digest of what was signed, None for a dose sent back."""
    if inner is None:
        return {}
    bundle = parse_bundle(inner).claimed
    return _signed(bundle, kept) if state is HandedState.SIGNED else _sent_back(bundle, kept)


def _signed(bundle: Bundle, kept: StoredHandover) -> Mapping[int, bytes | None]:
    if bundle.kind is not BundleKind.BATCH:
        return {}
    body = parse_batch_body(bundle.body)
    manifest = parse_batch(body.statement).statement.manifest
    if (manifest.facility, manifest.for_node) != (kept.hub, kept.node):
        return {}
    doses = unpack_doses(body.columns, node=manifest.dose_node, facility=manifest.dose_facility)
    return {dose.sequence: content_digest(dose) for dose in doses}


def _sent_back(bundle: Bundle, kept: StoredHandover) -> Mapping[int, bytes | None]:
    if bundle.kind is not BundleKind.HANDED_BACK:
        return {}
    back = parse_handed_back(bundle.body)
    return dict.fromkeys(back.sequences) if back.handover == kept.digest else {}

"""Compares the stored requests for registration with those that were signed and admitted (I12)."""

from __future__ import annotations

from collections.abc import Mapping

from central.domain.finding import Finding
from central.store.registrations import StoredRequest
from sync_protocol.bundle import BundleKind, VerifiedBundle
from sync_protocol.ledger_entry import ADMITTED, LedgerEntry
from sync_protocol.registration import parse_registration


def check_stored_request(
    verified: VerifiedBundle, entry: LedgerEntry, rows: Mapping[int, StoredRequest]
) -> list[Finding]:
    """Looks whether the request of one bundle is stored as it was signed, and none where there is none.

    Args:
        verified: any bundle of the ledger.
        entry: its entry.
        rows: what the store holds of all requests, by index in the ledger.

    Raises:
        ProtocolError: the ledger says admitted of a request that does not read.
    """
    found = rows.get(entry.index)
    stored = None if found is None else (found.node, found.serial, found.thumbprint, found.officer, found.asked_at)
    expected = None
    if verified.bundle.kind is BundleKind.REGISTRATION and entry.outcome == ADMITTED:
        request = parse_registration(verified.bundle.body)
        thumbprint = request.chain[0].thumbprint if request.chain else None
        expected = (verified.bundle.node, request.serial, thumbprint, request.officer, entry.admitted_at)
    if stored == expected:
        return []
    return [
        Finding("I12", f"entry {entry.index}", "the stored request for registration is not the one that was signed")
    ]

"""Compares the stored closing sheets with those that were signed and admitted (I12)."""

from __future__ import annotations

from collections.abc import Mapping

from central.domain.finding import Finding
from central.store.closings import closing_row
from sync_protocol.bundle import BundleKind, VerifiedBundle
from sync_protocol.closing import parse_closing
from sync_protocol.ledger_entry import ADMITTED, LedgerEntry


def check_stored_closing(
    verified: VerifiedBundle, entry: LedgerEntry, rows: Mapping[int, Mapping[str, object]]
) -> list[Finding]:
    """Looks whether the sheet of one bundle is stored as it was signed, and none where there is none.

    Args:
        verified: any bundle of the ledger.
        entry: its entry.
        rows: what the store holds of all sheets, by index in the ledger.

    Raises:
        ProtocolError: the ledger says admitted of a sheet that does not read.
    """
    expected = None
    if verified.bundle.kind is BundleKind.CLOSING and entry.outcome == ADMITTED:
        closing = parse_closing(verified.bundle.body)
        expected = closing_row(verified.bundle, closing, ledger_index=entry.index)
    if rows.get(entry.index) == expected:
        return []
    return [Finding("I12", f"entry {entry.index}", "the stored closing sheet is not the one that was signed")]

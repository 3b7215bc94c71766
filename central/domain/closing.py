"""What the centre checks of a closing sheet, and how the sheet compares with what the centre itself holds."""

from __future__ import annotations

from enum import StrEnum

from sync_protocol.bundle import VerifiedBundle
from sync_protocol.closing import DayClosing, parse_closing
from sync_protocol.errors import Code, ProtocolError


class Agreement(StrEnum):
    """The centre's own count of admitted doses beside the sheet's.

    More is usual: doses that arrived after the day was closed. Fewer must not be: the node holds receipts for doses
    that the centre does not count.
    """

    SAME = "same"
    MORE = "more"
    FEWER = "fewer"


def check_closing(verified: VerifiedBundle, facility: str) -> DayClosing:
    """Checks a `closing` bundle.

    Args:
        verified: signed by its node, the next of its chain.
        facility: the node's own.

    Raises:
        ProtocolError: what `parse_closing` raises, or FACILITY_MISMATCH.
    """
    # SPEC 8 (7), 4.5
    closing = parse_closing(verified.bundle.body)
    if closing.facility != facility:
        raise ProtocolError(Code.FACILITY_MISMATCH, "closing: the facility is not that of the node")
    return closing


def compare_admitted(said: int, counted: int) -> Agreement:
    """Compares the doses that the sheet calls admitted with those that the centre counts."""
    if said == counted:
        return Agreement.SAME
    return Agreement.MORE if counted > said else Agreement.FEWER
